"""Invoking a function runs its package, as its role, with nothing of this project within reach."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from tests.local.account_fixtures import ACCOUNT, REGION, LocalAccount, allow, document
from tests.local.account_functions import function, invoke, package

pytest_plugins = ["tests.local.account_fixtures"]


def test_an_event_goes_in_and_a_result_comes_out(local_account: LocalAccount) -> None:
    name = function(
        local_account,
        """
        import os
        from pathlib import Path

        def handle(event, context):
            root = Path(os.environ["LAMBDA_TASK_ROOT"])
            return {
                "event": event,
                "name": context.function_name,
                "arn": context.invoked_function_arn,
                "left": context.get_remaining_time_in_millis(),
                "own": os.environ["OWN"],
                "file": (root / "data.txt").read_text(),
                "region": os.environ["AWS_REGION"],
            }
        """,
        Environment={"Variables": {"OWN": "value"}},
    )
    answer = invoke(local_account, name, {"a": [1, "ü"]})
    assert "FunctionError" not in answer
    assert 0 < answer["result"].pop("left") <= 10_000
    assert answer["result"] == {
        "event": {"a": [1, "ü"]},
        "name": name,
        "arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        "own": "value",
        "file": "from the package",
        "region": REGION,
    }


def test_it_calls_the_account_as_its_role(local_account: LocalAccount) -> None:
    """While it runs, the account answers it: an invocation does not hold the account's lock."""
    name = function(
        local_account,
        """
        import boto3

        def handle(event, context):
            roles = boto3.client("iam").list_roles()["Roles"]
            try:
                boto3.client("iam").list_users()
            except Exception as error:
                refused = str(error)
            return [boto3.client("sts").get_caller_identity()["Arn"], len(roles), refused]
        """,
        policies={"read": document(allow("iam:ListRoles"))},
    )
    arn, roles, refused = invoke(local_account, name)["result"]
    assert ":assumed-role/role-" in arn
    assert arn.endswith(f"/{name}")
    assert roles > 0
    assert "is not authorized to perform: iam:ListUsers" in refused


def test_it_sees_the_runtime_of_aws_and_nothing_else(local_account: LocalAccount) -> None:
    name = function(
        local_account,
        """
        import importlib, os, sys

        def handle(event, context):
            def found(name):
                try:
                    importlib.import_module(name)
                except ImportError:
                    return False
                return True
            return {
                "found": {name: found(name) for name in event},
                "environment": sorted(os.environ),
            }
        """,
    )
    known = ["boto3", "botocore", "urllib3", "dateutil"]
    result = invoke(local_account, name, [*known, "moto", "pulumi", "psycopg", "local"])["result"]
    assert [name for name, found in result["found"].items() if found] == known
    assert not {"MOTO_ACCOUNT_ID", "VIRTUAL_ENV", "USER", "PYTEST_CURRENT_TEST"} & set(
        result["environment"]
    )


ERRORS = {
    "an exception": (
        "def handle(event, context):\n    raise ValueError('no such thing')",
        {},
        {"errorType": "ValueError", "errorMessage": "no such thing"},
    ),
    "no such module": (
        "",
        {"Handler": "app.missing.handle"},
        {
            "errorType": "Runtime.ImportModuleError",
            "errorMessage": "Unable to import module 'app.missing': No module named 'app.missing'",
        },
    ),
    "no such handler": (
        "",
        {},
        {
            "errorType": "Runtime.HandlerNotFound",
            "errorMessage": "Handler 'handle' missing on module 'app.main'",
        },
    ),
    "a result that is no JSON": (
        "def handle(event, context):\n    return object()",
        {},
        {
            "errorType": "Runtime.MarshalError",
            "errorMessage": "Unable to marshal response: Object of type object is not JSON "
            "serializable",
        },
    ),
    "its own end": (
        "import os\ndef handle(event, context):\n    os._exit(3)",
        {},
        {
            "errorType": "Runtime.ExitError",
            "errorMessage": "Error: Runtime exited with error: exit status 3",
        },
    ),
    "too long": (
        "import time\ndef handle(event, context):\n    time.sleep(60)",
        {"Timeout": 1},
        {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "Error: Task timed out after 1.00 seconds",
        },
    ),
}


@pytest.mark.parametrize(("source", "given", "error"), ERRORS.values(), ids=ERRORS.keys())
def test_failures_are_told_as_aws_tells_them(
    local_account: LocalAccount, source: str, given: dict[str, Any], error: dict[str, str]
) -> None:
    answer = invoke(local_account, function(local_account, source, **given))
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert answer["result"]["errorType"] == error["errorType"]
    assert answer["result"]["errorMessage"].endswith(error["errorMessage"])


def test_what_it_started_ends_with_its_time(local_account: LocalAccount) -> None:
    name = function(
        local_account,
        """
        import subprocess, sys, time

        def handle(event, context):
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            time.sleep(60)
        """,
        Timeout=1,
    )
    begun = time.monotonic()
    assert invoke(local_account, name)["result"]["errorType"] == "Sandbox.Timedout"
    # Waiting for the output would last a minute if the grandchild still held it.
    assert time.monotonic() - begun < 10


def test_what_it_prints_is_its_log(local_account: LocalAccount) -> None:
    logs = local_account.client("logs")
    source = "def handle(event, context):\n    print('said', event)\n    return 1"
    writes = allow(
        ["logs:CreateLogStream", "logs:PutLogEvents"], "arn:aws:logs:*:*:log-group:/aws/*"
    )
    allowed = function(local_account, source, policies={"log": document(writes)})
    silent = function(local_account, source)
    for name in (allowed, silent):
        logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
        answer = invoke(local_account, name, "hello", LogType="Tail")
        assert base64.b64decode(answer["LogResult"]).decode() == "said hello\n"
        file = local_account.paths.account / "functions" / "logs" / f"{name}.log"
        assert "said hello" in file.read_text()
    found = logs.filter_log_events(logGroupName=f"/aws/lambda/{allowed}")["events"]
    assert "said hello" in [event["message"] for event in found]
    # As on AWS, a role without the permission leaves no log.
    assert not logs.filter_log_events(logGroupName=f"/aws/lambda/{silent}")["events"]


def test_other_kinds_of_invocation(local_account: LocalAccount, tmp_path: Any) -> None:  # noqa: ANN401
    name = function(
        local_account,
        """
        from pathlib import Path

        def handle(event, context):
            Path(event).write_text("ran")
        """,
    )
    mark = tmp_path / "mark"
    assert invoke(local_account, name, str(mark), InvocationType="DryRun")["StatusCode"] == 204
    assert not mark.exists()
    assert invoke(local_account, name, str(mark), InvocationType="Event")["StatusCode"] == 202
    deadline = time.monotonic() + 30
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert mark.read_text() == "ran"


def test_new_code_runs_after_an_update(local_account: LocalAccount) -> None:
    name = function(local_account, "def handle(event, context):\n    return 1")
    assert invoke(local_account, name)["result"] == 1
    local_account.client("lambda").update_function_code(
        FunctionName=name, ZipFile=package("def handle(event, context):\n    return 2")
    )
    assert invoke(local_account, name)["result"] == 2
