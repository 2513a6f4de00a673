"""The same for accounts, networks, images, instances and sums: what does not fit is one sentence.

Whether a region, a subnet or an image exists is not known here; AWS is asked by whoever deploys.
"""

from __future__ import annotations

import pytest

from tests.unit.bad_settings import TEXTS, Bad, Desk, assert_sentence, kind, rows

NS = "airflow-postgres:"
REPOSITORY = f"{NS}airflow.dags.repository"
GIT = "https://github.com/example"
DIGEST = ":3.3.2@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
TWO_SUBNETS = "    - subnet-0e10000000000000b\n    - subnet-0e10000000000000c\n"
ALARMS = "arn:aws:sns:eu-west-1:111122223333:data-platform-alarms"
ELSEWHERE = ALARMS.replace("eu-west-1", "eu-west-2")
QUEUE = ALARMS.replace("sns", "sqs")
TOPIC = "in this stack's region and account, "

PLACES = rows(
    ("an account of 11 digits", "dev", '"111122223333"', "11122223333",
     f"{NS}account", '"11122223333"', "the 12 digits of an AWS account, in quotes", "correct it"),
    ("an account with a leading zero", "dev", '"111122223333"', "011122223333",
     "Pulumi.dev.yaml is not valid: line 7", "011122223333",
     "write text in quotes, and a number plainly", "mend it"),
    ("an account's alias", "dev", '"111122223333"', "data-platform",
     f"{NS}account", '"data-platform"', "the 12 digits of an AWS account", "correct it"),
    ("a region's city", "dev", "region: eu-west-1", "region: Ireland",
     f"{NS}region", '"Ireland"', "an AWS region such as eu-west-1", "correct it"),
    ("a region that nothing else is in", "dev", "region: eu-west-1", "region: eu-wset-1",
     f"{NS}alarmTopic", f'"{ALARMS}"', f"{TOPIC}eu-wset-1", "name a topic there"),
    ("alarms in another region", "dev", ALARMS, ELSEWHERE,
     f"{NS}alarmTopic", f'"{ELSEWHERE}"', f"{TOPIC}eu-west-1 and 111122223333",
     "name a topic there"),
    ("a queue for a topic", "dev", ALARMS, QUEUE,
     f"{NS}alarmTopic", f'"{QUEUE}"', "the ARN of an SNS topic", "correct it"),
    ("a cluster with a blank", "dev", "cluster: data-platform-dev", "cluster: data platform",
     f"{NS}cluster", '"data platform"', "letters, digits, dashes and underscores", "correct it"),
    ("one subnet for two zones", "prod", TWO_SUBNETS, "",
     f"{NS}databaseSubnets", '["subnet-0e10000000000000a"]', "a list with at least 2 of: ",
     "correct it"),
    ("one subnet twice", "dev", "subnet-0d10000000000000b", "subnet-0d10000000000000a",
     f"{NS}databaseSubnets", '"subnet-0d10000000000000a"', "once is allowed", "remove one"),
    ("a VPC for a subnet", "dev", "subnet-0d10000000000000b", "vpc-0d10000000000000b",
     f"{NS}databaseSubnets[1]", '"vpc-0d10000000000000b"', "subnet- and 8 or 17 hexadecimal",
     "correct it"),
    ("an address for a range", "prod", "10.30.96.0/20", "10.30.96.0",
     f"{NS}networks.awsApis[0]", '"10.30.96.0"', "an IPv4 range such as 10.0.0.0/16",
     "correct it"),
    ("an address within the range", "prod", "10.30.96.0/20", "10.30.97.0/20",
     f"{NS}networks.awsApis[0]", '"10.30.97.0/20"', "the first address of the range",
     "write 10.30.96.0/20"),
    ("a range of no size", "prod", "10.30.96.0/20", "10.30.96.0/33",
     f"{NS}networks.awsApis[0]", '"10.30.96.0/33"', "an IPv4 range", "correct it"),
    ("nobody to be reached", "prod", "[10.30.96.0/20]", "[]",
     f"{NS}networks.awsApis", "[]", "a list with at least 1 of: ", "correct it"),
    ("a CA bundle elsewhere", "dev", "certificates/eu-west-1-bundle.pem\n\n", "/etc/ca.pem\n\n",
     f"{NS}caBundle", '"/etc/ca.pem"', "a path inside the project", "correct it"),
    ("a CA bundle above", "dev", "caBundle: certificates", "caBundle: ../certificates",
     f"{NS}caBundle", '"../certificates/eu-west-1-bundle.pem"', "without `..`", "correct it"),
    ("an image of no version", "prod", DIGEST, "",
     f"{NS}airflow.image", 'amazonaws.com/airflow"', "with a digest, a tag or both",
     "correct it"),
    ("an image of Airflow 2", "dev", "airflow:3.3.2", "airflow:2.10.5",
     f"{NS}airflow.image", 'airflow:2.10.5"', "3.3 or later", "choose a later image"),
    ("DAGs without TLS", "dev", "https://github", "http://github",
     REPOSITORY, '"http://github.com/', "must start with https://", "use https"),
    ("a port that is none", "dev", GIT, "https://github.com:99999/example",
     REPOSITORY, '"https://github.com:99999/', "from 1 to 65535", "correct it"),
    ("port 0", "dev", GIT, "https://github.com:0/example",
     REPOSITORY, '"https://github.com:0/', "the http(s) URL of a git repository", "correct it"),
    ("DAGs of a branch", "dev", "ref: v1.1.0-rc.2", "ref: main",
     f"{NS}airflow.dags.ref", '"main"', "a commit of 40 hexadecimal digits or a tag",
     "name a commit or a tag"),
)  # fmt: skip

SIZES = rows(
    ("engine 15", "prod", 'engineVersion: "18"', 'engineVersion: "15"',
     f"{NS}application.engineVersion", '"15"', "16 or later",
     'choose a later version such as "18"'),
    ("an engine without quotes", "prod", 'engineVersion: "16"', "engineVersion: 16.3",
     f"{NS}metadata.engineVersion", "16.3", 'in quotes: a major such as "16"',
     "put it in quotes"),
    ("an engine with an x", "prod", 'engineVersion: "16"', 'engineVersion: "16.x"',
     f"{NS}metadata.engineVersion", '"16.x"', 'a minor such as "16.10"', "correct it"),
    ("an instance class that is none", "prod", "db.r7g.large", "db.r7g.lareg",
     f"{NS}application.instanceClass", '"db.r7g.lareg"', "such as db.r7g.large, ",
     "correct it, or add it to stacks/instance_classes.py"),
    ("a class without db", "prod", "db.r7g.large", "r7g.large",
     f"{NS}application.instanceClass", '"r7g.large"', "such as db.r7g.large",
     "correct it, or add it to stacks/instance_classes.py"),
    ("a port below", "dev", "port: 5433", "port: 80",
     f"{NS}metadata.port", "80", "a whole number from 1150 to 65535", "correct it"),
    ("a port above", "dev", "port: 5433", "port: 65536",
     f"{NS}metadata.port", "65536", "a whole number from 1150 to 65535", "correct it"),
    ("one port for both", "dev", "port: 5433", "port: 5434",
     f"{NS}application.port", "5434", "the two must differ", "change one of them"),
    ("the proxy's port", "prod", "port: 5433", "port: 5432",
     f"{NS}metadata.port", "5432", "the two must differ", "change it"),
    ("windows that overlap", "prod", "sun:03:30-sun:04:30", "sun:01:30-sun:02:30",
     f"{NS}application.maintenanceWindow", '"sun:01:30-sun:02:30"', "RDS does not allow that",
     "move one of them"),
    ("a window in words", "prod", "sun:03:30-sun:04:30", "sunday 3 am",
     f"{NS}application.maintenanceWindow", '"sunday 3 am"',
     "a weekly window in UTC such as sun:04:00-sun:05:00", "correct it"),
    ("a window at 25:00", "prod", '"01:00-02:00" # UTC', '"25:00-26:00"',
     f"{NS}metadata.backupWindow", '"25:00-26:00"', "a daily window in UTC such as 02:00-03:00",
     "correct it"),
    ("a window of ten minutes", "prod", '"01:00-02:00" # UTC', '"01:00-01:10"',
     f"{NS}metadata.backupWindow", '"01:00-01:10", 10 minutes', "from 30 minutes to a day",
     "move its end"),
    ("no backups of what is protected", "prod", "Days: 35 # the most RDS keeps", "Days: 0",
     f"{NS}metadata.backupRetentionDays", "0", f"at least 7 where {NS}metadata.protected is true",
     "raise it"),
    ("backups for too long", "prod", "Days: 35 # the most RDS keeps", "Days: 36",
     f"{NS}metadata.backupRetentionDays", "36", "a whole number from 0 to 35", "correct it"),
    ("no room to grow", "prod", "maxAllocatedStorageGib: 2000", "maxAllocatedStorageGib: 400",
     f"{NS}application.maxAllocatedStorageGib", "400", "at least 440", "raise it"),
    ("processes of a scheduler", "dev", "scheduler: {replicas: 1, workers: 1",
     "scheduler: {replicas: 1, workers: 2", f"{NS}airflow.scheduler.workers", "2", "must be 1",
     "raise replicas instead"),
    ("no scheduler", "dev", "scheduler: {replicas: 1", "scheduler: {replicas: 0",
     f"{NS}airflow.scheduler.replicas", "0", "a whole number from 1 to 100", "correct it"),
    ("a rollback to what is not kept", "prod", "[2, 3]", "[1, 2]",
     f'{NS}workflows[0].schemaVersions (workflow "billing")', "[1, 2]",
     "contain the live schemaVersion, 3", "add it to the list"),
    ("no versions", "prod", "[2, 3]", "[]",
     f'{NS}workflows[0].schemaVersions (workflow "billing")', "[]",
     "a whole number from 1 to 9999", "correct it"),
)  # fmt: skip


@pytest.mark.parametrize("bad", [*PLACES, *SIZES], ids=kind)
def test_it_is_one_sentence(desk: Desk, bad: Bad) -> None:
    desk.assert_refuses(bad)


@pytest.mark.parametrize(
    ("instance", "given", "old", "new", "do"),
    [
        ("application", "db.r7g.large", "connectionLimit: 60", "connectionLimit: 2000",
         "choose db.r7g.xlarge, which has 3126, or lower a limit"),
        ("metadata", "db.m7g.large", "apiServer: {replicas: 3", "apiServer: {replicas: 90",
         "choose a family with larger classes, or lower a limit"),
    ],
)  # fmt: skip
def test_a_budget_that_does_not_fit_is_a_sentence_and_the_sum(
    desk: Desk, instance: str, given: str, old: str, new: str, do: str
) -> None:
    desk.write("prod", TEXTS["prod"].replace(old, new))

    sentence, title, *table = desk.refused("preview", "--env", "prod").splitlines()

    assert_sentence(
        sentence,
        key=f"{NS}{instance}.instanceClass",
        value=f'"{given}"',
        allowed=" are promised, as shown below",
        do=do,
    )
    assert title == f"{instance}: {given}"
    assert [line.split()[0] for line in table[-2:]] == ["total", "left"]


def test_an_account_without_quotes_is_one_as_long_as_it_begins_with_no_zero(desk: Desk) -> None:
    """Pulumi makes text of it; only the folder's other files are missing then."""
    desk.write("dev", TEXTS["dev"].replace('"111122223333"', "111122223333"))

    assert desk.refused("preview", "--env", "dev").startswith("Pulumi.yaml is not in ")
