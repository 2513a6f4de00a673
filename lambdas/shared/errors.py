"""What can go wrong in a function: a sentence each, which says what to do and holds no secret.

They are raised `from None`: the runtime writes the traceback of an unhandled error to the log with
every error it came from, and what a driver puts into its own errors is not ours to vouch for.
"""


class FunctionError(Exception):
    """The base of all of them."""


class EventError(FunctionError):
    """The function was invoked with an event that it does not understand."""


class ConfigurationError(FunctionError):
    """What the function is configured with is missing or wrong."""


class SecretError(FunctionError):
    """A secret could not be read, or is not what it should be."""


class CertificateError(FunctionError):
    """The server's certificate is not from the expected authority, or is for another host."""


class StatementError(FunctionError):
    """PostgreSQL refused a statement."""


class NotProvenError(FunctionError):
    """The database is not in the state that was to be reached; nothing was committed."""


class RotationError(FunctionError):
    """A rotation cannot go on as it stands; the credential that is current was left alone."""


class TemporaryError(FunctionError):
    """Something that may pass by itself: worth another attempt."""


class UnreachableError(TemporaryError):
    """The server does not answer, does not take connections yet, or the connection was lost."""


class ConnectionLimitError(UnreachableError):
    """The server, or the login, has as many connections as it may have."""


class LoginRefusedError(TemporaryError):
    """The server refused the credential, as it does for a moment while a password is rotated."""


class BusyError(TemporaryError):
    """Somebody else changes the same things at this moment."""


class SecretsBusyError(TemporaryError):
    """Secrets Manager does not answer, or asks to be called again later."""
