"""The rules, one module for what they protect."""

from policies.rule import ResourceRule, Rule, StackRule
from policies.rules import (
    airflow,
    airflow_tasks,
    alarms,
    cluster,
    cluster_access,
    cluster_network,
    databases,
    databases_upkeep,
    databases_watch,
    functions,
    grants,
    identities,
    keys,
    logins,
    logs,
    networks,
    parameters,
    plain,
    providers,
    proxies,
    rights,
    roles,
    secrets,
    separation,
    storage,
    workloads,
    workloads_upkeep,
)

MODULES = (
    databases,
    separation,
    databases_upkeep,
    databases_watch,
    parameters,
    proxies,
    secrets,
    plain,
    functions,
    rights,
    logins,
    identities,
    keys,
    workloads,
    workloads_upkeep,
    cluster,
    cluster_access,
    cluster_network,
    airflow,
    airflow_tasks,
    networks,
    logs,
    alarms,
    storage,
    roles,
    grants,
    providers,
)
RULES: tuple[Rule, ...] = tuple(
    one
    for module in MODULES
    for one in vars(module).values()
    if isinstance(one, ResourceRule | StackRule)
)
"""All rules, in the order in which they are told."""
