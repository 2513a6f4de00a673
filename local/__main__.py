"""The command line behind the Makefile: `python -m local COMMAND`."""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from pathlib import Path

from local import interruption
from local.paths import Paths

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    commands = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    add = commands.add_subparsers(dest="command", required=True).add_parser
    up = add("up", help="bring the local environment up and prove it")
    up.add_argument("--engine", choices=["builtin", "pulumi"], default="builtin")
    up.add_argument("--databases-only", action="store_true", help="leave Airflow out")
    add("password", help="the password of the web interface's user")
    add("down", help="remove the local environment")
    add("status", help="what runs, and who connected").add_argument("--json", action="store_true")
    preview = add("preview", help="what the program would declare")
    preview.add_argument("--env", default="local")
    preview.add_argument("--json", action="store_true")
    policy = add("policy", help="judge what the program would declare")
    policy.add_argument("--env", default="local")
    policy.add_argument("--json", action="store_true")
    access = add("access-diff", help="what identities gain or lose by a change")
    access.add_argument("--env", default="local")
    access.add_argument("--base", default="", help="a checkout of the version before")
    access.add_argument("--json", action="store_true")
    changes = add("changes", help="what happens to resources, read off previews")
    changes.add_argument("--env", default="local")
    changes.add_argument("--pulumi", action="store_true", help="PREVIEW is of the pulumi CLI")
    changes.add_argument("--base", default="", help="the preview of the version before")
    changes.add_argument("preview")
    comment = add("comment", help="the comment on a pull request")
    comment.add_argument("--post", action="store_true", help="write it to GitHub")
    comment.add_argument("folder")
    drift = add("drift", help="how an environment differs from its program")
    drift.add_argument("--env", required=True)
    drift.add_argument("--post", action="store_true", help="write an issue on GitHub")
    drift.add_argument("preview")
    add("newest", help="whether a workflow's run is of its branch's last commit")
    psql = add("psql", help="a SQL prompt as a login, with its token")
    psql.add_argument("--database", default="application")
    psql.add_argument("--as", dest="name", default="")
    rotate = add("rotate", help="give a login a new password now, or Airflow a new key")
    rotate.add_argument("--what", default="")
    rotate.add_argument("--env", default="local")
    for name in ("package", "certificates", "tunnel"):
        add(name).add_argument("--env", required=True)
    return commands


def is_sentence(error: Exception) -> bool:
    """Tell whether the error's text is a sentence for the user, and not a fault of the project."""
    # Imported only now: no command needs them all.
    from lambdas.wheels import PackageError  # noqa: PLC0415
    from local import certificates, deploy, login, pulumi_cli, rotation, tunnel  # noqa: PLC0415
    from local.account.service import AccountError  # noqa: PLC0415
    from local.airflow_api import AirflowError  # noqa: PLC0415
    from local.cluster.place import ClusterError  # noqa: PLC0415
    from local.commands.common import CommandError  # noqa: PLC0415
    from local.judging.environments import PolicyConfigError  # noqa: PLC0415
    from local.pull_request.documents import DocumentError  # noqa: PLC0415
    from local.pull_request.github import GitHubError  # noqa: PLC0415
    from stacks.errors import SettingsError  # noqa: PLC0415

    return isinstance(
        error,
        (
            AccountError,
            AirflowError,
            ClusterError,
            CommandError,
            DocumentError,
            GitHubError,
            PackageError,
            PolicyConfigError,
            SettingsError,
            certificates.CertificatesError,
            deploy.DeployError,
            login.LoginError,
            pulumi_cli.PulumiCliError,
            rotation.RotationError,
            tunnel.TunnelError,
        ),
    )


def main() -> int:
    """Run one command; an expected error is its sentence and status 1."""
    arguments = parser().parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Progress is for now, also where it is piped into a file or a pager.
        sys.stdout.reconfigure(line_buffering=True)
    interruption.hear()
    try:
        # Imported only now: each command loads what it needs, and `--help` needs nothing.
        command = importlib.import_module(f"local.commands.{arguments.command.replace('-', '_')}")
        return int(command.run(Paths(Path.cwd()), arguments))
    except KeyboardInterrupt:
        return interruption.end()
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has seen enough, and takes no more of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if interruption.heard():
            return interruption.end()
        if is_sentence(error):
            print(f"error: {error}", file=sys.stderr)
            return 1
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            where = f" for {error.filename}" if error.filename else ""
            print(
                f"error: no space is left{where}: make room and run the same command again",
                file=sys.stderr,
            )
            return 1
        raise


if __name__ == "__main__":
    STATUS = main()
    interruption.hear_no_more()
    sys.exit(STATUS)
