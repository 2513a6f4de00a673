"""What a preview should say of settings that are allowed and yet better looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stacks.airflow_checks import tag_and_digest
from stacks.sentences import key, shown

if TYPE_CHECKING:
    from stacks.settings import Settings


def preview_warnings(settings: Settings, root: Path) -> tuple[str, ...]:
    """One sentence for each thing that somebody should look at before the stack is deployed.

    Args:
        settings: The settings of the stack.
        root: The project's root, by which is seen whether the CA bundle is there.
    """
    found = []
    image = settings.airflow.image
    tag, digest = tag_and_digest(image)
    if not digest:
        found.append(
            f"{key('airflow', 'image')} is {shown(image)}, which has no digest: whoever moves the "
            f"tag {tag} changes what runs; write {image}@sha256:<the digest that was tested>."
        )
    # On this machine `make up` makes it.
    if settings.kubernetes == "cluster" and not (root / settings.ca_bundle).exists():
        found.append(
            f"{key('caBundle')} is {shown(settings.ca_bundle)}, which does not exist yet: the "
            "preview shows words in its place, and a deployment would refuse; fetch it with "
            "`make certificates`."
        )
    return tuple(found)
