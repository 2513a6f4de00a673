"""Which folder may import which, and what none of them may do; read from the sources."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

# Folder to the folders that it may import, beside itself. `policies`, `lambdas` and `airflow_home`
# ship alone.
ARROWS: dict[str, set[str]] = {
    "access": {"components", "stacks"},
    "airflow_home": set(),
    "bench": {"access", "components", "lambdas", "local", "policies", "stacks"},
    "components": set(),
    "lambdas": set(),
    "local": {"components", "lambdas", "policies", "stacks"},
    "policies": set(),
    "stacks": {"components"},
    "tests": {
        "access",
        "airflow_home",
        "bench",
        "components",
        "lambdas",
        "local",
        "policies",
        "stacks",
    },
}
# Folder of tests to the folders whose helpers it may use, beside its own and what is above all.
# Whoever uses those of `environment` needs a running one, so it is not for tests of parts.
TEST_ARROWS: dict[str, set[str]] = {
    "airflow": {"local"},
    "components": set(),
    "contract": set(),
    "engine": {"environment", "workflows"},
    "environment": set(),
    "faults": {"environment"},
    "lambdas": set(),
    "local": set(),
    "manifests": set(),
    "policies": set(),
    "privileges": {"environment"},
    "unit": set(),
    "upgrade": set(),
    "workflows": set(),
}
LONGEST_FILE = 300
LONGEST_PROGRAM = 40

# What a component must not have: it would read an environment, a clock or the world.
IMPURE_MODULES = {"boto3", "os", "random", "secrets", "socket", "subprocess", "time", "urllib"}
IMPURE_NAMES = {
    "Config",
    "get_config",
    "get_organization",
    "get_project",
    "get_stack",
    "now",
    "today",
}


def sources(folder: Path = ROOT) -> Iterator[Path]:
    """The Python files of the project; folders that start with a dot, and builds, are none."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in {"build", "__pycache__"} and path.name[0] != ".":
            yield from sources(path)
        elif path.suffix == ".py":
            yield path


def folder_of(path: Path) -> str:
    """The first folder of a file, or its own name for one at the top."""
    return path.relative_to(ROOT).parts[0]


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in it, also for type checkers only."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            module = node.module or ""
            yield from (f"tests.{each.name}" for each in node.names if module == "tests")
            yield module


PYTHON_FILES = list(sources())


def test_each_folder_is_listed() -> None:
    folders = {folder_of(path) for path in PYTHON_FILES if path.parent != ROOT}
    assert folders <= ARROWS.keys()
    assert {path.name for path in PYTHON_FILES if path.parent == ROOT} == {"__main__.py"}


@pytest.mark.parametrize("folder", sorted(ARROWS))
def test_arrows_point_one_way(folder: str) -> None:
    allowed = ARROWS[folder] | {folder}
    for path in PYTHON_FILES:
        if folder_of(path) == folder:
            found = {module.partition(".")[0] for module in imports(path)} & ARROWS.keys()
            assert found <= allowed, f"{path.relative_to(ROOT)} imports {found - allowed}"


def test_tests_share_helpers_one_way() -> None:
    tests = ROOT / "tests"
    above = {path.stem for path in tests.glob("*.py")}
    for path in PYTHON_FILES:
        if folder_of(path) != "tests" or path.parent == tests:
            continue
        folder = path.relative_to(tests).parts[0]
        assert folder in TEST_ARROWS, f"list tests/{folder} in TEST_ARROWS"
        found = {module.split(".")[1] for module in imports(path) if module.startswith("tests.")}
        beyond = found - TEST_ARROWS[folder] - above - {folder}
        assert not beyond, f"{path.relative_to(ROOT)} imports {beyond}"


def test_the_program_imports_stacks_only() -> None:
    program = ROOT / "__main__.py"
    assert {module.partition(".")[0] for module in imports(program)} == {"pulumi", "stacks"}
    assert len(program.read_text("utf-8").splitlines()) < LONGEST_PROGRAM


@pytest.mark.parametrize("folder", ["lambdas", "airflow_home"])
def test_what_runs_elsewhere_knows_nothing_of_pulumi(folder: str) -> None:
    for path in PYTHON_FILES:
        if folder_of(path) == folder:
            assert not [module for module in imports(path) if module.startswith("pulumi")], path


def test_components_read_no_configuration_no_environment_and_no_clock() -> None:
    for path in PYTHON_FILES:
        if folder_of(path) != "components":
            continue
        assert not {module.partition(".")[0] for module in imports(path)} & IMPURE_MODULES, path
        names = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute | ast.Name)
        }
        assert not names & IMPURE_NAMES, path


def test_no_test_is_imported() -> None:
    for path in PYTHON_FILES:
        for module in imports(path):
            assert not module.rpartition(".")[2].startswith("test_"), path


def test_each_file_can_be_read_at_one_sitting() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in PYTHON_FILES
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}
