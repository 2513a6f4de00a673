"""The keys that a secret holds: one, or several while a rotation is under way.

One key is kept as its own text. Several are a JSON object, `{"keys": [oldest, ..., newest], "use":
n}`: all of them are good for reading, and the one in use encrypts or signs. `fetch_keys.py` in
Airflow's pods reads the same.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, replace
from typing import Self

from lambdas.shared.errors import RotationError

SETTLED, ADDED, PROMOTED = "settled", "added", "promoted"
"""How far a rotation is: one key; a newer one, not in use; the newest in use, and older ones."""
_FIELDS = {"keys", "use"}
_FERNET_BYTES = 32


@dataclass(frozen=True, kw_only=True, repr=False)
class Keyring:
    """Keys, the oldest first.

    Raises:
        RotationError: there is none, or the one in use is not among them.
    """

    keys: tuple[str, ...]
    use: int

    def __post_init__(self) -> None:
        if not self.keys or not all(self.keys) or not 0 <= self.use < len(self.keys):
            raise RotationError("The value is no list of keys with one in use among them.")

    @classmethod
    def parse(cls, kind: str, text: str) -> Self:
        """Read a secret's value, also one that a person has put there.

        Raises:
            RotationError: it holds no keys of this kind.
        """
        content = _object(text)
        if content is not None:
            keys, use = content["keys"], content["use"]
            if not isinstance(keys, list) or type(use) is not int:
                raise RotationError("The value is no list of keys with one in use among them.")
            found = cls(keys=tuple(map(str, keys)), use=use)
        elif kind == "fernet":
            # As Airflow itself takes several: the newest first, which encrypts.
            listed = [key.strip() for key in text.split(",")]
            found = cls(keys=tuple(reversed(listed)), use=len(listed) - 1)
        else:
            found = cls(keys=(text,), use=0)
        if kind == "fernet" and not all(map(_is_fernet, found.keys)):
            raise RotationError("The value holds something that is no Fernet key.")
        return found

    @property
    def text(self) -> str:
        """The secret's value."""
        if len(self.keys) == 1:
            return self.keys[0]
        return json.dumps({"keys": self.keys, "use": self.use})

    @property
    def newest(self) -> str:
        """The key that stays."""
        return self.keys[-1]

    @property
    def phase(self) -> str:
        """How far a rotation is."""
        if len(self.keys) == 1:
            return SETTLED
        return PROMOTED if self.use == len(self.keys) - 1 else ADDED

    def add(self, key: str) -> Self:
        """A newer key, good for reading."""
        return replace(self, keys=(*self.keys, key))

    def promote(self) -> Self:
        """The newest key in use."""
        return replace(self, use=len(self.keys) - 1)

    def retire(self) -> Self:
        """The newest key alone."""
        return replace(self, keys=(self.newest,), use=0)


def _object(text: str) -> dict[str, object] | None:
    """The value as the object that it is, or None: a key may be any text."""
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) and content.keys() == _FIELDS else None


def _is_fernet(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == _FERNET_BYTES
    except (binascii.Error, ValueError):
        return False
