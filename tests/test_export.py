"""The ONNX graph answers as the Keras network it was exported from, and is the same file every time."""

import hashlib
import os
import subprocess
import sys
from functools import cache
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.models import scramble
from tests.recipes import rows_of, small
from textrnn import paths
from textrnn.batches import Batch, Encoder
from textrnn.export import Weights, export
from textrnn.network import Network, build, weights
from textrnn.recipe import Recipe
from textrnn.tensorflow import deterministic
from textrnn.training import softmax, tensors

VOCABULARY, CLASSES, LONGEST, BUCKETS = 9, 3, 4, 7
ROWS = rows_of([[3, 1, 4], [5], [2, 6, 5, 3], [7, 0], []])  # one step, a full row, the unknown word, an empty row

# Every network, and spread over them: with padding masked or read, with subwords or without.
READINGS = [(True, 0), (True, BUCKETS), (False, 0), (False, BUCKETS)]
NETWORKS = [
    {"cell": cell, "bidirectional": bidirectional, "pooling": pooling, "layers": layers}
    | dict(zip(("masking", "subword_buckets"), READINGS[(3 * number + layers) % 4], strict=True))
    for number, (cell, bidirectional, pooling) in enumerate(
        product(("rnn", "lstm", "gru"), (False, True), ("last", "mean_max"))
    )
    for layers in (1, 2, 3)
]


def named(value: Any) -> str | None:
    return "-".join(str(one) for one in value.values()) if isinstance(value, dict) else None


@cache
def built(recipe: Recipe) -> Network:
    deterministic(0)
    return build(recipe, VOCABULARY, CLASSES)


def scrambled(recipe: Recipe, seed: int = 1) -> Network:
    """Return the one network of a recipe (to build it takes most of a test's time) with the weights of a seed."""
    network = built(recipe)
    scramble(network, seed)
    return network


def batches(recipe: Recipe) -> list[Batch]:
    """Return all rows together, and one of a single step alone."""
    parts = np.random.default_rng(0).integers(0, BUCKETS + 1, (VOCABULARY, 3)).astype(np.int32)
    encoder = Encoder(np.arange(VOCABULARY, dtype=np.int32), parts if recipe.subword_buckets else None, LONGEST,
                      recipe.masking)  # fmt: skip
    return [encoder.batch(ROWS, np.array(rows), encoder.lengths(ROWS)) for rows in ([0, 1, 2, 3, 4], [1])]


def keras_probabilities(network: Network, batch: Batch) -> NDArray[np.float64]:
    return softmax(network(tensors(batch)).numpy().astype(np.float64))


def onnx_probabilities(exported: bytes, batch: Batch) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(exported)
    (result,) = session.run(None, {one.name: batch[one.name] for one in session.get_inputs()})
    return np.asarray(result)


def exported(changes: dict[str, Any]) -> bytes:
    recipe = small(**changes)
    return export([weights(scrambled(recipe))], recipe, CLASSES)


@pytest.mark.parametrize("changes", NETWORKS, ids=named)
def test_the_exported_network_answers_as_the_trained_one(changes: dict[str, Any]) -> None:
    recipe = small(**changes)
    for batch in batches(recipe):
        expected = keras_probabilities(scrambled(recipe), batch)
        found = onnx_probabilities(exported(changes), batch)
        assert found.shape == expected.shape
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert len(found) == 1 or np.ptp(found, axis=0).max() > 0.01, "the rows are answered differently"


def test_each_cell_is_tried_with_and_without_subwords_and_masks() -> None:
    tried = {(one["cell"], one["masking"], one["subword_buckets"]) for one in NETWORKS}
    assert tried == {(cell, *reading) for cell in ("rnn", "lstm", "gru") for reading in READINGS}
    assert len({tuple(one.items())[:4] for one in NETWORKS}) == 3 * 2 * 2 * 3


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_an_ensemble_answers_with_the_mean_of_its_members(cell: str) -> None:
    recipe = small(cell=cell, ensemble=3, pooling="mean_max", subword_buckets=BUCKETS)
    batch = batches(recipe)[0]
    answers, members = [], []
    for seed in (1, 2, 3):
        network = scrambled(recipe, seed)
        answers.append(keras_probabilities(network, batch))
        members.append(weights(network))
    assert min(np.abs(one - other).max() for one, other in combinations(answers, 2)) > 0.05
    found = onnx_probabilities(export(members, recipe, CLASSES), batch)
    np.testing.assert_allclose(found, np.mean(answers, axis=0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("changes", [one for one in NETWORKS if one["masking"]], ids=named)
def test_what_stands_behind_the_end_of_a_masked_row_is_not_read(changes: dict[str, Any]) -> None:
    words, lengths = np.array([[3, 1, 4, 0, 0], [3, 1, 4, 8, 7]], np.int32), np.array([3, 3], np.int32)
    subwords = np.repeat(words[..., None] % BUCKETS, 2, axis=2)
    batch = {"words": words, "lengths": lengths, "subwords": subwords}
    first, second = onnx_probabilities(exported(changes), batch)
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-6)


@pytest.mark.parametrize("changes", [one for one in NETWORKS if not one["masking"]], ids=named)
def test_without_masking_the_recurrence_reads_a_row_to_the_end_of_its_padding(changes: dict[str, Any]) -> None:
    model = onnx.load_from_string(exported(changes))
    readers = [node for node in model.graph.node if "lengths" in node.input]
    assert not {"RNN", "LSTM", "GRU"} & {node.op_type for node in readers}


@pytest.mark.parametrize("changes", NETWORKS, ids=named)
def test_each_layer_is_one_recurrent_node_and_nothing_loops(changes: dict[str, Any]) -> None:
    nodes = onnx.load_from_string(exported(changes)).graph.node
    operators = [node.op_type for node in nodes]
    assert operators.count(changes["cell"].upper()) == changes["layers"]
    assert len({"RNN", "LSTM", "GRU"} & set(operators)) == 1
    assert not {"Loop", "Scan", "If"} & set(operators)
    assert not any(attribute.HasField("g") for node in nodes for attribute in node.attribute), "no graph within"


@pytest.mark.parametrize("changes", NETWORKS, ids=named)
def test_the_graph_is_whole_and_names_what_goes_in_and_out(changes: dict[str, Any]) -> None:
    model = onnx.load_from_string(exported(changes))
    onnx.checker.check_model(model, full_check=True)
    names = ["words", "lengths", "subwords"] if changes["subword_buckets"] else ["words", "lengths"]
    assert [one.name for one in model.graph.input] == names
    assert {one.type.tensor_type.elem_type for one in model.graph.input} == {onnx.TensorProto.INT32}
    assert [one.name for one in model.graph.output] == ["probabilities"]


def test_the_weights_lie_inside_the_file(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(exported(NETWORKS[-1]))
    graph = onnx.load(file, load_external_data=False).graph
    assert {one.data_location for one in graph.initializer} == {onnx.TensorProto.DEFAULT}
    assert not any(one.external_data for one in graph.initializer)
    assert [one.name for one in onnxruntime.InferenceSession(file).get_outputs()] == ["probabilities"]


def test_a_graph_that_is_none_is_not_exported() -> None:
    recipe = small(**NETWORKS[0])
    arrays: Weights = weights(scrambled(recipe))
    with pytest.raises(onnx.shape_inference.InferenceError):
        export([arrays | {"output.kernel": np.zeros((recipe.units + 1, CLASSES), np.float32)}], recipe, CLASSES)


def test_the_same_weights_are_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    recipe = small(cell="lstm", bidirectional=True, layers=2, pooling="mean_max", subword_buckets=BUCKETS)
    members = [weights(scrambled(recipe, seed)) for seed in (1, 2)]
    assert any((members[0][name] != members[1][name]).any() for name in members[0])
    for number, arrays in enumerate(members):
        np.savez(tmp_path / f"{number}.npz", **arrays)
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    program = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from textrnn.export import export; from textrnn.recipe import Recipe\n"
        "here = Path(sys.argv[1])\n"
        "members = [dict(np.load(here / f'{number}.npz')) for number in (0, 1)]\n"
        "recipe = Recipe.model_validate_json((here / 'recipe.json').read_text())\n"
        f"sys.stdout.buffer.write(export(members, recipe, {CLASSES}))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", program, tmp_path],
            cwd=paths.ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True,
        ).stdout
        for seed in ("0", "1")
    ]  # fmt: skip
    expected = export(members, recipe, CLASSES)
    assert {hashlib.sha256(one).hexdigest() for one in [*found, expected]} == {hashlib.sha256(expected).hexdigest()}
