"""The Pod Security Standard `restricted`, in the words of Kubernetes' own admission.

Of the standard, the fields that could hurt the machine or its other pods are checked. Not checked:
AppArmor, SELinux, sysctls, procMount and what is Windows'.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

Spec: TypeAlias = Mapping[str, Any]

_VOLUME_TYPES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})
_SECCOMP = ("RuntimeDefault", "Localhost")


def violations(spec: Spec) -> list[str]:
    """What in a pod's spec `restricted` does not allow; empty when it is all right."""
    found = ((reason, check(spec)) for reason, check in _CHECKS.items())
    return [f"{reason} ({detail})" for reason, detail in found if detail]


def _host_namespaces(spec: Spec) -> str:
    shared = [key for key in ("hostIPC", "hostNetwork", "hostPID") if spec.get(key)]
    return ", ".join(f"{key}=true" for key in shared)


def _host_ports(spec: Spec) -> str:
    ports: set[str] = set()
    bad = []
    for container in _containers(spec):
        its = {str(one["hostPort"]) for one in container.get("ports") or () if one.get("hostPort")}
        ports |= its
        bad += [container["name"]] if its else []
    if not bad:
        return ""
    uses, noun = _plural("uses", "use", bad), _plural("hostPort", "hostPorts", ports)
    return f"{_names(bad)} {uses} {noun} {', '.join(sorted(ports))}"


def _privileged(spec: Spec) -> str:
    bad = _those(spec, lambda context: bool(context.get("privileged")))
    return f"{_names(bad)} must not set securityContext.privileged=true" if bad else ""


def _escalation(spec: Spec) -> str:
    bad = _those(spec, lambda context: context.get("allowPrivilegeEscalation") is not False)
    return f"{_names(bad)} must set securityContext.allowPrivilegeEscalation=false" if bad else ""


def _capabilities(spec: Spec) -> str:
    def dropped(context: Mapping[str, Any]) -> list[str]:
        return (context.get("capabilities") or {}).get("drop") or []

    def added(context: Mapping[str, Any]) -> set[str]:
        return set((context.get("capabilities") or {}).get("add") or ()) - _CAPABILITIES

    keeping = _those(spec, lambda context: "ALL" not in dropped(context))
    adding = _those(spec, lambda context: bool(added(context)))
    details = []
    if keeping:
        details.append(f'{_names(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        every = set().union(*(added(_context(one)) for one in _containers(spec)))
        details.append(
            f"{_names(adding)} must not include {_quoted(sorted(every))} "
            "in securityContext.capabilities.add"
        )
    return "; ".join(details)


def _volumes(spec: Spec) -> str:
    types = {
        volume["name"]: next(iter(sorted(set(volume) - {"name"} - _VOLUME_TYPES)), "")
        for volume in spec.get("volumes") or ()
    }
    bad = [name for name, its in types.items() if its]
    if not bad:
        return ""
    forbidden = sorted({types[name] for name in bad})
    noun = _plural("restricted volume type", "restricted volume types", forbidden)
    uses = _plural("uses", "use", bad)
    return f"{_plural('volume', 'volumes', bad)} {_quoted(bad)} {uses} {noun} {_quoted(forbidden)}"


def _non_root(spec: Spec) -> str:
    def refused(context: Mapping[str, Any]) -> bool:
        return context.get("runAsNonRoot") not in (None, True)

    of_pod = _context(spec).get("runAsNonRoot")
    refusing = _those(spec, refused)
    if refused(_context(spec)) or refusing:
        setters = _setters(refusing, pod=refused(_context(spec)))
        return f"{setters} must not set securityContext.runAsNonRoot=false"
    silent = [] if of_pod else _those(spec, lambda context: context.get("runAsNonRoot") is None)
    return f"pod or {_names(silent)} must set securityContext.runAsNonRoot=true" if silent else ""


def _root(spec: Spec) -> str:
    def is_root(context: Mapping[str, Any]) -> bool:
        # "0" is no number to Kubernetes either; it must not pass for another user than root.
        user = context.get("runAsUser")
        return user is not None and (not isinstance(user, int) or user == 0)

    of_pod = is_root(_context(spec))
    roots = _those(spec, is_root)
    return f"{_setters(roots, pod=of_pod)} must not set runAsUser=0" if of_pod or roots else ""


def _seccomp(spec: Spec) -> str:
    def profile(holder: Mapping[str, Any]) -> str | None:
        its: str | None = (holder.get("seccompProfile") or {}).get("type")
        return its

    of_pod = profile(_context(spec))
    bad = _those(spec, lambda context: profile(context) not in (None, *_SECCOMP))
    pod_is_bad = of_pod not in (None, *_SECCOMP)
    if pod_is_bad or bad:
        holders = [_context(spec), *(_context(one) for one in _containers(spec))]
        values = {one for one in map(profile, holders) if one and one not in _SECCOMP}
        return (
            f"{_setters(bad, pod=pod_is_bad)} must not set "
            f"securityContext.seccompProfile.type to {_quoted(sorted(values))}"
        )
    silent = [] if of_pod else _those(spec, lambda context: profile(context) is None)
    if not silent:
        return ""
    return (
        f"pod or {_names(silent)} must set securityContext.seccompProfile.type "
        'to "RuntimeDefault" or "Localhost"'
    )


# Kubernetes' order: what `baseline` forbids already, then what `restricted` adds.
_CHECKS: Mapping[str, Callable[[Spec], str]] = {
    "host namespaces": _host_namespaces,
    "hostPort": _host_ports,
    "privileged": _privileged,
    "allowPrivilegeEscalation != false": _escalation,
    "unrestricted capabilities": _capabilities,
    "restricted volume types": _volumes,
    "runAsNonRoot != true": _non_root,
    "runAsUser=0": _root,
    "seccompProfile": _seccomp,
}


def _containers(spec: Spec) -> list[Mapping[str, Any]]:
    keys = ("initContainers", "containers", "ephemeralContainers")
    return [container for key in keys for container in spec.get(key) or ()]


def _context(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    return holder.get("securityContext") or {}


def _those(spec: Spec, is_so: Callable[[Mapping[str, Any]], bool]) -> list[str]:
    """The names of the containers whose security context is so."""
    return [one["name"] for one in _containers(spec) if is_so(_context(one))]


def _setters(containers: list[str], *, pod: bool) -> str:
    return " and ".join((["pod"] if pod else []) + ([_names(containers)] if containers else []))


def _names(containers: list[str]) -> str:
    return f"{_plural('container', 'containers', containers)} {_quoted(containers)}"


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def _plural(one: str, many: str, values: Iterable[str]) -> str:
    return one if len(list(values)) == 1 else many
