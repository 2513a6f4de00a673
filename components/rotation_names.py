"""The names of what rotates a login: the pair, its rotator, the function and what belongs to it.

Pure functions, as `components.naming`, which has the names of all else.
"""

from typing import NamedTuple

from components import naming

EVENT_RULE_CHARACTERS = 64
"""`Name` of EventBridge `PutRule`."""
QUEUE_CHARACTERS = 80
"""`QueueName` of SQS `CreateQueue`."""


class RotatedLogins(NamedTuple):
    """The pair of logins that take turns, and the login that changes their passwords."""

    first: str
    second: str
    rotator: str


def rotated_logins(environment: str, name: str) -> RotatedLogins:
    """The logins of a workflow or person whose password is rotated.

    Raises:
        ValueError: longer than PostgreSQL keeps.
    """
    return RotatedLogins(
        *(naming.login_name(environment, f"{name}-{kind}") for kind in ("a", "b", "rotator"))
    )


def function_name(environment: str, name: str) -> str:
    """The function that rotates a login."""
    return naming.lambda_name(*_words(environment, name))


def log_groups(environment: str) -> str:
    """The log groups of all such functions of an environment, as a pattern."""
    return naming.lambda_log_group("-".join(_words(environment, "*")))


def event_rule_name(environment: str, name: str, kind: str) -> str:
    """The EventBridge rule that calls the function for one kind of reason."""
    return naming.aws_name(EVENT_RULE_CHARACTERS, *_words(environment, name), kind)


def dead_letters_name(environment: str, name: str) -> str:
    """The SQS queue for events that the function could not handle."""
    return naming.aws_name(QUEUE_CHARACTERS, *_words(environment, name), "dead-letters")


def _words(environment: str, name: str) -> tuple[str, str, str]:
    # The first survives when a name is too long.
    return f"airflow-{environment}", "rotate", name
