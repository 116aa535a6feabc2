"""The comparison: how rows are dealt, what a model is given and answers, and what the table makes of it."""

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, variance
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn import metrics
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from compare import cell, models, picture, prepare, protocols, table
from compare.models import MODELS, Answers, Task
from compare.protocols import ABLE, FOLDS, LABELS, LINEAR, PROTOCOLS, REPEATS, SPLITS
from tests.models import BEGINNINGS, TWO, corpus
from tests.test_plot import chunks
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.files import read_json, read_table, write_text
from textrnn.metrics.threshold import best_threshold
from textrnn.model.config import TrainConfig
from textrnn.text.normalise import Normalisation
from textrnn.training import checkpoint, loop
from textrnn.training.folds import folds
from tools.deps import modules

CODES = [f"Your code is {number}\tkeep it" for number in range(100, 112)]  # one template
MESSAGES = [(label, text) for label, _, text in (line.partition("\t") for line in corpus(TWO, 120).splitlines())]
MESSAGES += [("spam", text) for text in CODES] + [("ham", MESSAGES[0][1])] * 5  # a twin, once under another label

TINY = (
    "train.units=4", "train.embedding_size=4", "train.subword_buckets=50", "train.epochs=3", "train.ensemble=2",
    "train.batch_size=16", "train.learning_rate=0.03",
)  # fmt: skip


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory where prepare has run on the invented messages, and all other files of the comparison go."""
    for module, name in [(prepare, "PREPARED"), (cell, "PREPARED"), (cell, "ANSWERS"), (table, "ANSWERS"),
                         (table, "CELLS"), (table, "TABLE"), (table, "PICTURE")]:  # fmt: skip
        monkeypatch.setattr(module, name, tmp_path / getattr(module, name).relative_to(protocols.HERE))
    monkeypatch.setattr(paths, "CORPUS", tmp_path / "corpus")
    write_text(paths.CORPUS, "".join(f"{label}\t{text}\n" for label, text in MESSAGES))
    prepare.main()
    return tmp_path


class Line:
    """A line of a protocol's table."""

    def __init__(self, line: str) -> None:
        *numbers, self.label, self.text = line.split("\t", REPEATS + 2)
        *self.folds, self.group = map(int, numbers)


def paths_of(module: ModuleType, name: str) -> Path:
    """Return a directory of the comparison, where the fixture has put it."""
    path: Path = getattr(module, name)
    return path


def lines_of(protocol: str) -> list[Line]:
    return [Line(line) for line in (paths_of(prepare, "PREPARED") / f"{protocol}.tsv").read_text("utf-8").splitlines()]


# prepare


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.usefixtures("prepared")
def test_every_row_is_tested_once_in_each_repeat_and_learnt_from_otherwise(protocol: str) -> None:
    lines = lines_of(protocol)
    for repeat in range(REPEATS):
        tested: list[int] = []
        for fold in range(FOLDS):
            task, rows, labels = cell.task(protocol, f"{repeat}-{fold}")
            assert [lines[row].text for row in rows] == task.test_texts
            assert [lines[row].label for row in rows] == labels
            others = [line for row, line in enumerate(lines) if row not in rows]
            assert [line.text for line in others] == task.texts
            assert [line.label for line in others] == [LABELS[label] for label in task.labels]
            assert [line.group for line in others] == task.groups.tolist()
            tested += rows
        assert sorted(tested) == list(range(len(lines)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.usefixtures("prepared")
def test_groups_are_whole_and_the_folds_alike_and_dealt_anew_in_each_repeat(protocol: str) -> None:
    lines = lines_of(protocol)
    for repeat in range(REPEATS):
        of_group = defaultdict(set)
        for line in lines:
            of_group[line.group].add(line.folds[repeat])
        assert {len(found) for found in of_group.values()} == {1}
        sizes = Counter(line.folds[repeat] for line in lines)
        assert set(sizes) == set(range(FOLDS))
        assert max(sizes.values()) - min(sizes.values()) <= len(CODES)
    assert [line.folds[0] for line in lines] != [line.folds[1] for line in lines]


@pytest.mark.usefixtures("prepared")
def test_only_the_naive_protocol_keeps_twins() -> None:
    assert [(line.label, line.text) for line in lines_of("naive")] == MESSAGES
    first = {text: label for label, text in reversed(MESSAGES)}
    for protocol in ("duplicates", "templates"):
        found = [(line.text, line.label) for line in lines_of(protocol)]
        assert len(found) == len(set(found)) < len(MESSAGES)
        assert dict(found) == first


@pytest.mark.usefixtures("prepared")
def test_only_the_templates_protocol_keeps_templates_together() -> None:
    together = {protocol: [line for line in lines_of(protocol) if line.text in CODES] for protocol in PROTOCOLS}
    assert {protocol: len({line.group for line in lines}) for protocol, lines in together.items()} == {
        "naive": len(CODES), "duplicates": len(CODES), "templates": 1,
    }  # fmt: skip
    for lines in (together["naive"], together["duplicates"]):
        assert len({line.folds[0] for line in lines}) > 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_seed_gives_the_same_bytes_and_another_one_other_folds(protocol: str) -> None:
    first, again, other = (prepare.table(MESSAGES, protocol, seed) for seed in (0, 0, 1))
    assert first == again
    ones, others = ([Line(line) for line in text.splitlines()] for text in (first, other))
    assert [line.group for line in ones] == [line.group for line in others]
    for repeat in range(REPEATS):
        for number in range(REPEATS):  # not the repeats of one seed under other numbers either
            assert [line.folds[repeat] for line in ones] != [line.folds[number] for line in others]


def test_the_fingerprint_names_every_module_a_model_runs_with_its_hash(prepared: Path) -> None:
    lines = read_table(prepared / "prepared/code.tsv")
    found = {path: digest for path, digest in lines}  # noqa: C416  # dict() of lists is no dict[str, str] to mypy
    needed = {path.relative_to(paths.ROOT).as_posix() for path in modules(paths.ROOT / "compare/prepare.py")}
    needed |= {"presets/tutorial.txt", "requirements.txt"}
    assert needed <= set(found)
    assert found == {path: hashlib.sha256((paths.ROOT / path).read_bytes()).hexdigest() for path in found}


# A cell


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.usefixtures("prepared")
def test_a_model_is_not_given_the_label_of_a_test_row(protocol: str) -> None:
    before, rows, labels = cell.task(protocol, "1-2")
    path = paths_of(prepare, "PREPARED") / f"{protocol}.tsv"
    lines = [line.split("\t", REPEATS + 2) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        lines[row][-2] = LABELS[1 - LABELS.index(lines[row][-2])]
    write_text(path, "".join("\t".join(line) + "\n" for line in lines))
    after, same, others = cell.task(protocol, "1-2")
    assert (same, set(zip(labels, others, strict=True))) == (rows, {("ham", "spam"), ("spam", "ham")})
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_cell_writes_an_answer_for_each_test_row(prepared: Path) -> None:
    cell.main("templates", "naive_bayes", "0-3")
    task, rows, labels = cell.task("templates", "0-3")
    header, *lines = read_table(prepared / "answers/templates/naive_bayes/0-3.tsv")
    score, spam = MODELS["naive_bayes"](task)
    assert header == ["row", "label", "score", "spam"]
    assert lines == [
        [str(row), label, f"{value:.6f}", "1" if said else "0"]
        for row, label, value, said in zip(rows, labels, score, spam, strict=True)
    ]


# Models


@pytest.fixture(scope="module")
def todo() -> tuple[Task, NDArray[np.int8]]:
    """Return a task on the invented messages, and the labels of its test rows."""
    messages = list(dict.fromkeys(MESSAGES))
    labels, texts = np.array([LABELS.index(label) for label, _ in messages], np.int8), [text for _, text in messages]
    groups = np.unique([text.split("\t")[0] for text in texts], return_inverse=True)[1]
    test = folds(groups, labels, 4, 0) == 0
    train = np.flatnonzero(~test)
    task = Task([texts[row] for row in train], labels[train], groups[train],
                [texts[row] for row in np.flatnonzero(test)])  # fmt: skip
    return task, labels[test]


@pytest.mark.parametrize("model", ["always_ham", "naive_bayes", "svm_characters", "svm", "svm_cut", "linear_branch"])
def test_a_model_answers_every_message(model: str, todo: tuple[Task, NDArray[np.int8]]) -> None:
    task, truth = todo
    score, spam = MODELS[model](task)
    assert score.shape == spam.shape == truth.shape
    assert np.isfinite(score).all()
    if model == "always_ham":
        assert not spam.any()
        assert len(set(score)) == 1
    else:
        assert score[spam].min() > score[~spam].max()
        assert metrics.matthews_corrcoef(truth, spam) > 0.6


def test_the_two_machines_read_characters_and_one_words_too() -> None:
    task = Task(["tea now", "tea pot", "win now", "win pot"] * 2, np.array([0, 0, 1, 1] * 2, np.int8), np.arange(8),
                ["xteax", "tea", "now"])  # fmt: skip
    characters, both = MODELS["svm_characters"](task).score, MODELS["svm"](task).score
    assert characters[0] < 0 > both[0]
    assert both[1] - both[0] < characters[1] - characters[0]


def test_the_cut_of_a_machine_is_chosen_out_of_fold_on_training_rows_their_groups_whole() -> None:
    random = np.random.default_rng(0)
    words = [word for beginning in BEGINNINGS[0] + BEGINNINGS[1] for word in beginning.split()]
    texts = [" ".join(random.choice(words, 5)) for _ in range(240)]
    groups = np.repeat(np.arange(40), 3)  # a message three times, under a label that only these tell
    task = Task([f"{texts[group]} {row}" for row, group in enumerate(groups)],
                (groups % 4 == 0).astype(np.int8), groups, texts[40:])  # fmt: skip
    score, spam = MODELS["svm_cut"](task)
    assert score.tolist() == MODELS["svm"](task).score.tolist()

    def flagged(apart: NDArray[np.int64]) -> list[bool]:
        inner = PredefinedSplit(folds(apart, task.labels, 5, 0))
        machine = models.machine(words=True)
        decisions = cross_val_predict(machine, task.texts, task.labels, cv=inner, method="decision_function")
        return list(expit(score) >= best_threshold(task.labels == 1, expit(decisions)))

    assert spam.tolist() == flagged(groups) != flagged(np.arange(len(groups)))
    some = MODELS["svm_cut"](task._replace(test_texts=task.test_texts[:5]))
    assert some.spam.tolist() == spam[:5].tolist(), "whatever else is to be answered"


@pytest.fixture
def no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT", tmp_path / "checkpoint.npz")


@pytest.fixture(scope="module")
def answered(todo: tuple[Task, NDArray[np.int8]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """Return the answers of a tiny network with all that the default has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT", tmp_path_factory.mktemp("tiny") / "checkpoint.npz")
        yield models.network(*TINY)(todo[0])
        assert not loop.CHECKPOINT.exists()


def test_a_network_of_the_pipeline_answers_every_message(
    answered: Answers, todo: tuple[Task, NDArray[np.int8]]
) -> None:
    score, spam = answered
    assert score.shape == spam.shape == todo[1].shape
    assert ((score > 0) & (score < 1)).all()
    assert score[spam].min() > score[~spam].max()
    assert metrics.matthews_corrcoef(todo[1], spam) > 0.6


@pytest.mark.usefixtures("no_checkpoint")
def test_a_networks_answer_does_not_depend_on_the_other_messages_to_answer(
    answered: Answers, todo: tuple[Task, NDArray[np.int8]]
) -> None:
    task, _ = todo
    others = ["tomorrow 8pm soup it money " * 40, *task.test_texts[:5], "Quaxolotlquaxolotl " * 9]
    found = models.network(*TINY)(task._replace(test_texts=others))
    assert found.score[1:-1].tolist() == answered.score[:5].tolist()
    assert found.spam[1:-1].tolist() == answered.spam[:5].tolist()


@pytest.mark.usefixtures("no_checkpoint")
def test_a_killed_cell_leaves_no_checkpoint_that_another_recipe_takes_up(
    answered: Answers, todo: tuple[Task, NDArray[np.int8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_and_die(*arguments: Any) -> None:
        save(*arguments)
        raise KeyboardInterrupt

    save = checkpoint.save
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            models.network(*TINY, "train.seed=1")(todo[0])
    assert loop.CHECKPOINT.exists()
    assert models.network(*TINY)(todo[0]).score.tolist() == answered.score.tolist()


def test_overrides_are_read_as_yaml_and_change_their_section_alone() -> None:
    changes = models.changed(("train.cell=rnn", "train.dropout=0", "clean.remove_pattern='a=[0-9]+'"))
    assert changes == {"train.cell": "rnn", "train.dropout": 0, "clean.remove_pattern": "a=[0-9]+"}
    config = models.section("train", TrainConfig, changes)
    assert config == models.section("train", TrainConfig, {}).model_copy(update={"cell": "rnn", "dropout": 0.0})
    assert models.section("clean", Normalisation, changes).remove_pattern == "a=[0-9]+"


@pytest.mark.parametrize("wrong", ["train.unitz=4", "train.threshold=0.5"])
def test_an_override_of_no_parameter_is_refused(wrong: str) -> None:
    with pytest.raises(UserError, match=re.escape(wrong.split("=", maxsplit=1)[0])):
        models.changed(("train.units=4", wrong))


def test_the_tutorials_model_is_that_of_its_preset() -> None:
    changes = models.changed(models.PRESET)
    config = models.section("train", TrainConfig, changes)
    assert (config.cell, config.units, config.masking, config.ensemble, config.linear) == ("rnn", 10, False, 1, False)
    assert changes["evaluate.threshold"] == 0.5


# The table


DIFFERENCES = [0.01, 0.03, -0.01, 0.02, 0.0, 0.015, 0.005, 0.02, -0.005, 0.01]
T9 = 2.262157  # Student's t of 9 degrees of freedom, 97.5 %


def test_the_interval_of_a_difference_is_nadeau_and_bengios() -> None:
    low, high = table.interval(np.array(DIFFERENCES))
    reach = T9 * math.sqrt(variance(DIFFERENCES) * (1 / 10 + 1 / 4))
    assert (low, high) == pytest.approx((mean(DIFFERENCES) - reach, mean(DIFFERENCES) + reach))
    assert table.interval(np.zeros(10)) == (0, 0)


def of_scores(mcc: list[float], rest: float = 0.5) -> NDArray[np.float64]:
    return np.array([[one, *[rest] * (len(table.SCORES) - 1)] for one in mcc])


def test_models_are_compared_with_the_linear_one_of_the_highest_mean_split_by_split() -> None:
    base = [0.9 + 0.01 * (number % 3) for number in range(10)]
    better = [one + difference for one, difference in zip(base, DIFFERENCES, strict=True)]
    cells = {
        "naive_bayes": of_scores([0.99, *[0.5] * 9]),  # the highest, once
        "svm": of_scores(base, rest=0.4),
        "svm_cut": of_scores([0.85] * 10, rest=0.9),
        "default": of_scores(better),
    }
    found = table.summary(cells)
    assert found["strongest_linear"] == "svm"
    assert list(found["models"]) == list(cells)
    low, high = table.interval(np.array(DIFFERENCES))
    assert found["models"]["default"]["mcc"] == pytest.approx({
        "mean": mean(better), "sd": math.sqrt(variance(better)), "difference": mean(DIFFERENCES), "low": low,
        "high": high,
    })  # fmt: skip
    assert set(found["models"]["default"]) == set(table.SCORES)
    assert found["models"]["default"]["f1"]["difference"] == pytest.approx(0.1)
    assert found["models"]["svm"]["mcc"]["difference"] == found["models"]["svm"]["mcc"]["high"] == 0


def answer(protocol: str, model: str, rows: int, wrong: dict[int, tuple[int, ...]]) -> None:
    """Write a model's answers: every third row is spam, and `wrong` says in which repeats a row's answer is wrong."""
    for split in SPLITS:
        repeat, fold = map(int, split.split("-"))
        lines = ["row\tlabel\tscore\tspam"]
        for row in range(fold, rows, FOLDS):
            spam = int(row % 3 == 0)
            said = 1 - spam if repeat in wrong.get(row, ()) else spam
            lines.append(f"{row}\t{LABELS[spam]}\t{said - 0.01 * row:.6f}\t{said}")
        write_text(
            paths_of(cell, "ANSWERS") / protocol / model / f"{split}.tsv", "".join(f"{line}\n" for line in lines)
        )


@pytest.mark.usefixtures("prepared")
def test_the_ceiling_counts_the_rows_that_every_able_model_gets_wrong_each_time() -> None:
    always = {3: (0, 1), 9: (0, 1), 10: (0, 1), 11: (0,), 12: (1,)}
    for model in ABLE:
        answer("templates", model, 30, always | ({20: (0, 1)} if model != "svm" else {}))
    answer("templates", "naive_bayes", 30, {})  # not an able one: what it gets right proves nothing
    found = table.ceiling("templates")
    truth = [int(row % 3 == 0) for row in range(30)]
    said = [1 - one if row in (3, 9, 10) else one for row, one in enumerate(truth)]
    assert found == {
        "rows": 3, "spam": 2, "of": 30, "mcc": pytest.approx(metrics.matthews_corrcoef(truth, said)),
        "numbers": "3 9 10",
    }  # fmt: skip


@pytest.mark.usefixtures("prepared")
def test_a_cell_has_the_scores_of_its_answers() -> None:
    answer("naive", "svm", 60, {5: (0,), 30: (0,), 15: (0,)})
    rows, labels, score, spam = table.answers("naive", "svm", "0-0")
    assert rows.tolist() == list(range(0, 60, 5))
    assert dict(zip(table.SCORES, table.cell("naive", "svm", "0-0"), strict=True)) == pytest.approx({
        "mcc": metrics.matthews_corrcoef(labels, spam),
        "average_precision": metrics.average_precision_score(labels, score),
        "f1": metrics.f1_score(labels, spam),
        "accuracy": 9 / 12,
        "recall": 2 / 4,
        "false_positive_rate": 1 / 8,
    })  # fmt: skip


@pytest.fixture
def tabled(prepared: Path) -> Path:
    """Return a directory with the table of a few models which differ."""
    for protocol in PROTOCOLS:
        answer(protocol, "svm_cut", 90, {number: (number % 2,) for number in range(0, 90, 8)})
        answer(protocol, "always_ham", 90, dict.fromkeys(range(0, 90, 3), (0, 1)))
        for model in ABLE if protocol != "naive" else ("svm",):
            answer(protocol, model, 90, dict.fromkeys(range(7, 90, 20 + len(model)), (0, 1)))
    table.main()
    return prepared


def test_the_table_has_a_line_for_each_cell_and_a_mean_for_each_model(tabled: Path) -> None:
    header, *lines = read_table(tabled / "cells.tsv")
    assert header == ["protocol", "model", "split", *table.SCORES]
    found = read_json(tabled / "table.json")
    assert list(found) == sorted(PROTOCOLS)
    assert {protocol: "ceiling" in found[protocol] for protocol in PROTOCOLS} == {
        "naive": False, "duplicates": True, "templates": True,
    }  # fmt: skip
    for protocol in PROTOCOLS:
        expected = {"svm", "svm_cut", "always_ham"} | (set(ABLE) if protocol != "naive" else set())
        assert set(found[protocol]["models"]) == expected
        means = {model: one["mcc"]["mean"] for model, one in found[protocol]["models"].items()}
        assert found[protocol]["strongest_linear"] == max(expected & set(LINEAR), key=means.__getitem__)
        for model, one in found[protocol]["models"].items():
            cells = [line for line in lines if line[:2] == [protocol, model]]
            assert [line[2] for line in cells] == list(SPLITS)
            for place, name in enumerate(table.SCORES, 3):
                assert one[name]["mean"] == pytest.approx(mean(float(line[place]) for line in cells), abs=1e-6)


def test_a_second_table_and_its_picture_have_the_same_bytes(tabled: Path) -> None:
    files = [tabled / name for name in ("cells.tsv", "table.json", "images/mcc.png")]
    before = [path.read_bytes() for path in files]
    assert set(chunks(before[-1])) == {"IHDR", "pHYs", "IDAT", "IEND"}  # no text, so no date and no version
    for path in files:
        path.unlink()
    table.main()
    assert [path.read_bytes() for path in files] == before


def test_another_score_is_another_picture(tabled: Path) -> None:
    found = read_json(tabled / "table.json")
    before = (tabled / "images/mcc.png").read_bytes()
    found["templates"]["models"]["default"]["mcc"]["mean"] = 0.9
    picture.picture(tabled / "images/mcc.png", found)
    assert (tabled / "images/mcc.png").read_bytes() != before
