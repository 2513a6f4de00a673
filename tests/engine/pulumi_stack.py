"""A stack of a copy of this checkout in the hands of the real engine; it tests nothing.

The `local` stack is brought up as anyone does it, by `make up ENGINE=pulumi`; for what that does
not offer (preview, refresh, destroy), the CLI runs in the same project with the same account. What
it has done is taken from its machine output. The account of any other stack is this machine too:
what its settings take for granted exists there, and nothing else, so it is for previews only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from local import pulumi_cli
from local.account import service
from local.account.landing_zone import LandingZone
from local.commands.common import DEPLOYER
from stacks.settings import load_stack_file
from tests.engine.preflight import pulumi_home
from tests.environment.checkout import Checkout, Run, copied

LOCAL = "local"
LONGEST_SECONDS = 1200
"""Of any command of the CLI; RDS in AWS's own plugin waits a minute for each instance."""
REFRESH = ("refresh", "--parallel", "1", "--exclude", "**kubernetes:**")
"""How `local` is refreshed. One after the other: the plugin of PostgreSQL locks roles also to read
default privileges, and PostgreSQL ends some of many that do so at once as a deadlock. Without what
is rendered as manifests: their plugin reads from a cluster, and there is none."""


class EngineError(Exception):
    """The CLI ended with an error; the text is what it said of it."""


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What the CLI foresees."""

    operations: Mapping[str, str]
    """By URN; `same` is one of them, and `replace` stands for all steps of a replacement."""

    @property
    def changes(self) -> Mapping[str, str]:
        """What does not stay as it is."""
        return {urn: what for urn, what in self.operations.items() if what != "same"}


@dataclass(frozen=True, kw_only=True)
class PulumiStack:
    """One stack of one copy."""

    checkout: Checkout
    stack: str

    def preview(self, *flags: str) -> Foreseen:
        """Foresee an update by the settings as they are now.

        Raises:
            EngineError: the program or a plugin refused.
        """
        return _foreseen(self.call("preview", "--json", *flags))

    def judged(self) -> set[tuple[str, str, str]]:
        """Preview with the policy pack; return each policy that said something, its level and URN.

        Raises:
            EngineError: the program or a plugin refused; a policy that does is no error.
        """
        log, policies = self.checkout.base / "events", self.checkout.folder / "policies"
        log.unlink(missing_ok=True)
        packages = self.checkout.folder / ".venv"
        if not packages.exists():
            packages.symlink_to(sys.prefix)  # where PulumiPolicy.yaml has them
        pack = ("--policy-pack", str(policies))
        config = ("--policy-pack-config", str(policies / "environments" / f"{self.stack}.json"))
        try:
            self.call("preview", *pack, *config, "--event-log", str(log))
        except EngineError:
            if not log.exists():
                raise
        events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        said = [one["policyEvent"] for one in events if "policyEvent" in one]
        return {(one["policyName"], one["enforcementLevel"], one["resourceUrn"]) for one in said}

    def up(self) -> Mapping[str, int]:
        """Run `make up ENGINE=pulumi` without Airflow; return how often it did what."""
        run = self.try_up()
        assert run.status == 0, run.text
        return self.last_update()

    def try_up(self) -> Run:
        """Run it, whatever comes of it."""
        assert self.stack == LOCAL, f"{self.stack} is for previews only"
        environment = self.environment()
        own = {name: environment[name] for name in environment if name.startswith("PULUMI_")}
        return self.checkout.run("up", "--engine", "pulumi", "--databases-only", **own)

    def last_update(self) -> Mapping[str, int]:
        """How often the last update or destruction did what, by its own record."""
        records = json.loads(self.call("stack", "history", "--json"))
        changes: dict[str, int] = records[0].get("resourceChanges") or {}
        return {kind: number for kind, number in changes.items() if number}

    def refreshed(self) -> Foreseen:
        """Foresee how the state would change by what is really there; nothing is written.

        Raises:
            EngineError: something could not be read.
        """
        return _foreseen(self.call(*REFRESH, "--preview-only", "--json"))

    def destroy(self) -> Mapping[str, int]:
        """Destroy what the stack has; return how often it did what."""
        self.call("destroy", "--yes", "--skip-preview")
        return self.last_update()

    def export(self) -> dict[str, Mapping[str, Any]]:
        """The resources of the state by URN: what is remembered of them, not when and where from.

        Nothing is under way in it.
        """
        deployment = json.loads(self.call("stack", "export"))["deployment"]
        assert not deployment.get("pending_operations"), deployment["pending_operations"]
        return {
            one["urn"]: {
                "id": one.get("id"),
                "inputs": _without_ciphertext(one.get("inputs")),
                "outputs": _without_ciphertext(one.get("outputs")),
                "dependencies": sorted(one.get("dependencies", [])),
            }
            for one in deployment.get("resources", [])
        }

    def call(self, *arguments: str) -> str:
        """Run the CLI and return its output.

        Raises:
            EngineError: with what it said.
        """
        at = pulumi_cli.workspace(self.checkout.paths, self.stack)
        ended = subprocess.run(
            at.command(*arguments),
            env={**self.environment(), **at.environment},
            cwd=self.checkout.folder,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise EngineError(_complaint(ended.stdout) or ended.stdout + ended.stderr)
        return ended.stdout

    def environment(self) -> dict[str, str]:
        """Variables of a shell that is pointed at the account, with the plugins that there are."""
        home = self.checkout.base / "pulumi-home"
        if not home.exists():
            home.mkdir()
            (home / "plugins").symlink_to(pulumi_home() / "plugins")
        return {
            **self.checkout.environment(),
            **self.checkout.paths.aws_environment(DEPLOYER),
            "PULUMI_HOME": str(home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # `--event-log` is one of them
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def without_the_cli(self) -> set[str]:
        """The URNs of all that the built-in engine would make of the same settings."""
        run = self.checkout.run("preview", "--env", self.stack, "--json")
        assert run.status == 0, run.text
        # The stack itself is listed as a parent only.
        resources = json.loads(run.output)["resources"]
        return {one[key] for one in resources for key in ("urn", "parent")}


@contextlib.contextmanager
def started(stack: str) -> Iterator[PulumiStack]:
    """Copy the checkout and start an account with what the stack's settings take for granted.

    In the end nothing runs of it, and it is gone.
    """
    with copied() as checkout:
        settings = load_stack_file(checkout.folder, stack)
        zone = LandingZone.from_settings(settings)
        if stack != LOCAL:
            # Elsewhere roles deploy; the account has users, of whom one is enough here.
            user = f"arn:aws:iam::{settings.account}:user/{DEPLOYER}"
            zone = dataclasses.replace(zone, administrators=(user,), users=())
        checkout.paths.local.mkdir(mode=0o700)
        # A process in between: the account must not stay a child of this one, which never asks
        # whether it has ended.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as between:
            between.submit(service.start, checkout.paths, zone).result()
        certificates = checkout.folder / settings.ca_bundle
        if not certificates.exists():
            # What a package is made with; a preview does not open it.
            certificates.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(checkout.paths.ca_bundle, certificates)
        packaged = checkout.run("package", "--env", stack)
        assert packaged.status == 0, packaged.text
        engine = PulumiStack(checkout=checkout, stack=stack)
        engine.call("stack", "select", "--create")
        yield engine


def _foreseen(output: str) -> Foreseen:
    operations: dict[str, str] = {}
    for step in json.loads(output).get("steps", []):
        what = "replace" if "replace" in step["op"] else step["op"]
        # What a refresh finds as it was is a step of that name.
        operations[step["urn"]] = "same" if what == "refresh" else what
    return Foreseen(operations=operations)


def _without_ciphertext(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Leave out what differs each time that the same secret is written."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key != "ciphertext"}
        return {key: _without_ciphertext(each) for key, each in kept.items()}
    return [_without_ciphertext(each) for each in value] if isinstance(value, list) else value


def _complaint(output: str) -> str:
    """The errors of a command with `--json`; empty when it had no such output."""
    try:
        diagnostics = json.loads(output).get("diagnostics", [])
    except ValueError:
        return ""
    return "".join(one["message"] for one in diagnostics if one["severity"] == "error")
