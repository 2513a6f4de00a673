"""A stack file that is no stack file, or that two parsers would read differently, is one sentence.

The forms themselves are in `test_stack_file_reading.py`; here are whole files with one mistake, on
the command line.
"""

from __future__ import annotations

import os

import pytest

from tests.unit.bad_settings import TEXTS, Bad, Desk, assert_readable, assert_sentence, kind, rows

NS = "airflow-postgres:"
FILE = "Pulumi.dev.yaml"
INVALID = f"{FILE} is not valid: line "
GROUP = f"{FILE} has no group `config:` at its top"
SUCH = f"such as `{NS}region: eu-west-1`"
REGION = "  airflow-postgres:region: eu-west-1\n"
LIMIT = "connectionLimit: 20"
RANGES = "awsApis: [0.0.0.0/0]"
NUMBER = "a number in a form that parsers read differently"
BOMB = "".join(f"  x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 10)}]\n" for i in range(1, 8))

YAML = rows(
    ("a bracket that stays open", "dev", "environments: [dev, qa]", "environments: [dev, qa",
     INVALID, "10: ", "expected ',' or ']'", "mend it"),
    ("a quote that stays open", "dev", '"111122223333"', '"111122223333',
     INVALID, ": ", "", "mend it"),
    ("a tab", "dev", REGION, f"\t{REGION}",
     INVALID, "8: ", r"found character '\t' that cannot start any token", "mend it"),
    ("an unknown alias", "dev", LIMIT, "connectionLimit: *limit",
     INVALID, "74: ", "found undefined alias 'limit'", "mend it"),
    ("two documents", "dev", "config:\n", "---\nconfig: {}\n---\nconfig:\n",
     INVALID, "7: ", "found another document", "mend it"),
    ("a key twice", "dev", REGION, REGION * 2,
     INVALID, "9: the key 'airflow-postgres:region'", "is there twice", "mend it"),
    ("a key twice further down", "dev", LIMIT, f"{LIMIT}\n      {LIMIT}",
     INVALID, "75: the key 'connectionLimit'", "is there twice", "mend it"),
    ("a key with and without its namespace", "dev", REGION, f"{REGION}  region: eu-west-2\n",
     f'{FILE} has both "region" and airflow-postgres:region', "the same setting",
     "once is allowed", "remove one"),
    ("a number for a key", "dev", RANGES, "443: [0.0.0.0/0]",
     INVALID, "14: ", "a key is not text", "mend it"),
    ("a list for a key", "dev", RANGES, "!!str [a]: b",
     INVALID, "14: ", "a key is not text", "mend it"),
    ("a key from elsewhere that is no text", "dev", "config:\n", "config:\n  <<: {1: x}\n",
     INVALID, ": ", "a key is not text", "mend it"),
    ("a number with underscores", "dev", LIMIT, "connectionLimit: 2_0",
     INVALID, "74: 2_0", NUMBER, "mend it"),
    ("an exponent", "dev", LIMIT, "connectionLimit: 2e1", INVALID, "74: 2e1", NUMBER, "mend it"),
    ("a number as long as a page", "dev", LIMIT, f"connectionLimit: {'9' * 5000}",
     INVALID, "74: 999", NUMBER, "mend it"),
    ("a date of YAML's", "dev", RANGES, "awsApis: !!timestamp 2027-01-31",
     INVALID, '"tag:yaml.org,2002:timestamp"', "none of JSON's types", "mend it"),
    ("a date that is none", "dev", RANGES, "awsApis: !!timestamp soon",
     INVALID, '"tag:yaml.org,2002:timestamp"', "none of JSON's types", "mend it"),
    ("a set", "dev", RANGES, "awsApis: !!set {0.0.0.0/0}",
     INVALID, '"tag:yaml.org,2002:set"', "none of JSON's types", "mend it"),
    ("bytes", "dev", RANGES, "awsApis: !!binary aGk=",
     INVALID, '"tag:yaml.org,2002:binary"', "none of JSON's types", "mend it"),
    ("an object", "dev", RANGES, "awsApis: !!python/object/apply:os.system [id]",
     INVALID, "python/object/apply:os.system", "none of JSON's types", "mend it"),
    ("a number by its tag only", "dev", LIMIT, "connectionLimit: !!int many",
     INVALID, '74: "many"', "is not what its tag says it is", "mend it"),
    ("a boolean by its tag only", "dev", "writes: true", "writes: !!bool maybe",
     INVALID, '72: "maybe"', "is not what its tag says it is", "mend it"),
    ("a group by its tag only", "dev", RANGES, "awsApis: !!map ranges",
     INVALID, "14: ", "a group of keys has another value", "mend it"),
    ("a merge of no group", "dev", RANGES, "<<: 3",
     INVALID, "14: ", "expected a mapping or list of mappings for merging", "mend it"),
    ("half a character", "dev", "region: eu-west-1", r'region: "\ud800"',
     INVALID, r'8: "\ud800"', "half a character", "mend it"),
    ("a NUL", "dev", REGION, "  airflow-postgres:region: eu\0west\n",
     INVALID, "8: ", "the character U+0000 is not allowed in YAML", "remove it"),
    ("a value that contains itself", "dev", RANGES, "awsApis: &a [*a]",
     f"{NS}networks in {FILE}", "contains itself", "or more than any setting holds",
     "write a smaller value without aliases"),
    ("aliases of aliases", "dev", "config:\n", f"config:\n  x0: &x0 [x]\n{BOMB}",
     f"{NS}x", f" in {FILE}", "more than any setting holds",
     "write a smaller value without aliases"),
    ("brackets in brackets", "dev", RANGES, f"awsApis: {'[' * 250}{']' * 250}",
     f"{NS}networks in {FILE}", "", "more than any setting holds",
     "write a smaller value without aliases"),
    ("brackets without end", "dev", RANGES, f"awsApis: {'[' * 5000}",
     FILE, " is nested", "more deeply than any setting is", "remove some brackets"),
    ("an encrypted value", "dev", "region: eu-west-1", "region:\n    secure: AAABhunter2",
     f"{NS}region in {FILE}", " is encrypted", "no setting is a secret",
     "write its value as plain text"),
    ("an encrypted part", "dev", "ref: v1.1.0-rc.2", "ref: {secure: AAABhunter2}",
     f"{NS}airflow in {FILE}", " is encrypted", "no setting is a secret",
     "write its value as plain text"),
    ("settings at the top", "dev", "config:\n", "region: eu-west-1\nconfig:\n",
     f"{FILE} has `region` at its top", "allowed there are", "config, encryptionsalt, ",
     "remove it"),
    ("an empty file", "dev", "", "", GROUP, ";", "write all settings below one", SUCH),
    ("only comments", "dev", "", "# to do\n", GROUP, ";", "write all settings below one", SUCH),
    ("a list", "dev", "", "- config\n", GROUP, ";", "write all settings below one", SUCH),
    ("a sentence", "dev", "", "Please deploy.", GROUP, ";", "write all settings below one", SUCH),
)  # fmt: skip


@pytest.mark.parametrize("bad", YAML, ids=kind)
def test_it_is_one_sentence(desk: Desk, bad: Bad) -> None:
    desk.write(bad.stack, bad.text)
    sentence = desk.refused("preview", "--env", bad.stack)

    assert "hunter2" not in sentence
    assert_readable(sentence)
    at = 0
    for part in (bad.key, bad.value, bad.allowed, bad.do):
        found = sentence.find(part, at)
        assert found >= 0, (part, sentence)
        at = found


def test_a_stack_without_a_file_tells_which_there_are(desk: Desk) -> None:
    for stack in ("prod", "dev"):
        desk.write(stack, TEXTS[stack])

    sentence = desk.refused("preview", "--env", "qa")

    assert sentence == (
        f"There is no Pulumi.qa.yaml in {desk.folder}; the stacks here are dev, prod; choose one "
        "of them, or write that file."
    )


def test_a_file_in_another_encoding(desk: Desk) -> None:
    (desk.folder / FILE).write_text(TEXTS["dev"], "utf-16")

    sentence = desk.refused("preview", "--env", "dev")

    assert_sentence(
        sentence,
        key=FILE,
        value="cannot be read: invalid start byte",
        allowed="a file with UTF-8 text",
        do="save it as one",
    )


def test_a_folder_for_a_file(desk: Desk) -> None:
    (desk.folder / FILE).mkdir()

    sentence = desk.refused("preview", "--env", "dev")

    assert_readable(sentence)
    assert sentence.startswith(f"{FILE} cannot be read: Is a directory; ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(desk: Desk) -> None:
    desk.write("dev", TEXTS["dev"])
    (desk.folder / FILE).chmod(0)

    assert_readable(desk.refused("preview", "--env", "dev"))


def test_aliases_that_settings_may_have(desk: Desk) -> None:
    """An anchor is no mistake: only the folder's other files are missing then."""
    text = (
        TEXTS["prod"].replace("git: [", "git: &git [").replace("web: [10.30.112.0/20]", "web: *git")
    )
    desk.write("prod", text)

    assert desk.refused("preview", "--env", "prod").startswith("Pulumi.yaml is not in ")
