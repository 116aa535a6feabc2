"""params.yaml: each section's settings, and what is said of a wrong one."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stages.clean import Clean
from stages.download import Download
from stages.evaluate import Evaluate
from stages.plot import Plot
from stages.split import Split
from tests.workspace import Workspace
from textrnn.artifacts.labels import Positive
from textrnn.core import params, paths
from textrnn.core.errors import UserError
from textrnn.core.params import Section
from textrnn.model.config import TrainConfig
from textrnn.text.normalise import Normalisation
from textrnn.text.vocabulary import Vectorize

SECTIONS: dict[str, type[Section]] = {
    "download": Download,
    "clean": Clean,
    "vectorize": Vectorize,
    "split": Split,
    "train": TrainConfig,
    "evaluate": Evaluate,
    "plot": Plot,
}
DEFAULTS: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load(Workspace.DEFAULTS)
KEYS = [(section, key) for section, keys in DEFAULTS.items() for key in keys]
NUMBERS = [(section, key) for section, key in KEYS if type(DEFAULTS[section][key]) in (int, float)]
FLOATS = [
    (section, key)
    for section, kind in SECTIONS.items()
    for key, field in kind.model_fields.items()
    if "float" in str(field.annotation)
]


class Numbers(Section):
    """A section for what YAML makes of a number."""

    value: float


def refused(workspace: Workspace, section: str) -> str:
    """Return the message with which a section is refused, in a stage as a user runs it."""
    return workspace.failure(lambda: (params.load(section, SECTIONS[section]), None)[1])


def told(workspace: Workspace, key: str, value: Any) -> str:
    """Return what is said of one wrong setting, which is named."""
    section = key.partition(".")[0]
    workspace.settings(**{key.replace(".", "__"): value})
    message = refused(workspace, section)
    start = f"error: params.yaml: {key}: "
    assert message.startswith(start)
    return message.removeprefix(start).strip()


def test_params_yaml_has_a_section_for_every_model_and_no_other() -> None:
    assert list(DEFAULTS) == list(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_repositorys_own_settings_are_valid_and_read_as_they_stand(section: str) -> None:
    read = params.load(section, SECTIONS[section])
    assert read.model_dump() == DEFAULTS[section]
    assert set(SECTIONS[section].model_fields) == set(DEFAULTS[section])


@pytest.mark.parametrize("section", SECTIONS)
def test_settings_cannot_be_changed_once_read(section: str) -> None:
    read = params.load(section, SECTIONS[section])
    with pytest.raises(ValueError, match="frozen"):
        setattr(read, next(iter(DEFAULTS[section])), 1)


# Wrong keys


@pytest.mark.parametrize("section", SECTIONS)
def test_an_unknown_key_is_an_error_that_names_it_and_those_which_there_are(workspace: Workspace, section: str) -> None:
    said = told(workspace, f"{section}.sead", 1)
    near = "did you mean seed? E" if section in ("split", "train") else "e"
    assert said == f"no such setting, {near}xpected one of {', '.join(SECTIONS[section].model_fields)}"


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_a_missing_key_is_an_error_that_names_it(tmp_path: Path, section: str, key: str) -> None:
    rest = {section: {name: value for name, value in DEFAULTS[section].items() if name != key}}
    with (tmp_path / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(rest, file)
    with pytest.raises(UserError) as error:
        params.load(section, SECTIONS[section], path=tmp_path / "params.yaml")
    assert str(error.value).endswith(f"params.yaml: {section}.{key}: expected this setting, found none: add it")


def test_every_wrong_key_of_a_section_is_named_at_once(workspace: Workspace) -> None:
    workspace.settings(split__seed=-1, split__test_share="x", split__size=3)
    message = refused(workspace, "split")
    assert [part.split(":")[0] for part in message.removeprefix("error: params.yaml: ").split("; ")] == [
        "split.seed",
        "split.test_share",
        "split.size",
    ]


# Wrong values


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("download.source", "", "expected to have at least 1 character, found ''"),
        ("download.source", 3, "expected a text, found 3"),
        ("download.sha256", "12ab", "expected 64 hexadecimal digits, found '12ab'"),
        ("download.connect_timeout", 0, "expected more than 0, found 0"),
        ("download.connect_timeout", 601, "expected at most 600, found 601"),
        ("clean.format", "xml", "expected 'tsv' or 'csv', found 'xml'"),
        ("clean.format", None, "expected 'tsv' or 'csv', found null"),
        ("clean.label_column", -1, "expected at least 0 or a text, found -1"),
        ("clean.label_column", True, "expected a whole number or a text, found true"),
        ("clean.text_column", 1.5, "expected a whole number or a text, found 1.5"),
        ("clean.text_column", "", "expected a whole number or to have at least 1 character, found ''"),
        ("clean.lowercase", "yes", "expected true or false, found 'yes'"),
        ("clean.lowercase", 1, "expected true or false, found 1"),
        ("clean.ascii_only", None, "expected true or false, found null"),
        ("clean.remove_pattern", 5, "expected a text, found 5"),
        ("clean.remove_pattern", "[a", "expected a regular expression (unterminated character set at position 2), "
         "found '[a'"),
        ("clean.duplicates", True, "expected 'keep' or 'drop', found true"),
        ("clean.max_rejected_share", -0.1, "expected at least 0, found -0.1"),
        ("clean.max_rejected_share", 1.1, "expected at most 1, found 1.1"),
        ("vectorize.tokenizer", "chars", "expected 'word' or 'rich', found 'chars'"),
        ("vectorize.min_word_frequency", -1, "expected at least 0, found -1"),
        ("vectorize.max_sequence_length", 0, "expected at least 1, found 0"),
        ("vectorize.max_sequence_length", [100], "expected a whole number, found [100]"),
        ("split.seed", -1, "expected at least 0, found -1"),
        ("split.test_share", 0, "expected more than 0, found 0"),
        ("split.test_share", 1, "expected less than 1, found 1"),
        ("split.validation_share", 1, "expected less than 1, found 1"),
        ("split.keep_together", False, "expected 'none', 'duplicates' or 'templates', found false"),
        ("train.cell", "transformer", "expected 'rnn', 'lstm' or 'gru', found 'transformer'"),
        ("train.bidirectional", "on", "expected true or false, found 'on'"),
        ("train.layers", 9, "expected at most 8, found 9"),
        ("train.dropout", 1, "expected less than 1, found 1"),
        ("train.word_dropout", 1, "expected less than 1, found 1"),
        ("train.word_dropout", -0.1, "expected at least 0, found -0.1"),
        ("train.token_dropout", 1, "expected less than 1, found 1"),
        ("train.token_dropout", -0.1, "expected at least 0, found -0.1"),
        ("train.subword_dropout", 1, "expected less than 1, found 1"),
        ("train.subword_dropout", -0.1, "expected at least 0, found -0.1"),
        ("train.embedding_dropout", 1, "expected less than 1, found 1"),
        ("train.embedding_dropout", -0.1, "expected at least 0, found -0.1"),
        ("train.schedule", "linear", "expected 'constant' or 'cosine', found 'linear'"),
        ("train.schedule", None, "expected 'constant' or 'cosine', found null"),
        ("train.linear", 1, "expected true or false, found 1"),
        ("train.linear", "svm", "expected true or false, found 'svm'"),
        ("train.ensemble", 0, "expected at least 1, found 0"),
        ("train.ensemble", 65, "expected at most 64, found 65"),
        ("train.learning_rate", 0, "expected more than 0, found 0"),
        ("train.learning_rate", {"initial": 0.1}, "expected a number, found {'initial': 0.1}"),
        ("train.patience", None, "expected a whole number, found null"),
        ("evaluate.positive_label", 1, "expected a text, found 1"),
        ("evaluate.threshold", 2, "expected 'held_out' or at most 1, found 2"),
        ("evaluate.threshold", "test", "expected 'held_out' or a number, found 'test'"),
        ("evaluate.bootstrap_samples", 99, "expected at least 100, found 99"),
        ("plot.dpi", 10, "expected at least 30, found 10"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_an_error_that_says_what_was_expected_and_found(
    workspace: Workspace, key: str, value: Any, said: str
) -> None:
    assert told(workspace, key, value) == said


def test_a_linear_branch_beside_a_single_network_is_one_clear_line(workspace: Workspace) -> None:
    workspace.settings(train__linear=True, train__ensemble=1)
    said = refused(workspace, "train")
    assert said.startswith("error: params.yaml: train: expected an ensemble of at least 2 beside the linear branch")
    assert "set linear to false, or ensemble to 5" in said
    assert [key for key in TrainConfig.model_fields if key in said] == ["ensemble", "linear"], "nothing else is wrong"


@pytest.mark.parametrize(("linear", "ensemble"), [(False, 1), (True, 2), (False, 2)])
def test_a_linear_branch_goes_with_an_ensemble(workspace: Workspace, linear: bool, ensemble: int) -> None:
    workspace.settings(train__linear=linear, train__ensemble=ensemble)
    read = params.load("train", TrainConfig)
    assert (read.linear, read.ensemble) == (linear, ensemble)


SHOWN = {True: "true", None: "null"}  # as YAML has them


@pytest.mark.parametrize(("section", "key"), [number for number in NUMBERS if "column" not in number[1]])
@pytest.mark.parametrize("value", [True, "{}", "x", "", None], ids=["true", "in quotes", "letters", "empty", "null"])
def test_a_number_is_a_number_and_nothing_like_it(workspace: Workspace, section: str, key: str, value: Any) -> None:
    value = value.format(DEFAULTS[section][key]) if isinstance(value, str) else value
    assert told(workspace, f"{section}.{key}", value).endswith(f", found {SHOWN.get(value, repr(value))}")


@pytest.mark.parametrize(("section", "key"), sorted({*NUMBERS, *FLOATS}))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_setting_may_be_infinite_or_not_a_number(workspace: Workspace, section: str, key: str, value: float) -> None:
    assert told(workspace, f"{section}.{key}", value).endswith(f", found {value!r}")


@pytest.mark.parametrize(
    ("section", "key"), [(section, key) for section, key in NUMBERS if type(DEFAULTS[section][key]) is int]
)
def test_a_fraction_is_accepted_only_where_fractions_are(workspace: Workspace, section: str, key: str) -> None:
    workspace.settings(**{f"{section}__{key}": DEFAULTS[section][key] + 0.5})
    if (section, key) in FLOATS:
        assert getattr(params.load(section, SECTIONS[section]), key) == DEFAULTS[section][key] + 0.5
    else:
        assert f"{section}.{key}: expected " in refused(workspace, section)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("download.connect_timeout", 3),
        ("clean.max_rejected_share", 0),
        ("clean.max_rejected_share", 1),
        ("split.validation_share", 0),
        ("train.learning_rate", 1),
        ("train.clip_norm", 0),
        ("train.dropout", 0),
        ("train.word_dropout", 0),
        ("train.token_dropout", 0),
        ("train.subword_dropout", 0),
        ("train.embedding_dropout", 0),
        ("evaluate.threshold", 0),
        ("evaluate.threshold", 1),
    ],
)
def test_a_whole_number_will_do_for_a_fraction(workspace: Workspace, key: str, value: int) -> None:
    section, name = key.split(".")
    workspace.settings(**{f"{section}__{name}": value})
    read = getattr(params.load(section, SECTIONS[section]), name)
    assert read == value
    assert type(read) is float


# Part of a section


@pytest.mark.parametrize(
    ("section", "kind"), [("evaluate", Positive), ("clean", Normalisation)], ids=["evaluate", "clean"]
)
def test_a_part_of_a_section_ignores_its_other_keys(workspace: Workspace, section: str, kind: type[Section]) -> None:
    others = [key for key in DEFAULTS[section] if key not in kind.model_fields]
    workspace.settings(**{f"{section}__{key}": "wrong" for key in others}, **{f"{section}__unknown": 1})
    read = params.load(section, kind, part=True)
    assert read.model_dump() == {key: DEFAULTS[section][key] for key in kind.model_fields}
    with pytest.raises(UserError, match="no such setting"):
        params.load(section, kind)


def test_a_part_of_a_section_is_checked_as_the_whole_is(workspace: Workspace) -> None:
    workspace.settings(evaluate__positive_label="")
    with pytest.raises(UserError, match=r"evaluate\.positive_label: expected to have at least 1 character, found ''"):
        params.load("evaluate", Positive, part=True)


# The file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "expected a section `plot:` of keys, found null"),
        (b"- plot\n", "expected a section `plot:` of keys, found null"),
        (b"plot\n", "expected a section `plot:` of keys, found null"),
        (b"plott:\n  dpi: 120\n", "expected a section `plot:` of keys, found null"),
        (b"plot:\n", "expected a section `plot:` of keys, found null"),
        (b"plot: 120\n", "expected a section `plot:` of keys, found 120"),
        (b"plot: [dpi, 120]\n", "expected a section `plot:` of keys, found ['dpi', 120]"),
        (b"plot: {1: 2, dpi: 120}\n", "plot.1: "),
        (b"plot: {dpi: 120\n", "is not valid YAML"),
        (b"plot:\n\tdpi: 120\n", "is not valid YAML"),
        (b"plot: {dpi: 120, dpi: 121}\n", 'found duplicate key "dpi"'),
        (b"plot: {dpi: 120}\nplot: {dpi: 121}\n", 'found duplicate key "plot"'),
        (b"plot: {dpi: *dots}\n", "undefined alias 'dots'"),
        (b"plot: {dpi: !dots 120}\n", "is not valid YAML"),
        (b"plot: {dpi: !!python/object/apply:os.getpid []}\n", "is not valid YAML"),
        (b"plot: {dpi: 2031-13-41}\n", "is not valid YAML: month must be in 1..12"),
        (b"plot: {dpi: !!int many}\n", "is not valid YAML: invalid literal for int()"),
        (b"plot: {dpi: 120} # caf\xe9\n", "is not valid YAML: 'utf-8' codec can't decode byte 0xe9"),
        (b"plot: {dpi: 120}\x00\n", "is not valid YAML"),
        (b"plot: {dpi: 120}\n---\nplot: {dpi: 121}\n", "is not valid YAML"),
    ],
)
def test_a_file_which_is_no_settings_is_one_clear_error(workspace: Workspace, text: bytes, said: str) -> None:
    paths.PARAMS.write_bytes(text)
    message = refused(workspace, "plot")
    assert message.startswith("error: params.yaml")
    assert said in message


def test_without_the_file_the_error_says_where_it_should_be(workspace: Workspace) -> None:
    assert refused(workspace, "plot") == (
        f"error: expected the parameters in {paths.PARAMS}, found no file: restore it from Git\n"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1E3", 1000), ("1.5e+2", 150), ("-.5", -0.5), ("+1", 1), ("5.", 5), ("0o17", 15), ("0x1F", 31)],
)
def test_numbers_are_read_as_in_yaml_1_2(tmp_path: Path, text: str, value: float) -> None:
    path = tmp_path / "numbers.yaml"
    path.write_text(f"numbers: {{value: {text}}}\n", "utf-8")
    assert params.load("numbers", Numbers, path=path).value == value


@pytest.mark.parametrize("text", ["yes", "no", "on", "off", "1:30", "'1'", "~", "", "1,5", "1 000"])
def test_what_yaml_1_2_does_not_call_a_number_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "numbers.yaml"
    path.write_text(f"numbers:\n  value: {text}\n", "utf-8")
    with pytest.raises(UserError, match=r"numbers\.value: expected a number, found "):
        params.load("numbers", Numbers, path=path)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_is_read_as_it_is_written(tmp_path: Path, value: float) -> None:
    path = tmp_path / "numbers.yaml"
    path.write_text(f"numbers: {{value: {value!r}}}\n", "utf-8")
    assert params.load("numbers", Numbers, path=path).value == value
