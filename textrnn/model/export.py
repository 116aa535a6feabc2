"""The trained networks as an ONNX graph with native recurrent nodes.

Written node by node: converters turn the recurrence into loops, which run slower, and give other bytes in each
process. Layouts of weights: https://onnx.ai/onnx/operators/onnx__LSTM.html and its siblings RNN and GRU; Keras keeps
the gates of an LSTM as input, forget, cell, output.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from textrnn.model.config import TrainConfig
from textrnn.model.linear import Linear
from textrnn.model.stacking import Blend

INT32, FLOAT = TensorProto.INT32, TensorProto.FLOAT
OPSET, IR_VERSION = 17, 8  # the oldest with all that is used here, so that old runtimes load it too
OPERATORS = {"rnn": "RNN", "lstm": "LSTM", "gru": "GRU"}
GATES = {"rnn": [0], "lstm": [0, 3, 1, 2], "gru": [0, 1, 2]}  # Keras' place of each gate in ONNX' order

Weights = dict[str, NDArray[np.float32]]


class Graph:
    """An ONNX graph that grows node by node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Keep `value` under `name`, once, and return the name."""
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def ints(self, *values: int) -> str:
        """Return the name of an int64 vector."""
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Add a node and return the names of its outputs."""
        names = [f"{operator.lower()}_{len(self.nodes)}_{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names


def export(
    members: list[Weights], config: TrainConfig, classes: int, linear: Linear | None = None, blend: Blend | None = None
) -> bytes:
    """Return a serialised ONNX model: the members' mean logits, blended with the linear branch if there is one.

    Inputs: int32 words (tokens), the word id of each distinct token; with subword buckets, int32 subwords (tokens,
    features), padded with 0; float32 seen (seen, width), the vectors of further tokens from an earlier run; int32
    places (batch, time), which token stands where, counting those seen after the others; int32 lengths (batch). With a
    linear branch, int32 ngrams (batch, most), each row's n-grams by their place from 1 among the known ones, padded
    with 0, and float32 size (batch, 1).
    Outputs: float32 probabilities (batch, classes), and vectors (tokens, width), the tokens' vectors for all members.
    """
    graph = Graph()
    embeddings = embedded(graph, members)
    outputs = [
        member(graph, weights, config, f"member{number}.", vectors)
        for number, (weights, vectors) in enumerate(zip(members, embeddings, strict=True))
    ]
    (total,) = graph.add("Sum", *outputs)
    (logits,) = graph.add("Div", total, graph.constant("members", np.array(len(members), np.float32)))
    if blend:
        features = [logits, *([decisions(graph, linear), "size"] if linear else [])]
        (joined,) = graph.add("Concat", *features, axis=-1)
        kernel = graph.constant("blend.kernel", blend.kernel.astype(np.float32))
        (logits,) = graph.add("Gemm", joined, kernel, graph.constant("blend.bias", blend.bias.astype(np.float32)))
    graph.nodes.append(helper.make_node("Softmax", [logits], ["probabilities"], axis=-1))
    width = len(members) * config.embedding_size
    subwords = [tensor(INT32, "subwords", "tokens", "features")] if config.subword_buckets else []
    of_linear = [tensor(INT32, "ngrams", "batch", "most"), tensor(FLOAT, "size", "batch", 1)] if linear else []
    inputs = [tensor(INT32, "words", "tokens"), *subwords, tensor(FLOAT, "seen", "seen", width)]
    inputs += [tensor(INT32, "places", "batch", "time"), tensor(INT32, "lengths", "batch"), *of_linear]
    results = [tensor(FLOAT, "probabilities", "batch", classes), tensor(FLOAT, "vectors", "tokens", width)]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "textrnn", inputs, results, list(graph.constants.values())),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="textrnn",
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def tensor(kind: int, name: str, *shape: str | int) -> onnx.ValueInfoProto:
    """Return the description of an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def decisions(graph: Graph, linear: Linear) -> str:
    """Add the linear branch and return the name of its decisions, (batch, decisions)."""
    idf = np.concatenate([[0], linear.idf]).astype(np.float32)  # the row of the padding, which adds nothing
    weighted = np.vstack([np.zeros_like(linear.weights[:1]), linear.weights * linear.idf[:, None]]).astype(np.float32)
    (values,) = graph.add("Gather", graph.constant("linear.idf", idf), "ngrams")
    (norm,) = graph.add("ReduceL2", values, axes=[1], keepdims=1)
    (norm,) = graph.add("Max", norm, graph.constant("linear.least", np.array(1e-6, np.float32)))  # where none is known
    (parts,) = graph.add("Gather", graph.constant("linear.weights", weighted), "ngrams")
    (total,) = graph.add("ReduceSum", parts, graph.ints(1), keepdims=0)
    (scaled,) = graph.add("Div", total, norm)
    return graph.add("Add", scaled, graph.constant("linear.intercept", linear.intercept.astype(np.float32)))[0]


def member(graph: Graph, weights: Weights, config: TrainConfig, prefix: str, vectors: str) -> str:
    """Add one network that reads the vectors (time, batch, embedding size), and return the name of its logits."""
    steps = "lengths" if config.masking else ""
    sequence, state = recurrent(graph, weights, config, "layer0", prefix, vectors, steps)
    for number in range(1, config.layers):
        (values,) = graph.add("Transpose", sequence, perm=[0, 2, 1, 3])
        (values,) = graph.add("Reshape", values, graph.ints(0, 0, -1))
        sequence, state = recurrent(graph, weights, config, f"layer{number}", prefix, values, steps)
    pooled = mean_max(graph, sequence) if config.pooling == "mean_max" else state
    (pooled,) = graph.add("Transpose", pooled, perm=[1, 0, 2])
    (pooled,) = graph.add("Reshape", pooled, graph.ints(0, -1))
    kernel = graph.constant(prefix + "output.kernel", weights["output.kernel"])
    bias = graph.constant(prefix + "output.bias", weights["output.bias"])
    return graph.add("Gemm", pooled, kernel, bias)[0]


def embedded(graph: Graph, members: list[Weights]) -> list[str]:
    """Add the embeddings, and return the name of each member's vectors, (time, batch, embedding size).

    A token's vector is summed up once, wherever it stands, and not at all if the token was seen before.
    """
    totals = []
    for number, weights in enumerate(members):
        (values,) = graph.add("Gather", graph.constant(f"member{number}.words", weights["words"]), "words")
        if "subwords" in weights:
            values = graph.add("Add", values, of_subwords(graph, weights["subwords"], number))[0]
        totals.append(values)
    graph.nodes.append(helper.make_node("Concat", totals, ["vectors"], axis=1))
    (everything,) = graph.add("Concat", "vectors", "seen", axis=0)
    size = members[0]["words"].shape[1]
    parts = graph.add("Split", everything, graph.ints(*[size] * len(members)), outputs=len(members), axis=1)
    (steps,) = graph.add("Transpose", "places", perm=[1, 0])  # time first, as the recurrent nodes want it
    return [graph.add("Gather", part, steps)[0] for part in parts]


def of_subwords(graph: Graph, vectors: NDArray[np.float32], number: int) -> str:
    """Add the sum of a token's subword vectors over the root of their number, (tokens, embedding size)."""
    vectors = vectors.copy()
    vectors[0] = 0  # padding adds nothing to the sum
    (parts,) = graph.add("Gather", graph.constant(f"member{number}.subwords", vectors), "subwords")
    (total,) = graph.add("ReduceSum", parts, graph.ints(1), keepdims=0)
    (present,) = graph.add("Cast", graph.add("Sign", "subwords")[0], to=FLOAT)
    (count,) = graph.add("ReduceSum", present, graph.ints(1), keepdims=1)
    (count,) = graph.add("Max", count, graph.constant("one", np.array(1, np.float32)))
    return graph.add("Div", total, graph.add("Sqrt", count)[0])[0]


def recurrent(
    graph: Graph, weights: Weights, config: TrainConfig, layer: str, prefix: str, values: str, steps: str
) -> tuple[str, str]:
    """Add one recurrent layer: its sequence (time, directions, batch, units) and final state, without time."""
    directions = ["forward", "backward"] if config.bidirectional else ["forward"]
    arrays = [parameters(weights, config.cell, f"{layer}.{direction}") for direction in directions]
    names = [
        graph.constant(f"{prefix}{layer}.{kind}", np.stack(both))
        for kind, both in zip(("W", "R", "B"), zip(*arrays, strict=True), strict=True)
    ]
    attributes: dict[str, Any] = {"hidden_size": config.units}
    attributes["direction"] = "bidirectional" if config.bidirectional else "forward"
    if config.cell == "gru":
        attributes["linear_before_reset"] = 1  # Keras: reset_after=True
    sequence, state = graph.add(OPERATORS[config.cell], values, *names, steps, outputs=2, **attributes)
    return sequence, state


def parameters(weights: Weights, cell: str, name: str) -> list[NDArray[np.float32]]:
    """Return W (gates·units, input), R (gates·units, units) and B (2·gates·units) of one direction."""
    order = GATES[cell]
    kernel, inner, bias = (weights[f"{name}.{kind}"] for kind in ("kernel", "recurrent_kernel", "bias"))
    outer_bias, inner_bias = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))

    def gates(array: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = np.split(array, len(order), axis=-1)
        return np.concatenate([parts[gate] for gate in order], axis=-1)

    return [gates(kernel).T, gates(inner).T, np.concatenate([gates(outer_bias), gates(inner_bias)])]


def mean_max(graph: Graph, values: str) -> str:
    """Add the mean and the maximum over the steps of each row, (2·directions, batch, units).

    The recurrent nodes write zeros after a row's last step. They change no sum, but a maximum must not see them.
    """
    (time,) = graph.add("Gather", graph.add("Shape", values)[0], graph.constant("zero", np.array(0, np.int64)))
    step = graph.constant("step", np.array(1, np.int64))
    (steps,) = graph.add("Range", "zero", time, step)
    (steps,) = graph.add("Unsqueeze", steps, graph.ints(1))
    (lengths,) = graph.add("Cast", "lengths", to=TensorProto.INT64)
    (present,) = graph.add("Less", steps, lengths)  # (time, batch)
    (present,) = graph.add("Unsqueeze", present, graph.ints(1, 3))
    (total,) = graph.add("ReduceSum", values, graph.ints(0), keepdims=0)
    (count,) = graph.add("Cast", lengths, to=FLOAT)
    (mean,) = graph.add("Div", total, graph.add("Unsqueeze", count, graph.ints(1))[0])
    lowest = graph.constant("lowest", np.array(np.finfo(np.float32).min, np.float32))
    (most,) = graph.add("ReduceMax", graph.add("Where", present, values, lowest)[0], axes=[0], keepdims=0)
    return graph.add("Concat", mean, most, axis=0)[0]
