"""Each wrong value in a stack file is one sentence on the command line, and nothing happens.

What all kinds of values are tried on is in `test_settings_types.py` and its neighbours; here is how
it reaches whoever wrote them.
"""

from __future__ import annotations

import pytest

from tests.unit.bad_settings import TEXTS, Bad, Desk, assert_readable, assert_sentence, kind, rows

NS = "airflow-postgres:"
NAME = "lower-case letters and digits, starting with a letter, with single dashes between words"
PRINCIPAL = "the ARN of one IAM role or user"
CONNECTIONS = "a whole number from 1 to 5000"
BILLING = f'{NS}workflows[0].connectionLimit (workflow "billing")'
GIT = "https://github.com/example"
REPOSITORY = f"{NS}airflow.dags.repository"
SHA = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
ARN = "arn:aws:iam::111122223333:role/airflow-postgres-deployer"
ALARMS = "arn:aws:sns:eu-west-1:111122223333:data-platform-alarms"
ANALYST = "arn:aws:iam::123456789012:user/analyst"
TWO_SUBNETS = "    - subnet-0e10000000000000b\n    - subnet-0e10000000000000c\n"

KEYS = rows(
    ("an unknown key", "dev", "region: eu", "enviroment: x\n  airflow-postgres:region: eu",
     f"{NS}enviroment", " is not a setting", "did you mean environments?",
     "Rename it, or remove it"),
    ("an unknown key further down", "prod", "connectionLimit: 60",
     "connectionLimit: 60\n      conectionLimit: 6",
     f'{NS}workflows[0].conectionLimit (workflow "billing")', " is not a setting",
     "did you mean connectionLimit?", "Rename it, or remove it"),
    ("an unknown key like no other", "dev", "apiServer: {", "apiServer: {heartbeat: 3, ",
     f"{NS}airflow.apiServer.heartbeat", " is not a setting",
     "allowed here: replicas, workers, poolSize, maxOverflow", "Rename it, or remove it"),
    ("a password of one's own", "prod", "port: 5433", 'port: 5433\n    password: "hunter2"',
     f"{NS}metadata.password", " is not a setting", "allowed here: instanceClass, ",
     "Rename it, or remove it"),
    ("another program's key", "dev", "region: eu-west-1", "region: eu-west-1\n  aws:region: eu-x-1",
     "aws:region", " is not read by this project", f"whose settings all start with {NS}",
     "remove it"),
    ("a key that is not there", "dev", "  airflow-postgres:cluster: data-platform-dev\n", "",
     f"{NS}cluster", " is missing", "an EKS cluster name", "add it"),
    ("a key that is not there further down", "prod", "      connectionLimit: 60\n", "",
     BILLING, " is missing", CONNECTIONS, "add it"),
)  # fmt: skip

TYPES = rows(
    ("a number in quotes", "prod", "connectionLimit: 60", 'connectionLimit: "60"',
     BILLING, '"60"', CONNECTIONS, "write it without quotes"),
    ("a number below zero", "prod", "connectionLimit: 60", "connectionLimit: -1",
     BILLING, "-1", CONNECTIONS, "correct it"),
    ("a fraction", "prod", "connectionLimit: 60", "connectionLimit: 60.5",
     BILLING, "60.5", CONNECTIONS, "correct it"),
    ("a whole fraction", "prod", "connectionLimit: 60", "connectionLimit: 60.0",
     BILLING, "60.0", CONNECTIONS, "correct it"),
    ("a number too large", "prod", "connectionLimit: 60", "connectionLimit: 5001",
     BILLING, "5001", CONNECTIONS, "correct it"),
    ("null", "prod", "connectionLimit: 60", "connectionLimit: null",
     BILLING, "null", CONNECTIONS, "correct it"),
    ("a boolean in quotes", "prod", "writes: true", 'writes: "true"',
     f'{NS}workflows[0].writes (workflow "billing")', '"true"', "true or false",
     "write it without quotes"),
    ("yes", "prod", "writes: true", "writes: yes",
     f'{NS}workflows[0].writes (workflow "billing")', '"yes"', "true or false", "correct it"),
    ("a list for a group", "dev", "{people: 366, agents: 31}", "[366, 31]",
     f"{NS}longestAccessDays", "[366, 31]", "a group with the keys people, agents", "correct it"),
    ("a group for a list", "dev", "people: []", "people: {}",
     f"{NS}people", "{}", "a list with any number of: a group with the keys name, principal, ",
     "correct it"),
    ("nothing for a list", "dev", "people: []", "people:",
     f"{NS}people", '""', "a list with any number of: ", "correct it"),
    ("a name for a list", "dev", "environments: [dev, qa]", "environments: dev",
     f"{NS}environments", '"dev"', f"a list with at least 1 of: {NAME}", "correct it"),
    ("a word that is none of the words", "local", "kubernetes: local-node", "kubernetes: kind",
     f"{NS}kubernetes", '"kind"', 'one of "cluster", "local-node"', "correct it"),
    ("a login of no kind", "prod", "writes: true", "login: password\n      writes: true",
     f'{NS}workflows[0].login (workflow "billing")', '"password"', 'one of "iam", "rotated"',
     "correct it"),
    ("a rotation each hour", "local", "rotationDays: 7", "rotationDays: 0",
     f'{NS}people[1].rotationDays (person "billing-bi")', "0", "a whole number from 1 to 365",
     "correct it"),
    ("an interval of no password", "local", "login: rotated", "login: iam",
     f'{NS}people[1].rotationDays (person "billing-bi")', "7", "must stand beside login: rotated",
     "remove it, or write login: rotated"),
    ("an agent with a password", "local", "principal: arn:aws:iam::123456789012:user/report-writer",
     "principal: arn:aws:iam::123456789012:user/report-writer\n      login: rotated",
     f'{NS}agents[0].login (agent "report-writer")', " is not a setting", "allowed here: name, ",
     "Rename it, or remove it"),
    ("a number that is none of the numbers", "dev", "RetentionDays: 30", "RetentionDays: 31",
     f"{NS}logRetentionDays", "31", "one of 1, 3, 5, 7, 14, 30, ", "correct it"),
)  # fmt: skip

NAMES = rows(
    ("a name twice", "prod", "name: marketing", "name: billing",
     f"{NS}workflows[2].name", '"billing"', "workflows, people and agents may not share a name",
     "choose another"),
    ("a person named like a workflow", "local", "name: analysts", "name: billing",
     f"{NS}people[0].name", '"billing"', "may not share a name", "choose another"),
    ("64 characters", "prod", "name: marketing", f"name: {'m' * 64}",
     f'{NS}workflows[2].name (workflow "{"m" * 64}")', f'"{"m" * 64}"',
     f"{NAME}, at most 40 characters", "correct it"),
    ("SQL in a name", "prod", "name: marketing", "name: 'x\"; DROP ROLE dbmaster; --'",
     f"{NS}workflows[2].name (workflow ", r'"x\"; DROP ROLE dbmaster; --"', NAME, "correct it"),
    ("a look-alike", "prod", "name: marketing", "name: m\N{CYRILLIC SMALL LETTER A}rketing",
     f"{NS}workflows[2].name", 'm\N{CYRILLIC SMALL LETTER A}rketing"', NAME, "correct it"),
    ("line breaks and escapes", "prod", "name: marketing", r'name: "mark\neting\x1b[2J\u2028"',
     f"{NS}workflows[2].name", r'"mark\neting\u001b[2J\u2028"', NAME, "correct it"),
    ("a name that is PostgreSQL's", "dev", "[dev, qa]", "[pg, qa]",
     f"{NS}environments[0]", '"pg"', "start with pg_, which is reserved for PostgreSQL",
     "choose another name"),
    ("a name that is RDS's", "dev", "[dev, qa]", "[rds-dev]",
     f"{NS}environments[0]", '"rds-dev"', "reserved for RDS", "choose another name"),
    ("a login named like a role", "local", "name: analysts", "name: billing-writer",
     f'{NS}workflows[0] (workflow "billing")', '(person "billing-writer")',
     "the PostgreSQL role local_billing_writer; each name may belong to one",
     "rename one of them"),
    ("no environment", "dev", "[dev, qa]", "[]",
     f"{NS}environments", "[]", "a list with at least 1 of: ", "correct it"),
    ("an environment twice", "dev", "[dev, qa]", "[dev, dev]",
     f"{NS}environments", '"dev"', "once is allowed", "remove one"),
    ("an environment too long", "dev", "[dev, qa]", f"[{'e' * 41}]",
     f"{NS}environments[0]", "e" * 41, "at most 40 characters", "correct it"),
    ("a capital", "dev", "[dev, qa]", "[Dev]",
     f"{NS}environments[0]", '"Dev"', NAME, "correct it"),
)  # fmt: skip

ACCESS = rows(
    ("a reader of an unknown workflow", "prod", "reads: [reference]", "reads: [refrence]",
     f'{NS}workflows[0].reads[0] (workflow "billing")', '"refrence"',
     "the name of a workflow of this stack; did you mean reference?",
     "Correct it, or declare that workflow"),
    ("a reader of something else", "local", "reads: [billing, reference]", "reads: [payroll]",
     f'{NS}agents[0].reads[0] (agent "report-writer")', '"payroll"',
     "there are: billing, reference, marketing", "correct it, or declare that workflow"),
    ("a reader of nothing", "local", "reads: [billing, reference]", "reads: []",
     f'{NS}agents[0].reads (agent "report-writer")', "[]", "a list with at least 1 of: ",
     "correct it"),
    ("a workflow that reads itself", "prod", "reads: [reference]", "reads: [billing]",
     f'{NS}workflows[0].reads[0] (workflow "billing")', '"billing", the workflow itself',
     "only other workflows are allowed here", "remove it"),
    ("access that has ended", "local", '"2099-12-31"', '"2020-01-31"',
     f'{NS}people[0].expires (person "analysts")', "2020-01-31, which is past", "a day from ",
     "renew it, or remove the person"),
    ("access without a look", "local", "agents: 36600", "agents: 31",
     f'{NS}agents[0].expires (agent "report-writer")', "2099-12-31, which is too far",
     "a day from ", "choose an earlier day, and renew it when it comes"),
    ("a day as people write it", "local", '"2099-12-31"', "31.12.2099",
     f'{NS}people[0].expires (person "analysts")', '"31.12.2099"', "a day as YYYY-MM-DD",
     "correct it"),
    ("a day that is none", "local", '"2099-12-31"', '"2099-02-30"',
     f'{NS}people[0].expires (person "analysts")', '"2099-02-30"', "a day as YYYY-MM-DD",
     "correct it"),
    ("a role of another account", "dev", f'["{ARN}"]', '["arn:aws:iam::999988887777:role/x"]',
     f"{NS}deployers[0]", '"arn:aws:iam::999988887777:role/x"',
     "this stack's account, 111122223333",
     "name a role of this account, which those of another account may be allowed to assume"),
    ("a whole account", "dev", ARN, "arn:aws:iam::111122223333:root",
     f"{NS}deployers[0]", '"arn:aws:iam::111122223333:root"', PRINCIPAL, "correct it"),
    ("a name for an ARN", "dev", ARN, "deployer",
     f"{NS}deployers[0]", '"deployer"', PRINCIPAL, "correct it"),
    ("a session for a role", "local", ANALYST, "arn:aws:sts::123456789012:assumed-role/a/me",
     f'{NS}people[0].principal (person "analysts")',
     '"arn:aws:sts::123456789012:assumed-role/a/me"', PRINCIPAL, "correct it"),
    ("a wildcard", "local", ANALYST, "arn:aws:iam::123456789012:role/*",
     f'{NS}people[0].principal (person "analysts")', '"arn:aws:iam::123456789012:role/*"',
     "no wildcard", "correct it"),
    ("an agent that deploys", "local", "user/report-writer", "user/deployer",
     f'{NS}agents[0].principal (agent "report-writer")', "user/deployer",
     "an agent must have an identity that can do nothing else", "give it a role of its own"),
    ("the simple auth manager in production", "prod", FAB, SIMPLE,
     f"{NS}airflow.authManager", SIMPLE, "one that knows your people", f"choose {FAB} or another"),
    ("a user in the repository's URL", "dev", GIT, "https://deploy:hunter2@github.com/example",
     REPOSITORY, '"https://***github.com/example/data-platform-dags.git"', "without a user",
     "correct it"),
    ("a token in the repository's URL", "dev", 'dags.git"', 'dags.git?token=hunter2"',
     REPOSITORY, 'dags.git?***"', "without a user", "correct it"),
)  # fmt: skip


@pytest.mark.parametrize("bad", [*KEYS, *TYPES, *NAMES, *ACCESS], ids=kind)
def test_it_is_one_sentence(desk: Desk, bad: Bad) -> None:
    desk.assert_refuses(bad)


def test_a_pasted_password_is_not_repeated(desk: Desk) -> None:
    """Wherever it stands: as an unknown key's value, and in a URL."""
    for bad in (*KEYS, *ACCESS):
        if "hunter2" in bad.new:
            desk.write(bad.stack, bad.text)
            assert "hunter2" not in desk.refused("preview", "--env", bad.stack)


@pytest.mark.parametrize("command", ["package", "certificates", "tunnel"])
def test_every_command_that_reads_settings_refuses_them(desk: Desk, command: str) -> None:
    bad = KEYS[0]
    desk.write(bad.stack, bad.text)

    sentence = desk.refused(command, "--env", bad.stack)

    assert_sentence(sentence, key=bad.key, value=bad.value, allowed=bad.allowed, do=bad.do)


def test_several_mistakes_are_several_sentences(desk: Desk) -> None:
    text = TEXTS["prod"].replace("name: marketing", "name: Marketing")
    desk.write("prod", text.replace("port: 5433", "port: 80").replace("region: eu", "regoin: eu"))

    sentences = desk.refused("preview", "--env", "prod").splitlines()

    assert [sentence.partition(" ")[0] for sentence in sentences] == [
        f"{NS}region",
        f"{NS}metadata.port",
        f"{NS}workflows[2].name",
        f"{NS}regoin",
    ]
    for sentence in sentences:
        assert_readable(sentence)
