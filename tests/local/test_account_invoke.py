"""Who may invoke a function, and whose role it may have."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.local.account_fixtures import (
    ACCOUNT,
    REGION,
    USER,
    LocalAccount,
    allow,
    document,
    unique,
)
from tests.local.account_functions import TRUST, function, invoke, package

pytest_plugins = ["tests.local.account_fixtures"]


def test_who_may_invoke(local_account: LocalAccount) -> None:
    name = function(local_account, "def handle(event, context):\n    return 1")
    functions = local_account.client("lambda")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    role = local_account.role(invoke=document(allow("lambda:InvokeFunction", arn)))
    mine = local_account.client_of("lambda", local_account.assume(role))
    assert mine.invoke(FunctionName=name)["StatusCode"] == 200
    with pytest.raises(ClientError, match="not authorized to perform: lambda:InvokeFunction"):
        mine.invoke(FunctionName=function(local_account, ""))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        local_account.client("lambda", "analyst").invoke(FunctionName=name)
    functions.add_permission(
        FunctionName=name,
        StatementId="a",
        Action="lambda:InvokeFunction",
        Principal=f"{USER}analyst",
    )
    assert local_account.client("lambda", "analyst").invoke(FunctionName=name)["StatusCode"] == 200


def test_a_role_has_to_trust_lambda_and_to_be_passed(local_account: LocalAccount) -> None:
    with pytest.raises(ClientError, match="cannot be assumed by Lambda: the trust policy of role"):
        invoke(local_account, function(local_account, "", role=local_account.role()))
    target = local_account.role(TRUST)
    creator = local_account.role(create=document(allow("lambda:CreateFunction")))
    client = local_account.client_of("lambda", local_account.assume(creator))
    with pytest.raises(ClientError, match=f"iam:PassRole on resource: {target}"):
        client.create_function(
            FunctionName=unique("function"),
            Role=target,
            Handler="app.main.handle",
            Runtime="python3.13",
            Code={"ZipFile": package("")},
        )


def test_a_function_that_is_not_there(local_account: LocalAccount) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        invoke(local_account, unique("nothing"))
    name = function(local_account, "")
    with pytest.raises(ClientError, match="Could not parse request body into json"):
        local_account.client("lambda").invoke(FunctionName=name, Payload=b"{")
