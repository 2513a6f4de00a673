"""Errors as AWS words them: the same refusal has other codes in other protocols."""

from __future__ import annotations

# What is wrong -> code and HTTP status by protocol; `query` stands for those that are not named.
_CODES: dict[str, dict[str, tuple[str, int]]] = {
    "no signature": {
        "query": ("MissingAuthenticationToken", 403),
        "json": ("MissingAuthenticationTokenException", 400),
        "rest-json": ("MissingAuthenticationTokenException", 403),
        "rest-xml": ("AccessDenied", 403),
    },
    "unreadable signature": {
        "query": ("IncompleteSignature", 400),
        "json": ("IncompleteSignatureException", 400),
        "rest-json": ("IncompleteSignatureException", 403),
        "rest-xml": ("AuthorizationHeaderMalformed", 400),
    },
    "unknown credential": {
        "query": ("InvalidClientTokenId", 403),
        "json": ("UnrecognizedClientException", 400),
        "rest-json": ("UnrecognizedClientException", 403),
        "ec2": ("AuthFailure", 401),
        "rest-xml": ("InvalidAccessKeyId", 403),
    },
    "expired credential": {
        "query": ("ExpiredToken", 403),
        "json": ("ExpiredTokenException", 400),
        "rest-json": ("ExpiredTokenException", 403),
        "ec2": ("RequestExpired", 400),
        "rest-xml": ("ExpiredToken", 400),
    },
    "wrong signature": {
        "query": ("SignatureDoesNotMatch", 403),
        "json": ("InvalidSignatureException", 400),
        "rest-json": ("InvalidSignatureException", 403),
    },
    "denied": {
        "query": ("AccessDenied", 403),
        "json": ("AccessDeniedException", 400),
        "rest-json": ("AccessDeniedException", 403),
        "ec2": ("UnauthorizedOperation", 403),
    },
    "unknown operation": {
        "query": ("InvalidAction", 400),
        "json": ("UnknownOperationException", 400),
        "rest-json": ("UnknownOperationException", 404),
        "rest-xml": ("NotImplemented", 501),
    },
    "internal": {
        "query": ("InternalFailure", 500),
        "json": ("InternalServerError", 500),
        "rest-json": ("ServiceException", 500),
        "rest-xml": ("InternalError", 500),
    },
}


class AwsError(Exception):
    """A refusal with the code that a client sees.

    Args:
        code: the service's own error code.
        message: one sentence, without a secret.
        status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class RefusedError(Exception):
    """A refusal that every service makes in its own protocol's words.

    Args:
        kind: what is wrong, a key of the table above.
        message: one sentence, without a secret.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def as_error(self, protocol: str) -> AwsError:
        """The error that a client of this protocol sees."""
        codes = _CODES[self.kind]
        code, status = codes.get(protocol, codes["query"])
        return AwsError(code, self.message, status)


def not_authorized(subject: str, action: str, resource: str, reason: str) -> RefusedError:
    """The refusal of a call that IAM does not allow, in AWS's words, with our reason."""
    return RefusedError(
        "denied",
        f"User: {subject} is not authorized to perform: {action} on resource: {resource} "
        f"because {reason}",
    )
