"""EventBridge for AWS's own events: rules of the default bus that match, and their functions.

Other targets than functions are moto's business, and schedules are not served.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from typing import TYPE_CHECKING, Any

from moto.events.models import events_backends

from local.account.authorization import function_policy
from local.account.iam import Policies, Request, decide
from local.account.resources import function_arn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.account.functions import Functions, Runtime

log = logging.getLogger(__name__)

SERVICE = "events.amazonaws.com"


def may_invoke(runtime: Runtime, function: str, service: str, source: str) -> bool:
    """Whether a function's own policy lets an AWS service invoke it on behalf of `source`."""
    arn = function_arn(function, runtime.backends)
    with runtime.lock:
        policy = function_policy(arn, runtime.backends)
        context = {
            **runtime.authorizer.context(),
            "aws:sourceaccount": runtime.backends.account,
            "aws:sourcearn": source,
        }
    request = Request(
        subject=service,
        action="lambda:InvokeFunction",
        resource=arn,
        context=context,
        principals=frozenset({service}),
    )
    return decide(request, Policies(resource=policy, resource_decides=True)).allowed


def deliver(runtime: Runtime, functions: Functions, event: Mapping[str, Any]) -> None:
    """Invoke the functions whose rules match; nobody waits for them."""
    message: dict[str, Any] = {"version": "0", "id": str(uuid.uuid4()), "resources": [], **event}
    backends = runtime.backends
    with runtime.lock:
        bus = events_backends[backends.account][backends.region].event_buses["default"]
        matching = [
            rule
            for rule in bus.rules.values()
            if rule.state == "ENABLED"
            and rule.event_pattern.get_pattern()
            and rule.event_pattern.matches_event(message)  # type: ignore[arg-type] # a plain dict
        ]
        targets = [(rule.arn, target) for rule in matching for target in rule.targets]
    for rule_arn, target in targets:
        arn = target["Arn"]
        if ":lambda:" not in arn:
            continue
        if not may_invoke(runtime, arn, SERVICE, rule_arn):
            log.warning("%s may not invoke %s", rule_arn, arn)
            continue
        payload = json.loads(target["Input"]) if target.get("Input") else message
        threading.Thread(target=functions.run, args=(arn, payload), daemon=True).start()
