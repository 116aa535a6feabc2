"""The ONNX graph computes what NumPy computes from the same weights, and is the same file every time."""

import hashlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests import reference
from tests.configs import probabilities_of, small
from textrnn.core import paths
from textrnn.inference import graph
from textrnn.inference.inputs import linear_inputs
from textrnn.model import encoded, linear
from textrnn.model.config import TrainConfig
from textrnn.model.export import Weights, export
from textrnn.model.linear import Linear
from textrnn.model.stacking import Blend, apply, softmax
from textrnn.text.ngrams import bags, indices, size, split

RECURRENT = {"RNN", "LSTM", "GRU"}
# For each of reference's rows: all n-grams known, some, few, none.
MESSAGES = ["claim your two, your two tickets 00000", "see you at the lamp", "a red box", "ЖЖЖ"]


@pytest.mark.parametrize("name", reference.CONFIGS)
def test_the_graph_computes_what_numpy_computes_with_one_native_node_a_layer(name: str) -> None:
    config = reference.CONFIGS[name]
    weights = reference.random_weights(config)
    model = export([weights], config, reference.CLASSES)
    found = probabilities_of(model, reference.batch_for(config))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, softmax(reference.logits(config, weights)), rtol=0, atol=1e-5)
    nodes = onnx.load_from_string(model).graph.node
    operators = [node.op_type for node in nodes]
    assert [one for one in operators if one in RECURRENT] == [config.cell.upper()] * config.layers
    assert not {"Loop", "Scan", "If"} & set(operators)
    reads_lengths = {node.op_type for node in nodes if "lengths" in node.input} & RECURRENT
    assert bool(reads_lengths) == config.masking, "without masking, padding is read to its end"


def members_of(config: TrainConfig, classes: int) -> tuple[list[Weights], NDArray[np.float64]]:
    """Return the weights of an ensemble's networks, and their mean logits."""
    members = [reference.random_weights(config, seed, classes) for seed in range(config.ensemble)]
    return members, np.mean([reference.logits(config, one) for one in members], axis=0)


def branch_of(classes: int) -> dict[str, Linear]:
    """Return machines on characters and on words; that on words counts them."""
    texts = ["see you at soup", "claim your two tickets 00000", "your parcel: a lamp", "at the lamp, you"] * 2
    characters, words = split(bags(texts))
    labels = np.arange(8, dtype=np.int16) % classes
    return {
        "characters": linear.fit(characters, labels, 1, False, None),
        "words": linear.fit(words, labels, 10, True, None),
    }


def decided_by(branch: dict[str, Linear]) -> dict[str, NDArray[np.float64]]:
    return {name: linear.decisions(machine, bags(MESSAGES), len(MESSAGES)) for name, machine in branch.items()}


def inputs_of(branch: dict[str, Linear]) -> dict[str, NDArray[Any]]:
    known = np.concatenate([machine.known for machine in branch.values()])
    return linear_inputs(indices(known), MESSAGES, {"words"})


SIZES = np.array([[size(text)] for text in MESSAGES])


def blend_of(sources: int, classes: int) -> Blend:
    random = np.random.default_rng(7 + classes)
    matrix = None if classes == 2 else np.eye(classes) + random.normal(0, 0.1, (classes, classes))
    return Blend(random.normal(0, 1, (sources, classes)), random.normal(0, 0.5, classes), matrix)


@pytest.mark.parametrize("classes", [2, 3])
def test_an_ensemble_and_the_linear_branch_are_blended_as_numpy_blends_them(classes: int) -> None:
    config = small(ensemble=3, pooling="mean_max", subword_buckets=reference.BUCKETS, linear=True)
    (members, mean), branch, batch = members_of(config, classes), branch_of(classes), reference.batch_for(config)
    decided = decided_by(branch)
    for name, machine in branch.items():
        assert decided[name][3].tolist() == machine.intercept.tolist(), "no n-gram of the last message is known"
    blend = blend_of(4, classes)
    expected = softmax(apply(blend, [mean, *decided.values(), SIZES]))
    assert np.ptp(expected, axis=0).min() > 0.1
    model, given = export(members, config, classes, branch, blend), inputs_of(branch)
    for name, source in (decided | {"networks": mean}).items():  # before their weights
        np.testing.assert_allclose(probabilities_of(model, batch | given, name), source, rtol=0, atol=1e-5)
    of_row = [name for name in given if name != "size"]
    wider = given | {name: np.pad(given[name], ((0, 0), (0, 5))) for name in of_row}
    alone = {"words": batch["words"][3:], "places": batch["places"][3:], "lengths": batch["lengths"][3:]}
    alone |= {"subwords": batch["subwords"], "size": given["size"][3:]}
    alone |= {name: np.zeros((1, 1), given[name].dtype) for name in of_row}
    for inputs, rows in ((batch | given, slice(None)), (batch | wider, slice(None)), (alone, slice(3, None))):
        np.testing.assert_allclose(probabilities_of(model, inputs), expected[rows], rtol=0, atol=1e-5)


def test_without_a_linear_branch_the_blend_calibrates_the_mean_logits() -> None:
    config = small(ensemble=3)
    (members, mean), blend = members_of(config, 3), blend_of(1, 3)
    found = probabilities_of(export(members, config, 3, {}, blend), reference.batch_for(config))
    np.testing.assert_allclose(found, softmax(apply(blend, [mean])), rtol=0, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_without_networks_the_graph_reads_n_grams_alone(classes: int) -> None:
    config, branch, blend = small(ensemble=0, linear=True), branch_of(classes), blend_of(3, classes)
    decided = decided_by(branch)
    expected = softmax(apply(blend, [*decided.values(), SIZES]))
    model = graph.session(export([], config, classes, branch, blend))
    assert {one.name for one in model.get_inputs()} == {
        "characters.ngrams",
        "words.ngrams",
        "words.frequencies",
        "size",
    }
    found, *decisions = model.run(["probabilities", "characters", "words"], inputs_of(branch))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    for one, other in zip(decisions, decided.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("with_linear", [False, True])
def test_the_branch_on_an_encoders_vectors_is_one_more_source_of_the_blend(classes: int, with_linear: bool) -> None:
    vectors = np.random.default_rng(0).normal(0, 0.5, (len(MESSAGES), 7)).astype(np.float32)
    on_vectors = encoded.fit(np.vstack([vectors, -vectors]), np.arange(8, dtype=np.int16) % classes)
    branch = branch_of(classes) if with_linear else {}
    given = (inputs_of(branch) if branch else {"size": SIZES.astype(np.float32)}) | {"encoded": vectors}
    decided = decided_by(branch) | {"encoder": encoded.decisions(on_vectors, vectors)}
    blend = blend_of(len(decided) + 1, classes)
    model = graph.session(export([], small(ensemble=0, encoder="use"), classes, branch, blend, on_vectors))
    graph.check_shapes(model, classes, 0, with_linear, 7)
    with pytest.raises(ValueError, match="another input encoded"):
        graph.check_shapes(model, classes, 0, with_linear, 8)
    found, *decisions = model.run(["probabilities", *decided], given)
    np.testing.assert_allclose(found, softmax(apply(blend, [*decided.values(), SIZES])), rtol=0, atol=1e-5)
    for one, other in zip(decisions, decided.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_the_graph_names_the_type_and_the_shape_of_each_input_and_output() -> None:
    config = small(ensemble=3, linear=True, subword_buckets=reference.BUCKETS)
    model = onnx.load_from_string(export(members_of(config, 3)[0], config, 3, branch_of(3), blend_of(4, 3)))
    types = {one.name: one.type.tensor_type for one in (*model.graph.input, *model.graph.output)}
    width = 3 * config.embedding_size
    assert {
        name: (one.elem_type, [axis.dim_param or axis.dim_value for axis in one.shape.dim])
        for name, one in types.items()
    } == {
        "word_ids": (onnx.TensorProto.INT32, ["tokens"]),
        "subwords": (onnx.TensorProto.INT32, ["tokens", "features"]),
        "seen": (onnx.TensorProto.FLOAT, ["seen", width]),
        "places": (onnx.TensorProto.INT32, ["batch", "time"]),
        "lengths": (onnx.TensorProto.INT32, ["batch"]),
        "characters.ngrams": (onnx.TensorProto.INT32, ["batch", "most characters"]),
        "words.ngrams": (onnx.TensorProto.INT32, ["batch", "most words"]),
        "words.frequencies": (onnx.TensorProto.FLOAT, ["batch", "most words"]),
        "size": (onnx.TensorProto.FLOAT, ["batch", 1]),
        "probabilities": (onnx.TensorProto.FLOAT, ["batch", 3]),
        "vectors": (onnx.TensorProto.FLOAT, ["tokens", width]),
        "networks": (onnx.TensorProto.FLOAT, ["batch", 3]),
        "characters": (onnx.TensorProto.FLOAT, ["batch", 3]),
        "words": (onnx.TensorProto.FLOAT, ["batch", 3]),
    }


def test_a_token_may_be_given_as_the_vector_that_an_earlier_run_returned() -> None:
    config = small(ensemble=2, subword_buckets=reference.BUCKETS)
    session = graph.session(export(members_of(config, 3)[0], config, 3))
    words, places = np.array([0, 3, 1, 4, 5], np.int32), np.array([[1, 2, 3], [4, 1, 0]], np.int32)
    rows = {"places": places, "lengths": np.array([3, 2], np.int32)}

    def answer(tokens: int, seen: NDArray[np.float32]) -> Any:
        new = {"word_ids": words[:tokens], "subwords": reference.SUBWORDS[:tokens], "seen": seen}
        return session.run(["probabilities", "vectors"], new | rows)

    probabilities, vectors = answer(5, np.zeros((0, 2 * config.embedding_size), np.float32))
    again, computed = answer(2, vectors[2:])
    assert again.tolist() == probabilities.tolist()
    assert computed.tolist() == vectors[:2].tolist()


def test_weights_of_the_wrong_shape_are_not_exported() -> None:
    config = small()
    weights = reference.random_weights(config) | {"output.kernel": np.zeros((config.units + 1, 3), np.float32)}
    with pytest.raises(onnx.shape_inference.InferenceError):
        export([weights], config, 3)


def digest() -> str:
    config = small(cell="lstm", bidirectional=True, layers=2, pooling="mean_max", subword_buckets=reference.BUCKETS,
                   ensemble=2, linear=True)  # fmt: skip
    model = export(members_of(config, 3)[0], config, 3, branch_of(3), blend_of(4, 3))
    return hashlib.sha256(model).hexdigest()


def test_the_same_weights_give_the_same_bytes_in_every_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tests.test_export import digest; print(digest())"],
        cwd=paths.ROOT, env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == digest()
