"""STS: sessions of roles, for users, other sessions, service accounts and AWS services.

Session tags and source identities are not served, and neither are GetSessionToken and
GetFederationToken: nothing here needs them.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt
from moto.iam.exceptions import NotFoundException

from local.account.errors import AwsError, RefusedError, not_authorized
from local.account.iam import Policies, Policy, Request, decide
from local.account.oidc import Issuer
from local.account.principals import default_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.iam.models import OpenIDConnectProvider, Role

    from local.account.authorization import Authorizer
    from local.account.calls import Call
    from local.account.principals import Directory, Principal
    from local.account.sessions import Credentials

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_SHORTEST_SECONDS = 900
_DEFAULT_SECONDS = 3600
# A session that is assumed with another session's credentials ends after an hour at most.
_CHAINED_SECONDS = 3600
_NOT_SERVED = ("Tags", "TransitiveTagKeys", "SourceIdentity", "SerialNumber", "ProvidedContexts")


class SecurityTokenService:
    """Answers the calls of STS; the caller holds the account's lock."""

    def __init__(self, directory: Directory, authorizer: Authorizer, issuer: Issuer) -> None:
        self._directory = directory
        self._authorizer = authorizer
        self._issuer = issuer

    def assume_role(self, call: Call, caller: Principal) -> dict[str, Any]:
        """AssumeRole: the trust policy has to name the caller, or his account and he be allowed."""
        given = call.parameters
        arn = str(given["RoleArn"])
        context = {
            "sts:externalid": given.get("ExternalId"),
            "sts:rolesessionname": str(given["RoleSessionName"]),
        }
        role = self._directory.role(arn)
        if role is None:
            raise not_authorized(caller.arn, call.action, arn, "the role does not exist")
        decision = self._authorizer.decide(caller, call.action, arn, context, _trust(role))
        if not decision.allowed:
            raise not_authorized(caller.arn, call.action, arn, decision.reason)
        longest = _CHAINED_SECONDS if caller.session else None
        return self._session(role, given, longest=longest)

    def assume_role_with_web_identity(self, call: Call) -> dict[str, Any]:
        """AssumeRoleWithWebIdentity: a service account's token for a session of its role."""
        given = call.parameters
        arn = str(given["RoleArn"])
        provider, claims = self._identity(str(given["WebIdentityToken"]))
        role = self._directory.role(arn)
        refused = RefusedError("denied", f"Not authorized to perform {call.action}")
        if role is None:
            raise refused
        prefix = provider.url.lower()
        decision = decide(
            Request(
                subject=claims["sub"],
                action=call.action,
                resource=arn,
                context={
                    **self._authorizer.context(),
                    f"{prefix}:sub": claims["sub"],
                    f"{prefix}:aud": claims["aud"],
                    "sts:rolesessionname": str(given["RoleSessionName"]),
                },
                principals=frozenset({provider.arn}),
            ),
            Policies(resource=_trust(role), resource_decides=True),
        )
        if not decision.allowed:
            raise RefusedError("denied", f"{refused.message} because {decision.reason}")
        return {
            **self._session(role, given, provider=provider.arn),
            "SubjectFromWebIdentityToken": claims["sub"],
            "Provider": provider.arn,
            "Audience": claims["aud"],
        }

    def get_caller_identity(self, caller: Principal) -> dict[str, Any]:
        """GetCallerIdentity: open to everyone who can sign."""
        return {
            "UserId": caller.user_id,
            "Account": self._directory.backends.account,
            "Arn": caller.arn,
        }

    def for_service(self, role_arn: str, service: str, session_name: str) -> Credentials:
        """Start a session of a role for an AWS service that works on the account's behalf.

        Raises:
            RefusedError: the role does not exist or does not trust the service.
        """
        role = self._directory.role(role_arn)
        if role is None:
            raise RefusedError("denied", f"The role {role_arn} does not exist.")
        decision = decide(
            Request(
                subject=service,
                action="sts:AssumeRole",
                resource=role_arn,
                context=self._authorizer.context(),
                principals=frozenset({service}),
            ),
            Policies(resource=_trust(role), resource_decides=True),
        )
        if not decision.allowed:
            raise RefusedError("denied", decision.reason)
        return self._directory.sessions.issue(
            role_arn=role_arn, role_id=role.id, name=session_name, duration=_DEFAULT_SECONDS
        )

    def _identity(self, token: str) -> tuple[OpenIDConnectProvider, dict[str, str]]:
        """Check a service account's token and return its provider, and its `sub` and `aud`."""
        try:
            issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
        except jwt.InvalidTokenError:
            raise _invalid("The ID Token provided is not a valid JWT.") from None
        providers = self._directory.backends.iam.open_id_providers.values()
        provider = next((one for one in providers if f"https://{one.url}" == issuer), None)
        if provider is None:
            raise _invalid(f"No OpenIDConnect provider found in your account for {issuer}")
        if issuer != self._issuer.url:
            raise _invalid("Couldn't retrieve verification key from your identity provider")
        try:
            claims = self._issuer.verify(token)
        except jwt.InvalidTokenError as error:
            raise _invalid(f"The token cannot be verified: {error}.") from None
        now = self._directory.sessions.clock()
        if claims["exp"] <= now:
            raise AwsError(
                "ExpiredTokenException",
                f"Token expired: current date/time {_moment(now)} must be before the expiration "
                f"date/time {_moment(claims['exp'])}",
            )
        if max(claims["iat"], claims.get("nbf", 0)) > now:
            raise _invalid("The token is not valid yet.")
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if len(audiences) != 1 or audiences[0] not in provider.client_id_list:
            raise _invalid("Incorrect token audience")
        return provider, {"sub": str(claims["sub"]), "aud": str(audiences[0])}

    def _session(
        self,
        role: Role,
        given: Mapping[str, Any],
        *,
        longest: int | None = None,
        provider: str = "",
    ) -> dict[str, Any]:
        if unserved := [name for name in _NOT_SERVED if given.get(name)]:
            raise AwsError("ValidationError", f"{unserved[0]} is not served by this account.")
        name = str(given["RoleSessionName"])
        if not _SESSION_NAME.fullmatch(name):
            raise AwsError(
                "ValidationError",
                f"RoleSessionName {name!r} has to be 2 to 64 letters, digits or any of _+=,.@-",
            )
        longest = longest or int(role.max_session_duration or _DEFAULT_SECONDS)
        duration = int(given.get("DurationSeconds") or _DEFAULT_SECONDS)
        if not _SHORTEST_SECONDS <= duration <= longest:
            raise AwsError(
                "ValidationError",
                f"DurationSeconds {duration} has to be between {_SHORTEST_SECONDS} and {longest}.",
            )
        credentials = self._directory.sessions.issue(
            role_arn=role.arn,
            role_id=role.id,
            name=name,
            duration=duration,
            policies=self._session_policies(given),
            provider=provider,
        )
        account = self._directory.backends.account
        return {
            "Credentials": {
                "AccessKeyId": credentials.access_key_id,
                "SecretAccessKey": credentials.secret_access_key,
                "SessionToken": credentials.session_token,
                "Expiration": _moment(credentials.expires),
            },
            "AssumedRoleUser": {
                "AssumedRoleId": f"{role.id}:{name}",
                "Arn": f"arn:aws:sts::{account}:assumed-role/{role.name}/{name}",
            },
        }

    def _session_policies(self, given: Mapping[str, Any]) -> tuple[str, ...]:
        documents = []
        if document := given.get("Policy"):
            try:
                json.loads(document)
            except ValueError:
                raise AwsError("MalformedPolicyDocument", "The Policy is no JSON.") from None
            documents.append(str(document))
        for arn in (one["arn"] for one in given.get("PolicyArns") or ()):
            try:
                documents.append(default_document(self._directory.backends.iam.get_policy(arn)))
            except NotFoundException:
                raise AwsError("ValidationError", f"The policy {arn} does not exist.") from None
        return tuple(documents)


def _trust(role: Role) -> Policy:
    return Policy(f"the trust policy of role {role.name}", role.assume_role_policy_document)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidIdentityToken", message)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
