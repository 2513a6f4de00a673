"""The runbook of rotation: each fault happens, and its commands, as they are written, end it.

The environment is that of the other tests, and each test leaves it well: in the end the function
finds that the login works, and a client gets in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import boto3
import psycopg
import pytest

from components.rotation_alarms import ERRORS, LOGGED, UNHEARD
from tests.environment import rotation_faults as faults
from tests.environment.rotation_faults import PAIR, SECRET, WHAT, Site
from tests.environment.runbook import COMMANDS, Part, Terminal, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.login import Access
    from tests.environment.checkout import Checkout

FAULTS: dict[str, Callable[[Site], str]] = {
    "A rotation was not completed": faults.not_completed,
    "AWSPENDING holds something else": faults.foreign_pending,
    "A value was put by hand": faults.foreign_current,
    "The password was changed in the database": faults.other_password,
    "A membership is missing": faults.no_member,
    "Somebody granted a role by hand": faults.member_of_more,
    "A login was given rds_iam": faults.by_iam,
    "The rotator may not change a login": faults.no_admin,
    "The KMS key is disabled": faults.disabled_key,
    "The function cannot reach the database": faults.unreachable,
    "The secret waits for its deletion": faults.deleted,
    "The rotation is off, or overdue": faults.turned_off,
    "Dead letters": faults.dead_letter,
}
"""What each case of the runbook is about; the others have a test of their own below."""
OWN_TESTS = {
    "Back to the password before",
    "A password has leaked",
    "Turn a login off at once",
    "Turn it on again",
}


@pytest.fixture
def site(environment: Checkout, access: Access) -> Site:
    return Site(environment, access, boto3.client("secretsmanager"))


@pytest.fixture(scope="module")
def terminal(environment: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    return Terminal(environment, tmp_path_factory.mktemp("programs"))


@pytest.fixture
def well(site: Site) -> Iterator[None]:
    """At the end the login works, for the function and for a client, and takes turns."""
    yield
    try:
        assert '"outcome": "works"' in site.look()
        assert site.gets_in(site.held())
        assert site.secrets.describe_secret(SecretId=SECRET)["RotationEnabled"]
        labels = site.labels()
        assert labels.get("AWSPENDING") in {None, labels["AWSCURRENT"]}
    except Exception:
        # The next test is to find what it expects.
        faults.mend(site)
        raise


def follow(terminal: Terminal, part: Part) -> str:
    """Run the commands of a case, which end well, and as it says; return what they printed."""
    printed = ""
    for commands in part.commands:
        ended = terminal.run(commands)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        printed += ended.stdout
    for line in part.well:
        assert terminal.here(line) in printed
    return printed


@pytest.mark.usefixtures("well")
@pytest.mark.parametrize("title", FAULTS)
def test_the_commands_end_what_the_sentence_tells_of(
    site: Site, terminal: Terminal, title: str
) -> None:
    part = parts()[title]
    assert part.said
    assert part.well

    seen = FAULTS[title](site)

    for sentence in part.said:
        assert terminal.here(sentence) in seen
    follow(terminal, part)


@pytest.mark.usefixtures("well")
def test_the_log_and_the_daily_look_tell_what_is_wrong(site: Site, terminal: Terminal) -> None:
    seen = faults.foreign_current(site)

    log, look = terminal.run(terminal.log), terminal.run(terminal.look)

    (sentence,) = parts()["A value was put by hand"].said
    for text in (seen, log.stdout, look.stdout):
        assert sentence in text
    site.rotate()
    (outcome,) = parts()[COMMANDS].well
    assert outcome in terminal.run(terminal.look).stdout


@pytest.mark.usefixtures("well")
def test_back_to_the_password_before(site: Site, terminal: Terminal) -> None:
    before, held = site.labels()["AWSCURRENT"], site.held()
    site.rotate()
    left = site.labels()["AWSCURRENT"]
    assert site.held() != held

    follow(terminal, parts()["Back to the password before"])

    assert (site.labels()["AWSCURRENT"], site.held()) == (before, held)
    assert site.gets_in(held)
    assert "has a new password" in site.rotate()
    assert site.labels()["AWSCURRENT"] not in {before, left}


@pytest.mark.usefixtures("well")
def test_a_password_that_has_leaked_is_of_no_use(site: Site, terminal: Terminal) -> None:
    leaked = [site.held(), site.held("AWSPREVIOUS")]
    assert site.gets_in(leaked[0])

    printed = follow(terminal, parts()["A password has leaked"])

    assert printed.count("has a new password") == 2
    assert [site.gets_in(one) for one in leaked] == [False, False]


@pytest.mark.usefixtures("well")
def test_a_login_is_off_at_once_and_on_again(site: Site, terminal: Terminal) -> None:
    held = [site.held(), site.held("AWSPREVIOUS")]
    login, instance = site.access.login(WHAT), site.access.instance("application")
    with site.access.connect(login, instance, autocommit=True) as session:
        follow(terminal, parts()["Turn a login off at once"])

        with pytest.raises(psycopg.OperationalError, match="administrator command"):
            session.execute("SELECT 1")
    assert {one["username"] for one in held} == {*PAIR}
    assert [site.gets_in(one) for one in held] == [False, False]
    assert "works" not in site.look()
    # What is rotated would get in again.
    assert not site.secrets.describe_secret(SecretId=SECRET)["RotationEnabled"]

    follow(terminal, parts()["Turn it on again"])

    assert [site.gets_in(one) for one in held] == [False, False]


def test_the_runbook_leads_to_each_case_and_has_each_alarm() -> None:
    found = parts()
    cases = {title for title, part in found.items() if part.commands}
    assert cases == {*FAULTS, *OWN_TESTS, COMMANDS}
    prose = "".join(part.prose for part in found.values())
    links = set(re.findall(r"\]\(#([^)]*)\)", prose))
    anchors = {part.anchor for part in found.values()}
    assert links <= anchors
    led = {found[title].anchor for title in {*FAULTS, *OWN_TESTS} - {"Turn it on again"}}
    assert led <= links
    alarms = found["The alarms"].prose
    for alarm in (ERRORS, UNHEARD, *LOGGED.values()):
        assert f"`{alarm.name}`" in alarms


@pytest.mark.parametrize(
    ("command", "status", "word"),
    [
        ("aws secretsmanager rotate-the-secret --secret-id x", 252, "rotate-the-secret"),
        ('aws secretsmanager restore-secret --secret "$SECRET"', 252, "--secret"),
        ("aws secretsmanager restore-secret", 252, "secret-id"),
        ("aws secretsmanager restore-secret --secret-id nothing", 254, "ResourceNotFound"),
        ("aws sqs purge-queue --queue-url", 252, "--queue-url"),
        ("psql --execute 'SELECT 1'", 2, "--execute"),
        ("psql -c 'SELECT nothing'", 3, "nothing"),
        ("make rotate WAHT=billing-bi", 2, "WHAT=(nothing)"),
    ],
)
def test_a_command_that_is_not_right_is_refused(
    terminal: Terminal, command: str, status: int, word: str
) -> None:
    ended = terminal.run(command)

    assert ended.returncode == status
    assert word in ended.stderr
    assert "Traceback" not in ended.stderr
