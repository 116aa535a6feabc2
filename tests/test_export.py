"""The ONNX graph answers as the Keras network it was exported from, and is the same file every time."""

import os
import pickle
import subprocess
import sys
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.configs import probabilities_of, rows_of, small
from tests.models import scramble
from tests.test_network import weights
from textrnn.core import paths
from textrnn.model import linear
from textrnn.model.config import TrainConfig
from textrnn.model.export import Weights, export
from textrnn.model.linear import Linear
from textrnn.model.network import Network, build
from textrnn.model.runtime import deterministic
from textrnn.model.stacking import Blend, apply, softmax
from textrnn.text.ngrams import lookup, ngrams, size
from textrnn.training.batches import Batch, Collator
from textrnn.training.trainer import tensors

VOCABULARY, CLASSES, LONGEST, BUCKETS = 9, 3, 4, 7
Floats = NDArray[np.float64]

ROWS = rows_of([[3, 1, 4], [5], [2, 6, 5, 3], [7, 0], []])  # one step, a full row, the unknown word, an empty row

# Each cell, and each other setting with and without.
NETWORKS: list[dict[str, Any]] = [
    {"cell": "rnn", "layers": 3},
    {"cell": "rnn", "bidirectional": True, "subword_buckets": BUCKETS, "masking": False},
    {"cell": "lstm", "pooling": "mean_max", "subword_buckets": BUCKETS},
    {"cell": "lstm", "bidirectional": True, "layers": 2},
    {"cell": "gru", "pooling": "mean_max", "masking": False},
    {"cell": "gru", "bidirectional": True, "layers": 2, "pooling": "mean_max", "subword_buckets": BUCKETS},
]


def named(value: Any) -> str | None:
    return "-".join(str(one) for one in value.values()) if isinstance(value, dict) else None


@cache
def built(config: TrainConfig, classes: int) -> Network:
    deterministic(0)
    return build(config, VOCABULARY, classes)


def scrambled(config: TrainConfig, seed: int = 1, classes: int = CLASSES) -> Network:
    """Return the one network of a recipe (to build it takes most of a test's time) with the weights of a seed."""
    network = built(config, classes)
    scramble(network, seed)
    return network


def batches(config: TrainConfig) -> list[Batch]:
    """Return all rows together, and one of a single step alone."""
    parts = np.random.default_rng(0).integers(0, BUCKETS + 1, (VOCABULARY, 3)).astype(np.int32)
    collator = Collator(np.arange(VOCABULARY, dtype=np.int32), parts if config.subword_buckets else None, LONGEST,
                      config.masking)  # fmt: skip
    return [collator.batch(ROWS, np.array(rows), collator.lengths(ROWS)) for rows in ([0, 1, 2, 3, 4], [1])]


def keras_logits(network: Network, batch: Batch) -> Floats:
    return np.asarray(network(tensors(batch)).numpy(), np.float64)


def keras_probabilities(network: Network, batch: Batch) -> Floats:
    return softmax(keras_logits(network, batch))


def exported(changes: dict[str, Any]) -> bytes:
    config = small(**changes)
    return export([weights(scrambled(config))], config, CLASSES)


@pytest.mark.parametrize("changes", NETWORKS, ids=named)
def test_the_exported_network_answers_as_the_trained_one(changes: dict[str, Any]) -> None:
    config = small(**changes)
    for batch in batches(config):
        expected = keras_probabilities(scrambled(config), batch)
        found = probabilities_of(exported(changes), batch)
        assert found.shape == expected.shape
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert len(found) == 1 or np.ptp(found, axis=0).max() > 0.01, "the rows are answered differently"
    model = onnx.load_from_string(exported(changes))
    operators = [node.op_type for node in model.graph.node]
    assert operators.count(changes["cell"].upper()) == config.layers, "each layer is one native node"
    assert not {"Loop", "Scan", "If"} & set(operators)
    of_tokens = ["words", "subwords", "seen"] if config.subword_buckets else ["words", "seen"]
    assert [one.name for one in model.graph.input] == [*of_tokens, "places", "lengths"]
    assert [one.name for one in model.graph.output] == ["probabilities", "vectors"]


def members_of(config: TrainConfig, batch: Batch, classes: int = CLASSES) -> tuple[list[Weights], list[Floats]]:
    """Return the weights of three networks which answer differently, and their logits."""
    members, logits = [], []
    for seed in (1, 2, 3):
        network = scrambled(config, seed, classes)
        logits.append(keras_logits(network, batch))
        members.append(weights(network))
    assert min(np.abs(softmax(one) - softmax(other)).max() for one, other in combinations(logits, 2)) > 0.05
    return members, logits


def test_an_ensemble_answers_with_the_softmax_of_its_members_mean_logits() -> None:
    config = small(ensemble=3, pooling="mean_max", subword_buckets=BUCKETS)
    batch = batches(config)[0]
    members, logits = members_of(config, batch)
    expected = softmax(np.mean(logits, axis=0))
    assert np.abs(expected - np.mean([softmax(one) for one in logits], axis=0)).max() > 0.01
    found = probabilities_of(export(members, config, CLASSES), batch)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


# Of ROWS: all n-grams known, some, few, none, and an empty message.
MESSAGES = ["claim your two tickets 00000", "see you at the lamp", "a red box", "ЖЖЖ", ""]


def branch_of(classes: int) -> Linear:
    learnt = ["see you at soup", "claim your two tickets 00000", "your parcel: a lamp", "at the lamp, you"] * 2
    return linear.fit([ngrams(text) for text in learnt], np.arange(8, dtype=np.int8) % classes)


def blend_of(features: int, classes: int) -> Blend:
    random = np.random.default_rng(classes)
    return Blend(random.normal(0, 0.5, (features, classes)), random.normal(0, 0.5, classes))


def read(branch: Linear, texts: list[str], wider: int = 0) -> dict[str, NDArray[Any]]:
    """Return what the linear branch reads of the messages, padded to `wider` more than their widest."""
    places = [1 + lookup(branch.known, ngrams(text)) for text in texts]
    most = max(1, *map(len, places)) + wider
    padded = [np.pad(row, (0, most - len(row))) for row in places]
    return {"ngrams": np.array(padded, np.int32), "size": np.array([[size(text)] for text in texts], np.float32)}


@pytest.mark.parametrize("classes", [2, 3])
def test_a_blended_ensemble_answers_as_numpy_blends_it(classes: int) -> None:
    config = small(ensemble=3, pooling="mean_max", subword_buckets=BUCKETS, linear=True)
    batch, branch = batches(config)[0], branch_of(classes)
    members, logits = members_of(config, batch, classes)
    decided = linear.decisions(branch, [ngrams(text) for text in MESSAGES])
    assert decided[3].tolist() == decided[4].tolist() == branch.intercept.tolist(), "nothing is known"
    beside = np.hstack([decided, [[size(text)] for text in MESSAGES]])
    mixed = blend_of(classes + beside.shape[1], classes)
    expected = softmax(apply(mixed, np.mean(logits, axis=0), beside))
    model = export(members, config, classes, branch, mixed)
    for wider in (0, 5):
        found = probabilities_of(model, {**batch, **read(branch, MESSAGES, wider)})
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 0.1


def test_without_a_linear_branch_the_blend_weighs_the_mean_logits_alone() -> None:
    config, classes = small(ensemble=3), 3
    batch, mixed = batches(config)[0], blend_of(classes, classes)
    members, logits = members_of(config, batch, classes)
    found = probabilities_of(export(members, config, classes, None, mixed), batch)
    expected = softmax(apply(mixed, np.mean(logits, axis=0), np.zeros((len(found), 0))))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_the_vectors_of_seen_tokens_can_be_given_back_to_the_graph() -> None:
    config = small(ensemble=2, subword_buckets=BUCKETS, embedding_size=3)
    graph = export([weights(scrambled(config, seed)) for seed in (1, 2)], config, CLASSES)
    session = onnxruntime.InferenceSession(graph)
    words, subwords = np.array([0, 3, 1, 4, 5], np.int32), np.array([[0, 0], [1, 2], [4, 0], [3, 3], [6, 5]], np.int32)
    places, lengths = np.array([[1, 2, 3], [4, 1, 0]], np.int32), np.array([3, 2], np.int32)

    def answered(new: list[int], seen: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        given = {"words": words[new], "subwords": subwords[new], "seen": seen, "places": places, "lengths": lengths}
        result: list[NDArray[np.float32]] = session.run(
            ["probabilities", "vectors"], {one.name: given[one.name] for one in session.get_inputs()}
        )
        return result

    probabilities, vectors = answered([0, 1, 2, 3, 4], np.zeros((0, 6), np.float32))
    assert vectors.shape == (5, 2 * 3)
    again, new = answered([0, 1], vectors[2:])
    assert again.tolist() == probabilities.tolist()
    assert new.tolist() == vectors[:2].tolist()


def test_an_invalid_graph_is_not_exported() -> None:
    config = small(**NETWORKS[0])
    arrays: Weights = weights(scrambled(config))
    with pytest.raises(onnx.shape_inference.InferenceError):
        export([arrays | {"output.kernel": np.zeros((config.units + 1, CLASSES), np.float32)}], config, CLASSES)


PROGRAM = """
import pickle, sys
from textrnn.model.export import export
sys.stdout.buffer.write(export(*pickle.load(sys.stdin.buffer)))
"""


def test_the_same_weights_are_the_same_bytes_in_every_process() -> None:
    config = small(cell="lstm", bidirectional=True, layers=2, subword_buckets=BUCKETS, ensemble=2, linear=True)
    members = [weights(scrambled(config, seed)) for seed in (1, 2)]
    given = members, config, CLASSES, branch_of(CLASSES), blend_of(2 * CLASSES + 1, CLASSES)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=paths.ROOT, env=os.environ | {"PYTHONHASHSEED": "1"},
        input=pickle.dumps(given), stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    assert done.stdout == export(*given)
