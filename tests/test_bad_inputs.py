"""Bad inputs: each message is the one in tests/bad_inputs.md, and no setting's wrong value goes unnoticed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bad_inputs import CASES, ERROR, HAPPENED, STAGES, USAGE, Bench, Case, Outcome, documents, outcome
from tests.server import Server, running
from tests.workspace import Workspace, as_yaml
from textrnn.core import paths

SECTIONS: dict[str, dict[str, Any]] = Workspace.SECTIONS
KEYS = [(section, key) for section, settings in SECTIONS.items() for key in settings]
STARTS = {ERROR: "error: ", USAGE: "predict.py: error: "}
OUTCOMES: list[tuple[Case, Outcome]] = []  # of the tests below, in this order


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Return a server that all cases share: each sets its answers anew."""
    with running() as server:
        yield server


@pytest.mark.parametrize("case", CASES, ids=[case["input"] for case in CASES])
def test_a_bad_input_ends_in_one_readable_line(
    workspace: Workspace, trained_model: Path, server: Server, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    happened, message = outcome(case, Bench(workspace, trained_model, server, monkeypatch))
    OUTCOMES.append((case, (happened, message)))
    assert len(message.splitlines()) <= 1
    assert message.isprintable()
    assert len(message) < 600, "a message is read, not searched"
    assert message.startswith(STARTS.get(happened, ""))


def test_the_table_says_what_happened_to_each_bad_input_and_the_page_on_errors_has_the_commonest() -> None:
    """It comes after the tests that fill OUTCOMES, in this process and in this order."""
    for path, text in documents(OUTCOMES).items():
        assert path.read_text("utf-8") == text, "run `python -m tests.bad_inputs`"
    assert {happened for _, (happened, _) in OUTCOMES} == set(HAPPENED)


# Every setting, wrong in every way

HUGE = 10**30
HARMLESS = ["vectorize.min_word_frequency"]  # a huge number does no more than a large one


def wrong(section: str, key: str) -> list[Any]:
    """Return, for one setting, a value of each kind that it must not have."""
    default = SECTIONS[section][key]
    values: list[Any] = [[1], {"a": "many"}, [], float("nan"), float("inf"), float("-inf")]
    if key == "positive_label":  # a text, a number, a boolean or null
        return values
    if default is not None:
        values.append(None)
    if type(default) is not bool and key != "header":
        values.append(True)
    if type(default) in (int, float) or key == "threshold":
        values += [-1, -HUGE, 0.5 if "column" in key else "many"]
        values += [] if f"{section}.{key}" in HARMLESS else [HUGE]
    else:
        values += [-1 if "column" in key else 7, 0.5]
    return values


@pytest.mark.parametrize(("section", "key"), KEYS, ids=[f"{section}.{key}" for section, key in KEYS])
def test_a_wrong_missing_or_misspelt_setting_is_one_line_that_names_it(
    workspace: Workspace, section: str, key: str
) -> None:
    def failure(settings: dict[str, Any]) -> str:
        paths.PARAMS.write_text(as_yaml({section: settings}), "utf-8")
        return workspace.failure(STAGES[section])

    for value in wrong(section, key):
        message = failure(SECTIONS[section] | {key: value})
        assert message.startswith(f"error: params.yaml: {section}.{key}: expected "), value
        assert len(message) < 300
    rest = {name: value for name, value in SECTIONS[section].items() if name != key}
    assert f" {section}.{key}: expected this setting, found none" in failure(rest)
    assert f" {section}.{key}s: no such setting" in failure(SECTIONS[section] | {f"{key}s": 1})
