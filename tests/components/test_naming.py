"""Physical names: what they are, that they fit, and that they are refused where they cannot."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from components import naming


def test_names_in_postgresql() -> None:
    assert naming.schema_name("prod", "billing", 3) == "prod_billing_v3"
    assert naming.group_roles("prod", "bank-exports") == (
        "prod_bank_exports_owner",
        "prod_bank_exports_writer",
        "prod_bank_exports_reader",
    )
    assert naming.login_name("prod", "bank-exports") == "prod_bank_exports"
    assert naming.metadata_database("prod-eu") == "airflow_prod_eu"
    assert naming.metadata_role("prod-eu", "api-server") == "airflow_prod_eu_api_server"


def test_names_in_kubernetes_and_of_identities() -> None:
    assert naming.namespace("prod") == "airflow-prod"
    assert naming.service_account("bank-exports") == "workflow-bank-exports"
    assert naming.access_role("prod", "person", "analysts") == "airflow-prod-person-analysts"
    assert (
        naming.access_role("prod", "component", "triggerer") == "airflow-prod-component-triggerer"
    )
    assert naming.connection_secret("prod", "billing") == "airflow/prod/connections/billing"
    assert naming.key_secret("prod", "fernet") == "airflow/prod/keys/fernet"


def test_names_in_aws() -> None:
    assert naming.db_instance_name("airflow-prod", "metadata") == "airflow-prod-metadata"
    assert naming.lambda_name("airflow-prod-metadata", "bootstrap").endswith("metadata-bootstrap")
    assert naming.kms_alias("airflow-prod", "metadata") == "alias/airflow-prod-metadata"
    assert naming.alarm_name("airflow-prod", "metadata", "cpu") == "airflow-prod-metadata-cpu"
    assert naming.bucket_name("airflow-prod", "task-logs", "1") == "airflow-prod-task-logs-1"
    assert naming.rds_log_group("a", "upgrade") == "/aws/rds/instance/a/upgrade"
    assert naming.lambda_log_group("a") == "/aws/lambda/a"
    assert naming.proxy_log_group("a") == "/aws/rds/proxy/a"


@pytest.mark.parametrize("length", [62, 63])
def test_an_identifier_of_63_bytes_is_kept_whole(length: int) -> None:
    name = "w" * (length - len("prod_"))
    assert len(naming.login_name("prod", name)) == length


def test_an_identifier_of_64_bytes_is_refused_not_shortened() -> None:
    with pytest.raises(ValueError, match="has 64 bytes; PostgreSQL keeps 63; choose a shorter"):
        naming.login_name("prod", "w" * 59)


@pytest.mark.parametrize("length", [63, 64])
def test_an_iam_role_name_of_64_characters_is_kept_whole(length: int) -> None:
    name = "w" * (length - len("airflow-prod-workflow-"))
    expected = f"airflow-prod-workflow-{name}"
    assert naming.access_role("prod", "workflow", name) == expected


def test_a_longer_one_ends_in_a_hash_of_the_whole() -> None:
    first = naming.access_role("prod", "workflow", "w" * 60 + "-a")
    second = naming.access_role("prod", "workflow", "w" * 60 + "-b")
    assert len(first) == len(second) == naming.IAM_ROLE_CHARACTERS
    assert first[:55] == second[:55] == "airflow-prod-workflow-" + "w" * 33
    assert first == "airflow-prod-workflow-" + "w" * 33 + "-18ad235b"
    assert second != first


def test_a_shortened_name_has_no_double_dash() -> None:
    name = naming.aws_name(21, "airflow", "abc", "defghijklmno")
    assert re.fullmatch(r"airflow-abc-[0-9a-f]{8}", name)


def test_a_stem_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="'eeeeeeeeeeee' alone leaves no room"):
        naming.aws_name(20, "e" * 12, "monitoring")


@pytest.mark.parametrize("word", ["", "Billing", "a_b", "a--b", "-a", "a-", "a b", "ä", "a/b", "*"])
def test_words_of_other_characters_are_refused(word: str) -> None:
    names: list[Callable[[], str]] = [
        lambda: naming.iam_role_name("airflow", word),
        lambda: naming.login_name("prod", word),
        lambda: naming.schema_name(word, "billing", 1),
        lambda: naming.namespace(word),
        lambda: naming.connection_secret("prod", word),
        lambda: naming.key_secret("prod", word),
        lambda: naming.metadata_role("prod", word),
        lambda: naming.bucket_name("airflow", word),
    ]
    for name in names:
        with pytest.raises(ValueError, match="is not allowed; use lower-case"):
            name()


def test_a_version_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="version of 'billing' is 0; a version is a number from 1"):
        naming.schema_name("prod", "billing", 0)


def test_a_namespace_longer_than_a_label_is_refused() -> None:
    with pytest.raises(ValueError, match="has 64 characters; Kubernetes allows 63"):
        naming.namespace("e" * 56)


def test_a_secret_name_is_refused_where_it_does_not_fit() -> None:
    with pytest.raises(ValueError, match="Secrets Manager allows 512"):
        naming.connection_secret("prod", "w" * 500)


def test_a_security_group_may_not_start_like_an_id() -> None:
    with pytest.raises(ValueError, match="starts with 'sg-', which EC2 reserves"):
        naming.security_group_name("sg", "access")
