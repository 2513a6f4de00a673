"""Writes the JSON schema of the stack files, by which editors complete and check them.

`python -m stacks.schema` writes stacks/settings.schema.json; a test fails when it is stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from stacks.instance_classes import MEMORY_GIB
from stacks.sentences import NAMESPACE
from stacks.settings import Settings

FILE = Path(__file__).with_name("settings.schema.json")


class _WithoutTitles(GenerateJsonSchema):
    """A title says no more than the key; the description does."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002  # overrides
        return False


def stack_file_schema() -> dict[str, Any]:
    """The JSON schema of Pulumi.<stack>.yaml."""
    settings = Settings.model_json_schema(schema_generator=_WithoutTitles)
    definitions = settings["$defs"]
    definitions["Instance"]["properties"]["instanceClass"]["enum"] = sorted(MEMORY_GIB)
    return {
        # The newest draft that the YAML language server knows well.
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Stack file of airflow-postgres",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "description": settings["description"],
                "properties": {
                    f"{NAMESPACE}:{name}": _or_its_text(rule)
                    for name, rule in settings["properties"].items()
                },
                "required": [f"{NAMESPACE}:{name}" for name in settings["required"]],
                "patternProperties": {"^pulumi:": {}},
                "additionalProperties": False,
            },
            "encryptionsalt": {"type": "string", "description": "Written by Pulumi."},
            "encryptedkey": {"type": "string", "description": "Written by Pulumi."},
            "secretsprovider": {"type": "string", "description": "Written by Pulumi."},
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _or_its_text(rule: dict[str, Any]) -> dict[str, Any]:
    """`pulumi stack init` puts quotes around the numbers and booleans of the top level."""
    if rule.get("type") == "boolean":
        return {"description": rule["description"], "enum": [True, False, "true", "false"]}
    if rule.get("type") == "integer":
        values = [*rule["enum"], *(str(each) for each in rule["enum"])]
        return {"description": rule["description"], "enum": values}
    return rule


def rendered() -> str:
    """The text of the schema file."""
    return json.dumps(stack_file_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
