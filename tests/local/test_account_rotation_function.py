"""The rotation function itself in the account: its package, as its role, on a real pair."""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING

from lambdas.package import build_rotation
from tests.local.account_fixtures import (
    ACCOUNT,
    MASTER,
    REGION,
    LocalAccount,
    allow,
    document,
    unique,
)
from tests.local.account_functions import TRUST, invoke
from tests.local.account_rotation import (
    FUNCTION,
    RULES,
    account_log,
    eventually,
    trust_secrets_manager,
)

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["tests.local.account_fixtures"]


def _says(account: LocalAccount, text: str, times: int) -> bool:
    return account_log(account).count(text) >= times


SETUP = """
    CREATE ROLE {e}_writer; CREATE ROLE {e}_rotator LOGIN NOINHERIT CREATEROLE CONNECTION LIMIT 4;
    GRANT rds_iam, rds_password TO {e}_rotator;
    CREATE ROLE {e}_a LOGIN NOINHERIT CONNECTION LIMIT 5; CREATE ROLE {e}_b LOGIN NOINHERIT;
    GRANT {e}_writer TO {e}_a, {e}_b; GRANT {e}_a, {e}_b TO {e}_rotator WITH ADMIN OPTION;
    ALTER ROLE {e}_a SET role TO {e}_writer; ALTER ROLE {e}_b SET role TO {e}_writer;
    CREATE SCHEMA {e}_v1; GRANT CREATE, USAGE ON SCHEMA {e}_v1 TO {e}_writer
"""


def test_the_real_function_rotates_a_real_pair(
    local_account: LocalAccount, database: str, tmp_path: Path
) -> None:
    """The whole way: the first value, two rotations, the daily check; by a package, as a role."""
    stem = unique("dev").replace("-", "_")
    password = local_account.master_password(database)
    with local_account.connect(database, MASTER, password) as connection:
        for statement in SETUP.format(e=stem).split(";"):
            connection.execute(statement.encode())
    found = local_account.wait(database)
    secrets = local_account.client("secretsmanager")
    secret = secrets.create_secret(Name=f"airflow/dev/connections/{stem}")["ARN"]
    rotation = {
        "region": REGION,
        "secret": secret,
        "host": found["Endpoint"]["Address"],
        "port": found["Endpoint"]["Port"],
        "database": "postgres",
        "rotator": f"{stem}_rotator",
        "logins": [f"{stem}_a", f"{stem}_b"],
        "connectionLimit": 5,
        "settings": {"search_path": [f"{stem}_v1"], "role": f"{stem}_writer"},
        "roles": [f"{stem}_writer"],
        "writes": [f"{stem}_v1"],
        "reads": [],
        "validUntil": None,
        "intervalDays": 7,
    }
    user = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{found['DbiResourceId']}/{stem}_rotator"
    actions = ["Describe{}", "Get{}Value", "Put{}Value", "Update{}VersionStage"]
    rights = document(
        allow([f"secretsmanager:{one.format('Secret')}" for one in actions], secret),
        allow("rds-db:connect", user),
    )
    package = build_rotation(local_account.paths.ca_bundle, tmp_path / "rotate_postgres.zip")
    name = unique("function")
    local_account.client("lambda").create_function(
        FunctionName=name,
        Role=local_account.role(TRUST, rotate=rights),
        Handler="lambdas.rotate_postgres.handler.handle",
        Runtime="python3.13",
        Code={"ZipFile": package},
        Timeout=60,
        Environment={"Variables": {"ROTATION": json.dumps(rotation)}},
    )
    assert len(package) < 15_000_000
    for outcome in ("put", "kept"):
        answer = invoke(local_account, name, {"step": "first"})
        assert answer["result"] == {"step": "first", "outcome": outcome}, answer

    trust_secrets_manager(local_account, name, secret)
    arn = FUNCTION + name
    secrets.rotate_secret(
        SecretId=secret, RotationLambdaARN=arn, RotationRules=RULES, RotateImmediately=False
    )
    for login in ("b", "a"):
        secrets.rotate_secret(SecretId=secret)
        # The next one does not begin before this one has been counted.
        log = f" RotationSucceeded: {secret}\n"
        eventually(functools.partial(_says, local_account, log, times=1 if login == "b" else 2))
        value = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
        assert value["username"] == f"{stem}_{login}"
        with local_account.connect(database, value["username"], value["password"]) as connection:
            (row,) = connection.execute("SELECT session_user, current_user").fetchall()
            assert row == (f"{stem}_{login}", f"{stem}_writer")
        log = (local_account.paths.account / "functions" / "logs" / f"{name}.log").read_text()
        assert value["password"] not in log
        assert value["password"] not in account_log(local_account)
        time.sleep(0.3)
    answer = invoke(local_account, name, {"step": "check"})
    assert answer["result"] == {"step": "check", "outcome": "works"}, answer
