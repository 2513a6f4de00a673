"""`make policy`: its exit status, its words, its JSON, and waivers, also of other judges."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Policy = Callable[..., "subprocess.CompletedProcess[str]"]
WAIVER = (
    '{{rule: {rule}, resource: application, expires: "{expires}", '
    'reason: "Only until the copy of the instance is there."}}'
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "checkout"
    ignored = shutil.ignore_patterns(".*", "build", "__pycache__", "tests", "bench")
    shutil.copytree(ROOT, folder, ignore=ignored)
    (folder / ".venv-judges").symlink_to(ROOT / ".venv-judges")
    return folder


@pytest.fixture
def policy(project: Path) -> Policy:
    """Judge `prod` with lines of its settings replaced."""

    def run(*changes: tuple[str, str], arguments: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - of either text
        text = (ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8")
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (project / "Pulumi.prod.yaml").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "local", "policy", "--env", "prod", *arguments]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)

    return run


def _waived(**rules: int) -> tuple[str, str]:
    today = datetime.now(UTC).date()
    entries = (
        WAIVER.format(rule=rule.replace("__", "-"), expires=today + timedelta(days=days))
        for rule, days in rules.items()
    )
    return "airflow-postgres:waivers: []", f"airflow-postgres:waivers: [{', '.join(entries)}]"


ONE_ZONE = ("    multiAz: true", "    multiAz: false")


def test_our_own_is_refused_by_nobody(policy: Policy) -> None:
    done = policy(_waived(rds__multi__az=1), arguments=("--json",))
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["counts"]["refused"] == told["counts"]["waived"] == 0
    assert told["staleWaivers"] == [
        "the waiver of rds-multi-az for application lets nothing be: take it off"
    ]
    assert told["resources"] > 200
    assert {"checkov", "parliament"} <= set(told["judges"])


def test_what_is_refused_is_told_with_how_to_mend_it(project: Path, policy: Policy) -> None:
    """And which judges were not asked, where they are not installed."""
    judges = project / ".venv-judges"
    judges.unlink()
    try:
        done = policy(ONE_ZONE, _waived(rds__multi__az=-1))
    finally:
        judges.symlink_to(ROOT / ".venv-judges")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "rds-multi-az: refused (mandatory, high) Instance metadata" in done.stdout
    assert "its waiver expired on" in done.stdout
    assert "  why:  multiAz" in done.stdout
    assert "  mend: " in done.stdout
    assert "note: " in done.stdout
    assert "make judges" in done.stdout


def test_a_waiver_lets_one_rule_be_also_of_another_judge(policy: Policy) -> None:
    done = policy(ONE_ZONE, _waived(rds__multi__az=1, CKV_AWS_157=0), arguments=("--json",))
    assert done.returncode == 2
    told = {(one["rule"], one["where"]): one for one in json.loads(done.stdout)["verdicts"]}
    for rule in ("rds-multi-az", "CKV_AWS_157"):
        waived = told[rule, "Instance application"]
        assert (waived["outcome"], waived["waiver"]["reason"][:10]) == ("waived", "Only until")
        assert told[rule, "Instance metadata"]["outcome"] == "refused"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "prod.json holds no object"),
        ("{", "prod.json is no JSON"),
        ('{"rds-backups": {}}', "prod.json: rds-backups is no rule"),
        ('{"rds-backup": {"days": "x"}}', "prod.json: rds-backup.days: 'x' is not of type"),
        ('{"rds-backup": {"day": 3}}', "prod.json: rds-backup: Additional properties"),
        ('{"rds-backup": "maybe"}', "'maybe' is not one of"),
    ],
)
def test_a_wrong_configuration_is_a_sentence(
    project: Path, policy: Policy, text: str, sentence: str
) -> None:
    file = project / "policies" / "environments" / "prod.json"
    before = file.read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    try:
        done = policy()
    finally:
        file.write_text(before, encoding="utf-8")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
