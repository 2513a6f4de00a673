"""The words in which the endpoint's log says why a login was refused; stable."""

from __future__ import annotations

NO_TLS = "no TLS although rds.force_ssl=1"
IAM_WITHOUT_TLS = "IAM database authentication needs TLS"
RESERVED = "rdsadmin is reserved for the service itself"
REPLICATION = "replication is not offered"
IAM_NOT_ENABLED = "IAM database authentication is not enabled on this instance"
NOT_AN_IAM_CREDENTIAL = "password given for a login that is a member of rds_iam"
NOT_PROVEN = "wrong password, or no such login"
EXPIRED = "the password has expired"
MALFORMED = "token is malformed"
SIGNATURE = "signature does not match"
TOO_OLD = "token is older than 15 minutes"
PAST_ITS_LIFETIME = "token is past the lifetime it was signed for"
FROM_THE_FUTURE = "token is dated in the future"
SERVER_DOWN = "the server is not running"
AUTHENTICATION_TIMEOUT = "authentication took longer than 60 seconds"
CLIENT_GONE = "the client went away before it was logged in"
NOT_TLS = "TLS handshake failed"


def other_user(signed_for: str, user: str) -> str:
    """The token names another login than the one that is used."""
    return f"token is for user {signed_for}, not {user}"


def other_endpoint(signed_for: str, endpoint: str) -> str:
    """The token names another host and port than the ones connected to."""
    return f"token is for {signed_for}, not {endpoint}"


def other_region(signed_for: str, region: str) -> str:
    """The token was signed for another region."""
    return f"token is for region {signed_for}, not {region}"
