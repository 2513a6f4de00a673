"""The environment of a process as it is now, read in its memory; it tests nothing.

What `/proc` tells is what the process was started with. A fork that becomes another program without
`exec`, as the containers of the warm interpreter do, shows its parent's there, and a variable that
a program sets for its children is never to be seen. The C library's `environ` has them.

It needs Linux and glibc on a 64-bit machine, and to be the process's user or root. Where it cannot
read, it says so by None: whoever asks has to count what was seen.
"""

from __future__ import annotations

import functools
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SYMBOLS = {b"environ", b"__environ", b"_environ"}
_DYNAMIC_SYMBOLS, _MOST_VARIABLES, _LONGEST_BYTES = 11, 4096, 131_072  # elf(5), execve(2)
_RELOCATABLE = 3
_POINTER = 8


@dataclass(frozen=True, kw_only=True)
class _Mapped:
    """A file of code as a process has it in its memory."""

    path: str
    start: int


def environment_now(pid: int) -> bytes | None:
    """The variables of a process, a line each; None where they cannot be read."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            address = _address(pid)
            return None if address is None else b"\n".join(_variables(memory, address))
    except (OSError, ValueError, struct.error):
        return None  # It has ended, or is somebody else's.


def _address(pid: int) -> int | None:
    """Where the pointer to its variables is: in the program if it has a copy, else in libc."""
    for mapped in _mapped(pid):
        offset = _offset(mapped.path)
        if offset is not None:
            relocatable, value = offset
            return mapped.start + value if relocatable else value
    return None


def _mapped(pid: int) -> Iterator[_Mapped]:
    """The program and the C library of a process, in the order in which symbols are looked up."""
    program = str(Path(f"/proc/{pid}/exe").readlink())
    starts: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) > 5 and int(fields[2], 16) == 0:
            starts.setdefault(fields[5], int(fields[0].partition("-")[0], 16))
    for path, start in starts.items():
        if path == program:
            yield _Mapped(path=path, start=start)
    for path, start in starts.items():
        if Path(path).name.startswith(("libc.so", "libc-")):
            yield _Mapped(path=path, start=start)


@functools.cache
def _offset(path: str) -> tuple[bool, int] | None:
    """Whether a file of code is put anywhere, and where in it `environ` is; None if it is not."""
    content = Path(path).read_bytes()
    (kind,) = struct.unpack_from("<H", content, 16)
    (table,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    sections = [struct.unpack_from("<IIQQQQII", content, table + i * size) for i in range(count)]
    for _, type_, _, _, offset, length, link, _ in sections:
        if type_ != _DYNAMIC_SYMBOLS:
            continue
        names = sections[link][4]
        for name, _, _, section, value, _ in struct.iter_unpack(
            "<IBBHQQ", content[offset : offset + length]
        ):
            begin = names + name
            if section and content[begin : content.index(b"\0", begin)] in _SYMBOLS:
                return kind == _RELOCATABLE, value
    return None


def _variables(memory: BinaryIO, address: int) -> Iterator[bytes]:
    (array,) = struct.unpack("<Q", _read(memory, address, _POINTER))
    for position in range(_MOST_VARIABLES):
        (text,) = struct.unpack("<Q", _read(memory, array + position * _POINTER, _POINTER))
        if text == 0:
            return
        yield _text(memory, text)


def _text(memory: BinaryIO, address: int) -> bytes:
    """The text that begins at an address; reading ends where the memory does."""
    found = b""
    while b"\0" not in found and len(found) < _LONGEST_BYTES:
        # Never across the end of a page, as the next one may not be there.
        found += _read(memory, address + len(found), 4096 - (address + len(found)) % 4096)
    return found.partition(b"\0")[0]


def _read(memory: BinaryIO, address: int, size: int) -> bytes:
    memory.seek(address)
    found = memory.read(size)
    if not found:
        raise OSError("the process has ended")
    return found
