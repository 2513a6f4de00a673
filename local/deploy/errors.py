"""The one class of errors that callers of this package have to expect."""

from __future__ import annotations


class DeployError(Exception):
    """A run cannot begin or go on; the text is for people and says what to do."""
