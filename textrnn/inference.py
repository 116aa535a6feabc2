"""The exported model, without TensorFlow: texts in, probabilities out. Used by evaluate and predict.py."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import ValidationError

from textrnn.batches import by_length
from textrnn.errors import UserError
from textrnn.files import read_json
from textrnn.normalise import Normalisation, normalise
from textrnn.params import Section
from textrnn.subwords import features
from textrnn.tokenizers import Tokenizer, tokenize
from textrnn.vocabulary import UNKNOWN, read_tokens

DIGITS = 6  # ONNX Runtime picks kernels by CPU: further digits may differ between machines
BATCH = 64


class Settings(Section):
    """model/settings.json: what training knew beside weights and words."""

    labels: list[str]
    tokenizer: Tokenizer
    max_sequence_length: int
    masking: bool
    subword_buckets: int
    normalisation: Normalisation


class Decision(Section):
    """model/threshold.json, which evaluate writes."""

    positive_label: str
    threshold: float


class Model(NamedTuple):
    """What model/ holds, loaded."""

    session: onnxruntime.InferenceSession
    ids: dict[str, int]
    settings: Settings


def load(directory: Path) -> Model:
    """Return the model in `directory`. Raises UserError when a file is missing or is no model."""
    with whole(directory / "settings.json") as path:
        settings = Settings.model_validate(read_json(path))
    with whole(directory / "vocabulary.tsv") as path:
        ids = {token: number for number, token in enumerate(read_tokens(path), UNKNOWN + 1)}
    try:
        session = onnxruntime.InferenceSession((directory / "model.onnx").read_bytes())
    except FileNotFoundError:
        raise UserError(f"expected the model in {directory}/model.onnx, found no file: run `dvc repro`") from None
    except Exception as error:  # noqa: BLE001  # the runtime raises classes of its own, which it does not export
        why = " ".join(str(error).split())
        raise UserError(f"expected a model in {directory}/model.onnx, found another file: {why}") from None
    return Model(session=session, ids=ids, settings=settings)


def decision(directory: Path, labels: list[str]) -> tuple[int, float]:
    """Return the number of the positive label, and its threshold. Raises UserError as `load` does."""
    with whole(directory / "threshold.json") as path:
        found = Decision.model_validate(read_json(path))
    if found.positive_label not in labels:
        raise UserError(
            f"expected one of the model's labels ({', '.join(labels)}) in {path}, found {found.positive_label!r}: "
            "run `dvc repro`"
        )
    return labels.index(found.positive_label), found.threshold


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Raise UserError when the block finds in `path` something else than the stages write."""
    try:
        yield path
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise UserError(f"expected {path} as `dvc repro` writes it, found it damaged: {wrong}") from None
    except ValueError as error:  # no JSON, no UTF-8, no table
        raise UserError(f"expected {path} as `dvc repro` writes it, found it damaged: {error}") from None


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


def encode(model: Model, tokens: list[list[str]], lengths: NDArray[np.int64]) -> dict[str, NDArray[np.int32]]:
    """Return the inputs of the graph: words, lengths, and subwords where the model reads them."""
    time = int(lengths.max())
    words = np.zeros((len(tokens), time), np.int32)
    for place, row in zip(words, tokens, strict=True):
        place[: len(row)] = [model.ids.get(token, UNKNOWN) for token in row]
    inputs = {"words": words, "lengths": lengths.astype(np.int32)}
    if model.settings.subword_buckets:
        parts = [[cached_features(token, model.settings.subword_buckets) for token in row] for row in tokens]
        most = max((len(part) for row in parts for part in row), default=1)
        inputs["subwords"] = np.zeros((len(tokens), time, most), np.int32)
        for row, row_parts in zip(inputs["subwords"], parts, strict=True):
            for step, part in zip(row, row_parts, strict=False):
                step[: len(part)] = part
    return inputs


cached_features = lru_cache(maxsize=100_000)(features)
