"""The network computed step by step in NumPy, with random weights: Keras and the exported graph must agree with it."""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.configs import small
from textrnn.model.config import TrainConfig
from textrnn.model.export import GATES, Weights

VOCABULARY, CLASSES, BUCKETS = 9, 3, 7
Floats = NDArray[np.float64]

LAYOUTS: list[dict[str, Any]] = [
    {"bidirectional": True, "layers": 2, "pooling": "mean_max", "subword_buckets": BUCKETS},
    {"bidirectional": True, "pooling": "last"},
    {"layers": 2, "pooling": "last", "masking": False, "subword_buckets": BUCKETS},
    {"bidirectional": True, "pooling": "mean_max", "masking": False},
]
CONFIGS = {
    f"{cell} {number}": small(cell=cell, **layout) for cell, (number, layout) in product(GATES, enumerate(LAYOUTS))
}

# What stands after the end of a row differs from row to row, and so does what each row holds.
WORDS = np.array([[3, 1, 4, 0], [5, 8, 8, 7], [2, 6, 5, 3], [7, 0, 1, 1]], np.int32)
LENGTHS = np.array([3, 1, 4, 2], np.int32)
SUBWORDS = np.array([[0, 0], [1, 2], [4, 0], [3, 3], [6, 5], [7, 0]], np.int32)
PLACES = np.array([[1, 2, 3, 0], [4, 1, 1, 5], [3, 3, 2, 5], [0, 5, 1, 2]], np.int32)


def batch_for(config: TrainConfig) -> dict[str, NDArray[np.int32]]:
    """Return four rows as a Collator gives them: without masking, all are as long as the longest."""
    lengths = LENGTHS if config.masking else np.full_like(LENGTHS, WORDS.shape[1])
    subwords = {"subwords": SUBWORDS, "places": PLACES} if config.subword_buckets else {}
    return {"words": WORDS, "lengths": lengths, **subwords}


def random_weights(config: TrainConfig, seed: int = 0, classes: int = CLASSES) -> Weights:
    """Return weights as large as after a long training, by the names that data/trained/weights.npz gives them."""
    random, size, gates = np.random.default_rng(seed), config.embedding_size, config.units * len(GATES[config.cell])
    shapes: dict[str, tuple[int, ...]] = {"words": (VOCABULARY, size)}
    if config.subword_buckets:
        shapes["subwords"] = (BUCKETS + 1, size)
    names = directions(config)
    for layer in range(config.layers):
        for name in names:
            shapes[f"layer{layer}.{name}.kernel"] = (config.units * len(names) if layer else size, gates)
            shapes[f"layer{layer}.{name}.recurrent_kernel"] = (config.units, gates)
            shapes[f"layer{layer}.{name}.bias"] = (2, gates) if config.cell == "gru" else (gates,)
    pooled = config.units * len(names) * (2 if config.pooling == "mean_max" else 1)
    shapes |= {"output.kernel": (pooled, classes), "output.bias": (classes,)}
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def logits(config: TrainConfig, weights: Weights) -> Floats:
    """Return the logits of `batch_for`'s rows, (rows, classes)."""
    arrays = {name: array.astype(np.float64) for name, array in weights.items()}
    values = arrays["words"][WORDS]
    if config.subword_buckets:
        counts = np.maximum((SUBWORDS > 0).sum(axis=1, keepdims=True), 1)
        sums = (arrays["subwords"][SUBWORDS] * (SUBWORDS > 0)[..., None]).sum(axis=1)
        values = values + (sums / np.sqrt(counts))[PLACES]
    rows = zip(values, batch_for(config)["lengths"], strict=True)
    pooled = np.stack([pool(config, arrays, steps[:length]) for steps, length in rows])
    result: Floats = pooled @ arrays["output.kernel"] + arrays["output.bias"]
    return result


def pool(config: TrainConfig, arrays: dict[str, Floats], steps: Floats) -> Floats:
    """Return what the output layer reads of one row of vectors (time, embedding size)."""
    for layer in range(config.layers):
        both = [
            states(config.cell, arrays, f"layer{layer}.{name}", steps[::turn])[::turn]
            for name, turn in directions(config).items()
        ]
        steps = np.concatenate(both, axis=1)
    if config.pooling == "mean_max":
        return np.concatenate([steps.mean(axis=0), steps.max(axis=0)])
    return np.concatenate([both[0][-1], *(backward[0] for backward in both[1:])])


def directions(config: TrainConfig) -> dict[str, int]:
    return {"forward": 1, "backward": -1} if config.bidirectional else {"forward": 1}


def states(cell: str, arrays: dict[str, Floats], name: str, steps: Floats) -> Floats:
    """Return the state after each step, (time, units)."""
    kernel, inner, bias = (arrays[f"{name}.{kind}"] for kind in ("kernel", "recurrent_kernel", "bias"))
    outer_bias, inner_bias = bias if cell == "gru" else (bias, np.zeros_like(bias))
    state = memory = np.zeros(len(inner))
    found = []
    for step in steps:
        new, old = step @ kernel + outer_bias, state @ inner + inner_bias
        if cell == "rnn":
            state = np.tanh(new + old)
        elif cell == "lstm":
            enter, forget, candidate, leave = np.split(new + old, 4)
            memory = sigmoid(forget) * memory + sigmoid(enter) * np.tanh(candidate)
            state = sigmoid(leave) * np.tanh(memory)
        else:
            (update, reset, candidate), (old_update, old_reset, old_candidate) = np.split(new, 3), np.split(old, 3)
            kept = sigmoid(update + old_update)
            candidate = np.tanh(candidate + sigmoid(reset + old_reset) * old_candidate)
            state = kept * state + (1 - kept) * candidate
        found.append(state)
    return np.stack(found)


def sigmoid(values: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-values))
    return result
