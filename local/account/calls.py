"""An HTTP request as a call of an AWS operation, and results and errors back in its protocol.

Parsing, routing and serializing are moto's, driven by botocore's service models; which services
this account has is decided here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.wrappers import Response

from local.account import buckets
from local.account.errors import AwsError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.core.model import OperationModel
    from moto.core.request import Request

# Signing name -> botocore's name and the prefix of IAM actions, of every service served.
SERVICES = {
    "ec2": ("ec2", "ec2"),
    "eks": ("eks", "eks"),
    "events": ("events", "events"),
    "iam": ("iam", "iam"),
    "kms": ("kms", "kms"),
    "lambda": ("lambda", "lambda"),
    "logs": ("logs", "logs"),
    "monitoring": ("cloudwatch", "cloudwatch"),
    "rds": ("rds", "rds"),
    "s3": ("s3", "s3"),
    "secretsmanager": ("secretsmanager", "secretsmanager"),
    "sns": ("sns", "sns"),
    "sqs": ("sqs", "sqs"),
    "sts": ("sts", "sts"),
}
# Operations whose IAM action has another name.
_ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction", "lambda:InvokeAsync": "lambda:InvokeFunction"}
_READS = (
    "BatchGet",
    "Describe",
    "Filter",
    "Get",
    "Head",
    "List",
    "Lookup",
    "Search",
    "Simulate",
    "Test",
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an operation.

    Attributes:
        service: botocore's name of the service.
        action: the IAM action, such as `rds:CreateDBInstance`.
        operation: botocore's model of the operation.
        protocol: the protocol it arrived in, and is answered in.
        parameters: the operation's input, by the names that AWS gives them.
        request: the request itself.
    """

    service: str
    action: str
    operation: OperationModel
    protocol: str
    parameters: Mapping[str, Any]
    request: Request

    @property
    def name(self) -> str:
        """The operation's name."""
        return str(self.operation.name)

    @property
    def changes(self) -> bool:
        """Whether it may change what the account holds."""
        return not self.name.startswith(_READS)


def protocol_of(request: Request, signing_name: str) -> str:
    """The protocol that a request is to be answered in, whatever is wrong with it."""
    if signing_name not in SERVICES:
        target = request.headers.get("X-Amz-Target")
        return "json" if target else "query"
    model = get_service_model(SERVICES[signing_name][0])
    try:
        return determine_request_protocol(model, request.content_type)
    except NotImplementedError:
        return str(model.protocol)


def parse(request: Request, body: bytes, signing_name: str) -> Call:
    """Find the operation that a request calls, and its input.

    Raises:
        RefusedError: the service or operation is not served, or the request is ambiguous.
    """
    if signing_name not in SERVICES:
        raise RefusedError(
            "unknown operation",
            f"This account has no {signing_name!r}, only {', '.join(sorted(SERVICES))}.",
        )
    service, prefix = SERVICES[signing_name]
    model = get_service_model(service)
    protocol = protocol_of(request, signing_name)
    # moto takes an Action from anywhere first; what is authorized has to be what is carried out.
    actions = [*request.args.getlist("Action"), *request.form.getlist("Action")]
    if len(actions) != (1 if protocol in {"query", "ec2"} else 0):
        raise RefusedError("unknown operation", "The request does not name exactly one action.")
    try:
        operation, labels = get_service_router(service).match(request)
    except (NotFound, MethodNotAllowed):
        raise RefusedError("unknown operation", f"{service} has no such operation.") from None
    parser = PROTOCOL_PARSERS[protocol](model.operation_model(str(operation.name)))
    try:
        parameters = parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": body,
                "url_path": request.path,
                "url_params": labels,
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError(
            "unknown operation", f"The input of {operation.name} cannot be read: {error}."
        ) from None
    if service == "s3":
        buckets.check_readable(request, parameters)
        action = buckets.action_of(str(operation.name), parameters)
    else:
        action = f"{prefix}:{operation.name}"
    return Call(
        service=service,
        action=_ACTIONS.get(action, action),
        operation=operation,
        protocol=protocol,
        parameters=parameters,
        request=request,
    )


def answer(call: Call, result: Mapping[str, Any]) -> Response:
    """The result of an operation that the account carries out itself."""
    serializer = get_serializer_class(call.service, call.protocol)(call.operation)
    serialized = serializer.serialize(result)
    return Response(
        serialized["body"], status=serialized["status_code"], headers=serialized["headers"]
    )


def refusal(protocol: str, error: AwsError | RefusedError) -> Response:
    """An error in the form that clients of this protocol read."""
    if isinstance(error, RefusedError):
        error = error.as_error(protocol)
    if protocol in {"json", "rest-json"}:
        return Response(
            json.dumps({"__type": error.code, "message": error.message}),
            status=error.status,
            content_type="application/x-amz-json-1.1",
            headers={"X-Amzn-ErrorType": error.code},
        )
    code, message = escape(error.code), escape(error.message)
    if protocol == "rest-xml":
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return Response(body, status=error.status, content_type="application/xml")
    if protocol == "ec2":
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            "</Errors><RequestID>local</RequestID></Response>"
        )
    else:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{message}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
        )
    return Response(body, status=error.status, content_type="text/xml")
