"""Every IAM document that a stack declares: of roles, keys, buckets, queues, secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.judging.foreign.terraform_plan import TYPES, of_aws

if TYPE_CHECKING:
    from policies.resources import Resource, Stack

TRUST = "assumeRolePolicy"


def documents_of(stack: Stack) -> dict[str, tuple[Resource, str]]:
    """Return the documents, each by a name of its own, with the resource that has it.

    A trust policy gets the resource that it is about: the role, which AWS itself does not want
    named there, and without which a judge of documents reads no further.
    """
    found = {}
    for one in of_aws(stack, TYPES):
        for key, value in one.properties.items():
            document = _document(value)
            if document is not None:
                if key == TRUST:
                    _about_the_role(document, one)
                found[f"{one.urn} {key}"] = (one, json.dumps(document))
    return found


def _document(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - JSON
    if not isinstance(value, str) or '"Statement"' not in value:
        return None
    document: dict[str, Any] = json.loads(value)
    return document


def _about_the_role(document: dict[str, Any], role: Resource) -> None:
    for statement in document["Statement"]:
        statement.setdefault("Resource", f"arn:aws:iam::123456789012:role/{role.name}")
