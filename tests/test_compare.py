"""The comparison: how rows are dealt, what a model is given and answers, the table, and the check of its numbers."""

import math
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, variance

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn import metrics
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from compare import cell, check, code, models, prepare, protocols, score, table
from compare.models import MODELS, Answers, Task
from compare.protocols import ABLE, FOLDS, LABELS, PROTOCOLS, REPEATS, SPLITS
from tests.models import BEGINNINGS, TWO, corpus
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.files import read_json, read_table, write_json, write_text
from textrnn.metrics import scores
from textrnn.model.config import TrainConfig
from textrnn.text.normalise import Normalisation
from textrnn.training import learn, loop
from textrnn.training.folds import folds
from textrnn.training.members import one_by_one
from tools import deps

CODES = [f"Your code is {number}\tkeep it" for number in range(100, 112)]  # near-duplicates
MESSAGES = [(label, text) for label, _, text in (line.partition("\t") for line in corpus(TWO, 120).splitlines())]
MESSAGES += [("spam", text) for text in CODES] + [("ham", MESSAGES[0][1])] * 5  # duplicates, of two labels

TINY = (
    "train.units=4", "train.embedding_size=4", "train.subword_buckets=50", "train.epochs=2", "train.ensemble=2",
    "train.batch_size=16", "train.learning_rate=0.03", "train.bidirectional=false", "train.cell=rnn",
)  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that every file of the comparison now lies in."""
    for module in (cell, check, code, prepare, score, table):
        for name, value in list(vars(module).items()):
            if isinstance(value, Path) and protocols.HERE in value.parents:
                monkeypatch.setattr(module, name, tmp_path / value.relative_to(protocols.HERE))
    return tmp_path


@pytest.fixture
def prepared(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return such a folder after `prepare` has dealt the invented messages."""
    monkeypatch.setattr(paths, "CORPUS", place / "corpus")
    write_text(paths.CORPUS, "".join(f"{label}\t{text}\n" for label, text in MESSAGES))
    prepare.main()
    return place


class Line:
    """A line of a protocol's table."""

    def __init__(self, line: str) -> None:
        *numbers, self.label, self.text = line.split("\t", REPEATS + 2)
        *self.folds, self.group = map(int, numbers)


def lines_of(prepared: Path, protocol: str) -> list[Line]:
    return [Line(line) for line in (prepared / f"prepared/{protocol}.tsv").read_text("utf-8").splitlines()]


def test_every_row_is_tested_once_in_each_repeat_and_trained_on_otherwise(prepared: Path) -> None:
    for protocol in PROTOCOLS:
        lines = lines_of(prepared, protocol)
        for repeat in range(REPEATS):
            tested: list[int] = []
            for fold in range(FOLDS):
                task, rows, labels = cell.task(protocol, f"{repeat}-{fold}")
                assert [(lines[row].text, lines[row].label) for row in rows] == [
                    *zip(task.test_texts, labels, strict=True)
                ]
                others = [line for row, line in enumerate(lines) if row not in rows]
                assert [line.text for line in others] == task.texts
                assert [LABELS.index(line.label) for line in others] == task.labels.tolist()
                assert [line.group for line in others] == task.groups.tolist()
                tested += rows
            assert sorted(tested) == list(range(len(lines)))


def test_a_group_stays_in_one_fold_and_each_repeat_deals_again(prepared: Path) -> None:
    for protocol in PROTOCOLS:
        lines = lines_of(prepared, protocol)
        for repeat in range(REPEATS):
            by_group = defaultdict(set)
            for line in lines:
                by_group[line.group].add(line.folds[repeat])
            assert {len(found) for found in by_group.values()} == {1}
            sizes = Counter(line.folds[repeat] for line in lines)
            assert set(sizes) == set(range(FOLDS))
            assert max(sizes.values()) - min(sizes.values()) <= len(CODES)
        assert [line.folds[0] for line in lines] != [line.folds[1] for line in lines]


def test_naive_keeps_duplicates_and_templates_puts_near_duplicates_into_one_group(prepared: Path) -> None:
    lines = {protocol: lines_of(prepared, protocol) for protocol in PROTOCOLS}
    assert [(line.label, line.text) for line in lines["naive"]] == MESSAGES
    first = {text: label for label, text in reversed(MESSAGES)}
    for protocol in ("duplicates", "templates"):
        assert [line.text for line in lines[protocol]] == list(dict.fromkeys(text for _, text in MESSAGES))
        assert {line.text: line.label for line in lines[protocol]} == first
    groups = {protocol: len({line.group for line in lines[protocol] if line.text in CODES}) for protocol in PROTOCOLS}
    assert groups == {"naive": len(CODES), "duplicates": len(CODES), "templates": 1}


def test_a_seed_gives_the_same_bytes_and_another_seed_gives_other_folds() -> None:
    first, again, other = (prepare.table(MESSAGES, "templates", seed) for seed in (0, 0, 1))
    assert first == again
    ones, others = ([Line(line) for line in text.splitlines()] for text in (first, other))
    assert [line.group for line in ones] == [line.group for line in others]
    dealt = {tuple(line.folds[repeat] for line in lines) for lines in (ones, others) for repeat in range(REPEATS)}
    assert len(dealt) == 2 * REPEATS


def test_a_model_is_not_given_the_label_of_a_test_row(prepared: Path) -> None:
    before, rows, labels = cell.task("templates", "1-2")
    path = prepared / "prepared/templates.tsv"
    lines = [line.split("\t", REPEATS + 2) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        lines[row][-2] = LABELS[1 - LABELS.index(lines[row][-2])]
    write_text(path, "".join("\t".join(line) + "\n" for line in lines))
    after, same, others = cell.task("templates", "1-2")
    assert (same, set(zip(labels, others, strict=True))) == (rows, {("ham", "spam"), ("spam", "ham")})
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_cell_writes_an_answer_for_each_test_row_and_has_the_scores_of_its_answers(prepared: Path) -> None:
    cell.main("templates", "naive_bayes", "0-3")
    task, rows, labels = cell.task("templates", "0-3")
    probability, spam = MODELS["naive_bayes"](task)
    header, *lines = read_table(prepared / "answers/templates/naive_bayes/0-3.tsv")
    assert header == ["row", "label", "score", "spam"]
    answers = zip(rows, labels, probability, spam, strict=True)
    assert lines == [[str(row), label, f"{value:.6f}", str(int(said))] for row, label, value, said in answers]
    found = score.scored(score.parsed((prepared / "answers/templates/naive_bayes/0-3.tsv").read_text("utf-8")))
    truth = np.array([label == "spam" for label in labels])
    assert dict(zip(protocols.SCORES, map(float, found), strict=True)) == pytest.approx({
        "mcc": metrics.matthews_corrcoef(truth, spam),
        "average_precision": metrics.average_precision_score(truth, probability),
        "f1": metrics.f1_score(truth, spam),
        "accuracy": (truth == spam).mean(),
        "recall": spam[truth].mean(),
        "false_positive_rate": spam[~truth].mean(),
    }, abs=1e-6)  # fmt: skip


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
    probability, spam = MODELS[model](task)
    assert probability.shape == spam.shape == truth.shape
    assert np.isfinite(probability).all()
    if model == "always_ham":
        assert not spam.any()
        assert len(set(probability)) == 1
    else:
        assert probability[spam].min() > probability[~spam].max()
        assert metrics.matthews_corrcoef(truth, spam) > 0.6


def test_one_svm_reads_characters_and_the_other_reads_words_too() -> None:
    task = Task(["tea now", "tea pot", "win now", "win pot"] * 2, np.array([0, 0, 1, 1] * 2, np.int8), np.arange(8),
                ["xteax", "tea", "now"])  # fmt: skip
    characters, both = MODELS["svm_characters"](task).score, MODELS["svm"](task).score
    assert characters[0] < 0 > both[0]
    assert both[1] - both[0] < characters[1] - characters[0]


def test_the_threshold_of_an_svm_is_chosen_on_training_rows_out_of_fold_with_groups_whole() -> None:
    random = np.random.default_rng(0)
    words = [word for beginning in BEGINNINGS[0] + BEGINNINGS[1] for word in beginning.split()]
    texts = [" ".join(random.choice(words, 5)) for _ in range(240)]
    groups = np.repeat(np.arange(40), 3)  # each message three times; only its copies give away its label
    task = Task([f"{texts[group]} {row}" for row, group in enumerate(groups)],
                (groups % 4 == 0).astype(np.int8), groups, texts[40:])  # fmt: skip
    decisions, spam = MODELS["svm_cut"](task)
    assert decisions.tolist() == MODELS["svm"](task).score.tolist()

    def flagged(apart: NDArray[np.int64]) -> list[bool]:
        inner = PredefinedSplit(folds(apart, task.labels, 5, 0))
        svm = models.machine(words=True)
        held_out = cross_val_predict(svm, task.texts, task.labels, cv=inner, method="decision_function")
        return list(expit(decisions) >= scores.best_threshold(task.labels == 1, expit(held_out)))

    assert spam.tolist() == flagged(groups) != flagged(np.arange(len(groups)))


@pytest.fixture(scope="module")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pytest.MonkeyPatch]:
    """Train an ensemble in this process, where TensorFlow is loaded once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT", tmp_path_factory.mktemp("tiny") / "checkpoint.npz")
        patch.setattr(learn, "side_by_side", one_by_one)
        yield patch


@pytest.fixture(scope="module")
def answered(todo: tuple[Task, NDArray[np.int8]], in_process: pytest.MonkeyPatch) -> Answers:  # noqa: ARG001
    """Return the answers of a tiny network with all that the default has."""
    return models.network(*TINY)(todo[0])


def test_a_network_answers_every_message(answered: Answers, todo: tuple[Task, NDArray[np.int8]]) -> None:
    probability, spam = answered
    assert probability.shape == spam.shape == todo[1].shape
    assert ((probability > 0) & (probability < 1)).all()
    assert probability[spam].min() > probability[~spam].max()
    assert metrics.matthews_corrcoef(todo[1], spam) > 0.6
    assert not loop.CHECKPOINT.exists()


def test_an_answer_of_a_network_does_not_depend_on_the_other_test_rows(
    answered: Answers, todo: tuple[Task, NDArray[np.int8]]
) -> None:
    others = ["tomorrow 8pm soup it money " * 40, *todo[0].test_texts[:5], "Quaxolotlquaxolotl " * 9]
    found = models.network(*TINY)(todo[0]._replace(test_texts=others))
    assert found.score[1:-1].tolist() == answered.score[:5].tolist()
    assert found.spam[1:-1].tolist() == answered.spam[:5].tolist()


def test_a_checkpoint_of_other_rows_or_settings_has_another_fingerprint(
    todo: tuple[Task, NDArray[np.int8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class BeganError(Exception):
        pass

    def begin(*arguments: object) -> None:
        raise BeganError(arguments[-1])

    def fingerprint(task: Task, *overrides: str) -> str:
        with pytest.raises(BeganError) as began:
            models.network(*TINY, *overrides)(task)
        return str(began.value)

    monkeypatch.setattr(learn, "learn", begin)
    task = todo[0]
    found = {
        fingerprint(task),
        fingerprint(task, "train.seed=1"),
        fingerprint(task, "clean.lowercase=true"),
        fingerprint(task._replace(labels=1 - task.labels)),
        fingerprint(task._replace(texts=task.texts[::-1])),
        fingerprint(task._replace(groups=task.groups[::-1])),
    }
    assert len(found) == 6
    assert fingerprint(task._replace(test_texts=["else"])) in found


def test_overrides_are_read_as_yaml_and_must_name_a_parameter() -> None:
    changes = models.changed(("train.cell=rnn", "train.dropout=0", "clean.remove_pattern='a=[0-9]+'"))
    assert changes == {"train.cell": "rnn", "train.dropout": 0, "clean.remove_pattern": "a=[0-9]+"}
    config = models.section("train", TrainConfig, changes)
    assert config == models.section("train", TrainConfig, {}).model_copy(update={"cell": "rnn", "dropout": 0.0})
    assert models.section("clean", Normalisation, changes).remove_pattern == "a=[0-9]+"
    with pytest.raises(UserError, match=r"train\.unitz"):
        models.changed(("train.units=4", "train.unitz=4"))


# The table


def test_the_interval_of_a_difference_is_nadeau_and_bengios() -> None:
    differences = [0.01, 0.03, -0.01, 0.02, 0.0, 0.015, 0.005, 0.02, -0.005, 0.01]
    # Student's t of 9 degrees of freedom: 97.5 %, and 99.375 % for four intervals that hold together.
    for confidence, quantile in ((0.95, 2.262157), (table.TOGETHER, 3.110935)):
        reach = quantile * math.sqrt(variance(differences) * (1 / 10 + 1 / 4))
        found = table.interval(np.array(differences), confidence)
        assert found == pytest.approx((mean(differences) - reach, mean(differences) + reach))
    assert table.interval(np.zeros(10), 0.95) == (0, 0)


def test_models_are_compared_with_the_linear_baseline_of_the_highest_mean() -> None:
    def cells(mcc: list[float]) -> NDArray[np.float64]:
        return np.array([[value, *[0.5] * (len(protocols.SCORES) - 1)] for value in mcc])

    base = [0.9 + 0.01 * (number % 3) for number in range(10)]
    better = [value + 0.01 * (number % 2) for number, value in enumerate(base)]
    found = table.summary(
        {
            "naive_bayes": cells([0.99, *[0.5] * 9]),
            "svm": cells(base),
            "default": cells(better),
            "gru": cells([1.0] * 10),
        }
    )
    assert found["strongest_linear"] == "svm"
    assert found["models"]["default"]["mcc"] == pytest.approx(
        {"mean": mean(better), "sd": math.sqrt(variance(better))}
        | table.difference(np.array(better), np.array(base), 0.95)
    )
    assert found["models"]["default"]["mcc"]["difference"] == pytest.approx(0.005)


def answers(wrong: dict[int, tuple[int, ...]]) -> list[score.Answers]:
    """Return the cells of a model for 30 rows. `wrong` says in which repeats a row's answer is wrong."""
    found = []
    for repeat, fold in (map(int, split.split("-")) for split in SPLITS):
        rows = np.arange(fold, 30, FOLDS)
        labels = (rows % 3 == 0).astype(np.int8)
        spam = np.array(
            [label ^ (repeat in wrong.get(row, ())) for row, label in zip(rows.tolist(), labels, strict=True)]
        )
        found.append(score.Answers(rows, labels, spam.astype(float), spam))
    return found


def test_the_ceiling_counts_the_rows_that_every_good_model_gets_wrong_each_time() -> None:
    always = {3: (0, 1), 9: (0, 1), 10: (0, 1), 11: (0,), 12: (1,)}
    cells = [one for model in ABLE for one in answers(always | ({20: (0, 1)} if model != "svm" else {}))]
    truth = [int(row % 3 == 0) for row in range(30)]
    mcc = metrics.matthews_corrcoef(truth, [one ^ (row in (3, 9, 10)) for row, one in enumerate(truth)])
    assert score.ceiling(cells) == {"rows": 3, "spam": 2, "of": 30, "mcc": pytest.approx(mcc), "numbers": "3 9 10"}


def test_the_committed_table_and_picture_are_those_of_the_committed_cells(place: Path) -> None:
    shutil.copy(protocols.CELLS, place)
    table.main()
    for name in ("table.json", "images/mcc.png"):
        assert (place / name).read_bytes() == (protocols.HERE / name).read_bytes(), "run `python -m compare.table`"


def test_score_writes_a_line_for_each_cell_and_records_the_code(prepared: Path) -> None:
    code.main()
    for protocol in PROTOCOLS:
        for split in SPLITS:
            cell.main(protocol, "naive_bayes", split)
    score.main()
    header, *lines = read_table(prepared / "cells.tsv")
    assert header == ["protocol", "model", "split", *protocols.SCORES]
    assert [line[:3] for line in lines] == [
        [protocol, "naive_bayes", split] for protocol in PROTOCOLS for split in SPLITS
    ]
    assert read_json(prepared / "code.json") == {"code": code.current(), "recomputed": []}
    assert read_json(prepared / "ceiling.json") == {}, "the good models have not run"


# The check


def test_the_fingerprints_cover_every_module_that_a_model_runs_and_the_values_of_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code.current()
    for module in deps.modules(protocols.HERE / "cell.py") | deps.modules(protocols.HERE / "prepare.py"):
        place = paths.shown(module)
        assert place in before or "/".join(place.split("/")[:2]) in before
    params = paths.PARAMS.read_text("utf-8")
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params.yaml")
    for text, expected in (
        (params.replace("units: 64 ", "units: 65 "), {"params.yaml: clean, train, vectorize"}),
        (f"# A comment.\n{params}", set()),
    ):
        write_text(paths.PARAMS, text)
        assert {place for place, found in code.current().items() if found != before[place]} == expected


def checked(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["check", *arguments])
    check.main()


def test_the_check_runs_cells_again_and_records_the_code_if_their_scores_are_the_committed_ones(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{protocol}/naive_bayes/{split}" for protocol in PROTOCOLS for split in SPLITS]
    lines = [
        "\t".join([*name.split("/"), *score.scored(score.parsed(cell.answers(*name.split("/"))))]) for name in names
    ]
    write_text(prepared / "cells.tsv", "".join(f"{line}\n" for line in ["header", *lines]))
    write_json(prepared / "code.json", {"code": code.current() | {"textrnn/core": "other"}, "recomputed": []})

    checked(monkeypatch, "--code")
    assert capsys.readouterr().out.startswith("warning: the comparison ran with other code (textrnn/core). ")
    checked(monkeypatch, names[1])
    assert read_json(prepared / "code.json") == {"code": code.current(), "recomputed": [names[1]]}
    capsys.readouterr()
    checked(monkeypatch, "--code")
    assert capsys.readouterr().out == ""

    (prepared / "code.json").unlink()
    wrong = (prepared / "cells.tsv").read_text("utf-8").replace(lines[0], lines[0][:-1] + "x")
    write_text(prepared / "cells.tsv", wrong)
    with pytest.raises(UserError, match=f"scores are not those of this code: {names[0]} "):
        checked(monkeypatch, *names[:2])
    assert not (prepared / "code.json").exists()
    with pytest.raises(UserError, match="found templates/svm/9-9"):
        checked(monkeypatch, "templates/svm/9-9")


def test_without_names_the_check_draws_a_cell_of_each_model() -> None:
    cells = list(check.committed())
    first, again, other = (check.sample(cells, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert {name.split("/")[1] for name in first} | {"fasttext"} == set(MODELS)
