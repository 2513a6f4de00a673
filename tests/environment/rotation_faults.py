"""What goes wrong with a rotation, made to happen in a running environment; it tests nothing.

Each fault is one that docs/rotation.md names; it returns what somebody sees of it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import psycopg

from local.login import Access
from tests.environment.checkout import APPLICATION, Checkout, provisioner

WHAT = "billing-bi"
PAIR = FIRST, SECOND = "local_billing_bi_a", "local_billing_bi_b"
ROTATOR = "local_billing_bi_rotator"
SECRET = f"airflow/local/logins/{WHAT}"
FUNCTION = f"airflow-local-rotate-{WHAT}"
BY_HAND = "put-by-hand-and-of-no-use"
_SECONDS = 30
_SHORT_TIMEOUT = 8
"""Of the function, in seconds: it tries until 5 before the end."""


@dataclass(frozen=True)
class Site:
    """A running environment, and a login of it that is rotated."""

    checkout: Checkout
    access: Access
    secrets: Any

    def sql(self, *statements: str) -> None:
        """Run statements as the provisioner."""
        instance = self.access.instance("application")
        with self.access.connect(provisioner(), instance, autocommit=True) as session:
            for statement in statements:
                session.execute(statement.encode())

    def rotate(self) -> str:
        """Rotate as anybody does; return what was said."""
        return self.checkout.run("rotate", "--what", WHAT).text

    def step(self, event: dict[str, str]) -> str:
        """Invoke the function; return its answer."""
        answer = boto3.client("lambda").invoke(FunctionName=FUNCTION, Payload=json.dumps(event))
        return str(answer["Payload"].read().decode())

    def look(self) -> str:
        """Let the function look at the current login, as it does daily."""
        return self.step({"step": "check"})

    def labels(self) -> dict[str, str]:
        """Which version has which label."""
        versions = self.secrets.describe_secret(SecretId=SECRET)["VersionIdsToStages"]
        return {label: version for version, held in versions.items() for label in held}

    def held(self, label: str = "AWSCURRENT") -> dict[str, Any]:
        """What the version with a label holds."""
        answer = self.secrets.get_secret_value(SecretId=SECRET, VersionStage=label)
        return dict(json.loads(answer["SecretString"]))

    def other(self) -> str:
        """The login whose turn is next."""
        return SECOND if self.held()["username"] == FIRST else FIRST

    def put(self, label: str, **changed: object) -> str:
        """Put a version by hand, which is the current one but for a few keys; return its id."""
        return str(
            self.secrets.put_secret_value(
                SecretId=SECRET,
                SecretString=json.dumps({**self.held(), **changed}),
                VersionStages=[label],
            )["VersionId"]
        )

    def gets_in(self, held: dict[str, Any]) -> bool:
        """Whether a login gets in with its password."""
        instance = self.access.instance("application")
        given = self.checkout.libpq(instance, held["username"], held["password"])
        try:
            psycopg.connect(**given).close()
        except psycopg.OperationalError:
            return False
        return True

    def end_of_rotation(self) -> None:
        """End a rotation that fails again and again, as time does, and wait until it has ended."""
        log = self.checkout.paths.account / "account.log"
        words = ("RotationAbandoned: ", "RotationFailed: ", "RotationSucceeded: ")
        self.secrets.cancel_rotate_secret(SecretId=SECRET)
        deadline = time.monotonic() + _SECONDS
        while True:
            text = log.read_text(encoding="utf-8")
            if max(map(text.rfind, words)) > text.rfind("RotationStarted: "):
                return
            assert time.monotonic() < deadline, text[-2000:]
            time.sleep(0.1)


def mend(site: Site) -> None:
    """Put right whatever a fault has left whose commands have not."""
    site.secrets.restore_secret(SecretId=SECRET)
    key = site.secrets.describe_secret(SecretId=SECRET)["KmsKeyId"]
    boto3.client("kms").enable_key(KeyId=key.rpartition("/")[2])
    if site.access.instance("application").status == "stopped":
        boto3.client("rds").start_db_instance(DBInstanceIdentifier=APPLICATION)
        until(lambda: site.access.instance("application").status == "available")
    pair = f"{FIRST}, {SECOND}"
    site.sql(
        f"GRANT local_billing_reader TO {pair}",
        f"REVOKE local_marketing_reader, rds_iam FROM {pair}",
        f"GRANT {pair} TO {ROTATOR} WITH ADMIN OPTION",
    )
    site.end_of_rotation()
    labels = site.labels()
    if (left := labels.get("AWSPENDING")) not in {None, labels["AWSCURRENT"]}:
        site.secrets.update_secret_version_stage(
            SecretId=SECRET, VersionStage="AWSPENDING", RemoveFromVersionId=left
        )
    site.rotate()


def not_completed(site: Site) -> str:
    """A rotation that was cut off after its first step, and is not tried any more."""
    username = site.other()
    password = "of-a-rotation-that-was-cut-off"
    held = site.held()
    uri = held["uri"].replace(held["username"], username).replace(held["password"], password)
    site.put("AWSPENDING", username=username, login=username, password=password, uri=uri)
    return site.rotate()


def foreign_pending(site: Site) -> str:
    """A version that somebody has put, for another server."""
    site.put("AWSPENDING", username=site.other(), host="db.example.com")
    return site.rotate()


def foreign_current(site: Site) -> str:
    """A current value that somebody has put."""
    site.put("AWSCURRENT", username="somebody-else")
    return site.look()


def other_password(site: Site) -> str:
    """A password that is not what the secret says."""
    site.sql(f"ALTER ROLE {site.held()['username']} PASSWORD '{BY_HAND}'")
    return site.look()


def no_member(site: Site) -> str:
    """A pair that may read nothing any more."""
    site.sql(f"REVOKE local_billing_reader FROM {FIRST}, {SECOND}")
    return site.rotate()


def member_of_more(site: Site) -> str:
    """A login with another workflow's rights."""
    site.sql(f"GRANT local_marketing_reader TO {SECOND}")
    return site.rotate()


def by_iam(site: Site) -> str:
    """A login of which RDS takes tokens only."""
    site.sql(f"GRANT rds_iam TO {SECOND}")
    return site.rotate()


def no_admin(site: Site) -> str:
    """A rotator that may change one of the two only."""
    site.sql(f"REVOKE ADMIN OPTION FOR {FIRST} FROM {ROTATOR}")
    return site.rotate()


def disabled_key(site: Site) -> str:
    """A key that nobody may use for now."""
    key = site.secrets.describe_secret(SecretId=SECRET)["KmsKeyId"]
    boto3.client("kms").disable_key(KeyId=key.rpartition("/")[2])
    return site.rotate()


def unreachable(site: Site) -> str:
    """An instance that is stopped, and a function that does not wait for it for long."""
    with _patience(_SHORT_TIMEOUT):
        rds = boto3.client("rds")
        rds.stop_db_instance(DBInstanceIdentifier=APPLICATION)
        until(lambda: site.access.instance("application").status == "stopped")
        return site.rotate()


@contextlib.contextmanager
def _patience(seconds: int) -> Iterator[None]:
    functions = boto3.client("lambda")
    before = functions.get_function_configuration(FunctionName=FUNCTION)["Timeout"]
    functions.update_function_configuration(FunctionName=FUNCTION, Timeout=seconds)
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=FUNCTION, Timeout=before)


def deleted(site: Site) -> str:
    """A secret that waits for its deletion."""
    site.secrets.delete_secret(SecretId=SECRET, RecoveryWindowInDays=7)
    return site.rotate()


def turned_off(site: Site) -> str:
    """A rotation that was cancelled; the function says so when a step comes nevertheless."""
    about = site.secrets.describe_secret(SecretId=SECRET)
    site.secrets.cancel_rotate_secret(SecretId=SECRET)
    token = site.labels()["AWSCURRENT"]
    return site.step(
        {"Step": "createSecret", "SecretId": about["ARN"], "ClientRequestToken": token}
    )


def dead_letter(site: Site) -> str:
    """What Lambda puts into the queue for an event that the function has failed of."""
    queues = boto3.client("sqs")
    url = queues.get_queue_url(QueueName=f"{FUNCTION}-dead-letters")["QueueUrl"]
    detail = {"eventName": "RotationFailed", "additionalEventData": {"SecretId": SECRET}}
    body = json.dumps({"source": "aws.secretsmanager", "detail": detail})
    queues.send_message(
        QueueUrl=url,
        MessageBody=body,
        MessageAttributes={"ErrorMessage": {"DataType": "String", "StringValue": "timed out"}},
    )
    del site
    return body


def rotated(site: Site) -> str:
    """No fault: a login whose password has just been changed."""
    return site.rotate()


def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
