"""What identities gain or lose between two versions of the settings, in words and as values.

Pure: it compares two declarations, the base and the change, and knows nothing of what is deployed.
What is gained comes first, as that is what a reviewer must see.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal, TypeVar

from stacks.access import Access, Administrator, Grant, days, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Effect = Literal["gain", "loss", "change"]
NOTHING = Access(environments=(), grants=(), administrators=())
"""What a new environment is compared with."""
_EFFECTS: tuple[Effect, ...] = ("gain", "loss", "change")
_LEVELS = ("", "read", "write")
_MAY_NOW = {
    ("", "read"): "may now read",
    ("", "write"): "may now read and write",
    ("read", "write"): "may now also write",
    ("read", ""): "may no longer read",
    ("write", ""): "may no longer read or write",
    ("write", "read"): "may still read, but no longer write,",
}
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class AccessChange:
    """One thing that an identity gains or loses, or that changes without being either."""

    effect: Effect
    environment: str
    """Empty for administrators, who have all environments of the stack."""
    kind: str
    name: str
    what: str
    """environment, identity, schemas, principal, password, expiry, connections or live schema."""
    before: str
    after: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class AccessChanges:
    """All of them: gains, then losses, then what is neither."""

    changes: tuple[AccessChange, ...]

    def of(self, effect: Effect) -> tuple[AccessChange, ...]:
        """Those with one effect."""
        return tuple(one for one in self.changes if one.effect == effect)

    def as_dict(self) -> dict[str, object]:
        """The same for machines."""
        return {"changes": [asdict(one) for one in self.changes]}


def access_changes(base: Access, change: Access) -> AccessChanges:
    """What `change` gives and takes, compared with `base`; nothing if both declare the same."""
    found = [
        *_environments(base.environments, change.environments),
        *_administrators(base.administrators, change.administrators),
        *_grants(base.grants, change.grants),
    ]
    return AccessChanges(changes=tuple(sorted(found, key=lambda one: _EFFECTS.index(one.effect))))


def _environments(base: Iterable[str], change: Iterable[str]) -> Iterator[AccessChange]:
    for name, effect in _both({one: one for one in base}, {one: one for one in change}):
        new = effect == "gain"
        yield AccessChange(
            effect=effect,
            environment=name,
            kind="environment",
            name=name,
            what="environment",
            before="" if new else name,
            after=name if new else "",
            sentence=f"{name} is {'a new' if new else 'no longer an'} environment of this stack",
        )


def _administrators(
    base: Iterable[Administrator], change: Iterable[Administrator]
) -> Iterator[AccessChange]:
    for one, effect in _both({each: each for each in base}, {each: each for each in change}):
        new = effect == "gain"
        words = one.sentence()
        yield AccessChange(
            effect=effect,
            environment="",
            kind=one.kind,
            name=one.principal,
            what="identity",
            before="" if new else one.login,
            after=one.login if new else "",
            sentence=f"new: {words}" if new else f"no longer: {words}",
        )


def _both(
    base: Mapping[object, Value], change: Mapping[object, Value]
) -> Iterator[tuple[Value, Effect]]:
    """What only one of them has."""
    yield from ((one, "gain") for key, one in change.items() if key not in base)
    yield from ((one, "loss") for key, one in base.items() if key not in change)


def _grants(base: Iterable[Grant], change: Iterable[Grant]) -> Iterator[AccessChange]:
    former, latter = ({_key(one): one for one in each} for each in (base, change))
    for one, effect in _both(former, latter):
        new = effect == "gain"
        yield AccessChange(
            effect=effect,
            environment=one.environment,
            kind=one.kind,
            name=one.name,
            what="identity",
            before="" if new else ", ".join(one.logins),
            after=", ".join(one.logins) if new else "",
            sentence=f"in {one.environment}, {'new' if new else 'no longer'}: {one.sentence()}",
        )
    for key, one in latter.items():
        if key in former:
            yield from _Pair(former[key], one).changes()


def _key(one: Grant) -> object:
    return one.environment, one.kind, one.name


@dataclass(frozen=True)
class _Pair:
    """The same identity in both versions."""

    base: Grant
    change: Grant

    def changes(self) -> Iterator[AccessChange]:
        yield from self._schemas()
        yield from self._principal()
        yield from self._password()
        yield from self._expiry()
        yield from self._connections()
        yield from self._live_schema()

    def _change(
        self, effect: Effect, what: str, words: str, before: object = "", after: object = ""
    ) -> AccessChange:
        one = self.change
        return AccessChange(
            effect=effect,
            environment=one.environment,
            kind=one.kind,
            name=one.name,
            what=what,
            before=str(before),
            after=str(after),
            sentence=f"in {one.environment}: {one.name} ({one.kind}) {words}",
        )

    def _schemas(self) -> Iterator[AccessChange]:
        before, after = _levels(self.base), _levels(self.change)
        for (was, now), words in _MAY_NOW.items():
            schemas = sorted(
                one
                for one in {*before, *after}
                if (before.get(one, ""), after.get(one, "")) == (was, now)
            )
            if schemas:
                more = _LEVELS.index(now) > _LEVELS.index(was)
                effect: Effect = "gain" if more else "loss"
                yield self._change(effect, "schemas", f"{words} {listed(schemas)}", was, now)

    def _principal(self) -> Iterator[AccessChange]:
        before, after = self.base.principal, self.change.principal
        if before != after:
            yield self._change("gain", "principal", f"is now {after}, who may log in", "", after)
            yield self._change(
                "loss", "principal", f"is no longer {before}, who may not log in", before
            )

    def _password(self) -> Iterator[AccessChange]:
        before, after = self.base.rotation_days, self.change.rotation_days
        if before == after:
            return
        if before is None:
            words = f"logs in with a password, changed every {days(after or 0)}, not by IAM"
        elif after is None:
            words = "logs in by IAM and no longer has a password"
        else:
            words = f"has a password that lives {days(after)} instead of {days(before)}"
        effect: Effect = "gain" if (after or 0) > (before or 0) else "loss"
        yield self._change(effect, "password", words, before or "", after or "")

    def _expiry(self) -> Iterator[AccessChange]:
        before, after = self.base.expires, self.change.expires
        if before != after:
            longer = _end(after) > _end(before)
            words = f"keeps its access {'longer' if longer else 'shorter'}: {_until(before, after)}"
            yield self._change(
                "gain" if longer else "loss", "expiry", words, before or "", after or ""
            )

    def _connections(self) -> Iterator[AccessChange]:
        before, after = self.base.connection_limit, self.change.connection_limit
        if before != after:
            words = f"may hold {after} connections instead of {before}"
            effect: Effect = "gain" if after > before else "loss"
            yield self._change(effect, "connections", words, before, after)

    def _live_schema(self) -> Iterator[AccessChange]:
        before, after = _live(self.base), _live(self.change)
        if before != after:
            yield self._change(
                "change", "live schema", f"works in {after} instead of {before}", before, after
            )


def _levels(one: Grant) -> dict[str, str]:
    return dict.fromkeys(one.reads, "read") | dict.fromkeys(one.writes, "write")


def _live(one: Grant) -> str:
    """The schema that a workflow's search path points at: its own come first, the live one ahead.

    Others have none.
    """
    return next(iter((*one.writes, *one.reads)), "") if one.kind == "workflow" else ""


def _end(day: date | None) -> date:
    return day or date.max


def _until(before: date | None, after: date | None) -> str:
    return f"until {after or 'it is taken off'} instead of {before or 'until it is taken off'}"
