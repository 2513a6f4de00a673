"""A stack's resources as rules see them, recorded from the program: nothing is asked of AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.deploy import lookups, stackfile, wire
from local.deploy.program import main_program
from local.deploy.record import record
from local.judging.assumed import Account
from policies.resources import Resource, Stack
from stacks.settings import load_stack_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from local.deploy.registration import Call, Registration


def declared(root: Path, stack: str, *, assumed: bool) -> Stack:
    """Run the program of a stack and return what it declares.

    Args:
        root: The project's folder.
        stack: Name of the stack: `Pulumi.<stack>.yaml`.
        assumed: with AWS's answers made up; otherwise they are not yet known, as in a preview.

    Raises:
        DeployError: with a text for people.
        SettingsError: one sentence for each problem.
    """
    file, settings = stackfile.load(root, stack), load_stack_file(root, stack)
    account = Account(settings.account, settings.region)
    provider = {"region": settings.region, "allowedAccountIds": [settings.account]}

    def answers(call: Call) -> Mapping[str, Any] | None:
        return lookups.stand_in(call, provider)

    recording = record(
        main_program(root),
        project=file.project,
        stack=stack,
        config=file.config,
        root=root,
        answers=answers,
        outputs=account.outputs if assumed else None,
        providers_wait=not assumed,
    )
    return stack_of(recording)


def stack_of(registrations: Iterable[Registration]) -> Stack:
    """Return registrations as resources that rules can be asked about."""
    return Stack(tuple(_resource(one) for one in registrations))


def _resource(one: Registration) -> Resource:
    return Resource(
        urn=one.urn,
        type=one.type,
        name=one.name,
        properties=wire.plain(one.inputs),
        parent=one.parent,
        protect=one.options.protect,
        depends={key: tuple(urns) for key, urns in one.property_dependencies.items()},
    )
