"""Carries out the project's own Pulumi program without the Pulumi CLI: preview, up, destroy.

The program, its stack files and its URNs are the CLI's; state, diff and deletes are this package's
own. It knows the resource types that this project uses and refuses others in a sentence.
"""

from local.deploy.changes import Change, Kind
from local.deploy.deployment import destroy, preview, up
from local.deploy.errors import DeployError
from local.deploy.report import Event, Plan, Result, Step

__all__ = [
    "Change",
    "DeployError",
    "Event",
    "Kind",
    "Plan",
    "Result",
    "Step",
    "destroy",
    "preview",
    "up",
]
