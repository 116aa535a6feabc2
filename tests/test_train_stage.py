"""The stage train: nothing is learned from test rows, and weights.npz has the same bytes everywhere."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from stages import evaluate, train, vectorize
from tests.models import TWO, copied, place, trained
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.artifacts.messages import read_messages
from textrnn.core import paths
from textrnn.core.files import read_array, read_json
from textrnn.text.ngrams import ngrams
from textrnn.text.tokenizers import tokenize
from textrnn.text.vocabulary import read_tokens

STRANGE = "Quaxolotl"  # in no message of the invented corpus


class Runs(NamedTuple):
    """Two directories with the same rows to learn from and other test rows."""

    first: Path
    second: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Train and evaluate the tiny ensemble with subwords and the linear branch again, with other test rows."""
    found = Runs(trained(tmp_path_factory.getbasetemp(), TWO), tmp_path_factory.mktemp("second"))
    with pytest.MonkeyPatch.context() as patch:
        place(patch, found.second)
        workspace = Workspace(found.second)
        copied(workspace, found.first)
        replace_test_rows(workspace)
        for output in (*paths.MODEL.iterdir(), paths.HELD_OUT):
            output.unlink()
        for stage in (train, evaluate):
            workspace.run(stage.main)
    return found


def replace_test_rows(workspace: Workspace) -> None:
    """Give every test row another text and another label, in all that train reads."""
    messages = read_messages(paths.MESSAGES)
    parts = {path: np.array(ragged.load(path).rows) for path in (paths.TRAIN, paths.VALIDATION, paths.TEST)}
    for row in parts[paths.TEST].tolist():
        label, text = messages[row]
        messages[row] = (TWO[1 - TWO.index(label)], f"{STRANGE} {text[::-1]} {row} {STRANGE}")
    workspace.messages(messages)
    workspace.run(vectorize.main)
    for path, rows in parts.items():
        ragged.save(path, ragged.take(ragged.load(paths.VECTORS), rows))


def differing(runs: Runs, names: list[str]) -> list[str]:
    return [name for name in names if (runs.first / name).read_bytes() != (runs.second / name).read_bytes()]


def test_other_test_rows_leave_every_learned_byte_and_the_threshold(runs: Runs) -> None:
    others = ["data/clean/messages.tsv", "data/split/test/labels.npy", "data/split/train/tokens.npy",
              "data/scored/predictions.tsv"]  # fmt: skip
    assert differing(runs, others) == others
    learned = [f"model/{path.name}" for path in sorted((runs.first / "model").iterdir())]
    assert learned == [
        f"model/{name}"
        for name in (
            "history.tsv", "model.json", "model.onnx", "ngrams.npy", "settings.json", "threshold.json",
            "vocabulary.tsv", "weights.npz",
        )
    ]  # fmt: skip
    # What a model was made from is another thing now: its record says so, and the threshold names the record.
    assert differing(runs, learned) == ["model/model.json", "model/threshold.json"]
    thresholds = [read_json(root / "model/threshold.json")["threshold"] for root in (runs.first, runs.second)]
    assert thresholds[0] == thresholds[1]
    records = [read_json(root / "model/model.json") for root in (runs.first, runs.second)]
    assert records[0]["parts"] == records[1]["parts"]
    assert differing(runs, ["data/split/train/labels.npy", "data/split/train/rows.npy"]) == []
    assert differing(runs, ["data/scored/held_out.tsv", "metrics/train.json"]) == []


def test_a_word_that_occurs_in_test_rows_alone_is_unknown(runs: Runs) -> None:
    root = runs.second
    messages, test = read_messages(root / "data/clean/messages.tsv"), ragged.load(root / "data/split/test").rows
    others = [text for row, (_, text) in enumerate(messages) if row not in test]
    assert STRANGE in read_tokens(root / "data/vectors/vocabulary.tsv")
    known = read_tokens(root / "model/vocabulary.tsv")
    assert STRANGE not in known
    assert set(known) <= {token for text in others for token in tokenize(text, "rich")}
    grams: NDArray[np.uint32] = read_array(root / "model/ngrams.npy")
    assert grams.tolist() == np.unique(np.concatenate([ngrams(text) for text in others])).tolist()
    assert len(np.setdiff1d(ngrams(STRANGE), grams)) > 20


def test_an_archive_of_weights_has_neither_dates_nor_systems_in_its_headers(trained_model: Path) -> None:
    with zipfile.ZipFile(trained_model / "weights.npz") as archive:
        for member in archive.infolist():
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert member.compress_type == zipfile.ZIP_STORED
            # np.savez writes a size of the ZIP64 kind or not, depending on the version of Python.
            assert (member.extra, member.extract_version, member.flag_bits) == (b"", 20, 0)
    with np.load(trained_model / "weights.npz", allow_pickle=False) as arrays:
        assert {name.partition("/")[0] for name in arrays} == {"0", "1"}
        assert all(arrays[name].dtype == np.float32 for name in arrays)
