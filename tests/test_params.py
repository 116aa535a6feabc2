"""params.yaml: the settings of each section, and what a wrong one is answered.

tests/bad_inputs.yaml has more files that are no settings, and tests/test_bad_inputs.py tries every key.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from stages.download import Download
from stages.evaluate import Evaluate
from stages.plot import Plot
from tests.workspace import Workspace
from textrnn.artifacts.settings import Positive
from textrnn.cleaning.batch import Clean
from textrnn.core import params
from textrnn.core.errors import UserError
from textrnn.core.params import Section
from textrnn.dedup.sides import Split
from textrnn.model.config import TrainConfig
from textrnn.text.settings import Normalise, Vectorize

SECTIONS: dict[str, type[Section]] = {
    "download": Download,
    "clean": Clean,
    "vectorize": Vectorize,
    "split": Split,
    "train": TrainConfig,
    "evaluate": Evaluate,
    "plot": Plot,
}
DEFAULTS: dict[str, dict[str, Any]] = Workspace.SECTIONS


class Numbers(Section):
    """A section for what YAML makes of a number."""

    value: float


def changed(directory: Path, section: str, **changes: Any) -> Path:
    """Write a params.yaml of one section with the default settings and `changes`; None removes a key."""
    settings = {key: one for key, one in (DEFAULTS[section] | changes).items() if changes.get(key, "") is not None}
    path = directory / "params.yaml"
    path.write_text(json.dumps({section: settings}).replace("NaN", ".nan"))
    return path


def error(path: Path, section: str, kind: type[Section] | None = None) -> str:
    """Return the message with which a section of a file is refused, without the file's name."""
    with pytest.raises(UserError) as refused:
        params.load(section, kind or SECTIONS[section], path=path)
    return str(refused.value).removeprefix(str(path)).removeprefix(": ")


def test_the_repositorys_own_settings_are_valid_and_cannot_be_changed_once_read() -> None:
    assert list(DEFAULTS) == list(SECTIONS)
    for section, settings in DEFAULTS.items():
        read = params.load(section, SECTIONS[section])
        assert read.model_dump() == settings
        with pytest.raises(ValueError, match="frozen"):
            setattr(read, next(iter(settings)), 1)


# Wrong keys


def test_every_wrong_or_missing_key_of_a_section_is_named_at_once_and_for_a_misspelt_one_what_is_meant(
    tmp_path: Path,
) -> None:
    assert error(changed(tmp_path, "train", unit=64), "train") == "train.unit: no such setting, did you mean units?"
    path = changed(tmp_path, "split", seed=-1, test_share="x", size=3, keep_together=None)
    assert error(path, "split").split("; ") == [
        "split.seed: expected at least 0, found -1",
        "split.test_share: expected a number, found 'x'",
        "split.keep_together: expected this setting, found none: add it",
        "split.size: no such setting, expected one of seed, test_share, validation_share, keep_together, "
        "column, group_column, time_column, test_source",
    ]


# Wrong values: one of each kind of message that tests/bad_inputs.md lacks


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("download.source", 3, "expected a text, found 3"),
        ("download.connect_timeout", 0, "expected more than 0, found 0"),
        ("clean.label_column", -1, "expected at least 0 or a text, found -1"),
        ("clean.lowercase", "yes", "expected true or false, found 'yes'"),
        ("train.epochs", 8.5, "expected a whole number, found 8.5"),
        ("train.learning_rate", {"initial": 0.1}, "expected a number, found {'initial': 0.1}"),
        ("train.learning_rate", float("nan"), "expected a finite number, found nan"),
    ],
)
def test_a_wrong_value_is_an_error_that_says_what_was_expected_and_found(
    tmp_path: Path, key: str, value: Any, said: str
) -> None:
    section, _, name = key.partition(".")
    assert error(changed(tmp_path, section, **{name: value}), section) == f"{key}: {said}"


@pytest.mark.parametrize(("section", "kind"), [("evaluate", Positive), ("clean", Normalise)])
def test_a_stage_may_read_some_keys_of_a_section_and_ignore_the_others(
    tmp_path: Path, section: str, kind: type[Section]
) -> None:
    others = {key: "wrong" for key in DEFAULTS[section] if key not in kind.model_fields}
    path = changed(tmp_path, section, **others, unknown=1)
    read = params.load(section, kind, part=True, path=path)
    assert read.model_dump() == {key: DEFAULTS[section][key] for key in kind.model_fields}
    assert "no such setting" in error(path, section, kind)


# The file


def test_without_the_file_the_error_says_where_it_should_be(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    assert error(path, "plot") == f"expected the parameters in {path}, found no file: restore it from Git"


def number(directory: Path, text: str) -> float:
    path = directory / "numbers.yaml"
    path.write_text(f"numbers:\n  value: {text}\n", "utf-8")
    return params.load("numbers", Numbers, path=path).value


def test_numbers_are_read_as_in_yaml_1_2_and_what_it_does_not_call_a_number_is_refused(tmp_path: Path) -> None:
    texts = {"1e-3": 0.001, "1E3": 1000, "1.5e+2": 150, "-.5": -0.5, "+1": 1, "5.": 5, "0o17": 15, "0x1F": 31}
    assert {text: number(tmp_path, text) for text in texts} == texts
    for text in ("yes", "off", "1:30", "'1'", "~", "", "1,5", "1 000"):
        with pytest.raises(UserError, match=r"numbers\.value: expected a number, found "):
            number(tmp_path, text)
