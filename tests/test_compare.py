"""The comparison: how rows are dealt, what a model is given and answers, the table, and the check of its numbers."""

import hashlib
import io
import json
import math
import re
import shutil
import zipfile
from collections import Counter
from functools import partial
from pathlib import Path
from statistics import mean, variance
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn import metrics
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from compare import cell, check, code, corpora, models, picture, prepare, protocols, score, table
from compare.corpora import CORPORA, Corpus
from compare.models import MODELS, Task
from compare.protocols import ABLE, CORPUS_SCORES, FOLDS, LEAST, OF_CORPUS, OFFICIAL, PROTOCOLS, REPEATS, SPLITS
from tests.models import BEGINNINGS, TWO, corpus
from textrnn.cleaning.batch import Clean
from textrnn.core import params, paths
from textrnn.core.errors import UserError
from textrnn.core.files import read_json, read_table, write_json, write_text
from textrnn.metrics.threshold import best_threshold
from textrnn.model.config import TrainConfig
from textrnn.text.settings import Normalise
from textrnn.training import learn, loop
from textrnn.training.batches import folds
from textrnn.training.members import one_by_one
from tools import deps

LABELS = ["ham", "spam"]
CODES = [f"Your code is {number}\tkeep it" for number in range(100, 112)]  # near-duplicates
MESSAGES = [(label, text) for label, _, text in (line.partition("\t") for line in corpus(TWO, 120).splitlines())]
MESSAGES += [("spam", text) for text in CODES] + [("ham", MESSAGES[0][1])] * 5  # duplicates, of two labels

TINY = (
    "train.units=4", "train.embedding_size=4", "train.subword_buckets=50", "train.epochs=2", "train.ensemble=2",
    "train.batch_size=16", "train.learning_rate=0.03", "train.bidirectional=false", "train.cell=rnn",
)  # fmt: skip


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that every file of the comparison lies in, after `prepare` has dealt the invented messages."""
    for module in (cell, check, code, prepare, score, table):
        for name, value in list(vars(module).items()):
            if isinstance(value, Path) and protocols.HERE in value.parents:
                monkeypatch.setattr(module, name, tmp_path / value.relative_to(protocols.HERE))
    monkeypatch.setattr(paths, "CORPUS", tmp_path / "corpus")
    write_text(paths.CORPUS, "".join(f"{label}\t{text}\n" for label, text in MESSAGES))
    prepare.main([*PROTOCOLS, "sms"])
    return tmp_path


def rows_of(prepared: Path, protocol: str) -> list[list[str]]:
    """Return fold, fold, rank, group, label and text of each row."""
    lines = (prepared / f"prepared/{protocol}.tsv").read_text("utf-8").splitlines()
    return [line.split("\t", REPEATS + 3) for line in lines]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_row_is_tested_once_in_each_repeat_and_trained_on_otherwise(protocol: str, prepared: Path) -> None:
    lines = rows_of(prepared, protocol)
    for repeat in range(REPEATS):
        tested: list[int] = []
        for fold in range(FOLDS):
            task, rows, labels = cell.task(protocol, f"{repeat}-{fold}")
            assert [list(pair) for pair in zip(labels, task.test_texts, strict=True)] == [
                lines[row][-2:] for row in rows
            ]
            others = [line[REPEATS + 1 :] for row, line in enumerate(lines) if row not in rows]
            given = zip(map(str, task.groups), (LABELS[label] for label in task.labels), task.texts, strict=True)
            assert list(map(list, given)) == others
            assert task.names == LABELS
            assert not {line[0] for line in others} & {lines[row][REPEATS + 1] for row in rows}, (
                "a group stays together"
            )
            tested += rows
        assert sorted(tested) == list(range(len(lines)))
        sizes = Counter(line[repeat] for line in lines).values()
        assert max(sizes) - min(sizes) <= len(CODES)
    assert [line[0] for line in lines] != [line[1] for line in lines]
    assert len({line[REPEATS + 1] for line in lines if line[-1] in CODES}) == (
        1 if protocol == "templates" else len(CODES)
    )
    first = list({text: label for label, text in reversed(MESSAGES)}.items())  # of each text
    found = [(text, label) for *_, label, text in lines]
    assert sorted(found) == sorted([(text, label) for label, text in MESSAGES] if protocol == "naive" else first)


# Models


@pytest.fixture(scope="module")
def todo() -> tuple[Task, NDArray[np.int16]]:
    """Return a task on the invented messages, and the labels of its test rows."""
    messages = list(dict.fromkeys(MESSAGES))
    labels, texts = np.array([LABELS.index(label) for label, _ in messages], np.int16), [text for _, text in messages]
    groups = np.unique([text.split("\t")[0] for text in texts], return_inverse=True)[1]
    test = folds(groups, labels, 4, 0) == 0
    train = np.flatnonzero(~test)
    task = Task([texts[row] for row in train], labels[train], groups[train],
                [texts[row] for row in np.flatnonzero(test)], LABELS, 1)  # fmt: skip
    return task, labels[test]


@pytest.mark.parametrize("model", ["naive_bayes", "svm_characters", "svm", "svm_cut", "linear_branch", "network"])
def test_an_answer_of_a_model_is_for_its_message_whatever_the_other_messages(
    model: str, todo: tuple[Task, NDArray[np.int16]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT", tmp_path / "checkpoint.npz")
    if model == "network":  # in this process, where TensorFlow is loaded and the network compiled once
        from tests.trainers import trainer_of

        monkeypatch.setattr(learn, "side_by_side", one_by_one)
        monkeypatch.setattr("textrnn.training.trainer.Trainer", trainer_of)
    answer, (task, truth) = MODELS.get(model) or models.network(*TINY), todo
    found, spam, _ = answer(task)
    assert found[spam == 1, 1].min() > found[spam == 0, 1].max()
    assert metrics.matthews_corrcoef(truth, spam) > 0.6
    others = answer(
        task._replace(test_texts=["tomorrow 8pm it " * 40, *task.test_texts[:5], "Quaxolotlquaxolotl " * 9])
    )
    assert others.scores[1:-1].tolist() == found[:5].tolist()
    assert others.labels[1:-1].tolist() == spam[:5].tolist()
    assert not loop.CHECKPOINT.exists()


def test_the_threshold_of_an_svm_is_chosen_on_training_rows_out_of_fold_with_groups_whole() -> None:
    random = np.random.default_rng(0)
    words = [word for beginning in BEGINNINGS[0] + BEGINNINGS[1] for word in beginning.split()]
    texts = [" ".join(random.choice(words, 5)) for _ in range(240)]
    groups = np.repeat(np.arange(40), 3)  # each message three times; only its copies give away its label
    labels = (groups % 4 == 0).astype(np.int16)
    task = Task([f"{texts[group]} {row}" for row, group in enumerate(groups)], labels, groups, texts[40:], LABELS, 1)
    scores, spam, _ = MODELS["svm_cut"](task)
    assert scores.tolist() == MODELS["svm"](task).scores.tolist()
    decisions = scores[:, 1]

    def flagged(apart: NDArray[np.int64]) -> list[bool]:
        inner = PredefinedSplit(folds(apart, labels, 5, 0))
        svm = models.machine(words=True)
        held_out = cross_val_predict(svm, task.texts, labels, cv=inner, method="decision_function")
        return list(expit(decisions) >= best_threshold(labels == 1, expit(held_out)))

    assert (spam == 1).tolist() == flagged(groups) != flagged(np.arange(len(groups)))


def test_a_checkpoint_of_other_rows_or_settings_has_another_fingerprint(
    todo: tuple[Task, NDArray[np.int16]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[object] = []

    def begin(*arguments: object) -> None:
        found.append(arguments[-1])
        raise InterruptedError

    monkeypatch.setattr(learn, "learn", begin)
    task = todo[0]
    fields: dict[str, Any] = {"labels": 1 - task.labels, "texts": task.texts[::-1], "groups": task.groups[::-1]}
    for overrides, changed in [((), {}), (("train.seed=1",), {}), *(((), {key: fields[key]}) for key in fields)]:
        with pytest.raises(InterruptedError):
            models.network(*TINY, *overrides)(task._replace(**changed))
    assert len(set(found)) == len(found) == 5


def test_overrides_are_read_as_yaml_and_must_name_a_parameter() -> None:
    changes = models.changed(("train.cell=rnn", "clean.remove_pattern='a=[0-9]+'"))
    assert models.section("train", TrainConfig, changes).cell == "rnn"
    assert models.section("clean", Normalise, changes).remove_pattern == "a=[0-9]+"
    with pytest.raises(UserError, match=r"train\.unitz"):
        models.changed(("train.units=4", "train.unitz=4"))


# The table


def test_a_cell_has_the_scores_of_its_answers(prepared: Path) -> None:
    cell.main("templates", "naive_bayes", ["0-3"])
    text = (prepared / "answers/templates/naive_bayes/0-3.tsv").read_text("utf-8")
    rows, labels, spam, probability, own, training_rows = score.parsed(text)
    assert training_rows == len(rows_of(prepared, "templates")) - len(rows)
    assert own.tolist() == pytest.approx(np.where(labels == 1, probability, 1 - probability), abs=1e-5)
    assert [LABELS[label] for label in labels] == [rows_of(prepared, "templates")[row][-2] for row in rows]
    found = score.scored("templates", score.parsed(text))
    assert dict(zip(protocols.SCORES, map(float, found), strict=True)) == pytest.approx({
        "mcc": metrics.matthews_corrcoef(labels, spam),
        "average_precision": metrics.average_precision_score(labels, probability),
        "f1": metrics.f1_score(labels, spam),
        "accuracy": (labels == spam).mean(),
        "recall": spam[labels == 1].mean(),
        "false_positive_rate": spam[labels == 0].mean(),
    }, abs=1e-6)  # fmt: skip


def test_models_are_compared_with_the_linear_baseline_of_the_highest_mean_by_nadeau_and_bengios_interval() -> None:
    differences = [0.01, 0.03, -0.01, 0.02, 0.0, 0.015, 0.005, 0.02, -0.005, 0.01]
    base = np.tile(np.array([[0.9] * 5 + [0.92] * 5]).T, len(protocols.SCORES))
    better = base + np.array([differences]).T
    found = table.summary({"svm": base, "naive_bayes": base - np.eye(10)[:, :1], "gru": base + 1, "default": better})
    assert found["strongest_linear"] == "svm"
    spread = math.sqrt(variance(differences) * (1 / 10 + 1 / 4))
    # Student's t of 9 degrees of freedom: 97.5 %, and 99.375 % for four intervals that hold together.
    for values, quantile in (
        (found["models"]["default"]["mcc"], 2.262157),
        (table.judged({"svm": base, "default": better}, "svm")["mcc"], 3.110935),
    ):
        expected = [mean(differences), mean(differences) - quantile * spread, mean(differences) + quantile * spread]
        assert [values[name] for name in ("difference", "low", "high")] == pytest.approx(expected)


def test_the_ceiling_counts_the_rows_that_every_good_model_gets_wrong_each_time() -> None:
    always = {3: (0, 1), 9: (0, 1), 10: (0, 1), 11: (0,), 12: (1,)}  # the repeats in which a row's answer is wrong
    cells = []
    for model in ABLE:
        wrong = always | ({20: (0, 1)} if model != "svm" else {})
        for repeat, fold in (map(int, split.split("-")) for split in SPLITS):
            rows = np.arange(fold, 30, FOLDS)
            labels = (rows % 3 == 0).astype(np.int16)
            spam = labels ^ np.array([repeat in wrong.get(row, ()) for row in rows.tolist()])
            cells.append(score.Answers(rows, labels, spam, spam.astype(float), np.ones(len(rows)), 24))
    truth = [int(row % 3 == 0) for row in range(30)]
    mcc = metrics.matthews_corrcoef(truth, [one ^ (row in (3, 9, 10)) for row, one in enumerate(truth)])
    assert score.ceiling(cells) == {"rows": 3, "spam": 2, "of": 30, "mcc": pytest.approx(mcc), "numbers": "3 9 10"}


def test_the_committed_tables_and_pictures_are_those_of_the_committed_cells(prepared: Path) -> None:
    for cells in (protocols.CELLS, protocols.CORPUS_CELLS):
        shutil.copy(cells, prepared)
    table.main()
    assert {model for models in picture.LABELS.values() for model in models} == {
        line[1] for line in read_table(protocols.CELLS)[1:]
    }
    for name in ("table.json", "corpora.json", "images/mcc.png", "images/differences.png", "images/curves.png"):
        assert (prepared / name).read_bytes() == (protocols.HERE / name).read_bytes(), "run `python -m compare.table`"


# The corpora

PAIRS = [(label, " ".join(text.split())) for label, text in MESSAGES[:60]]


def zipped(members: dict[str, str]) -> bytes:
    """Return a zip of these texts."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


def texts_of(label: str) -> str:
    """Return the texts of a label, a line each."""
    return "".join(f"{text}\n" for other, text in PAIRS if other == label)


OF_LABEL = {f"kept/{label}.txt": texts_of(label) for label in LABELS}
FOLDERS = {f"kept/{label}/{row}.txt": text.replace(" ", "\n ", 1) for row, (label, text) in enumerate(PAIRS)}
JSON = {
    "train": [[text, label] for label, text in PAIRS], "oos_val": [["it", "oos"]], "test": [["again", "ham"]] * 2,
}  # fmt: skip
CSV = "kind,words\n" + "".join(f"{label},{text}\n" for label, text in PAIRS)
FORMS: dict[str, tuple[list[bytes], dict[str, Any], list[str]]] = {  # files, how to read them, the official test texts
    "a file a label": (
        [text.encode() for text in OF_LABEL.values()],
        {"converted": partial(corpora.lines_by_label, tuple(LABELS))},
        [],
    ),
    "a member of a zip a label": (
        [zipped({"kept/README": "words\n"} | OF_LABEL)],
        {"converted": partial(corpora.lines_in_zip, dict(zip(LABELS, OF_LABEL, strict=True)))},
        [],
    ),
    "a folder of a zip a label": (
        [zipped({"kept/README": "words"} | FOLDERS)],
        {"converted": corpora.folders_in_zip},
        [],
    ),
    "lists of JSON, a part each": (
        [json.dumps(JSON).encode()],
        {"label": "1", "text": "0", "part": "part"},
        ["again", "again"],
    ),
    "CSV and a test file": ([CSV.encode()], {"label": "kind", "text": "words"}, ["well"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_corpus_is_read_from_files_that_the_cache_finds_by_their_checksums(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents, how, official = FORMS[form]
    monkeypatch.setenv("TEXTRNN_CACHE", str(tmp_path))

    def kept(content: bytes) -> tuple[str, str]:
        checksum = hashlib.sha256(content).hexdigest()
        (tmp_path / checksum).write_bytes(content)
        return "http://127.0.0.1:1/none", checksum

    test = (kept(b"kind,words\nham,well\n"),) if "test file" in form else ()
    files = tuple(map(kept, contents))
    read = Corpus("invented", 2, "CC0", False, files, test=test, **how)
    dealt, tested = corpora.messages(read, params.load("clean", Clean))
    assert sorted(dealt) == sorted({text: (label, text) for label, text in reversed(PAIRS)}.values())
    assert [text for _, text in tested] == official
    with pytest.raises(UserError, match="expected 3 labels, found 2"):
        corpora.messages(read._replace(labels=3), params.load("clean", Clean))
    (tmp_path / files[0][1]).unlink()
    with pytest.raises(UserError, match=rf"corpora\.py http://127\.0\.0\.1:1/none: .* put the file at {tmp_path}"):
        corpora.messages(read, params.load("clean", Clean))


def test_every_file_of_a_corpus_is_pinned_by_commit_and_checksum_and_stands_once() -> None:
    files = [file for read in CORPORA.values() for file in (*read.files, *read.test)]
    assert len({checksum for _, checksum in files}) == len(files)
    for address, checksum in files:
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{40}/\S+", address)
        assert re.fullmatch("[0-9a-f]{64}", checksum)


def test_any_number_of_first_rows_by_rank_has_the_share_of_each_label() -> None:
    labels = np.repeat(np.arange(4, dtype=np.int16), (400, 200, 100, 10))
    ranks = prepare.ranks(labels, 0)
    assert sorted(ranks.tolist()) == list(range(len(labels)))
    for size in (71, 142, 355):
        drawn = np.bincount(labels[ranks < size], minlength=4)
        assert np.abs(drawn - size * np.array([400, 200, 100, 10]) / 710).max() <= 1
    assert ranks.tolist() != prepare.ranks(labels, 1).tolist()


@pytest.mark.usefixtures("prepared")
def test_the_samples_of_a_learning_curve_lie_in_each_other_and_have_two_groups_of_every_label() -> None:
    whole, rows, _ = cell.task("sms", "0-3")
    smaller: set[str] = set()
    for size in (1, 10, 40, 1_000):
        task, tested, _ = cell.task("sms", f"0-3-{size}")
        assert tested == rows
        assert smaller <= set(task.texts) <= set(whole.texts)
        assert len(task.texts) == min(max(size, 2 * LEAST), len(whole.texts))
        for label in (0, 1):
            assert len(np.unique(task.groups[task.labels == label])) >= LEAST
        smaller = set(task.texts)


def test_more_than_the_sample_is_for_learning_curves_and_the_official_part_for_its_own_split(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell, "SAMPLE", 60)
    file = prepared / "prepared/sms.tsv"
    write_text(file, file.read_text("utf-8") + f"{OFFICIAL}\t{OFFICIAL}\t-1\t-1\tham\tsee you\n" * 2)
    lines = rows_of(prepared, "sms")
    tasks = [cell.task("sms", split) for split in OF_CORPUS]
    assert sorted(row for _, rows, _ in tasks for row in rows) == [
        row for row, line in enumerate(lines) if -1 < int(line[REPEATS]) < 60
    ]
    assert {len(task.texts) + len(rows) for task, rows, _ in tasks} == {60}
    task, rows, _ = cell.task("sms", "0-0-1000")
    assert rows == tasks[0][1]
    assert len(task.texts) == sum(line[0] not in ("0", OFFICIAL) for line in lines) > 60
    task, rows, labels = cell.task("sms", OFFICIAL)
    assert (task.test_texts, labels, len(task.texts)) == (["see you"] * 2, ["ham"] * 2, len(lines) - 2)


def test_a_cell_of_a_corpus_has_the_scores_of_all_its_labels() -> None:
    random = np.random.default_rng(0)
    names, probabilities = ["a", "b", "c"], random.dirichlet(np.ones(3), 40)
    labels, answers = random.integers(0, 3, 40), probabilities.argmax(axis=1)
    rows = zip(range(40), labels, answers, probabilities[np.arange(40), labels], strict=True)
    text = "row\n" + "".join(f"{row}\t{names[one]}\t{names[two]}\t0\t{own:.6f}\t160\n" for row, one, two, own in rows)
    found = score.scored("banking77", score.parsed(text))
    assert found[0] == "160"
    assert dict(zip(CORPUS_SCORES, map(float, found[1:]), strict=True)) == pytest.approx({
        "accuracy": (labels == answers).mean(),
        "macro_f1": metrics.f1_score(labels, answers, average="macro"),
        "mcc": metrics.matthews_corrcoef(labels, answers),
        "loss": metrics.log_loss(labels, probabilities),
    }, abs=1e-5)  # fmt: skip
    without = "\n".join("\t".join([*line.split("\t")[:4], "", "160"]) for line in text.splitlines()[1:])
    assert score.scored("banking77", score.parsed(f"row\n{without}\n")) == [*found[:-1], ""]


def test_on_a_corpus_the_default_is_compared_with_the_baseline_of_the_highest_mean_in_the_same_splits() -> None:
    def cells(*values: float) -> dict[str, dict[str, float]]:
        return {
            split: {"mcc": mcc, "accuracy": 1 - mcc, "training_rows": 80}
            for split, mcc in zip(OF_CORPUS, values, strict=True)
        }

    models = {
        "naive_bayes": cells(0.5, 0.5, 0.5, 0.5, 0.5),
        "svm": cells(0.6, 0.4, 0.6, 0.5, 0.6),
        "linear_branch": cells(0.7, 0.7, 0.7, 0.7, 0.7),
        "default": cells(0.63, 0.44, 0.61, 0.55, 0.65),
    }
    found = table.of_corpus(models)
    differences = [0.03, 0.04, 0.01, 0.05, 0.05]
    assert found["strongest"] == "svm"
    assert found["models"]["svm"]["mcc"] == pytest.approx(0.54)
    assert found["default"]["mcc"]["difference"] == pytest.approx(mean(differences))
    error = math.sqrt(variance(differences) * (1 / 5 + 1 / 4))
    assert found["default"]["mcc"]["standard_error"] == pytest.approx(error)
    assert found["default"]["mcc"]["low"] == pytest.approx(mean(differences) - 2.776445 * error)  # Student's t
    assert found["default"]["accuracy"]["difference"] == pytest.approx(-mean(differences))
    assert found["parts"]["linear_branch"]["difference"] == pytest.approx(-(0.07 + 0.26) / 2)


def test_a_learning_curve_has_the_best_baseline_at_each_number_of_rows() -> None:
    def cells(*values: tuple[int, float, float]) -> dict[str, dict[str, float]]:
        return {
            f"{split}-{size}": {"mcc": mcc, "training_rows": rows}
            for size, (rows, mcc, _) in zip(protocols.CURVE, values, strict=False)
            for split in protocols.FEW
        }

    models = {"naive_bayes": cells((60, 0.5, 0), (60, 0.5, 0), (900, 0.6, 0)),
              "svm": cells((60, 0.4, 0), (60, 0.4, 0), (900, 0.8, 0)), "default": cells((60, 0.3, 0))}  # fmt: skip
    found = table.curves(models)
    assert [(point["training_rows"], point["mcc"]) for point in found["baseline"]] == [(60, 0.5), (900, 0.8)]
    assert [point["mcc"] for point in found["default"]] == [0.3]


# The check


def test_the_fingerprints_cover_every_module_that_a_model_runs_and_the_values_of_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code.current()
    assert {paths.shown(place) for place in deps.code(protocols.HERE / "cell.py")} <= set(before)
    params = paths.PARAMS.read_text("utf-8")
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params.yaml")
    for text, expected in (
        (params.replace("units: 64 ", "units: 65 "), {"params.yaml: clean, train, vectorize"}),
        (f"# A comment.\n{params}", set()),
    ):
        write_text(paths.PARAMS, text)
        assert {place for place, found in code.current().items() if found != before[place]} == expected


def test_the_check_runs_cells_again_and_records_the_code_if_their_scores_are_the_committed_ones(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def checked(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["check", *arguments])
        check.main()
        return capsys.readouterr().out

    monkeypatch.setattr(code, "current", lambda: {"textrnn/core": "now", "textrnn/text": "now"})
    code.main()
    names = [f"naive/naive_bayes/{split}" for split in SPLITS]
    cell.main("naive", "naive_bayes", list(SPLITS))
    score.main()
    header, *lines = read_table(prepared / "cells.tsv")
    assert header == ["protocol", "model", "split", *protocols.SCORES]
    assert ["/".join(line[:3]) for line in lines] == names
    record = read_json(prepared / "code.json")
    assert record == {"code": code.current(), "recomputed": []}

    write_json(prepared / "code.json", {"code": record["code"] | {"textrnn/core": "other"}, "recomputed": []})
    assert checked("--code").startswith("warning: the comparison ran with other code (textrnn/core). ")
    checked(names[1])
    assert read_json(prepared / "code.json") == record | {"recomputed": [names[1]]}
    assert checked("--code") == ""

    wrong = "\t".join([*lines[0][:3], *lines[1][3:]])
    write_text(prepared / "cells.tsv", f"header\n{wrong}\n")
    assert read_table(prepared / "corpora.tsv") == [["corpus", "model", "split", "training_rows", *CORPUS_SCORES]]
    for name, message in ((names[0], f"scores are not those of this code: {names[0]} "), ("a/b/9-9", "found a/b/9-9")):
        with pytest.raises(UserError, match=message):
            checked(name)
    assert read_json(prepared / "code.json")["recomputed"] == [names[1]]
    checked("--update", "*/naive_bayes/0-0")
    assert read_table(prepared / "cells.tsv") == [header, lines[0]]
    assert read_json(prepared / "code.json")["recomputed"] == names[:2]


def test_without_names_the_check_draws_a_cell_of_each_model() -> None:
    first, again, other = (check.sample(list(score.committed()), seed) for seed in (0, 0, 1))
    assert first == again != other
    every = {check.model_of(name) for name in score.committed()}
    assert {check.model_of(name) for name in first} | {"fasttext", *check.BY_PROCESSOR} == every <= set(MODELS)
