"""`make policy ENV=...`: the verdicts of the policy pack and of other judges on a stack."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

from local.judging.telling import lines
from local.judging.whole import judged
from local.paths import Paths


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Show the verdicts; status 3 if what is critical is refused, 2 if anything else is, or 0."""
    whole = judged(paths.root, arguments.env, today=datetime.now(UTC).date())
    if arguments.json:
        print(json.dumps(whole.as_dict(), indent=2, ensure_ascii=False))
    else:
        for line in lines(whole):
            print(line)
    return whole.status
