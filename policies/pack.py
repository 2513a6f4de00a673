"""The rules as CrossGuard policies, for `pulumi preview` and `pulumi up`.

The SDK has one level for all that a policy reports, and turns a policy that asks for an unknown
value into advice. So what is not yet known, and what is waived, is told by policies of their own,
which are advice; each rule's own policy reports nothing but what it refuses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime

import pulumi
import pulumi_policy
from pulumi_policy.deserialize import serialize_properties

from policies.judgement import Environment, Outcome, Verdict, Waiver, verdicts_of
from policies.resources import Resource, Stack
from policies.rule import About, ResourceRule, Rule, StackRule, Target
from policies.rules import RULES
from policies.values import Json

PROJECT = "airflow-postgres"
"""Namespace of the settings that the waivers are read from."""


class _Told(threading.local):
    """What the policies of one request have found beside refusals; a request has one thread."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    def take(self, outcome: Outcome) -> list[Verdict]:
        taken = [one for one in self.verdicts if one.outcome is outcome]
        self.verdicts = [one for one in self.verdicts if one.outcome is not outcome]
        return taken


_TOLD = _Told()
_DECLARED: dict[str, Mapping[str, Json]] = {}
"""What the program declares, by URN: of a stack's resources the engine tells what is known of them
afterwards, and that is nothing in a preview as long as their provider has to wait for its settings.
"""
_Report = Callable[..., None]


def policies() -> list[pulumi_policy.Policy]:
    """All rules; what they tell comes last, as policies are asked in this order."""
    return [
        *map(_policy, RULES),
        *_telling(
            Outcome.NOT_YET_KNOWN, "not-yet-known", "A rule needs a value that AWS tells later."
        ),
        *_telling(Outcome.WAIVED, "waived", "The settings let a rule be broken for a time."),
    ]


def _policy(one: Rule) -> pulumi_policy.Policy:
    match one:
        case ResourceRule():
            return pulumi_policy.ResourceValidationPolicy(
                validate=lambda args, report: _on_resource(one, args, report), **_words(one.about)
            )
        case StackRule():
            return pulumi_policy.StackValidationPolicy(
                validate=lambda args, report: _on_stack(one, args, report), **_words(one.about)
            )


def _words(about: About) -> dict[str, Json]:
    framework, _, reference = about.controls[0].rpartition(" ") if about.controls else ("", "", "")
    return {
        "name": about.name,
        "description": about.says,
        "enforcement_level": pulumi_policy.EnforcementLevel(about.default_level.value),
        "severity": pulumi_policy.Severity(about.severity.value),
        "framework": pulumi_policy.PolicyComplianceFramework(
            name=framework or PROJECT, reference=reference, specification=", ".join(about.controls)
        ),
        "tags": [about.protects, *about.controls],
        "remediation_steps": about.mend,
        "config_schema": pulumi_policy.PolicyConfigSchema(
            properties={name: dict(schema) for name, schema in about.parameters.items()}
        )
        if about.parameters
        else None,
    }


def _on_resource(
    one: ResourceRule, args: pulumi_policy.ResourceValidationArgs, report: _Report
) -> None:
    if one.about.of and args.resource_type not in one.about.of:
        return
    _DECLARED[args.urn] = _plain(args.props)
    resource = Resource(
        urn=args.urn,
        type=args.resource_type,
        name=args.name,
        properties=_DECLARED[args.urn],
        parent=args.opts.parent or "",
        protect=args.opts.protect,
    )
    config = {**one.about.defaults, **args.get_config()}
    _tell(verdicts_of(one.about, resource, one.checks(resource, config), _environment()), report)


def _on_stack(one: StackRule, args: pulumi_policy.StackValidationArgs, report: _Report) -> None:
    config, environment = {**one.about.defaults, **args.get_config()}, _environment()
    for target, sentences in one.checks(_stack(args.resources), config):
        _tell(verdicts_of(one.about, target, sentences, environment), report, target)


def _stack(resources: Iterable[pulumi_policy.PolicyResource]) -> Stack:
    return Stack(
        tuple(
            Resource(
                urn=one.urn,
                type=one.resource_type,
                name=one.name,
                properties=_DECLARED[one.urn] if one.urn in _DECLARED else _plain(one.props),
                parent=one.parent.urn if one.parent else "",
                protect=one.opts.protect,
                depends={
                    key: tuple(each.urn for each in origins)
                    for key, origins in one.property_dependencies.items()
                },
            )
            for one in resources
        )
    )


def _tell(verdicts: Iterable[Verdict], report: _Report, target: Target = None) -> None:
    for one in verdicts:
        if one.outcome is Outcome.REFUSED:
            report(f"{one.sentence}. {one.mend}", target.urn if target else None)
        else:
            _TOLD.verdicts.append(one)


def _telling(outcome: Outcome, name: str, says: str) -> Iterable[pulumi_policy.Policy]:
    def tell(_args: object, report: _Report) -> None:
        for one in _TOLD.take(outcome):
            waived = f" (until {one.waiver.expires}: {one.waiver.reason})" if one.waiver else ""
            report(f"{one.rule}: {one.sentence}{waived}", one.urn)

    advice = pulumi_policy.EnforcementLevel.ADVISORY
    yield pulumi_policy.ResourceValidationPolicy(name, says, tell, enforcement_level=advice)
    yield pulumi_policy.StackValidationPolicy(
        f"{name}-in-the-stack", says, tell, enforcement_level=advice
    )


def _environment() -> Environment:
    """The waivers of the stack's own settings; levels are the engine's business here."""
    declared = pulumi.Config(PROJECT).get_object("waivers") or []
    return Environment(
        waivers=tuple(
            Waiver(
                rule=one["rule"],
                resource=one["resource"],
                reason=one["reason"],
                expires=date.fromisoformat(str(one["expires"])),
            )
            for one in declared
        ),
        today=datetime.now(UTC).date(),
    )


def _plain(properties: Mapping[str, Json]) -> Mapping[str, Json]:
    """The properties without what raises at an unknown; whole numbers are `int`, as declared."""
    plain: Mapping[str, Json] = _whole(serialize_properties(properties))
    return plain


def _whole(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
