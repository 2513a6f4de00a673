"""The policy pack as the engine starts it."""

import sys
from pathlib import Path

# The engine starts it inside this folder; its modules are called as the project calls them.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pulumi_policy import PolicyPack

from policies.pack import policies

PolicyPack(name="airflow-postgres", policies=policies())
