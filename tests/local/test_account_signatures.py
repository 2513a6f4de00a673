"""Nobody gets an answer without proof of who he is; signatures, sessions, what is not served."""

from __future__ import annotations

import hashlib
import http.client
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.account.errors import RefusedError
from local.account.sessions import Sessions
from tests.local.account_fixtures import REGION, LocalAccount, allow, document

pytest_plugins = ["tests.local.account_fixtures"]

BODY = "Action=GetCallerIdentity&Version=2011-06-15"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


def _signed(
    account: LocalAccount, body: str = BODY, service: str = "sts", **headers: str
) -> tuple[str, dict[str, str]]:
    """A signed request's body and headers, as botocore makes them."""
    frozen = account.session().get_credentials().get_frozen_credentials()
    request = AWSRequest(
        "POST", f"{account.url}/", {"Content-Type": FORM, **headers}, body.encode()
    )
    SigV4Auth(Credentials(frozen.access_key, frozen.secret_key), service, REGION).add_auth(request)
    return body, dict(request.headers.items())


def _send(account: LocalAccount, body: str, headers: dict[str, str], path: str = "/") -> str:
    """Send a request as it is; status and body in one text."""
    connection = http.client.HTTPConnection(account.url.removeprefix("http://"), timeout=10)
    connection.request("POST", path, body.encode(), headers)
    response = connection.getresponse()
    text = f"{response.status} {response.read().decode()}"
    connection.close()
    return text


def test_a_signed_request_is_answered(local_account: LocalAccount) -> None:
    answer = _send(local_account, *_signed(local_account))
    assert answer.startswith("200")
    assert "user/deployer" in answer


def _body(body: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    return body.replace("GetCallerIdentity", "GetSessionToken"), headers


def _body_and_digest(_body: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    body = "Action=GetSessionToken"
    return body, {**headers, "X-Amz-Content-SHA256": hashlib.sha256(body.encode()).hexdigest()}


def _with(name: str, value: str) -> Callable[[str, dict[str, str]], tuple[str, dict[str, str]]]:
    return lambda body, headers: (body, {**headers, name: value})


def _edited(old: str, new: str) -> Callable[[str, dict[str, str]], tuple[str, dict[str, str]]]:
    def change(body: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        assert old in headers["Authorization"]
        return body, {**headers, "Authorization": headers["Authorization"].replace(old, new)}

    return change


TAMPERED = {
    "another body": (_body, "SignatureDoesNotMatch"),
    "another body with its digest": (_body_and_digest, "SignatureDoesNotMatch"),
    "a digest of another body": (_with("X-Amz-Content-SHA256", "0" * 64), "SignatureDoesNotMatch"),
    "an unsigned header of AWS's": (_with("X-Amz-Target", "x.y"), "SignatureDoesNotMatch"),
    "another host": (_with("Host", "sts.amazonaws.com"), "SignatureDoesNotMatch"),
    "another region in the scope": (_edited(f"/{REGION}/", "/eu-west-2/"), "SignatureDoesNotMatch"),
    "another service in the scope": (_edited("/sts/", "/iam/"), "SignatureDoesNotMatch"),
    "another signature": (_edited("Signature=", f"Signature={'0' * 64}"), "IncompleteSignature"),
    "fewer signed headers": (_edited("host;", ""), "SignatureDoesNotMatch"),
    "no signature": (_with("Authorization", ""), "MissingAuthenticationToken"),
    "a bearer token": (_with("Authorization", "Bearer x"), "IncompleteSignature"),
}


@pytest.mark.parametrize(("change", "code"), TAMPERED.values(), ids=TAMPERED.keys())
def test_a_request_that_was_changed_is_refused(
    local_account: LocalAccount, change: Callable[..., tuple[str, dict[str, str]]], code: str
) -> None:
    answer = _send(local_account, *change(*_signed(local_account)))
    assert f"<Code>{code}</Code>" in answer


def test_a_signed_digest_has_to_be_that_of_the_body(local_account: LocalAccount) -> None:
    digest = hashlib.sha256(BODY.encode()).hexdigest()
    body, headers = _signed(local_account, **{"X-Amz-Content-SHA256": digest})
    assert _send(local_account, body, headers).startswith("200")
    answer = _send(local_account, *_body(body, headers))
    assert "x-amz-content-sha256 does not match" in answer


def test_another_region_is_not_served(local_account: LocalAccount) -> None:
    session = local_account.session()
    for region in ("eu-central-1", "us-east-1"):
        elsewhere = session.client("rds", region_name=region)
        with pytest.raises(ClientError, match=f"signed for {region}; this account uses eu-west-1"):
            elsewhere.describe_db_instances()
    assert session.client("iam", region_name="us-east-1").list_users()["Users"]


def test_a_region_in_the_user_agent_is_not_believed(local_account: LocalAccount) -> None:
    agent = Config(user_agent_extra="region/us-west-2")
    topics = local_account.session().client("sns", config=agent).list_topics()["Topics"]
    assert topics == [{"TopicArn": local_account.zone.topic}]


def test_an_old_request_is_refused(
    local_account: LocalAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = datetime.fromtimestamp(time.time() - 301, UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: old)
    assert "Signature expired" in _send(local_account, *_signed(local_account))


def _with_key(account: LocalAccount, name: str, key: str, secret: str) -> Any:  # noqa: ANN401
    return boto3.client(
        name,
        region_name=REGION,
        endpoint_url=account.url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 1}),
    )


@pytest.mark.parametrize(
    ("name", "operation", "unknown", "wrong"),
    [
        ("iam", "list_roles", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("kms", "list_keys", "UnrecognizedClientException", "InvalidSignatureException"),
        ("lambda", "list_functions", "UnrecognizedClientException", "InvalidSignatureException"),
        ("ec2", "describe_vpcs", "AuthFailure", "SignatureDoesNotMatch"),
    ],
)
def test_each_protocol_has_its_own_words(
    local_account: LocalAccount, name: str, operation: str, unknown: str, wrong: str
) -> None:
    key = local_account.session().get_credentials().access_key
    for used, code in (("AKIA0000000000000000", unknown), (key, wrong)):
        with pytest.raises(ClientError) as refused:
            getattr(_with_key(local_account, name, used, "wrong"), operation)()
        assert refused.value.response["Error"]["Code"] == code


def test_a_key_that_is_switched_off_opens_nothing(local_account: LocalAccount) -> None:
    iam = local_account.client("iam")
    key = iam.create_access_key(UserName="break-glass")["AccessKey"]
    client = _with_key(local_account, "sts", key["AccessKeyId"], key["SecretAccessKey"])
    assert client.get_caller_identity()["Arn"].endswith("user/break-glass")
    iam.update_access_key(UserName="break-glass", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError, match="the access key is inactive"):
        client.get_caller_identity()
    iam.delete_access_key(UserName="break-glass", AccessKeyId=key["AccessKeyId"])


@pytest.mark.parametrize(
    "path", ["/moto-api/reset", "/moto-api/data.json", "/latest/meta-data/iam"]
)
def test_motos_own_doors_are_shut(local_account: LocalAccount, path: str) -> None:
    assert "MissingAuthenticationToken" in _send(local_account, "", {}, path)
    assert local_account.client("iam").list_users()["Users"]


def test_the_landing_zone_is_the_owners_alone(local_account: LocalAccount) -> None:
    answer = _send(local_account, "{}", {"Authorization": "Bearer x"}, "/_account/landing-zone")
    assert answer == "403 Only the account's root may do that."


def test_what_is_decided_is_what_is_carried_out(local_account: LocalAccount) -> None:
    """An Action in the query would have moto carry out another operation than the one decided."""
    ambiguous = f"{BODY}&Action=GetSessionToken"
    assert "exactly one action" in _send(local_account, *_signed(local_account, ambiguous))
    body, headers = _signed(local_account, "{}", "kms", **{"X-Amz-Target": "TrentService.ListKeys"})
    headers |= {"Content-Type": "application/x-amz-json-1.1"}
    frozen = local_account.session().get_credentials().get_frozen_credentials()
    request = AWSRequest("POST", f"{local_account.url}/?Action=CreateKey", headers, body.encode())
    SigV4Auth(Credentials(frozen.access_key, frozen.secret_key), "kms", REGION).add_auth(request)
    answer = _send(local_account, body, dict(request.headers.items()), "/?Action=CreateKey")
    assert "exactly one action" in answer


def test_a_service_that_is_not_here_says_which_are(local_account: LocalAccount) -> None:
    with pytest.raises(ClientError, match="This account has no 'dynamodb', only ec2, eks"):
        local_account.client("dynamodb").list_tables()
    with pytest.raises(ClientError, match="iam:SimulatePrincipalPolicy is not served"):
        local_account.client("iam").simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::123456789012:user/deployer", ActionNames=["s3:GetObject"]
        )


def test_a_session_ends_and_belongs_to_one_access_key(
    local_account: LocalAccount,
) -> None:
    role = local_account.role(read=document(allow("iam:ListRoles")))
    credentials = local_account.assume(role)
    assert local_account.client_of("iam", credentials).list_roles()["Roles"]
    other = local_account.assume(role)
    with pytest.raises(ClientError, match="belongs to another access key"):
        local_account.client_of(
            "iam", {**credentials, "SessionToken": other["SessionToken"]}
        ).list_roles()
    with pytest.raises(ClientError, match="the session token is unknown"):
        local_account.client_of(
            "iam", {**credentials, "SessionToken": credentials["SessionToken"][:-8] + "AAAAAAA="}
        ).list_roles()
    past = Sessions(local_account.paths.account / "sessions.key", lambda: time.time() - 7200)
    name = role.rpartition("/")[2]
    role_id = local_account.client("iam").get_role(RoleName=name)["Role"]["RoleId"]
    over = past.issue(role_arn=role, role_id=role_id, name="test", duration=3600)
    with pytest.raises(ClientError, match="ExpiredToken"):
        local_account.client_of(
            "iam",
            {
                "AccessKeyId": over.access_key_id,
                "SecretAccessKey": over.secret_access_key,
                "SessionToken": over.session_token,
            },
        ).list_roles()


def test_a_session_ends_with_its_role(local_account: LocalAccount) -> None:
    role = local_account.role(read=document(allow("iam:ListRoles")))
    client = local_account.client_of("iam", local_account.assume(role))
    assert client.list_roles()["Roles"]
    iam, name = local_account.client("iam"), role.rpartition("/")[2]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    iam.delete_role_policy(RoleName=name, PolicyName="read")
    iam.delete_role(RoleName=name)
    with pytest.raises(ClientError, match="does not exist any more"):
        client.list_roles()
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(*trust["Statement"]))
    with pytest.raises(ClientError, match="does not exist any more"):
        client.list_roles()


def test_a_refusal_has_no_protocol_of_its_own() -> None:
    error = RefusedError("denied", "no").as_error("rest-xml")
    assert (error.code, error.status) == ("AccessDenied", 403)
