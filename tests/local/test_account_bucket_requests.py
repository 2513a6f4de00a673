"""How requests to S3 are proven and read: signatures of S3's own kind, one meaning each."""

from __future__ import annotations

import http.client
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.local.account_fixtures import REGION, LocalAccount, unique

pytest_plugins = ["tests.local.account_fixtures"]


@pytest.fixture(scope="module")
def bucket(local_account: LocalAccount) -> str:
    name = unique("requests")
    local_account.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return name


class _Unsigned(S3SigV4Auth):  # type: ignore[misc] # botocore has no types
    """Signs a request, but not its body."""

    def payload(self, _request: AWSRequest) -> str:
        return "UNSIGNED-PAYLOAD"


def _send(
    account: LocalAccount,
    method: str,
    path: str,
    body: str = "",
    *,
    signer: type[S3SigV4Auth] = S3SigV4Auth,
    host: str = "",
    sent: str = "",
    secret_key: str = "",
) -> tuple[int, str]:
    """Send a request to S3 as the deployer signs it, with another body afterwards if `sent`."""
    held = account.session().get_credentials()
    credentials = Credentials(held.access_key, secret_key or held.secret_key)
    request = AWSRequest(method=method, url=account.url + path, data=body)
    if host:
        request.headers["Host"] = host
    signer(credentials, "s3", REGION).add_auth(request)
    return _plainly(account, method, path, sent or body, dict(request.headers.items()))


def _plainly(
    account: LocalAccount, method: str, path: str, body: str, headers: dict[str, str]
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(account.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "changes", "words"),
    [
        ("/{bucket}/x", {"sent": "two"}, "does not match the request's body"),
        ("/{bucket}/x", {"signer": _Unsigned}, "UNSIGNED-PAYLOAD: this account wants the SHA-256"),
        ("/x", {"host": "{bucket}.s3.eu-west-1.amazonaws.com"}, "not in the host"),
        ("/{bucket}//x", {}, "not /&lt;bucket&gt;/&lt;key&gt;"),
        ("/{bucket}/x?versionId=a&versionId=b", {}, "versionId is said twice"),
    ],
    ids=["another-body", "unsigned-body", "host", "slash-in-key", "twice"],
)
def test_what_could_be_read_in_two_ways_is_refused(
    local_account: LocalAccount, bucket: str, path: str, changes: dict[str, Any], words: str
) -> None:
    given: dict[str, Any] = {
        name: value.format(bucket=bucket) if isinstance(value, str) else value
        for name, value in changes.items()
    }
    status, answer = _send(local_account, "PUT", path.format(bucket=bucket), "one", **given)
    assert status >= 400
    assert words in answer


def test_a_signed_request_is_served_and_no_other(local_account: LocalAccount, bucket: str) -> None:
    path = f"/{bucket}/signed%20one"
    assert _send(local_account, "PUT", path, "one")[0] == 200
    assert _send(local_account, "GET", path) == (200, "one")
    status, answer = _plainly(local_account, "GET", path, "", {})
    assert (status, "carries no signature" in answer) == (403, True)
    status, answer = _send(local_account, "GET", path, secret_key="guessed")
    assert (status, "SignatureDoesNotMatch" in answer) == (403, True)
