"""Bad inputs: each is told as docs/errors.md has it, and no setting's wrong value goes unnoticed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bad_inputs import (
    CASES,
    DOCUMENT,
    ERROR,
    HAPPENED,
    STAGES,
    USAGE,
    Bench,
    Case,
    code,
    escaped,
    outcome,
    rows,
)
from tests.server import Server, running
from tests.test_params import DEFAULTS, KEYS, SECTIONS
from tests.workspace import Workspace
from textrnn.core import params, paths

TABLE = rows(DOCUMENT.read_text("utf-8")) if DOCUMENT.exists() else {}
STARTS = {ERROR: "error: ", USAGE: "predict.py: error: "}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a server that all cases share: each sets its answers anew."""
    with running() as server:
        yield server


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_a_bad_input_is_told_as_the_document_has_it(
    workspace: Workspace, trained_model: Path, server: Server, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    happened, message = outcome(case, Bench(workspace, trained_model, server, monkeypatch))
    assert len(message.splitlines()) <= 1
    assert message.isprintable()
    assert len(message) < 600, "a message is read, not searched"
    assert TABLE.get(escaped(case.title)) == (case.section, happened, code(message)), "run `python -m tests.bad_inputs`"


def test_the_document_has_a_row_for_each_case_in_this_order_and_no_other() -> None:
    assert list(TABLE) == [escaped(case.title) for case in CASES]
    assert len(TABLE) >= 110


@pytest.mark.parametrize("happened", HAPPENED)
def test_what_happens_is_one_of_a_few_things_and_each_of_them_does(happened: str) -> None:
    messages = [message.strip("` ") for _, what, message in TABLE.values() if what == happened]
    assert messages
    assert all(message.startswith(STARTS.get(happened, "")) for message in messages)
    assert {what for _, what, _ in TABLE.values()} <= set(HAPPENED)


# Every setting, wrong in every way

HUGE = 10**30
HARMLESS = {  # where a huge number does no more than a large one, and why
    "vectorize.min_word_frequency": "is compared with counts: no word is known, as with any number above them",
}


def numeric(section: str, key: str) -> bool:
    """Return whether a setting may be a number."""
    annotation = str(SECTIONS[section].model_fields[key].annotation)
    return "int" in annotation or "float" in annotation


def wrong(section: str, key: str) -> dict[str, Any]:
    """Return, for one setting, a value of each kind that it must not have."""
    values: dict[str, Any] = {"a list": [1], "a mapping": {"a": 1}, "an empty list": []}
    values |= {"not a number": float("nan"), "infinite": float("inf"), "minus infinite": float("-inf")}
    if key != "sha256":
        values["null"] = None
    if isinstance(DEFAULTS[section][key], dict):  # of numbers by name
        values["a mapping"] = {"a": "many"}
    if type(DEFAULTS[section][key]) is not bool:
        values["a boolean"] = True
    if numeric(section, key):
        values |= {"below its range": -1, "far below its range": -HUGE}
        values |= {"a fraction": 0.5} if "column" in key else {"a word": "many"}  # a column may have a name
    else:
        values |= {"a number": 7, "a fraction": 0.5}
    if numeric(section, key) and f"{section}.{key}" not in HARMLESS:
        values["huge"] = HUGE
    return values


def written(section: str, settings: dict[str, Any]) -> None:
    """Write a params.yaml of one section, as JSON: that is YAML too, but for its names of what is no finite number."""
    text = json.dumps({section: settings}).replace("NaN", ".nan").replace("Infinity", ".inf")
    paths.PARAMS.write_text(text, "utf-8")


@pytest.mark.parametrize(("section", "key"), KEYS, ids=[f"{section}.{key}" for section, key in KEYS])
def test_a_wrong_value_of_any_setting_is_one_line_that_names_it(workspace: Workspace, section: str, key: str) -> None:
    for kind, value in wrong(section, key).items():
        written(section, DEFAULTS[section] | {key: value})
        message = workspace.failure(STAGES[section])
        assert message.startswith(f"error: params.yaml: {section}.{key}: expected "), (kind, message)
        assert len(message) < 300


@pytest.mark.parametrize(("section", "key"), KEYS, ids=[f"{section}.{key}" for section, key in KEYS])
def test_any_setting_missing_or_misspelt_is_one_line_that_names_it(
    workspace: Workspace, section: str, key: str
) -> None:
    rest = {name: value for name, value in DEFAULTS[section].items() if name != key}
    written(section, rest)
    assert f"{section}.{key}: expected this setting, found none" in workspace.failure(STAGES[section])
    written(section, DEFAULTS[section] | {f"{key}s": 1})
    assert f" {section}.{key}s: no such setting" in workspace.failure(STAGES[section])


@pytest.mark.parametrize("name", HARMLESS)
def test_a_huge_number_is_taken_where_it_does_no_harm(workspace: Workspace, name: str) -> None:
    section, _, key = name.partition(".")
    workspace.settings(**{f"{section}__{key}": HUGE})
    assert getattr(params.load(section, SECTIONS[section]), key) == HUGE
