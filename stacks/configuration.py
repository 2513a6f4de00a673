"""From what Pulumi hands to a program to parsed values: the one place that turns text into types.

Pulumi knows no types: `30` arrives as "30", a list as JSON. Which keys are text is said by the
settings; everything else is JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pydantic_core
from pulumi.runtime import config as pulumi_config

from stacks.errors import SettingsError
from stacks.sentences import NAMESPACE, word


def running_configuration() -> dict[str, object]:
    """All configuration of the running program: full key to what Pulumi has for it, mostly text.

    `pulumi.Config` cannot list its keys, so unknown ones would go unseen. Engines set the context
    variable; a program that is started by hand has the environment variable only.

    Raises:
        SettingsError: a setting is encrypted: it would be shown in plans and sentences.
    """
    keys = {*pulumi_config.CONFIG.get(), *pulumi_config.get_config_env()}
    secret = {*pulumi_config.get_config_secret_keys_env(), *filter(_is_secret, keys)}
    encrypted = sorted(key for key in secret & keys if key.startswith(f"{NAMESPACE}:"))
    if encrypted:
        raise SettingsError(
            *(
                f"{key} is encrypted; no setting is a secret; set its value as plain text."
                for key in encrypted
            )
        )
    return {key: pulumi_config.get_config(key) for key in sorted(keys)}


def _is_secret(key: str) -> bool:
    return pulumi_config.is_config_secret(key)


def parsed(config: Mapping[str, object], texts: Collection[str]) -> dict[str, object]:
    """The project's own configuration: key without namespace to parsed value.

    Args:
        config: full key to text.
        texts: the keys whose value is text; a value that should be JSON and is not stays text, for
            the settings to refuse it.

    Raises:
        SettingsError: a key of another namespace; only Pulumi's own are passed over.
    """
    values: dict[str, object] = {}
    foreign: list[str] = []
    for key, value in config.items():
        namespace, _, name = key.partition(":")
        if namespace == NAMESPACE:
            values[name] = _whole(value) if name in texts else _json(value)
        elif namespace != "pulumi":
            foreign.append(
                f"{word(key)} is not read by this project, whose settings all start with "
                f"{NAMESPACE}:; remove it."
            )
    if foreign:
        raise SettingsError(*foreign)
    return values


def _json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        # As strict as what reads it next: no half characters, and no endless depth.
        parsed_value: object = pydantic_core.from_json(value)
    except ValueError:
        return _whole(value)
    return parsed_value


def _whole(value: object) -> object:
    """Text without half characters, which JSON can write and nothing can read."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
