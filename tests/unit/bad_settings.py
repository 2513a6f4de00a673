"""Stack files with one mistake each, and the sentence that their author gets on the command line.

Commands run in this process, in a folder with nothing but the stack file: who refuses a mistake
needs nothing else, and whatever it had begun before would be seen there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from local import __main__ as command_line

ROOT = Path(__file__).resolve().parents[2]
STACKS = ("local", "dev", "prod")
TEXTS = {stack: (ROOT / f"Pulumi.{stack}.yaml").read_text("utf-8") for stack in STACKS}

LONGEST_SENTENCE = 700
"""Characters; the longest there is names all of the settings that a stack may have."""
IMPERATIVES = (
    "add", "change", "choose", "correct", "fetch", "give", "indent", "mend", "move", "name", "put",
    "raise", "remove", "rename", "renew", "save", "set", "use", "write",
)  # fmt: skip
_INSIDES = re.compile(
    r"Traceback|pydantic|\.py\b(?<!instance_classes\.py)|<class|\w+Error\b|NoneType"
    r"|\b(dict|tuple|str|int|float|bool|None|True|False)\b"
)
"""What a sentence would say only if Python spoke."""
_REMEDY = re.compile(rf"[;:?.] ({'|'.join(IMPERATIVES)})\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A stack file with one mistake, and what the sentence about it has to say."""

    kind: str
    stack: str
    old: str
    """The part of the committed file that is replaced; nothing: all of it."""
    new: str
    key: str
    value: str
    allowed: str
    do: str

    @property
    def text(self) -> str:
        """The whole stack file."""
        if not self.old:
            return self.new
        assert self.old in TEXTS[self.stack], f"{self.kind}: the committed file has changed"
        return TEXTS[self.stack].replace(self.old, self.new, 1)


def kind(bad: Bad) -> str:
    """What a row of a table is called in the output of the tests."""
    return bad.kind.replace(" ", "-")


def rows(*table: tuple[str, str, str, str, str, str, str, str]) -> list[Bad]:
    """A table as wide as `Bad` has fields, in that order."""
    names = Bad.__dataclass_fields__
    return [Bad(**dict(zip(names, row, strict=True))) for row in table]


def assert_sentence(text: str, *, key: str, value: str, allowed: str, do: str) -> None:
    """One sentence with the key, its value, what is allowed and what to do, in that order."""
    assert_readable(text)
    assert text.startswith(key), text
    said = text.removeprefix(key)
    for part in (value, allowed):
        _, found, said = said.partition(part)
        assert found, f"{part!r} is not there, or not where it belongs: {text}"
    assert said.endswith(f"{do}."), text
    assert do.partition(" ")[0].lower() in IMPERATIVES, f"{do!r} is no imperative"


def assert_readable(text: str) -> None:
    """A sentence of one line that ends in a full stop, tells what to do, and is not Python's."""
    assert len(text.splitlines()) == 1, text
    assert text.isprintable(), text
    assert len(text) <= LONGEST_SENTENCE, text
    assert text.endswith("."), text
    assert _REMEDY.search(text), f"it does not say what to do: {text}"
    assert not _INSIDES.search(unquoted(text)), text


def unquoted(text: str) -> str:
    """A sentence without what its author wrote, which is in quotes."""
    return re.sub(r'"(?:[^"\\]|\\.)*(?:"|\.\.\.)', '""', text)


class Desk:
    """A folder with one stack file, and the command line used there."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self._patch, self._capsys = folder, patch, capsys
        patch.chdir(folder)

    def write(self, stack: str, text: str) -> None:
        """Make the stack file."""
        (self.folder / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")

    def assert_refuses(self, bad: Bad) -> None:
        """The commands that would create or show something say what is wrong instead."""
        self.write(bad.stack, bad.text)
        sentence = self.refused("preview", "--env", bad.stack)
        assert_sentence(sentence, key=bad.key, value=bad.value, allowed=bad.allowed, do=bad.do)
        assert self.refused("preview", "--env", bad.stack, "--json") == sentence
        if bad.stack == "local":
            assert self.refused("up") == sentence

    def refused(self, *arguments: str) -> str:
        """Run a command, which has to be refused before it does anything; return its words."""
        children = len(psutil.Process().children())
        before = self._files()
        self._patch.setattr("sys.argv", ["local", *arguments])
        status = command_line.main()
        output, errors = self._capsys.readouterr()
        assert (status, output) == (1, ""), output + errors
        assert self._files() == before, "something was created"
        assert len(psutil.Process().children()) == children, "something was started"
        assert errors.startswith("error: ")
        assert errors.endswith("\n")
        return errors.removeprefix("error: ").removesuffix("\n")

    def _files(self) -> dict[Path, bytes]:
        found = self.folder.rglob("*")
        return {path: path.read_bytes() if path.is_file() else b"" for path in found}
