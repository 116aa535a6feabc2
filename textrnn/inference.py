"""The exported model, without TensorFlow: texts in, probabilities out. Used by evaluate and predict.py."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import Field

from textrnn import provenance
from textrnn.batches import by_length
from textrnn.errors import UserError
from textrnn.files import read_array, read_json
from textrnn.labels import MOST_CLASSES
from textrnn.ngrams import lookup, ngrams, size
from textrnn.normalise import Normalisation, normalise
from textrnn.params import Section
from textrnn.subwords import features
from textrnn.tokenizers import Tokenizer, tokenize
from textrnn.vocabulary import UNKNOWN, read_tokens

DIGITS = 6  # ONNX Runtime picks kernels by CPU: further digits may differ between machines
BATCH = 64
EXTERNAL = b"location"  # the key under which an ONNX graph names a file of its weights; the stages write none


class Settings(Section):
    """model/settings.json: what training knew beside weights and words."""

    labels: list[str] = Field(min_length=2, max_length=MOST_CLASSES)
    tokenizer: Tokenizer
    max_sequence_length: int = Field(ge=1, le=10_000)
    masking: bool
    subword_buckets: int = Field(ge=0, le=10_000_000)
    linear: bool
    normalisation: Normalisation


class Decision(Section):
    """model/threshold.json, which evaluate writes."""

    positive_label: str
    threshold: float = Field(ge=0, le=1)
    model: str  # the SHA-256 of the model.json of the model whose threshold it is


class Model(NamedTuple):
    """What model/ holds, loaded."""

    session: onnxruntime.InferenceSession
    ids: dict[str, int]
    ngrams: NDArray[np.uint32]  # hashes of the n-grams that the linear branch knows, in order
    settings: Settings


def load(directory: Path) -> Model:
    """Return the model in `directory`. Raises UserError when a file is missing, is no model, or of another model."""
    with provenance.whole(directory / "settings.json") as path:
        settings = Settings.model_validate(read_json(path))
    with provenance.whole(directory / "vocabulary.tsv") as path:
        ids = {token: number for number, token in enumerate(read_tokens(path), UNKNOWN + 1)}
    with provenance.whole(directory / "ngrams.npy") as path:
        known = read_array(path)
        if known.dtype != np.uint32 or known.ndim != 1:
            raise ValueError(f"expected hashes of n-grams, found {known.dtype} of shape {known.shape}")
    try:
        graph = (directory / "model.onnx").read_bytes()
        if EXTERNAL in graph:
            raise ValueError("a graph which would read other files")
        session = onnxruntime.InferenceSession(graph)
    except FileNotFoundError:
        raise UserError(f"expected the model in {directory}/model.onnx, found no file: run `dvc repro`") from None
    except Exception as error:  # noqa: BLE001  # the runtime raises classes of its own, which it does not export
        why = " ".join(str(error).split())
        raise UserError(f"expected a model in {directory}/model.onnx, found another file: {why}") from None
    provenance.check_parts(directory, ("model.onnx", "ngrams.npy", "settings.json", "vocabulary.tsv"))
    return Model(session, ids, known, settings)


def decision(directory: Path, labels: list[str]) -> tuple[int, float]:
    """Return the number of the positive label, and its threshold. Raises UserError as `load` does."""
    with provenance.whole(directory / "threshold.json") as path:
        found = Decision.model_validate(read_json(path))
    if found.positive_label not in labels:
        raise UserError(
            f"expected one of the model's labels ({', '.join(labels)}) in {path}, found {found.positive_label!r}: "
            "run `dvc repro`"
        )
    if found.model != provenance.checksum(directory / provenance.RECORD):
        raise UserError(f"expected the threshold of this model in {path}, found that of another one: run `dvc repro`")
    return labels.index(found.positive_label), found.threshold


def clean(model: Model, text: str) -> str:
    """Return `text` as the stage clean would have left it."""
    return normalise(text, model.settings.normalisation)


Batches = list[NDArray[np.int64]]


def probabilities(
    model: Model, texts: list[str], counted: Callable[[Batches], Iterable[NDArray[np.int64]]] = iter
) -> NDArray[np.float64]:
    """Return (texts, labels) probabilities of cleaned texts, rounded to DIGITS digits, in order.

    `counted` gives back the batches one by one, and may tell how many are done. Raises UserError when
    the graph cannot read what the settings and the vocabulary make of a text.
    """
    longest = model.settings.max_sequence_length
    tokens = [tokenize(text, model.settings.tokenizer)[:longest] for text in texts]
    lengths = np.array([max(1, len(row)) if model.settings.masking else longest for row in tokens], np.int64)
    result = np.zeros((len(texts), len(model.settings.labels)))
    for chosen in counted(list(by_length(lengths, BATCH))):
        inputs = encode(model, [tokens[row] for row in chosen], lengths[chosen])
        if model.settings.linear:
            inputs |= linear_inputs(model, [texts[row] for row in chosen])
        try:
            (result[chosen],) = model.session.run(None, inputs)
        except Exception as error:  # noqa: BLE001  # as in load
            why = " ".join(str(error).split())
            raise UserError(f"expected the files of one model, found some that do not fit together: {why}") from None
    return np.round(result, DIGITS)


def answers(probabilities: NDArray[np.float64], positive: int, cut: float) -> NDArray[np.int8]:
    """Return the label number, int8, answered for each row of (rows, labels) probabilities.

    Of two labels the positive one, if its probability is at least `cut`; of more, the likeliest.
    """
    likeliest: NDArray[np.intp] = np.argmax(probabilities, axis=1)
    if probabilities.shape[1] == 2:
        likeliest = np.where(probabilities[:, positive] >= cut, positive, 1 - positive)
    return likeliest.astype(np.int8)


def encode(model: Model, tokens: list[list[str]], lengths: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return the inputs of the networks: words, lengths, and subwords and places where the model reads them."""
    time = int(lengths.max())
    words = np.zeros((len(tokens), time), np.int32)
    for place, row in zip(words, tokens, strict=True):
        place[: len(row)] = [model.ids.get(token, UNKNOWN) for token in row]
    inputs = {"words": words, "lengths": lengths.astype(np.int32)}
    if model.settings.subword_buckets:
        places: dict[str, int] = {"": 0}  # no token is empty: this one is the padding, which has no features
        inputs["places"] = np.zeros_like(words)
        for place, row in zip(inputs["places"], tokens, strict=True):
            place[: len(row)] = [places.setdefault(token, len(places)) for token in row]
        parts = [cached_features(token, model.settings.subword_buckets) if token else [] for token in places]
        inputs["subwords"] = padded(parts)
    return inputs


def linear_inputs(model: Model, texts: list[str]) -> dict[str, NDArray[Any]]:
    """Return the inputs of the graph's linear branch: ngrams and size."""
    places = [1 + lookup(model.ngrams, ngrams(text)) for text in texts]
    return {"ngrams": padded(places), "size": np.array([[size(text)] for text in texts], np.float32)}


def padded(rows: Sequence[Sequence[int] | NDArray[np.int64]]) -> NDArray[np.int32]:
    """Return the rows as one array, shape (rows, longest, at least 1), padded with 0."""
    array = np.zeros((len(rows), max(1, *map(len, rows))), np.int32)
    for place, row in zip(array, rows, strict=True):
        place[: len(row)] = row
    return array


cached_features = lru_cache(maxsize=100_000)(features)
