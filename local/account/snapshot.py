"""What the account holds, on disk: written after each change, read when the process starts.

All stores go into one pickle, so that objects which point into each other's stores (a subnet group
at subnets, an instance at its secret) still do so afterwards, and a change of two stores is kept or
lost as a whole. Large values, which are functions' packages, and the contents of S3's objects lie
beside it in files of their own, so that not each change writes them again.

It survives the end of the process at any moment, not that of the machine. It is read back by this
program only; it holds the account's secrets and belongs to its owner alone.
"""

from __future__ import annotations

import copyreg
import hashlib
import io
import pickle
import shutil
import threading
import weakref
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto.core.base_backend import BaseBackend
from moto.s3.models import FakeKey, s3_backends

from local.account.backends import PARTITION, STORES
from local.account.files import write_private

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

    from local.account.backends import Backends

_LOCK_TYPES = (type(threading.Lock()), type(threading.RLock()))
_LARGE_BYTES = 65_536
# Beside the new snapshot, for what else the account writes: logs, packages that are unpacked.
_SPARE_BYTES = 1_048_576
# Of an object of S3: its file, which `value` stands for, and its lock.
_NOT_KEPT = {"_value_buffer", "lock"}


class SnapshotError(Exception):
    """The snapshot cannot be read; the text is one sentence for the operator."""


class Snapshot:
    """The account's snapshot; the caller holds the account's lock.

    Args:
        folder: holds it and its large values, and nothing else; made when missing.
        backends: the stores it is of.
    """

    def __init__(self, folder: Path, backends: Backends) -> None:
        self._file = folder / "stores"
        self._large = folder / "large"
        self._backends = backends
        # Each large value that is on disk, by its identity, with the name of its file.
        self._kept: dict[int, tuple[bytes | str, str]] = {}
        # What S3's objects hold, which does not change: an object is replaced, not written to.
        self._contents: weakref.WeakKeyDictionary[FakeKey, Content] = weakref.WeakKeyDictionary()

    def write(self) -> None:
        """Write what the account holds now; what was there before is replaced in one step."""
        self._large.mkdir(mode=0o700, parents=True, exist_ok=True)
        stores: dict[str, dict[str, BaseBackend]] = {}
        for service, backend in STORES.items():
            regions = backend[self._backends.account]
            stores[service] = {
                region: regions[region]
                for region in (self._backends.region, PARTITION)
                if region in regions.keys()  # noqa: SIM118 - `in` counts unused regions too
            }
        buffer = io.BytesIO()
        pickler = _Pickler(buffer, self._keep, self._content)
        pickler.dump(stores)
        write_private(self._file, buffer.getvalue())
        self._forget(pickler.large)

    def has_room(self, more: int) -> bool:
        """Whether a snapshot that is larger by so many bytes can be written beside the present."""
        self._large.mkdir(mode=0o700, parents=True, exist_ok=True)
        present = self._file.stat().st_size if self._file.exists() else 0
        return shutil.disk_usage(self._large).free > present + 2 * more + _SPARE_BYTES

    def read(self) -> bool:
        """Put back what the account held; false when there is no snapshot.

        Raises:
            SnapshotError: it is of another version of the program, or damaged.
        """
        if not self._file.exists():
            return False
        try:
            stores = _Unpickler(io.BytesIO(self._file.read_bytes()), self._fetch).load()
        except Exception as error:
            raise SnapshotError(
                f"{self._file} cannot be read ({type(error).__name__}: {error}): it was written by "
                "another version of this program; run `make down` and `make up`."
            ) from error
        for service, regions in stores.items():
            for region, backend in regions.items():
                STORES[service][self._backends.account][region] = backend
        for name in self._backends.buckets:
            # moto keeps all accounts' buckets by name outside of the stores.
            s3_backends.bucket_accounts[name] = (PARTITION, self._backends.account)
        return True

    def _content(self, stored: FakeKey) -> Content:
        """What an object of S3 holds, the same value each time."""
        if stored not in self._contents:
            # A disposed one is gone from its bucket, and something still names it.
            self._contents[stored] = Content(b"" if stored.disposed else stored.value)
        return self._contents[stored]

    def _keep(self, value: bytes | str) -> str:
        """Have a large value on disk; the name of its file."""
        if id(value) not in self._kept:
            content = value if isinstance(value, bytes) else value.encode()
            kind = "bytes" if isinstance(value, bytes) else "text"
            name = f"{hashlib.sha256(content).hexdigest()}.{kind}"
            if not (self._large / name).exists():
                write_private(self._large / name, content)
            self._kept[id(value)] = (value, name)
        return self._kept[id(value)][1]

    def _fetch(self, name: str) -> bytes | str:
        """Read a large value back."""
        content = (self._large / name).read_bytes()
        value = content if name.endswith(".bytes") else content.decode()
        self._kept[id(value)] = (value, name)
        return value

    def _forget(self, used: set[str]) -> None:
        """Remove the large values that the snapshot does not name any more."""
        self._kept = {key: kept for key, kept in self._kept.items() if kept[1] in used}
        for file in self._large.iterdir():
            if file.name not in used:
                file.unlink()


class Content(bytes):
    """What an object of S3 holds: in a file of its own, however small."""


class _Pickler(pickle.Pickler):
    """Also takes what moto holds and pickle does not know: keys, locks, some dictionaries."""

    def __init__(
        self,
        buffer: io.BytesIO,
        keep: Callable[[bytes | str], str],
        content: Callable[[FakeKey], Content],
    ) -> None:
        super().__init__(buffer, protocol=pickle.HIGHEST_PROTOCOL)
        self._keep = keep
        self._content = content
        self.large: set[str] = set()

    def persistent_id(self, obj: object) -> str | None:
        """Name a large value instead of writing it."""
        if not isinstance(obj, bytes | str):
            return None
        if len(obj) < _LARGE_BYTES and not isinstance(obj, Content):
            return None
        name = self._keep(obj)
        self.large.add(name)
        return name

    def reducer_override(self, obj: object) -> Any:  # noqa: ANN401 - NotImplemented or a tuple
        """Tell how an object is made again; NotImplemented leaves it to pickle."""
        if isinstance(obj, FakeKey):
            kept = {name: value for name, value in vars(obj).items() if name not in _NOT_KEPT}
            return copyreg.__newobj__, (FakeKey,), {**kept, "value": self._content(obj)}  # type: ignore[attr-defined] # typeshed lacks it
        if isinstance(obj, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            pem = obj.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            return _private_key, (pem,)
        if isinstance(obj, _LOCK_TYPES):
            return (threading.RLock if isinstance(obj, _LOCK_TYPES[1]) else threading.Lock), ()
        if isinstance(obj, weakref.WeakValueDictionary):
            return weakref.WeakValueDictionary, (dict(obj),)
        if isinstance(obj, defaultdict) and obj.default_factory and _is_local(obj.default_factory):
            return defaultdict, (type(obj.default_factory()), dict(obj))
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    """Reads large values from their files."""

    def __init__(self, buffer: io.BytesIO, fetch: Callable[[str], bytes | str]) -> None:
        super().__init__(buffer)
        self._fetch = fetch

    def persistent_load(self, pid: str) -> bytes | str:
        """Read the value that was named `pid`."""
        return self._fetch(pid)


def _private_key(pem: bytes) -> PrivateKeyTypes:
    return serialization.load_pem_private_key(pem, None)


def _is_local(function: object) -> bool:
    """Whether a function is a lambda or nested, which pickle cannot find by its name."""
    return "<" in getattr(function, "__qualname__", "")
