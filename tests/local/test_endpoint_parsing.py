"""Whatever bytes arrive, they are understood or refused; no input makes the endpoint stumble."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.account.postgres import Credential, Decision, InstanceSpec, protocol, token
from local.account.postgres.protocol import Refused, parse_startup
from local.account.postgres.scram import PLAIN, PLUS, Scram
from local.account.postgres.token import TokenError, verify

SPEC = InstanceSpec(
    identifier="parsing",
    resource_id="db-PARSING",
    major=16,
    port=5432,
    master_username="dbmaster",
    parameters={},
    iam_enabled=True,
    database=None,
    region="eu-west-1",
    account="123456789012",
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Signed with AWS's published example secret; only its shape matters here.
PARTS = [
    ("Action", "connect"),
    ("DBUser", "billing"),
    ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
    ("X-Amz-Credential", "AKIDEXAMPLE/20260101/eu-west-1/rds-db/aws4_request"),
    ("X-Amz-Date", "20260101T000000Z"),
    ("X-Amz-Expires", "900"),
    ("X-Amz-SignedHeaders", "host"),
    ("X-Amz-Signature", "0" * 64),
]
HOSTS = ["127.0.0.1:5432", "h:x", "[", "h:99999", "a@b", "", "\ufb00:1", "h\0:1", "[::1]:1"]
VALUES = ["9" * 400, "-1", "20269999T000000Z", "/////", "%ff"]


class EverybodyIsKnown:
    """Every access key exists, so that a token gets as far as its shape carries it."""

    def credential(self, access_key_id: str, session_token: str | None) -> Credential:
        """Whatever is asked for."""
        return Credential(secret_key="secret", principal_arn=f"{access_key_id} {session_token}")

    def authorize(self, principal_arn: str, action: str, resource: str) -> Decision:
        """Never reached without a signature."""
        raise AssertionError((principal_arn, action, resource))


def check(password: str) -> str:
    with pytest.raises(TokenError) as caught:
        verify(
            password,
            user="billing",
            endpoint="127.0.0.1:5432",
            spec=SPEC,
            identities=EverybodyIsKnown(),
            now=NOW,
        )
    return str(caught.value)


def test_the_example_is_well_formed() -> None:
    text = "127.0.0.1:5432/?" + "&".join(f"{name}={value}" for name, value in PARTS)

    assert check(text) == "signature does not match"


@settings(max_examples=300, deadline=None)
@given(
    host=st.sampled_from(HOSTS),
    broken=st.integers(0, len(PARTS) - 1),
    value=st.text(max_size=30) | st.sampled_from(VALUES),
    drop=st.booleans(),
)
def test_broken_token(*, host: str, broken: int, value: str, drop: bool) -> None:
    parts = [
        (name, value if number == broken else good)
        for number, (name, good) in enumerate(PARTS)
        if not (drop and number == broken)
    ]
    text = f"{host}/?" + "&".join(f"{name}={good}" for name, good in parts)

    assert check(text) in {"token is malformed", "signature does not match"}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200).filter(lambda text: "X-Amz-" not in text))
def test_any_password(text: str) -> None:
    assert check(text) == "password given for a login that is a member of rds_iam"
    assert check(f"X-Amz-{text}") == "token is malformed"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100) | st.lists(st.binary(max_size=8)).map(b"\0".join))
def test_any_startup_packet(body: bytes) -> None:
    """What is not refused names one user, and asks the server for the very same."""
    with contextlib.suppress(Refused):
        startup = parse_startup(struct.pack("!I", 3 << 16) + body + b"\0\0")

        assert startup.user
        assert len(startup.user.encode()) <= 63
        assert parse_startup(startup.packet[4:]) == startup


@settings(max_examples=300, deadline=None)
@given(
    mechanism=st.sampled_from([PLAIN, PLUS, "SCRAM-SHA-1", ""]),
    first=st.binary(max_size=40) | st.text("np=yr,xtlsserveendpoi-", max_size=50).map(str.encode),
    final=st.binary(max_size=60) | st.text("cr=p,+/Aa", max_size=80).map(str.encode),
)
def test_any_scram_exchange(mechanism: str, first: bytes, final: bytes) -> None:
    scram = Scram(None, "anyone", b"binding")

    with contextlib.suppress(Refused):
        scram.first(mechanism, first)
    with contextlib.suppress(Refused):
        assert scram.final(final) is None


@pytest.mark.parametrize(
    "verifier",
    [None, "", "md5" + "0" * 32, "SCRAM-SHA-256$x", "SCRAM-SHA-1$4096:abcd$AAAA:AAAA", "$:$:"],
)
def test_verifier_that_is_none(verifier: str | None) -> None:
    """It looks like that of anyone else, and tells nothing of what is stored."""
    answer = Scram(verifier, "anyone", None).first(PLAIN, b"n,,n=,r=x")

    assert answer.startswith(b"r=x")
    assert (
        answer.partition(b",s=")[2]
        == Scram(None, "anyone", None).first(PLAIN, b"n,,n=,r=x").partition(b",s=")[2]
    )


class ScramClient:
    """The client's side, as RFC 5802 has it."""

    def __init__(self, scram: Scram, header: bytes = b"p=tls-server-end-point,,") -> None:
        self.scram = scram
        self.first_bare = b"n=,r=abc"
        mechanism = PLUS if header.startswith(b"p") else PLAIN
        self.challenge = scram.first(mechanism, header + self.first_bare)

    def prove(self, password: str, channel: bytes, nonce: bytes | None = None) -> bytes | None:
        """Answer the challenge; give what the server says to it."""
        fields = dict(part.split(b"=", 1) for part in self.challenge.split(b","))
        key = hashlib.pbkdf2_hmac(
            "sha256", password.encode(), base64.b64decode(fields[b"s"]), int(fields[b"i"])
        )
        client_key = hmac.digest(key, b"Client Key", "sha256")
        unproven = b"c=" + base64.b64encode(channel) + b",r=" + (nonce or fields[b"r"])
        exchange = b",".join((self.first_bare, self.challenge, unproven))
        signature = hmac.digest(hashlib.sha256(client_key).digest(), exchange, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        return self.scram.final(unproven + b",p=" + base64.b64encode(proof))


def verifier_of(password: str) -> str:
    salt = b"0123456789abcdef"
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(key, b"Client Key", "sha256")).digest()
    server = hmac.digest(key, b"Server Key", "sha256")
    b64 = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256$4096:{}${}:{}".format(*b64)


BOUND = b"p=tls-server-end-point,,binding"


@pytest.mark.parametrize(
    ("password", "channel", "nonce", "good"),
    [
        ("correct-horse", BOUND, None, True),
        ("wrong-horse", BOUND, None, False),
        ("correct-horse", b"p=tls-server-end-point,,another", None, False),
        ("correct-horse", b"n,,", None, False),
        ("correct-horse", BOUND, b"abc", False),
        ("correct-horse", BOUND, b"another", False),
    ],
)
def test_scram_proof(password: str, channel: bytes, nonce: bytes | None, *, good: bool) -> None:
    """Password, channel and nonce all have to be right: this is what stops a relayed login."""
    client = ScramClient(Scram(verifier_of("correct-horse"), "anyone", b"binding"))

    answer = client.prove(password, channel, nonce)

    assert (answer is not None) == good


def test_secrets_are_not_shown() -> None:
    shown = repr(Credential(secret_key="very-secret", principal_arn="arn"))

    assert "very-secret" not in shown


def test_error_message_is_read_back() -> None:
    fields = protocol.error_fields(protocol.error("28000", "no")[5:])

    assert fields == {"S": "FATAL", "V": "FATAL", "C": "28000", "M": "no"}


def test_age_limit_is_rds_own() -> None:
    assert token.MAX_AGE.total_seconds() == 900
