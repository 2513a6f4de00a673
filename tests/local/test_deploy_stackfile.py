"""Project and stack files are read as the CLI reads them, encrypted values included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.deploy import stackfile
from local.deploy.errors import DeployError

if TYPE_CHECKING:
    from pathlib import Path

# Written by `pulumi config set --secret password canary-1234` of the CLI, with this passphrase.
PASSPHRASE = "correct horse"
ENCRYPTED = """
encryptionsalt: v1:Q6LFBCxpHp4=:v1:V+azPuMQFxDua9t2:cCcGmXYFKeJKBVoX5+zvING/UwxtUw==
config:
  small:password:
    secure: v1:LBRQsCuYJpoki8tR:G0d9ZKRSFcq2Bg1DZGWjyqpfr0hJP94T860O
  plain: hello
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    return tmp_path


def test_values_become_text_and_objects_json(root: Path) -> None:
    (root / "Pulumi.test.yaml").write_text(
        "config:\n"
        "  limit: 5\n"
        "  small:on: true\n"
        "  other:names: [a, b]\n"
        "  day: 2027-01-31\n"
        "  window: 01:30:00\n"
        "  answer: yes\n"
        "  ratio: 0.5\n"
    )
    file = stackfile.load(root, "test")
    assert file.project == "small"
    assert file.config == {
        "small:limit": "5",
        "small:on": "true",
        "other:names": '["a","b"]',
        "small:day": "2027-01-31",
        "small:window": "01:30:00",
        "small:answer": "yes",
        "small:ratio": "0.5",
    }
    assert file.secret_keys == ()


def test_secrets_of_the_passphrase_provider_are_decrypted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "Pulumi.test.yaml").write_text(ENCRYPTED)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    file = stackfile.load(root, "test")
    assert file.config == {"small:password": "canary-1234", "small:plain": "hello"}
    assert file.secret_keys == ("small:password",)
    assert "canary" not in repr(file)


def test_the_passphrase_may_be_in_a_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "Pulumi.test.yaml").write_text(ENCRYPTED)
    (root / "passphrase").write_text(PASSPHRASE + "\n")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(root / "passphrase"))
    assert stackfile.load(root, "test").config["small:password"] == "canary-1234"


def test_a_wrong_or_missing_passphrase_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "Pulumi.test.yaml").write_text(ENCRYPTED)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "wrong")
    with pytest.raises(DeployError, match=r"small:password in Pulumi\.test\.yaml cannot be decr"):
        stackfile.load(root, "test")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    with pytest.raises(DeployError, match="is encrypted: set PULUMI_CONFIG_PASSPHRASE"):
        stackfile.load(root, "test")


def test_another_secrets_provider_needs_the_cli(root: Path) -> None:
    (root / "Pulumi.test.yaml").write_text(
        "secretsprovider: awskms://x\nconfig:\n  a: {secure: v1:a:b}\n"
    )
    with pytest.raises(DeployError, match="encrypted by awskms://x, which needs the Pulumi CLI"):
        stackfile.load(root, "test")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("config: [", r"Pulumi\.test\.yaml is no YAML"),
        ("", r"Pulumi\.test\.yaml holds no keys"),
    ],
    ids=["no-yaml", "empty"],
)
def test_a_file_that_is_no_stack_file_is_said(root: Path, text: str, sentence: str) -> None:
    (root / "Pulumi.test.yaml").write_text(text)
    with pytest.raises(DeployError, match=sentence):
        stackfile.load(root, "test")


def test_an_unknown_stack_lists_the_known_ones(root: Path) -> None:
    (root / "Pulumi.dev.yaml").write_text("config: {}\n")
    with pytest.raises(DeployError, match=r"Pulumi\.test\.yaml is not in .*file there: dev$"):
        stackfile.load(root, "test")
