"""The AWS API of the account: proves who calls, decides, carries out, and remembers.

Calls take turns under one lock, because moto's stores are plain dictionaries; only functions run
outside of it, since they call the account themselves. What moto does right, moto answers.
"""

from __future__ import annotations

import hmac
import io
import json
import logging
import os
from typing import TYPE_CHECKING

from moto.core.exceptions import ServiceException
from moto.core.request import Request
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from local.account import calls, foundation, signatures
from local.account.errors import AwsError, RefusedError
from local.account.foundation import LandingZoneError
from local.account.landing_zone import LandingZone
from local.account.postgres import UnknownCredentialError
from local.account.routes import HEALTH, LANDING_ZONE
from local.account.sessions import ExpiredCredentialError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from local.account.account import Account
    from local.account.calls import Call
    from local.account.principals import Principal

log = logging.getLogger(__name__)

# The token in it is the proof; every other operation has to be signed.
_UNSIGNED = "AssumeRoleWithWebIdentity"
# These have one endpoint for all regions, and calls to it are signed for this one.
_GLOBAL_REGION = "us-east-1"
_GLOBAL_SERVICES = {"iam", "sts"}


class Application:
    """The WSGI application of an account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        body = Request(environ).get_data(cache=False)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        request = Request(dict(environ))
        if request.path == HEALTH:
            response = Response(json.dumps({"pid": os.getpid()}), content_type="application/json")
        elif request.path == LANDING_ZONE:
            response = self._landing_zone(request, body)
        else:
            response = self._api(request, body)
        return response(environ, start_response)

    def _api(self, request: Request, body: bytes) -> Response:
        """Answer a call of AWS."""
        protocol = "json" if request.headers.get("X-Amz-Target") else "query"
        try:
            signature = signatures.read(request)
            if signature is None:
                return self._carry_out(_unsigned(request, body), None, body)
            protocol = calls.protocol_of(request, signature.service)
            caller = self._caller(signature, request, body)
            return self._carry_out(calls.parse(request, body, signature.service), caller, body)
        except (AwsError, RefusedError) as error:
            return calls.refusal(protocol, error)
        except ServiceException as error:
            return calls.refusal(protocol, AwsError(error.code, error.message))
        except HTTPException as error:
            return Response(error.get_body(), error.code, error.get_headers())
        except Exception:
            # What was called is in the log, but neither its input nor its output: they may be
            # secret.
            log.exception("%s %s failed", request.method, request.headers.get("X-Amz-Target"))
            return calls.refusal(
                protocol, RefusedError("internal", "The account failed; its log says why.")
            )

    def _caller(self, signature: signatures.Signature, request: Request, body: bytes) -> Principal:
        """Prove who signed the request."""
        account = self._account
        try:
            with account.lock:
                secret_key, caller = account.directory.holder(
                    signature.access_key_id, request.headers.get("X-Amz-Security-Token")
                )
        except ExpiredCredentialError as error:
            raise RefusedError(
                "expired credential",
                f"The security token included in the request is expired: {error}.",
            ) from None
        except UnknownCredentialError as error:
            raise RefusedError(
                "unknown credential",
                f"The security token included in the request is invalid: {error}.",
            ) from None
        signatures.check(signature, request, body, secret_key, account.clock())
        if signature.region != account.region and (
            signature.region != _GLOBAL_REGION or signature.service not in _GLOBAL_SERVICES
        ):
            raise RefusedError(
                "wrong signature",
                f"The request is signed for {signature.region}; this account uses "
                f"{account.region} only.",
            )
        return caller

    def _carry_out(self, call: Call, caller: Principal | None, body: bytes) -> Response:
        account = self._account
        with account.lock:
            if call.action == "sts:AssumeRoleWithWebIdentity":
                return calls.answer(call, account.sts.assume_role_with_web_identity(call))
            if caller is None:
                raise _no_signature()
            if call.action == "sts:AssumeRole":
                return calls.answer(call, account.sts.assume_role(call, caller))
            account.authorizer.check(call, caller)
            if call.name not in {"Invoke", "RotateSecret"}:
                return self._under_lock(call, caller, body)
        if call.name == "RotateSecret":
            return calls.answer(call, account.rotations.rotate(call, caller))
        return account.functions.invoke(call)

    def _under_lock(self, call: Call, caller: Principal, body: bytes) -> Response:
        """Carry out all but a function; a change is on disk before its answer goes out."""
        account = self._account
        if call.service == "sts":
            if call.name != "GetCallerIdentity":
                raise RefusedError("unknown operation", f"{call.name} is not served here.")
            return calls.answer(call, account.sts.get_caller_identity(caller))
        if call.changes:
            # Before it is done: what is done and cannot be written down would be lost.
            account.require_room(len(body))
        try:
            result = account.without_moto(call)
            return self._by_moto(call, body) if result is None else calls.answer(call, result)
        finally:
            if call.changes:
                account.save()
            if call.service == "rds":
                account.instances.reconcile()

    def _by_moto(self, call: Call, body: bytes) -> Response:
        environ = {**call.request.environ, "wsgi.input": io.BytesIO(body)}
        # moto would believe a region in it, rather than the one the request is signed for.
        environ.pop("HTTP_USER_AGENT", None)
        try:
            return Response.from_app(self._moto, environ, buffered=True)
        except NotImplementedError:
            raise RefusedError(
                "unknown operation", f"{call.action} is not served by this account."
            ) from None

    def _landing_zone(self, request: Request, body: bytes) -> Response:
        """Add what the settings take for granted; only the owner of the account's files may."""
        account = self._account
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), account.root_key):
            return Response("Only the account's root may do that.", 403)
        try:
            zone = LandingZone.from_json(body)
            with account.lock:
                foundation.lay(zone, account.backends, account.issuer)
                account.save()
                account.write_profiles(zone)
        except LandingZoneError as error:
            return Response(str(error), 400)
        except OSError as error:
            text = f"The account cannot write its files ({error.strerror}): make room and run "
            return Response(f"{text}the same command again.", 507)
        if failures := account.instances.revive():
            return Response(" ".join(failures), 409)
        return Response("", 204)


def _unsigned(request: Request, body: bytes) -> Call:
    if request.form.get("Action") != _UNSIGNED:
        raise _no_signature()
    return calls.parse(request, body, "sts")


def _no_signature() -> RefusedError:
    return RefusedError("no signature", "The request carries no signature.")
