"""The stage train: test rows teach it nothing, and weights.npz is the same file on every machine."""

import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from stages import evaluate, train, vectorize
from tests.configs import save_rows, small
from tests.models import TWO, copied, place, trained
from tests.workspace import Workspace
from textrnn.artifacts import ragged
from textrnn.artifacts.messages import read_messages
from textrnn.artifacts.ragged import Rows
from textrnn.core import paths
from textrnn.core.files import read_array, read_json, write_array
from textrnn.text.ngrams import ngrams
from textrnn.text.settings import Vectorize
from textrnn.text.vocabulary import read_tokens, tokenize
from textrnn.training import loop
from textrnn.training.batches import InputDropout
from textrnn.training.learn import learn
from textrnn.training.loop import Ensemble, Fitted
from textrnn.training.trainer import Trainer

STRANGE = "Quaxolotl"  # in no message of the invented corpus


class Runs(NamedTuple):
    """Two directories with the same training rows. The second has other test rows."""

    first: Path
    second: Path

    def changed(self, *names: str) -> list[str]:
        """Return the files whose bytes differ."""
        return [name for name in names if (self.first / name).read_bytes() != (self.second / name).read_bytes()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Train and evaluate the shared model (an ensemble with subwords and the linear branch) on other test rows."""
    found = Runs(trained(tmp_path_factory.getbasetemp(), TWO), tmp_path_factory.mktemp("other") / "second")
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
        save_rows(path, ragged.take(ragged.load(paths.VECTORS), rows))


def test_other_test_rows_change_no_byte_of_what_was_learnt_and_not_the_threshold(runs: Runs) -> None:
    read = ["data/clean/messages.tsv", "data/split/test/labels.npy", "data/split/train/tokens.npy"]
    assert runs.changed(*read, "data/scored/predictions.tsv") == [*read, "data/scored/predictions.tsv"]
    learnt = sorted(path.relative_to(runs.first).as_posix() for path in (runs.first / "model").iterdir())
    assert {"model/model.onnx", "model/ngrams.npy", "model/vocabulary.tsv"} <= set(learnt)
    # The record names the files that train read, threshold.json names the record, and reference.tsv has the test rows.
    assert runs.changed(*learnt) == ["model/model.json", "model/reference.tsv", "model/threshold.json"]
    assert runs.changed("data/scored/held_out.tsv", "data/trained/weights.npz", "metrics/train.json") == []
    for file, key in (("threshold.json", "threshold"), ("model.json", "parts")):
        first, second = (read_json(root / "model" / file)[key] for root in runs)
        assert first == second


def test_a_word_that_only_test_rows_hold_is_unknown(runs: Runs) -> None:
    root = runs.second
    messages, test = read_messages(root / "data/clean/messages.tsv"), ragged.load(root / "data/split/test").rows
    others = [text for row, (_, text) in enumerate(messages) if row not in test]
    assert STRANGE in read_tokens(root / "data/vectors/vocabulary.tsv")
    assert set(read_tokens(root / "model/vocabulary.tsv")) <= {one for text in others for one in tokenize(text, "rich")}
    grams = read_array(root / "model/ngrams.npy")
    assert grams.tolist() == np.unique(np.concatenate([ngrams(text) for text in others])).tolist()
    assert len(np.setdiff1d(ngrams(STRANGE), grams)) > 20


def test_weights_npz_has_no_date_and_no_system_in_its_headers_and_numpy_reads_it(trained_model: Path) -> None:
    weights = trained_model.parent / "data/trained/weights.npz"
    with zipfile.ZipFile(weights) as archive:
        for member in archive.infolist():
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert member.compress_type == zipfile.ZIP_STORED
            # np.savez writes ZIP64 sizes or not, depending on Python's version.
            assert (member.extra, member.extract_version, member.flag_bits) == (b"", 20, 0)
    with np.load(weights, allow_pickle=False) as arrays:
        assert {name.partition("/")[0] for name in arrays} == {"0", "1", "2", "3"}
        assert all(arrays[name].dtype == np.float32 for name in arrays)


class EndedError(Exception):
    """Raised when an epoch is over."""


def test_a_single_network_reads_its_rows_from_the_disk_batch_by_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(monkeypatch, tmp_path)
    numbers, read = np.arange(60_000), Counter[str]()
    rows = Rows(
        np.tile(np.arange(50, dtype=np.int32), 4 * len(numbers)), 200 * np.arange(len(numbers) + 1),
        (numbers % 2).astype(np.int16), numbers,
    )  # fmt: skip
    save_rows(paths.TRAIN, rows)
    save_rows(paths.VALIDATION, ragged.take(rows, numbers[:3]))
    write_array(paths.TRAIN / "groups.npy", numbers)
    size = sum(file.stat().st_size for file in paths.TRAIN.iterdir())
    del rows
    config = small(batch_size=500, subword_buckets=50, token_dropout=0.3, class_weights="balanced")

    def step(batch: Mapping[str, Any]) -> Any:
        read["rows"] += len(batch["labels"])
        return SimpleNamespace(numpy=lambda: np.zeros(2))

    def fit(_: Any, ensemble: Ensemble, *__: Any) -> Fitted:
        given = SimpleNamespace(config=config, input_dropout=InputDropout(config.token_dropout), step=step)
        Trainer.fit_rows(given, ensemble.members[0].train, ensemble.members[0].collator, 1, (0,))  # type: ignore[arg-type]
        raise EndedError

    monkeypatch.setattr(loop, "fit", fit)
    words = [f"word{number}" for number in range(50)]
    limits = Vectorize(tokenizer="rich", min_word_frequency=0, max_sequence_length=300)
    tracemalloc.start()
    with pytest.raises(EndedError):
        learn(config, limits, words, list(TWO), *train.training_set(config)[:2], "fingerprint")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert read["rows"] == len(numbers)
    assert peak < size / 3, (peak, size)
