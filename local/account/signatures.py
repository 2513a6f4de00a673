"""Checks the Signature Version 4 of a request, recomputed with botocore's own signer.

Only the `Authorization` header counts. Signatures in the query string (presigned URLs) are not
served, and neither are payloads that are unsigned or signed in chunks: over plain HTTP, AWS's SDKs
sign the whole body.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.account.errors import RefusedError

if TYPE_CHECKING:
    from moto.core.request import Request

# AWS: "a request must reach AWS within five minutes of the time stamp in the request".
MAX_SKEW_SECONDS = 300
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request, *SignedHeaders=(?P<headers>[^,\s]+), *"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What the `Authorization` header says; nothing of it is proven yet."""

    access_key_id: str
    day: str
    region: str
    service: str
    signed_headers: frozenset[str]
    signature: str


def read(request: Request) -> Signature | None:
    """Read the signature; None when the request has none.

    Raises:
        RefusedError: it is not of the form that Signature Version 4 has.
    """
    header = request.headers.get("Authorization")
    if not header:
        return None
    found = _HEADER.fullmatch(header.strip())
    if not found:
        raise RefusedError(
            "unreadable signature", "The Authorization header is not a Signature Version 4."
        )
    return Signature(
        access_key_id=found["key"],
        day=found["day"],
        region=found["region"],
        service=found["service"],
        signed_headers=frozenset(found["headers"].lower().split(";")),
        signature=found["signature"],
    )


def check(signature: Signature, request: Request, body: bytes, secret_key: str, now: float) -> None:
    """Prove that the holder of `secret_key` signed this very request, and not long ago.

    Raises:
        RefusedError: it is not so; the message says what is wrong.
    """
    time_stamp = request.headers.get("X-Amz-Date", "")
    _check_time(time_stamp, signature.day, now)
    # What is not covered could be changed on the way: the host and every header of AWS's own.
    covered = {"host"} | {
        name.lower() for name, _ in request.headers if name.lower().startswith("x-amz-")
    }
    if missing := covered - signature.signed_headers:
        raise _mismatch(f"The header {min(missing)} is not among the signed headers.")
    stated = request.headers.get("X-Amz-Content-SHA256", "")
    if signature.service == "s3" and not _DIGEST.fullmatch(stated):
        raise _mismatch(
            f"x-amz-content-sha256 is {stated or 'missing'}: this account wants the SHA-256 of the "
            "whole body, which AWS's SDKs send over plain HTTP."
        )
    if stated and stated != hashlib.sha256(body).hexdigest():
        raise _mismatch("The value of x-amz-content-sha256 does not match the request's body.")
    signed = AWSRequest(
        method=request.method,
        url=request.raw_url,
        data=body,
        headers={
            name: value
            for name, value in request.headers
            if name.lower() in signature.signed_headers
        },
    )
    signed.context["timestamp"] = time_stamp
    # In S3 a path is signed as it is: not normalized, and escaped once.
    scheme = S3SigV4Auth if signature.service == "s3" else SigV4Auth
    signer = scheme(
        Credentials(signature.access_key_id, secret_key), signature.service, signature.region
    )
    expected = signer.signature(
        signer.string_to_sign(signed, signer.canonical_request(signed)), signed
    )
    if not hmac.compare_digest(expected, signature.signature):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method."
        )


def _check_time(time_stamp: str, day: str, now: float) -> None:
    try:
        signed_at = datetime.strptime(time_stamp, _TIME_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise RefusedError(
            "unreadable signature", "The request has no X-Amz-Date of the form 20300131T235959Z."
        ) from None
    if not time_stamp.startswith(day):
        raise _mismatch("The date in the credential scope is not that of X-Amz-Date.")
    if abs(now - signed_at) > MAX_SKEW_SECONDS:
        raise _mismatch(
            f"Signature expired: {time_stamp} is more than {MAX_SKEW_SECONDS} seconds away from "
            f"{datetime.fromtimestamp(now, UTC).strftime(_TIME_FORMAT)}."
        )


def _mismatch(message: str) -> RefusedError:
    return RefusedError("wrong signature", message)
