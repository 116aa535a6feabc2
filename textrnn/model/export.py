"""The trained networks and branches as ONNX graphs with native recurrent nodes.

We write the graph node by node: a converter unrolls the recurrence into loops, which run slower, and writes other
bytes in each process. Layouts of weights: https://onnx.ai/onnx/operators/onnx__LSTM.html and its siblings RNN and GRU.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from textrnn.model.config import TrainConfig
from textrnn.model.encoded import Encoded
from textrnn.model.linear import Linear
from textrnn.model.stacking import Blend

OPSET, IR_VERSION = 17, 8  # the oldest that have every operator used here, so that old runtimes load the graph too
OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
GATES = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [0, 1, 2]}  # where Keras keeps each gate, in ONNX' order
READ = ("ngrams", "frequencies")  # of each source of the linear branch; the second where its machine counts
INTEGERS = {"word_ids", "subwords", "places", "lengths", "characters.ngrams", "words.ngrams"}  # others: float32

Weights = dict[str, NDArray[np.float32]]
NO_LINEAR: Mapping[str, Linear] = {}


class Graph:
    """An ONNX graph that grows node by node. Its tensors go by their names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[np.generic] | np.generic) -> str:
        """Store `value` under `name` and return the name. A number becomes a vector of length 1."""
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def ints(self, *values: int) -> str:
        """Store an int64 vector and return its name."""
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def add_all(self, operator: str, *inputs: str, outputs: int | list[str], **attributes: Any) -> list[str]:
        """Add a node and return the names of its outputs. `outputs` are these names, or how many to invent."""
        if isinstance(outputs, int):
            outputs = [f"{operator.lower()}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        return self.add_all(operator, *inputs, outputs=1, **attributes)[0]


def export(
    members: list[Weights],
    config: TrainConfig,
    classes: int,
    linear: Mapping[str, Linear] = NO_LINEAR,
    blend: Blend | None = None,
    encoded: Encoded | None = None,
    second: bool = False,
) -> bytes:
    """Return a serialised ONNX model: the members' mean logits, blended with the branches; some of them may lack.

    The `second` graph of a cascade is given the decisions of the linear branch, which the first one computes.

    Inputs, int32 unless named otherwise. With members: word_ids (tokens), that of each distinct token, and with
    subword buckets subwords (tokens, features), padded with 0; float32 seen (seen, width), the vectors of further
    tokens from an earlier run; places (batch, time), which token stands where (the seen ones count after the others);
    and lengths (batch). With a linear branch: characters.ngrams and words.ngrams (batch, most), the numbers of a row's
    known n-grams, from 1 and padded with 0; and float32 characters.frequencies and words.frequencies, of the same
    shape, where the machine counts; or float32 characters and words (batch, decisions). With an encoder: float32
    encoded (batch, width), its vectors. With either: float32 size (batch, 1), that of the text.
    Outputs, float32: probabilities (batch, classes). With members: networks (batch, classes), their mean logits, and
    vectors (tokens, width), all members' vectors of the tokens. With a linear branch, unless its decisions are given:
    characters and words (batch, decisions). With an encoder: encoder (batch, decisions).
    """
    width = len(members) * config.embedding_size
    inputs: dict[str, list[str | int]] = {}
    outputs: dict[str, list[str | int]] = {"probabilities": ["batch", classes]}
    if members:
        inputs |= {"word_ids": ["tokens"]}
        inputs |= {"subwords": ["tokens", "features"]} if config.subword_buckets else {}
        inputs |= {"seen": ["seen", width], "places": ["batch", "time"], "lengths": ["batch"]}
        outputs |= {"vectors": ["tokens", width], "networks": ["batch", classes]}
    for source, machine in linear.items():
        if second:
            inputs |= {source: ["batch", len(machine.intercept)]}
            continue
        inputs |= {f"{source}.{kind}": ["batch", f"most {source}"] for kind in READ[: 1 + machine.counted]}
        outputs |= {source: ["batch", len(machine.intercept)]}
    if encoded:
        inputs |= {"encoded": ["batch", len(encoded.weights)]}
        outputs |= {"encoder": ["batch", len(encoded.intercept)]}
    inputs |= {"size": ["batch", 1]} if linear or encoded else {}
    kinds = {name: TensorProto.INT32 if name in INTEGERS else TensorProto.FLOAT for name in inputs}
    reads = [helper.make_tensor_value_info(name, kinds[name], shape) for name, shape in inputs.items()]
    writes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]

    graph = Graph()
    sources = [mean_logits(graph, members, config)] if members else []
    sources += [source if second else decisions(graph, source, machine) for source, machine in linear.items()]
    sources += [of_vectors(graph, encoded)] if encoded else []
    sources += ["size"] if linear or encoded else []
    blended = sources[0]
    if blend:
        scaled = [
            graph.add("Mul", source, graph.constant(f"blend.scales{number}", scale.astype(np.float32)))
            for number, (source, scale) in enumerate(zip(sources, blend.scales, strict=True))
        ]
        bias = graph.constant("blend.bias", blend.bias.astype(np.float32))
        if blend.matrix is None:
            blended = graph.add("Sum", *scaled, bias)
        else:
            matrix = graph.constant("blend.matrix", blend.matrix.astype(np.float32))
            blended = graph.add("Gemm", graph.add("Sum", *scaled), matrix, bias)
    graph.add_all("Softmax", blended, outputs=["probabilities"], axis=-1)

    whole = helper.make_graph(graph.nodes, "textrnn", reads, writes, list(graph.constants.values()))
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(whole, opset_imports=[opset], ir_version=IR_VERSION, producer_name="textrnn")
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def decisions(graph: Graph, source: str, machine: Linear) -> str:
    """Add a machine of the linear branch and return the name of its decisions, (batch, decisions): its source's."""
    decisions = len(machine.intercept)
    # Row 0 is the padding's, and adds nothing. Beside the weights stands what an n-gram adds to the square of the norm.
    rows = np.hstack([machine.weights * machine.idf[:, None], machine.idf[:, None] ** 2])
    table = graph.constant(f"{source}.weights", np.vstack([np.zeros_like(rows[:1]), rows]).astype(np.float32))
    terms = graph.add("Gather", table, f"{source}.ngrams")
    if machine.counted:
        once = graph.add("Unsqueeze", f"{source}.frequencies", graph.ints(2))
        terms = graph.add("Mul", terms, graph.add("Concat", *[once] * decisions, graph.add("Mul", once, once), axis=2))
    sums = graph.add("ReduceSum", terms, graph.ints(1), keepdims=0)
    total, square = graph.add_all("Split", sums, graph.ints(decisions, 1), outputs=2, axis=1)
    norm = graph.add("Max", graph.add("Sqrt", square), graph.constant("least", np.float32(1e-6)))  # of no known n-gram
    scaled = graph.add("Div", total, norm)
    intercept = graph.constant(f"{source}.intercept", machine.intercept.astype(np.float32))
    return graph.add_all("Add", scaled, intercept, outputs=[source])[0]


def of_vectors(graph: Graph, encoded: Encoded) -> str:
    """Add the branch on an encoder's vectors and return the name of its decisions, (batch, decisions)."""
    weights = graph.constant("encoder.weights", encoded.weights.astype(np.float32))
    intercept = graph.constant("encoder.intercept", encoded.intercept.astype(np.float32))
    return graph.add_all("Gemm", "encoded", weights, intercept, outputs=["encoder"])[0]


def mean_logits(graph: Graph, members: list[Weights], config: TrainConfig) -> str:
    """Add the networks and return the name of their mean logits, (batch, classes)."""
    logits = [
        member_logits(graph, weights, config, f"member{number}.", vectors)
        for number, (weights, vectors) in enumerate(zip(members, embeddings(graph, members), strict=True))
    ]
    count = graph.constant("members", np.float32(len(members)))
    return graph.add_all("Div", graph.add("Sum", *logits), count, outputs=["networks"])[0]


def embeddings(graph: Graph, members: list[Weights]) -> list[str]:
    """Add the embeddings, and return the name of each member's vectors, (time, batch, embedding size).

    A vector is computed once for each distinct token, not for each place, and not at all for a token seen before.
    """
    totals = []
    for number, weights in enumerate(members):
        values = graph.add("Gather", graph.constant(f"member{number}.words", weights["words"]), "word_ids")
        if "subwords" in weights:
            values = graph.add("Add", values, subword_sum(graph, weights["subwords"], number))
        totals.append(values)
    graph.add_all("Concat", *totals, outputs=["vectors"], axis=1)
    every = graph.add("Concat", "vectors", "seen", axis=0)
    sizes = graph.ints(*[members[0]["words"].shape[1]] * len(members))
    parts = graph.add_all("Split", every, sizes, outputs=len(members), axis=1)
    places = graph.add("Transpose", "places", perm=[1, 0])  # recurrent nodes read time first
    return [graph.add("Gather", part, places) for part in parts]


def subword_sum(graph: Graph, vectors: NDArray[np.float32], number: int) -> str:
    """Add the sum of each token's subword vectors over the root of their number, (tokens, embedding size)."""
    vectors = vectors.copy()
    vectors[0] = 0  # padding adds nothing
    parts = graph.add("Gather", graph.constant(f"member{number}.subwords", vectors), "subwords")
    total = graph.add("ReduceSum", parts, graph.ints(1), keepdims=0)
    present = graph.add("Cast", graph.add("Sign", "subwords"), to=TensorProto.FLOAT)
    count = graph.add("ReduceSum", present, graph.ints(1), keepdims=1)
    count = graph.add("Max", count, graph.constant("one", np.float32(1)))
    return graph.add("Div", total, graph.add("Sqrt", count))


def member_logits(graph: Graph, weights: Weights, config: TrainConfig, prefix: str, values: str) -> str:
    """Add one network, which reads `values` (time, batch, embedding size), and return the name of its logits."""
    for number in range(config.layers):
        if number:  # from (time, directions, batch, units) to (time, batch, directions · units)
            values = graph.add("Transpose", values, perm=[0, 2, 1, 3])
            values = graph.add("Reshape", values, graph.ints(0, 0, -1))
        values, state = recurrent(graph, weights, config, f"layer{number}", prefix, values)
    pooled = mean_max(graph, values) if config.pooling == "mean_max" else state
    pooled = graph.add("Transpose", pooled, perm=[1, 0, 2])
    pooled = graph.add("Reshape", pooled, graph.ints(0, -1))
    kernel, bias = (graph.constant(prefix + name, weights[name]) for name in ("output.kernel", "output.bias"))
    return graph.add("Gemm", pooled, kernel, bias)


def recurrent(graph: Graph, weights: Weights, config: TrainConfig, layer: str, prefix: str, values: str) -> list[str]:
    """Add one layer and return its states (time, directions, batch, units), and its last state, without time."""
    directions = ["forward", "backward"] if config.bidirectional else ["forward"]
    arrays = [onnx_weights(weights, config.cell, f"{layer}.{direction}") for direction in directions]
    names = [
        graph.constant(f"{prefix}{layer}.{kind}", np.stack(of_directions))
        for kind, of_directions in zip("WRB", zip(*arrays, strict=True), strict=True)
    ]
    attributes = {"hidden_size": config.units, "direction": "bidirectional" if config.bidirectional else "forward"}
    attributes |= {"linear_before_reset": 1} if config.cell == "gru" else {}  # Keras: reset_after=True
    lengths = "lengths" if config.masking else ""
    return graph.add_all(OPERATORS[config.cell], values, *names, lengths, outputs=2, **attributes)


def onnx_weights(weights: Weights, cell: str, name: str) -> list[NDArray[np.float32]]:
    """Return W (gates · units, input), R (gates · units, units) and B (2 · gates · units) of one direction."""
    arrays = [weights[f"{name}.{kind}"] for kind in ("kernel", "recurrent_kernel", "bias")]
    gates = [np.split(array, len(GATES[cell]), axis=-1) for array in arrays]
    kernel, inner, bias = (np.concatenate([of_one[place] for place in GATES[cell]], axis=-1) for of_one in gates)
    both = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])  # GRU alone has a recurrent bias
    return [kernel.T, inner.T, both.reshape(-1)]


def mean_max(graph: Graph, values: str) -> str:
    """Add the mean and the maximum over the steps of each row, (2 · directions, batch, units).

    A recurrent node writes zeros after a row's last step. They add nothing to a sum, but a maximum must not see them.
    """
    time = graph.add("Gather", graph.add("Shape", values), graph.constant("zero", np.int64(0)))
    steps = graph.add("Range", "zero", time, graph.constant("step", np.int64(1)))
    steps = graph.add("Unsqueeze", steps, graph.ints(1))
    lengths = graph.add("Cast", "lengths", to=TensorProto.INT64)
    present = graph.add("Unsqueeze", graph.add("Less", steps, lengths), graph.ints(1, 3))  # (time, 1, batch, 1)
    total = graph.add("ReduceSum", values, graph.ints(0), keepdims=0)
    count = graph.add("Cast", lengths, to=TensorProto.FLOAT)
    mean = graph.add("Div", total, graph.add("Unsqueeze", count, graph.ints(1)))
    lowest = graph.constant("lowest", np.finfo(np.float32).min)
    most = graph.add("ReduceMax", graph.add("Where", present, values, lowest), axes=[0], keepdims=0)
    return graph.add("Concat", mean, most, axis=0)
