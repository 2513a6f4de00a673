"""`make preview ENV=...`: what would be declared, the budget, and who may reach what, in words."""

from __future__ import annotations

import argparse
import json

from local import deploy
from local.commands.common import LOCAL, settings_of
from local.deploy import render
from local.paths import Paths
from stacks.access import Access, declared_access
from stacks.budget import Budget, connection_budget
from stacks.warnings import preview_warnings


def run(paths: Paths, arguments: argparse.Namespace) -> int:
    """Show the preview of a stack; status 1 if a run would refuse something."""
    settings = settings_of(paths, arguments.env)
    budget, access = connection_budget(settings), declared_access(settings)
    warnings = preview_warnings(settings, paths.root)
    remembered = paths.state if arguments.env == LOCAL and paths.state.exists() else None
    plan = deploy.preview(paths.root, arguments.env, state_file=remembered)
    if arguments.json:
        document = render.document(plan) | {
            "budget": budget.as_dict(),
            "access": access.as_dict(),
            "warnings": warnings,
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        show(plan, budget, access, warnings)
    return 1 if plan.problems else 0


def show(plan: deploy.Plan, budget: Budget, access: Access, warnings: tuple[str, ...]) -> None:
    """Print a preview for people."""
    for line in render.tree(plan):
        print(line)
    print("\nconnections\n")
    print(budget.table())
    for environment in access.environments:
        print(f"\nwho may reach what in {environment}\n")
        for sentence in access.sentences(environment):
            print(f"  {sentence}")
    print("\nwho may administer\n")
    for sentence in access.administrator_sentences():
        print(f"  {sentence}")
    for sentence in warnings:
        print(f"\nwarning: {sentence}")
    print(f"\n{render.summary(plan)}")
