"""docs/rotation-keys.md: its commands, run by a shell, rotate keys; against the function and moto.

Of `aws` there are the two commands that it uses, by its SDK. There is no cluster: what the shell
asks of `kubectl` is written down, and a pod's proof is made of the key that the secret has.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from components.airflow.names import COMPONENTS, object_name
from lambdas.airflow_keys.keyring import Keyring
from tests.lambdas.key_secrets import Key

pytest_plugins = ["tests.lambdas.key_secrets"]
PAGE = Path(__file__).parents[2] / "docs" / "rotation-keys.md"
AWS = """
import json, sys
import boto3
from lambdas.airflow_keys.handler import handle
from tests.lambdas.database_instance import Context
given = dict(zip(sys.argv[3::2], sys.argv[4::2]))
if sys.argv[1:3] == ["secretsmanager", "describe-secret"]:
    print(boto3.client("secretsmanager").describe_secret(SecretId=given["--secret-id"])["ARN"])
else:
    assert sys.argv[1:3] == ["lambda", "invoke"] and sys.argv[-1] == "/dev/stdout"
    assert given["--function-name"] == "airflow-prod-airflow-keys"
    print(json.dumps(handle(json.loads(given["--payload"]), Context())))
"""
KUBECTL = """
import json, os, sys
import boto3
from lambdas.airflow_keys.keyring import Keyring
from lambdas.airflow_keys.steps import reencrypted
open(os.environ["ASKED"], "a").write(" ".join(sys.argv[1:]) + "\\n")
if "exec" in sys.argv:
    name = "airflow/prod/keys/fernet"
    text = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    print("a warning of Airflow's")
    print(json.dumps({"values": 7, "proof": reencrypted(Keyring.parse("fernet", text).newest)}))
"""


def section(title: str) -> str:
    """The commands of a section of the page."""
    (text,) = re.findall(
        rf"^##+ {title}\n(.*?)(?=^##|\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))


@pytest.mark.parametrize("kind", ["fernet", "jwt", "api"])
def test_the_commands_rotate_a_key(
    key: object, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert key is not None
    monkeypatch.setenv("OVERLAP_SECONDS", "0")  # so that the last step need not be waited for
    one = Key(kind, name=f"airflow/prod/keys/{kind}")
    one.invoke()
    before = one.value()
    for name, code in (("aws", AWS), ("kubectl", KUBECTL)):
        script = tmp_path / name
        script.write_text(f"#!{sys.executable}\n{code}")
        script.chmod(0o755)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", section("On AWS") + section(kind)],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(PAGE.parents[1]),
            "ASKED": str(tmp_path / "asked"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"key"')]
    steps = ["replace"] if kind == "api" else ["add", "promote", "retire"]
    assert [(one["step"], one["done"]) for one in answers] == [(step, True) for step in steps]
    assert Keyring.parse(kind, one.value()).phase == "settled"
    assert one.value() != before
    asked = (tmp_path / "asked").read_text("utf-8")
    named = set(re.findall(r"deployment/(\S+)", asked))
    assert named <= {object_name(component) for component in COMPONENTS}
    assert len(named) == {"fernet": 4, "jwt": 2, "api": 1}[kind]
    assert set(re.findall(r"-n (\S+)", asked)) == {"airflow-prod"}
    boto3.client("secretsmanager").delete_secret(SecretId=one.arn, ForceDeleteWithoutRecovery=True)
