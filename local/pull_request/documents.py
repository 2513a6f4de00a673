"""What the parts of a preview are as JSON: changes of resources, access changes, verdicts.

They may come from a pull request's own code, so whoever may write comments checks them first:
types, and how much there is. What they say is not trusted here either, only their form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import pydantic
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_FILE = 20_000_000
"""Bytes; the verdicts on a stack of a thousand workflows have a tenth."""
What = Literal["replace", "delete", "create", "change", "forget"]
ORDER: tuple[What, ...] = ("replace", "delete", "forget", "change", "create")
"""What can lose data comes first."""
Text = Annotated[str, Field(max_length=20_000)]
_Document = TypeVar("_Document", bound="Document")


class DocumentError(ValueError):
    """A file is not what it should be; the text is one sentence."""


class Document(pydantic.BaseModel):
    """JSON with keys in camel case; keys that nobody asks for are passed over."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class ResourceChange(Document):
    """What happens to one resource."""

    what: What
    type: Text
    name: Text
    properties: tuple[Text, ...] = ()
    """The inputs that are the reason; never their values."""


class Changes(Document):
    """What happens to the resources of one environment."""

    environment: Text
    deployed: bool
    """Whether it was compared with what is deployed; if not, with the base's program."""
    changes: tuple[ResourceChange, ...]
    unchanged: int
    problems: tuple[Text, ...] = ()


class AccessEntry(Document):
    """One thing that an identity gains or loses."""

    effect: Literal["gain", "loss", "change"]
    sentence: Text


class AccessDiff(Document):
    """What `make access-diff JSON=1` says."""

    environment: Text
    note: Text = ""
    changes: tuple[AccessEntry, ...]
    budget: Text


class WaiverEntry(Document):
    """Why a rule may be broken, and until when."""

    reason: Text
    expires: Text


class VerdictEntry(Document):
    """What one judge says of one resource."""

    rule: Text
    judge: Text
    level: Text
    severity: Text
    where: Text
    outcome: Text
    sentence: Text
    mend: Text = ""
    controls: tuple[Text, ...] = ()
    waiver: WaiverEntry | None = None


class Policy(Document):
    """What `make policy JSON=1` says."""

    environment: Text
    fails: bool
    verdicts: tuple[VerdictEntry, ...]
    counts: dict[str, int]
    not_run: tuple[Text, ...] = ()
    stale_waivers: tuple[Text, ...] = ()


def read(kind: type[_Document], path: Path) -> _Document:
    """Read one of them.

    Raises:
        DocumentError: it is not there, too long, or not of that form.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise DocumentError(f"{path.name} cannot be read: {error.strerror}") from None
    if len(content) > LONGEST_FILE:
        raise DocumentError(f"{path.name} is longer than {LONGEST_FILE:,} bytes")
    try:
        return kind.model_validate_json(content)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise DocumentError(
            f"{path.name} is not what it should be: {where}: {first['msg']}"
        ) from None
