"""The package: the same bytes every time, complete, and nothing in it that cannot run in Lambda."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lambdas.package import PROJECT, build
from lambdas.wheels import PackageError, locked_wheels

if TYPE_CHECKING:
    from local.account.tls import CertificateAuthority
    from tests.lambdas.database_instance import Instance

LOCK = PROJECT / "lambdas" / "bootstrap_postgres" / "requirements.lock"
WHEELS = ["asn1crypto", "pg8000", "python_dateutil", "scramp", "six"]
# What the Lambda runtime for Python has beside the standard library.
RUNTIME = ["boto3", "botocore", "jmespath", "s3transfer", "urllib3"]
# Runs the handler as Lambda's runtime does: the event in, the answer or the error out, as JSON.
RUNTIME_LOOP = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from lambdas.bootstrap_postgres.handler import handle
class Context:
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    def get_remaining_time_in_millis(self):
        return 30000
print(json.dumps(handle(json.load(sys.stdin), Context())))
"""


@pytest.fixture(scope="module")
def package(authority: CertificateAuthority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("build") / "local" / "bootstrap_postgres.zip"
    build(authority.certificate_file, output)
    return output


def run_package(certificates: Path, output: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`, without an index that pip could ask."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "lambdas.package",
            f"--certificates={certificates}",
            f"--output={output}",
        ],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "",
            "PYTHONHASHSEED": "random",
            "TZ": "Asia/Tokyo",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_same_bytes_from_another_folder_without_network(
    package: Path, authority: CertificateAuthority, tmp_path: Path
) -> None:
    again = tmp_path / "new" / "again.zip"
    os.utime(PROJECT / "lambdas" / "__init__.py")

    finished = run_package(authority.certificate_file, again, tmp_path)

    content = package.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert finished.stdout == f"{again}  {len(content)} bytes  sha256 {digest}\n"
    assert finished.stderr == ""
    assert again.read_bytes() == content
    assert [path.name for path in again.parent.iterdir()] == ["again.zip"]


def test_package_is_complete_and_holds_no_more(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        entries = archive.infolist()

    assert names == sorted(names)
    own = [name for name in names if name.startswith("lambdas/")]
    expected = [PROJECT / "lambdas" / "__init__.py"]
    for folder in ("shared", "bootstrap_postgres"):
        expected.extend((PROJECT / "lambdas" / folder).glob("*.py"))
    assert own == sorted(path.relative_to(PROJECT).as_posix() for path in expected)
    assert "rds-ca.pem" in names
    assert not [name for name in names if name.endswith((".pyc", ".so", "/"))]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


@pytest.mark.parametrize("name", WHEELS)
def test_package_keeps_the_licence_of_each_wheel(package: Path, name: str) -> None:
    with zipfile.ZipFile(package) as archive:
        licences = [
            entry
            for entry in archive.namelist()
            if entry.startswith(f"{name}-") and entry.rpartition("/")[2].startswith("LICENSE")
        ]
    assert len(licences) == 1


def test_package_holds_the_certificates_it_was_given(
    package: Path, authority: CertificateAuthority
) -> None:
    with zipfile.ZipFile(package) as archive:
        assert archive.read("rds-ca.pem") == authority.certificate_file.read_bytes()


def test_lock_has_hashes_for_each_wheel_and_no_address() -> None:
    text = LOCK.read_text()
    assert "://" not in text
    assert [wheel.name.partition("-")[0] for wheel in locked_wheels(LOCK)] == WHEELS


def test_missing_certificates_are_one_sentence(tmp_path: Path) -> None:
    missing = tmp_path / "eu-west-1-bundle.pem"

    finished = run_package(missing, tmp_path / "x.zip", tmp_path)

    assert finished.returncode == 1
    assert finished.stdout == ""
    assert finished.stderr == (
        f"{missing} does not exist: get the certificate authorities of RDS with "
        "`make certificates ENV=<environment>`.\n"
    )
    assert not (tmp_path / "x.zip").exists()


def test_certificates_that_are_none_are_refused(tmp_path: Path) -> None:
    page = tmp_path / "bundle.pem"
    page.write_text("<html>not found</html>")
    with pytest.raises(
        PackageError, match=r"bundle\.pem holds no certificates .*make certificates"
    ):
        build(page, tmp_path / "x.zip")


def test_wheel_with_another_hash_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wheel in locked_wheels(LOCK):
        (tmp_path / wheel.name).write_bytes(wheel.read_bytes())
    assert len(locked_wheels(LOCK, tmp_path)) == len(WHEELS)
    with (tmp_path / "six-1.17.0-py2.py3-none-any.whl").open("ab") as six:
        six.write(b"changed")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")

    with pytest.raises(PackageError, match=r"^pip could not fetch the wheels of .*package index"):
        locked_wheels(LOCK, tmp_path)


def test_lambdas_import_only_what_ships_with_them() -> None:
    allowed = {"boto3", "botocore", "pg8000", "lambdas", *sys.stdlib_module_names}
    for path in (PROJECT / "lambdas").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            assert {module.partition(".")[0] for module in modules} <= allowed, path
            if path.parent.name == "shared":
                own = {"airflow_keys", "bootstrap_postgres", "rotate_postgres"}
                assert not [one for one in modules if own & set(one.split("."))], path


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The folders on the function's path: the package, and what the runtime brings."""
    code = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(code)
    runtime = tmp_path_factory.mktemp("runtime")
    installed = Path(pytest.__file__).parents[1]
    for name in RUNTIME:
        (runtime / name).symlink_to(installed / name)
    return [str(code), str(runtime)]


def invoke(
    unpacked: list[str], event: dict[str, object], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the unpacked package as a process that sees no other package and no other variable."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUNTIME_LOOP, *unpacked],
        input=json.dumps(event),
        env=environment,
        cwd=unpacked[0],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_unpacked_package_runs_as_a_process(
    instance: Instance, unpacked: list[str], function_environment: dict[str, str]
) -> None:
    first, second = (invoke(unpacked, instance.event(), function_environment) for _ in range(2))

    for finished in (first, second):
        assert (finished.returncode, finished.stderr) == (0, "")
        instance.assert_no_secret(finished.stdout)
    assert json.loads(first.stdout.splitlines()[-1])["loggedInBy"] == "password"
    assert json.loads(second.stdout.splitlines()[-1])["done"] == []


def test_failing_process_shows_the_sentence_and_no_secret(
    instance: Instance, unpacked: list[str], function_environment: dict[str, str]
) -> None:
    finished = invoke(unpacked, instance.event(host="localhost"), function_environment)

    assert finished.returncode == 1
    last = finished.stderr.splitlines()[-1]
    assert last.startswith("lambdas.shared.errors.CertificateError: The certificate of localhost:")
    assert "another exception" not in finished.stderr
    instance.assert_no_secret(finished.stdout + finished.stderr)
