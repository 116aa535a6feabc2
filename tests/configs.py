"""Small recipes and rows for the tests, where params.yaml and the corpus would be too large."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts.ragged import Rows, offsets_of
from textrnn.core.files import write_array
from textrnn.inference import graph
from textrnn.model.config import TrainConfig
from textrnn.text.subwords import Features

SMALL: dict[str, Any] = {
    "seed": 0,
    "cell": "gru",
    "bidirectional": False,
    "layers": 1,
    "units": 4,
    "embedding_size": 3,
    "embedding_range": 0.05,
    "recurrent_range": 0.0,
    "subword_buckets": 0,
    "pooling": "last",
    "masking": True,
    "epochs": 3,
    "batch_size": 4,
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "schedule": "constant",
    "clip_norm": 1.0,
    "patience": 0,
    "class_weights": "none",
    "ensemble": 1,
    "linear": False,
    "encoder": "none",
    "cascade": False,
}
SMALL |= dict.fromkeys(("word_dropout", "token_dropout", "subword_dropout", "embedding_dropout", "dropout"), 0.0)


def small(**changes: Any) -> TrainConfig:
    """Return a recipe for a network of a few units, with `changes`."""
    return TrainConfig.model_validate(SMALL | changes)


def rows_of(rows: list[list[int]], labels: list[int] | None = None) -> Rows:
    """Return rows of corpus ids; labels are 0 where none are given."""
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    tokens = np.array([token for row in rows for token in row], np.int32)
    return Rows(tokens, offsets, np.array(labels or [0] * len(rows), np.int16), np.arange(len(rows), dtype=np.int64))


def features_of(rows: NDArray[np.integer]) -> Features:
    """Return the subword features of tokens, a row each, padded with 0."""
    present = rows > 0
    return Features(rows[present].astype(np.uint16), offsets_of(present.sum(axis=1)))


def placed(batch: Mapping[str, NDArray[Any]]) -> list[list[list[int]]]:
    """Return the subwords of each token where it stands, without padding."""
    return [[parts[parts > 0].tolist() for parts in row] for row in batch["subwords"][batch["places"]]]


def probabilities_of(model: bytes, batch: Mapping[str, Any], output: str = "probabilities") -> NDArray[np.float32]:
    """Return what an exported graph answers to a batch of the network, in which words stand where they are read."""
    session = graph.session(model)
    width = {one.name: one.shape for one in session.get_inputs()}["seen"][1]
    subwords = batch.get("subwords", np.zeros((int(batch["words"].max()) + 1, 1), np.int32))
    standing = np.stack([batch["words"], batch.get("places", np.zeros_like(batch["words"]))])
    (words, parts), places = np.unique(standing.reshape(2, -1), axis=1, return_inverse=True)
    inputs = {**batch, "word_ids": words, "subwords": subwords[parts], "seen": np.zeros((0, width), np.float32)}
    inputs["places"] = places.reshape(batch["words"].shape).astype(np.int32)
    (result,) = session.run([output], {one.name: inputs[one.name] for one in session.get_inputs()})
    return np.asarray(result)


def save_rows(directory: Path, rows: Rows) -> None:
    """Write each array to a file of its name."""
    for name, array in rows._asdict().items():
        write_array(directory / f"{name}.npy", array)
