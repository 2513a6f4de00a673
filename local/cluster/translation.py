"""What a container's text means on this machine: the one place where that is decided.

A container has a file system and a network of its own, and names for the other ones'. Here it has
neither, so in its command, its arguments and its variables

* a path that is mounted becomes the path below the pod's own folder,
* every address (`0.0.0.0`) and its own (`127.0.0.1`, `localhost`) become the pod's own loopback
  address,
* a Service's name becomes the address where the node answers for it.

What a program knows by itself, or reads from a file, is not translated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_BEFORE_PATH = r"(?<![\w.~%-])"
_AFTER_PATH = r"(?![\w.~%-])"
_BEFORE_NAME = r"(?<![\w.-])"
_AFTER_NAME = r"(?![\w-]|\.\w)"
_OWN = ("0.0.0.0", "127.0.0.1", "localhost")  # noqa: S104  nothing listens there
_SUFFIXES = ("", ".svc", ".svc.cluster.local")


@dataclass(frozen=True, kw_only=True)
class Translation:
    """Where a pod's names are here.

    Attributes:
        paths: mounted path -> path here.
        names: full name (`service.namespace`, or longer) -> `address` or `address:port`.
        short_names: names that stand for a host only where a URL or an address has one.
        own: the pod's own address.
    """

    paths: Mapping[str, str]
    names: Mapping[str, str]
    short_names: Mapping[str, str]
    own: str

    def text(self, value: str) -> str:
        """Translate a command, an argument or a variable."""
        for own in _OWN:
            value = _replace(value, _BEFORE_NAME + re.escape(own) + _AFTER_NAME, self.own)
        for name in sorted(self.names, key=len, reverse=True):
            pattern = _BEFORE_NAME + re.escape(name) + r"\.?" + _AFTER_NAME
            here = self.names[name]
            if ":" in here:  # The name stands for port 80 then, written or not.
                pattern += r"(?::80\b)?"
            value = _replace(value, pattern, here)
        for name, here in self.short_names.items():
            host = re.escape(name)
            # An account, a container or a file may have the same name as the Service.
            pattern = rf"(?<=://){host}{_AFTER_NAME}|(?<=@){host}{_AFTER_NAME}"
            pattern += rf"|{_BEFORE_NAME}{host}(?=:\d)|^{host}$"
            value = _replace(value, pattern, here)
        if not self.paths:
            return value
        longest_first = sorted(self.paths, key=len, reverse=True)
        mounted = "|".join(re.escape(path) for path in longest_first)
        return re.sub(
            f"{_BEFORE_PATH}({mounted}){_AFTER_PATH}", lambda found: self.paths[found[1]], value
        )


def service_names(name: str, namespace: str) -> list[str]:
    """All names of a Service, except the short one that only its own namespace knows."""
    return [f"{name}.{namespace}{suffix}" for suffix in _SUFFIXES]


def _replace(text: str, pattern: str, replacement: str) -> str:
    return re.sub(pattern, lambda _: replacement, text)
