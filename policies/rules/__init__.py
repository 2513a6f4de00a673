"""The rules, one module for what they protect."""

from policies.rule import ResourceRule, Rule, StackRule
from policies.rules import databases

MODULES = (databases,)
RULES: tuple[Rule, ...] = tuple(
    one
    for module in MODULES
    for one in vars(module).values()
    if isinstance(one, ResourceRule | StackRule)
)
"""All rules, in the order in which they are told."""
