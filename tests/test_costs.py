"""What a training takes is reckoned before it starts: the parameters exactly, memory and time roughly."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests import reference
from tests.configs import small
from tests.ensembles import collator_of
from textrnn.artifacts.ragged import Rows
from textrnn.core.errors import UserError
from textrnn.model.network import build, trained_variables
from textrnn.training import costs
from textrnn.training.costs import check, duration, memory, parameters, reckon
from textrnn.training.loop import Ensemble, Member


@pytest.mark.parametrize("layout", ["gru 0", "lstm 0", "lstm 1", "rnn 2", "rnn 3"])
def test_parameters_are_counted_as_the_network_has_them(layout: str) -> None:
    config = reference.CONFIGS[layout]
    variables = trained_variables(build(config, reference.VOCABULARY, reference.CLASSES))
    found = parameters(config, reference.VOCABULARY, reference.CLASSES)
    of_part = dict.fromkeys(found, 0)
    for name, variable in variables.items():
        part = name.partition(".")[0]
        of_part["layers" if part.startswith("layer") else part] += variable.numpy().size
    assert found == of_part


def ensemble(labels: int = 2, rows: int = 1, **changes: Any) -> Ensemble:
    """Return networks that learn from rows of eight tokens."""
    config = small(**changes)
    tokens, offsets = np.ones(8 * rows, np.int32), np.arange(0, 8 * rows + 1, 8)
    part = Rows(tokens, offsets, np.zeros(rows, np.int16), np.arange(rows))
    return Ensemble(config, 1000, labels, [Member(part, part, collator_of(config))] * config.ensemble)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reckon for two processors and 8 GB of memory."""
    monkeypatch.setattr(costs, "memory", lambda: 8 * 10**9)
    monkeypatch.setattr(costs, "processors", lambda: 2)


FILE = "expected model.onnx to take less than 2.1 GB, the most that the format holds, found that "
MEMORY = "expected training to fit into the 8.0 GB of memory here, found that "
TEXTS = [f"{number} {number * 7919}" for number in range(5000)]


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (
            ensemble(units=4096, layers=8, bidirectional=True),
            FILE + "a network of 2,215,078,842 parameters would take 8.9 GB: lower train.units or train.layers",
        ),
        (
            ensemble(subword_buckets=10_000_000, embedding_size=50, ensemble=5),
            FILE + "5 networks of 500,050,732 parameters each would take 10.0 GB: lower train.subword_buckets or "
            "train.embedding_size, or lower train.ensemble",
        ),
        (
            ensemble(units=1500, ensemble=64),
            MEMORY + "64 networks of 6,778,502 parameters each would take about 17.1 GB: lower train.units or "
            "train.layers, or lower train.ensemble",
        ),
        (
            ensemble(subword_buckets=2_000_000, embedding_size=100, ensemble=2),
            MEMORY + "2 networks of 200,101,382 parameters each would take about 29.8 GB: lower train.subword_buckets "
            "or train.embedding_size",
        ),
        (
            ensemble(rows=1_000_000, batch_size=1_000_000, units=100),
            MEMORY + "a network of 34,702 parameters would take about 77.9 GB: lower train.batch_size, train.units or "
            "vectorize.max_sequence_length",
        ),
        (
            ensemble(labels=150, rows=1_000_000),
            MEMORY + "a network of 3,858 parameters would take about 12.5 GB: set train.ensemble to 1, or lower "
            "split.validation_share",
        ),
        (
            ensemble(labels=30_000, linear=True, ensemble=2),
            FILE + "2 networks of 153,108 parameters each would take 4.4 GB: set train.linear to false, or map labels "
            "together with clean.labels.map",
        ),
        (
            ensemble(labels=30_000, linear=True, ensemble=0),
            FILE + "the linear branch would take 4.4 GB: map labels together with clean.labels.map",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_or_written_is_an_error_that_names_the_setting(of: Ensemble, message: str) -> None:
    with pytest.raises(UserError) as error:
        check(reckon(of, TEXTS if of.config.linear else ()))
    assert str(error.value) == message


def test_n_grams_of_more_texts_than_fit_are_an_error() -> None:
    random = np.random.default_rng(0)
    texts = ["".join(map(chr, random.integers(97, 123, 1000)))] * 30_000
    line = r"^expected training to fit into the 8.0 GB .* set train.linear to false, or lower train.ensemble$"
    with pytest.raises(UserError, match=line):
        check(reckon(ensemble(ensemble=3, linear=True), texts))


def test_what_may_not_fit_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    check(reckon(ensemble(units=1024, ensemble=64)))
    assert capsys.readouterr().err == (
        "note: training may take 8.5 GB of memory, and 8.0 GB are here: lower train.units or train.layers, or lower "
        "train.ensemble\n"
    )


def test_what_fits_is_reckoned_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    check(reckon(ensemble(units=1024, ensemble=5, linear=True), TEXTS))
    assert capsys.readouterr() == ("", "")


def test_each_process_that_fits_the_linear_branch_has_its_own_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    of = ensemble(labels=3000, linear=True, ensemble=3)
    found = {}
    for processors in (1, 2, 8):
        monkeypatch.setattr(costs, "processors", lambda processors=processors: processors)
        found[processors] = reckon(of, TEXTS).memory["linear"]
    assert found[1] > 0
    assert found[2] == 3 / 2 * found[1]
    assert found[8] == 2 * found[1], "there are but three folds"


def test_more_steps_parameters_and_tokens_take_longer_and_a_gpu_gains_with_them() -> None:
    few = {"rows": 4000, "batch_size": 64, "ensemble": 5}
    light, deep = reckon(ensemble(**few)), reckon(ensemble(**few, units=1024, bidirectional=True))
    assert light.steps == deep.steps == 3 * 5 * 63
    assert light.seconds < light.gpu_seconds, "small networks are trained on the processors"
    assert deep.gpu_seconds < deep.seconds / 10
    assert reckon(ensemble(**few | {"rows": 8000})).seconds == pytest.approx(2 * light.seconds, rel=0.1)
    assert reckon(ensemble(**few, subword_buckets=1_000_000)).seconds > 3 * light.seconds


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/job/7\n", {"job/memory.max": "5000", "job/7/memory.max": "max"}, 5000),
        ("4:memory:/job\n3:cpu:/\n", {"memory/job/memory.limit_in_bytes": "6000"}, 6000),
        ("0::/../elsewhere\n", {"memory.max": "7000"}, 7000),  # a container sees its own group as the root
        ("0::/\n", {}, 16_000),
    ],
)
def test_memory_is_the_machines_or_what_the_groups_of_a_container_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: str, files: dict[str, str], limit: int
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=16_000))
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "groups").write_text(groups)
    assert memory(tmp_path, tmp_path / "groups") == limit
    assert memory(tmp_path, tmp_path / "none") == 16_000


def test_a_time_is_said_in_the_unit_that_fits() -> None:
    assert [duration(seconds) for seconds in (61, 150, 7300, 300_000)] == [
        "61 seconds", "2 minutes", "2 hours", "3 days",
    ]  # fmt: skip
