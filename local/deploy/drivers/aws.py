"""What the drivers of AWS services share: naming parameters, tags, and what is gone already."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.deploy.wire import Properties


def pick(inputs: Properties, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the API parameters for those `inputs` that are set; `parameters` maps the names."""
    return {
        parameter: inputs[name]
        for name, parameter in parameters.items()
        if inputs.get(name) is not None
    }


def tag_list(inputs: Properties) -> list[dict[str, str]]:
    """Return the tags of `inputs` in the form that most services take."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags(inputs).items())]


def tags(inputs: Properties) -> dict[str, str]:
    """Return the tags of `inputs`, the provider's default ones included."""
    found: dict[str, str] = inputs.get("tagsAll") or {}
    return found


def removed_tags(old: Properties, new: Properties) -> list[str]:
    """Return the keys of the tags that are in `old` and no longer in `new`."""
    return sorted(set(tags(old)) - set(tags(new)))


def is_gone(error: ClientError) -> bool:
    """Tell whether `error` says that the thing does not exist."""
    code = error.response["Error"]["Code"]
    return any(word in code for word in ("NotFound", "NoSuch", "NonExistent"))


@contextmanager
def gone_is_fine() -> Iterator[None]:
    """Pass over the error that says that the thing does not exist."""
    try:
        yield
    except ClientError as error:
        if not is_gone(error):
            raise


def existing(call: Callable[..., Any], **parameters: object) -> Any:  # noqa: ANN401 - boto3 has no types
    """Return what `call` answers, or `None` when it says that the thing does not exist."""
    try:
        return call(**parameters)
    except ClientError as error:
        if is_gone(error):
            return None
        raise


def listed(call: Callable[..., Any], key: str, **parameters: object) -> Any:  # noqa: ANN401 - boto3 has no types
    """Return the first element under `key` of what `call` answers; `None` when there is none."""
    answer = existing(call, **parameters)
    return next(iter(answer[key]), None) if answer else None
