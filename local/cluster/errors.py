"""Errors as the Kubernetes API words them: an HTTP status and a Status object with a reason."""

from __future__ import annotations

from typing import Any, ClassVar


class StatusError(Exception):
    """A request that the API refuses.

    Args:
        message: one sentence, without a secret, in Kubernetes' own words where it has some.
        name: the pod it is about; "" when it is about none.
    """

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, *, name: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.name = name

    def status(self) -> dict[str, Any]:
        """The `Status` object that clients get as the body, or in an ERROR event of a watch."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
            **({"details": {"name": self.name, "kind": "pods"}} if self.name else {}),
        }


class BadRequestError(StatusError):
    """A request that cannot be understood."""

    code = 400
    reason = "BadRequest"


class UnauthorizedError(StatusError):
    """No credential, or none that this cluster issued and that is still good."""

    code = 401
    reason = "Unauthorized"


class ForbiddenError(StatusError):
    """Known, but not allowed: by RBAC or by admission."""

    code = 403
    reason = "Forbidden"


class NotFoundError(StatusError):
    """There is no such object or path."""

    code = 404
    reason = "NotFound"


class MethodNotAllowedError(StatusError):
    """A verb that Kubernetes has and this cluster has not."""

    code = 405
    reason = "MethodNotAllowed"


class AlreadyExistsError(StatusError):
    """A pod of this name is there already, or not gone yet."""

    code = 409
    reason = "AlreadyExists"


class ConflictError(StatusError):
    """The caller's precondition does not hold."""

    code = 409
    reason = "Conflict"


class ExpiredError(StatusError):
    """The version asked for is older than what is remembered: list again."""

    code = 410
    reason = "Expired"


class RequestEntityTooLargeError(StatusError):
    """A body beyond what the API takes."""

    code = 413
    reason = "RequestEntityTooLarge"


class UnsupportedMediaTypeError(StatusError):
    """A body in another format."""

    code = 415
    reason = "UnsupportedMediaType"


class InvalidError(StatusError):
    """Understood, but against the rules of the object."""

    code = 422
    reason = "Invalid"


def no_such_pod(name: str) -> NotFoundError:
    """The refusal of a request for a pod that does not exist."""
    return NotFoundError(f'pods "{name}" not found', name=name)
