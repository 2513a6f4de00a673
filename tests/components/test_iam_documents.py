"""Policy documents, whole: what is allowed, to whom, on what, and until when."""

from __future__ import annotations

from datetime import UTC, datetime

from components import iam_documents

ENDS_AT = datetime(2027, 2, 1, tzinfo=UTC)
UNTIL = {"Condition": {"DateLessThan": {"aws:CurrentTime": "2027-02-01T00:00:00Z"}}}


def test_irsa_trust_names_one_service_account_and_one_audience() -> None:
    document = iam_documents.irsa_trust(
        provider_arn="arn:aws:iam::1:oidc-provider/oidc.eks/id/A",
        issuer="https://oidc.eks/id/A",
        namespace="airflow-prod",
        service_account="workflow-billing",
    )
    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OneServiceAccount",
                "Effect": "Allow",
                "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks/id/A"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        "oidc.eks/id/A:sub": "system:serviceaccount:airflow-prod:workflow-billing",
                        "oidc.eks/id/A:aud": "sts.amazonaws.com",
                    }
                },
            }
        ],
    }


def test_trust_of_principals_can_end() -> None:
    principals = ["arn:aws:iam::1:role/b", "arn:aws:iam::1:role/a"]
    statement = {
        "Sid": "NamedPrincipals",
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b"]},
        "Action": "sts:AssumeRole",
    }
    forever = iam_documents.principal_trust(principals=principals)
    assert forever["Statement"] == [statement]
    ending = iam_documents.principal_trust(principals=principals, ends_at=ENDS_AT)
    assert ending["Statement"] == [statement | UNTIL]


def test_trust_of_a_service() -> None:
    document = iam_documents.service_trust(service="lambda.amazonaws.com")
    assert document["Statement"] == [
        {
            "Sid": "Service",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]


def test_enhanced_monitoring_is_believed_for_one_instance_of_the_account() -> None:
    document = iam_documents.monitoring_trust(region="eu-west-1", account="1", identifier="a")
    (statement,) = document["Statement"]
    assert statement["Principal"] == {"Service": "monitoring.rds.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": "1",
            "aws:SourceArn": "arn:aws:rds:eu-west-1:1:db:a",
        }
    }


def test_connecting_is_allowed_as_exactly_the_users_named() -> None:
    statement = {
        "Sid": "LogIn",
        "Effect": "Allow",
        "Action": "rds-db:connect",
        "Resource": [
            "arn:aws:rds-db:eu-west-1:1:dbuser:db-A/prod_billing",
            "arn:aws:rds-db:eu-west-1:1:dbuser:db-A/prod_reference",
        ],
    }
    users = ["prod_billing", "prod_reference"]
    forever = iam_documents.connect(
        region="eu-west-1", account="1", resource_id="db-A", db_users=users
    )
    assert forever["Statement"] == [statement]
    ending = iam_documents.connect(
        region="eu-west-1", account="1", resource_id="db-A", db_users=users, ends_at=ENDS_AT
    )
    assert ending["Statement"] == [statement | UNTIL]


def test_reading_a_secret_decrypts_that_secret_only() -> None:
    document = iam_documents.read_secret(region="eu-west-1", secret_arn="arn:s", key_arn="arn:k")
    assert document["Statement"] == [
        {
            "Sid": "ReadSecret",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "arn:s",
        },
        {
            "Sid": "DecryptSecret",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": "arn:k",
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com",
                    "kms:EncryptionContext:SecretARN": "arn:s",
                }
            },
        },
    ]


def test_a_function_writes_its_own_log_and_its_code_makes_no_network_interfaces() -> None:
    document = iam_documents.run_in_vpc(
        region="eu-west-1", account="1", function="f", log_group="/aws/lambda/f"
    )
    log, allowed, denied = document["Statement"]
    assert log["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert log["Resource"] == "arn:aws:logs:eu-west-1:1:log-group:/aws/lambda/f:*"
    assert all(action.startswith("ec2:") for action in allowed["Action"])
    assert (denied["Effect"], denied["Action"]) == ("Deny", allowed["Action"])
    assert denied["Condition"] == {
        "ArnEquals": {"lambda:SourceFunctionArn": "arn:aws:lambda:eu-west-1:1:function:f"}
    }


def test_a_key_belongs_to_its_account_and_serves_named_log_groups() -> None:
    account = {
        "Sid": "Account",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::1:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    alone = iam_documents.key_policy(region="eu-west-1", account="1")
    assert alone["Statement"] == [account]

    document = iam_documents.key_policy(region="eu-west-1", account="1", log_groups=["/a", "/b-*"])
    first, logs = document["Statement"]
    assert first == account
    assert logs["Principal"] == {"Service": "logs.eu-west-1.amazonaws.com"}
    assert logs["Condition"] == {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": [
                "arn:aws:logs:eu-west-1:1:log-group:/a",
                "arn:aws:logs:eu-west-1:1:log-group:/b-*",
            ]
        }
    }
    assert not [action for action in logs["Action"] if "Grant" in action or "*" in action]
