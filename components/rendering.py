"""Documents as JSON text, once the outputs of other resources that they contain are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pulumi import Input, Output


def rendered(build: Callable[..., Mapping[str, Any]], **inputs: Input[Any]) -> Output[str]:
    """Call `build` with `inputs` when all of them are known, and return its result as JSON."""
    return Output.all(**inputs).apply(lambda known: json.dumps(build(**known)))
