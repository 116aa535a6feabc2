"""The exported model, without TensorFlow: texts in, probabilities out. Used by evaluate and predict.py."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain, count, repeat
from pathlib import Path
from typing import Annotated, NamedTuple, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import Field, model_validator

from textrnn.artifacts import provenance, ragged
from textrnn.artifacts.messages import MOST_CLASSES
from textrnn.core.errors import UserError, one_line
from textrnn.core.escape import listed
from textrnn.core.files import DIGITS, opened, read_array, read_json
from textrnn.core.params import Section
from textrnn.inference import graph
from textrnn.inference.graph import Inputs
from textrnn.inference.inputs import SUBWORDS, encoder_inputs, linear_inputs, tokens_of
from textrnn.text import encoders
from textrnn.text.ngrams import CACHED, LONGEST_CACHED, WORDS, Grams, Index, indices
from textrnn.text.normalise import Normalisation
from textrnn.text.subwords import padded, table
from textrnn.text.vocabulary import UNKNOWN, Tokenizer, read_tokens

BATCH = 128
PADDING = ""
ROOM = 64 << 20  # bytes of vectors that are kept
PARTS = ("model.onnx", "linear.onnx", "ngrams.npy", "settings.json", "vocabulary.tsv")
ALWAYS, NEVER = 0.0, 1.1  # probabilities from which the first graph of a cascade answers
UNSURE, UNSURE_LABEL = -1, "unsure"  # instead of a label's number and of its name


class Settings(Section):
    """model/settings.json: what the model needs to know besides weights and words."""

    labels: list[str] = Field(min_length=2, max_length=MOST_CLASSES)
    tokenizer: Tokenizer
    max_sequence_length: int = Field(ge=1, le=10_000)
    masking: bool
    subword_buckets: int = Field(ge=0, le=10_000_000)
    linear: bool
    encoder: encoders.Encoder
    alone_from: float | None = Field(
        ge=0, le=1
    )  # the probability from which the linear branch answers alone; null: never
    normalisation: Normalisation


class Decision(Section):
    """model/threshold.json, which evaluate writes."""

    positive_label: str | None  # of more than two labels none need be positive
    threshold: float | None = Field(ge=0, le=1)
    model: str  # the SHA-256 of the model.json of the model that the threshold was chosen for
    # The least probability that an answer of each label may have, or it is "unsure"; null: always. Without: never.
    sure_from: dict[str, Annotated[float, Field(ge=0, le=1)] | None] | None = None

    @model_validator(mode="after")
    def both_or_neither(self) -> Self:
        """Refuse a positive label without a threshold, and a threshold of none."""
        if (self.positive_label is None) != (self.threshold is None):
            raise ValueError("expected a positive label and its threshold, or neither")
        return self


class Rule(NamedTuple):
    """How probabilities become answers."""

    positive: int | None  # the number of the positive label of two; of more the answer is the likeliest
    threshold: float
    sure_from: tuple[float, ...] | None = None  # of each label: an answer less probable is UNSURE


class Model(NamedTuple):
    """What model/ holds, loaded: a graph, or the first of a cascade, which leaves to the second where it is unsure."""

    session: onnxruntime.InferenceSession
    ids: dict[str, int]
    ngrams: tuple[Index, Index]  # those that the linear branch knows, of each of its sources
    counted: frozenset[str]  # the sources of the linear branch that count n-grams
    settings: Settings
    seen: dict[str, int]  # tokens that have been read before, and where their vectors are
    vectors: NDArray[np.float32]  # (room, width) of a token in all members; both are 0 without networks
    second: "Callable[[], Model] | None" = None  # loads the second, once; None where a single graph answers

    @property
    def width(self) -> int:
        """Return how many numbers a token's vectors have in all members; 0 without networks."""
        return int(self.vectors.shape[1])

    @property
    def networks(self) -> bool:
        """Return whether networks read the tokens of some text."""
        return self.second is not None or self.width > 0


def load(directory: Path) -> Model:
    """Return the model in `directory`. Raises UserError when a file is missing, damaged, or from another model."""
    for name in PARTS:
        with opened(directory / name) as file:
            if (size := os.fstat(file.fileno()).st_size) > provenance.MOST_BYTES:
                raise UserError(
                    f"expected {directory / name} of at most {provenance.MOST_BYTES:,} bytes, found {size:,}"
                )
    with provenance.whole(directory / "settings.json") as path:
        settings = Settings.model_validate(read_json(path))
    with provenance.whole(directory / "vocabulary.tsv") as path:
        ids = {token: number for number, token in enumerate(read_tokens(path), UNKNOWN + 1)}
    with provenance.whole(directory / "ngrams.npy") as path:
        known = np.asarray(read_array(path))
        if known.dtype != np.uint64 or known.ndim != 1 or known.max(initial=0) >= 2 * WORDS:
            raise ValueError(f"expected hashes of n-grams, found {known.dtype} of shape {known.shape}")
    name = "model.onnx" if settings.alone_from is None else "linear.onnx"
    session, content = _session(directory / name, (directory / name).read_bytes()), b""
    if settings.alone_from is not None:
        content = (directory / "model.onnx").read_bytes()  # now: another model may have its place when it is needed
    provenance.check_parts(directory, PARTS)
    provenance.check_packages(directory, encoders.installed(settings.encoder))
    if settings.alone_from is None:
        return _checked(session, ids, known, settings)

    def second() -> Model:
        return _checked(_session(directory / "model.onnx", content), ids, known[:0], settings)

    model = _checked(session, {}, known, settings.model_copy(update={"encoder": "none"}))
    return model._replace(settings=settings, second=cache(second))


def _session(path: Path, content: bytes) -> onnxruntime.InferenceSession:
    """Return a session of the graph that this file holds. Raises UserError if it is none that export writes."""
    try:
        return graph.session(content)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # the runtime raises classes of its own, which it does not export
        raise UserError(f"expected a model in {path}, found another file: {one_line(error)}") from None


def _checked(session: onnxruntime.InferenceSession, ids: dict[str, int], known: Grams, settings: Settings) -> Model:
    """Return the model of this graph alone. Raises UserError when its parts do not fit together."""
    with fitting():
        width = encoders.WIDTHS[settings.encoder]
        graph.check_shapes(session, len(settings.labels), settings.subword_buckets, settings.linear, width)
        model = of(session, ids, known, settings)
        graph.answer(session, first_inputs(model), len(settings.labels), timeout=graph.FIRST_TIMEOUT)
    return model


def of(session: onnxruntime.InferenceSession, ids: dict[str, int], known: Grams, settings: Settings) -> Model:
    """Return a model that has read nothing yet."""
    shapes = {one.name: one.shape for one in session.get_inputs()}
    counted = frozenset(source for source in graph.SOURCES if f"{source}.frequencies" in shapes)
    width = shapes["seen"][1] if "seen" in shapes else 0
    room = min(CACHED, ROOM // (4 * width)) if width else 0
    vectors = np.empty((room, width), np.float32)
    return Model(session, ids, indices(known), counted, settings, {}, vectors)


def first_inputs(model: Model) -> Inputs:
    """Return inputs that name the last word, subword and n-gram, which a graph of another model may lack."""
    inputs: Inputs = {}
    if model.width:
        inputs["word_ids"] = np.array([len(model.ids)], np.int32)
        inputs["seen"] = np.zeros((1, model.width), np.float32)
        inputs["places"] = np.array([[0, 1]] * 2, np.int32)
        inputs["lengths"] = np.array([2, 2], np.int32)
        if model.settings.subword_buckets:
            inputs["subwords"] = np.array([[model.settings.subword_buckets]], np.int32)
    if model.settings.linear:
        inputs["size"] = np.ones((2, 1), np.float32)
        widths = {one.name: one.shape[1] for one in model.session.get_inputs() if one.name in graph.SOURCES}
        inputs |= {source: np.zeros((2, width), np.float32) for source, width in widths.items()}
        for source, known in zip(graph.SOURCES, model.ngrams, strict=True):
            if source in widths:
                continue
            inputs[f"{source}.ngrams"] = np.array([[len(known.grams) - 1]] * 2, np.int32)
            if source in model.counted:
                inputs[f"{source}.frequencies"] = np.ones((2, 1), np.float32)
    if width := encoders.WIDTHS[model.settings.encoder]:
        inputs |= {"encoded": np.zeros((2, width), np.float32), "size": np.ones((2, 1), np.float32)}
    return inputs


@contextmanager
def fitting() -> Iterator[None]:
    """Raise UserError when the block finds that graph, settings and vocabulary do not fit together."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # as in load
        raise UserError(
            f"expected the files of one model, found some that do not fit together: {one_line(error)}"
        ) from None


def decision(directory: Path, labels: list[str]) -> Rule:
    """Return how the model in `directory` answers. Raises UserError as `load` does."""
    with provenance.whole(directory / "threshold.json") as path:
        found = Decision.model_validate(read_json(path))
    if found.positive_label not in (labels if len(labels) == 2 else [*labels, None]):
        raise UserError(f"expected one of {listed(labels)} in {path}, found {found.positive_label!r}: run `dvc repro`")
    if found.model != provenance.checksum(directory / provenance.RECORD):
        raise UserError(f"expected the threshold of this model in {path}, found that of another one: run `dvc repro`")
    if found.sure_from is not None and set(found.sure_from) != set(labels):
        raise UserError(f"expected `sure_from` of {listed(labels)} in {path}, found other labels: run `dvc repro`")
    positive = labels.index(found.positive_label) if found.positive_label is not None and len(labels) == 2 else None
    return Rule(positive, 0.0 if positive is None else found.threshold or 0.0, sure_from(found, labels))


def sure_from(found: Decision, labels: list[str]) -> tuple[float, ...] | None:
    """Return the least probability of each label's answers, in the labels' order: infinite where there is none."""
    if found.sure_from is None:
        return None
    least = (found.sure_from[label] for label in labels)
    return tuple(math.inf if one is None else one for one in least)


def probabilities(
    model: Model, texts: list[str], progress: Callable[[list[NDArray[np.int64]]], Iterable[NDArray[np.int64]]] = iter
) -> NDArray[np.float64]:
    """Return (texts, labels) probabilities of cleaned texts, rounded to DIGITS digits, in order.

    A text has the same probabilities whichever texts come with it. `progress` gives back the batches one by one, and
    may show how many are done. Raises UserError when graph, settings and vocabulary do not fit together.
    """
    return np.round(outputs(model, texts, [], progress)["probabilities"], DIGITS)


def outputs(
    model: Model, texts: list[str], others: Sequence[str],
    progress: Callable[[list[NDArray[np.int64]]], Iterable[NDArray[np.int64]]] = iter,
) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    """Return the graph's probabilities, not rounded, and its `others`: other outputs with a row a text, or inputs.

    With others, the second graph of a cascade reads all texts.
    """
    if model.second is None:
        return _outputs(model, texts, others, progress)
    found = _outputs(model, texts, [*graph.SOURCES, "size"])
    unsure = np.round(found["probabilities"], DIGITS).max(axis=1, initial=0) < (model.settings.alone_from or 0)
    rows = np.flatnonzero(unsure | bool(others))
    if not (len(rows) or others):
        return found
    given = {name: found[name][rows].astype(np.float32) for name in (*graph.SOURCES, "size")}
    result = _outputs(model.second(), [texts[row] for row in rows], others, progress, given)
    found["probabilities"][rows[unsure[rows]]] = result["probabilities"][unsure[rows]]
    return result | {"probabilities": found["probabilities"]}


def answering(model: Model, text: str) -> Model:
    """Return the model which answers all texts as this one is answered: of a cascade, by the same graph."""
    alone_from = model.settings.alone_from
    if alone_from is None:
        return model
    is_sure = probabilities(_from(model, ALWAYS), [text]).max() >= alone_from
    return _from(model, ALWAYS if is_sure else NEVER)


def _from(model: Model, alone_from: float) -> Model:
    return model._replace(settings=model.settings.model_copy(update={"alone_from": alone_from}))


def _outputs(
    model: Model, texts: list[str], others: Sequence[str],
    progress: Callable[[list[NDArray[np.int64]]], Iterable[NDArray[np.int64]]] = iter,
    given: Inputs | None = None,
) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    """Return what `outputs` does, by a single graph. Of a second one, `given` are inputs with a row a text."""
    longest, labels = model.settings.max_sequence_length, len(model.settings.labels)
    tokens, lengths = [list[str]()] * len(texts), np.array(list(map(len, texts)), np.int64)
    if model.width:
        tokens = [tokens_of(text, model.settings.tokenizer, longest) for text in texts]
        lengths = np.array([max(1, len(row)) if model.settings.masking else longest for row in tokens], np.int64)
    result = {"probabilities": np.zeros((len(texts), labels))}
    for chosen in progress(ragged.cut(np.argsort(lengths, kind="stable"), BATCH)):
        # A row alone is multiplied by another kernel, which adds up in another order.
        rows = np.resize(chosen, max(2, len(chosen)))
        inputs, new = encode(model, [tokens[row] for row in rows], lengths[rows]) if model.width else ({}, [])
        if given is not None:
            inputs |= {name: values[rows] for name, values in given.items()}
        elif model.settings.linear:
            inputs |= linear_inputs(model.ngrams, [texts[row] for row in rows], model.counted)
        if model.settings.encoder != "none" and model.second is None:
            inputs |= encoder_inputs(model.settings.encoder, [texts[row] for row in rows])
        with fitting():
            found = graph.answer(model.session, inputs, labels, [name for name in others if name not in inputs])
        for name in ("probabilities", *others):
            values = found[name] if name in found else inputs[name]
            result.setdefault(name, np.zeros((len(texts), values.shape[1])))[chosen] = values[: len(chosen)]
        if model.width:
            remember(model, new, found["vectors"])
    return result


def remember(model: Model, tokens: list[str], vectors: NDArray[np.float32]) -> None:
    """Keep the vectors of new tokens, unless they are long, and forget those of others where there is no room."""
    kept = [place for place, token in enumerate(tokens) if 0 < len(token) <= LONGEST_CACHED]
    if len(model.seen) + len(kept) > len(model.vectors):
        model.seen.clear()  # the frequent ones soon come again
        kept = kept[: len(model.vectors)]
    model.vectors[len(model.seen) : len(model.seen) + len(kept)] = vectors[kept]
    model.seen.update(zip([tokens[place] for place in kept], count(len(model.seen))))


def answers(probabilities: NDArray[np.float64], positive: int | None, cut: float) -> NDArray[np.int16]:
    """Return the label number, int16, answered for each row of (rows, labels) probabilities.

    Of two labels the positive one, if its probability is at least `cut`; of more, the likeliest.
    """
    likeliest: NDArray[np.intp] = np.argmax(probabilities, axis=1)
    if positive is not None and probabilities.shape[1] == 2:
        likeliest = np.where(probabilities[:, positive] >= cut, positive, 1 - positive)
    return likeliest.astype(np.int16)


def final(probabilities: NDArray[np.float64], rule: Rule) -> NDArray[np.int16]:
    """Return what is answered in the end for each row of (rows, labels) probabilities: a label number or UNSURE."""
    predicted = answers(probabilities, rule.positive, rule.threshold)
    if rule.sure_from is None:
        return predicted
    own = probabilities[np.arange(len(predicted)), predicted]
    return np.where(own >= np.array(rule.sure_from)[predicted], predicted, UNSURE).astype(np.int16)


def shown(
    probabilities: NDArray[np.float64], predicted: NDArray[np.int16], positive: int | None
) -> NDArray[np.float64]:
    """Return the probability that stands beside each row's answer: of two labels the positive one's, else its own."""
    column = predicted if positive is None or probabilities.shape[1] > 2 else positive
    chosen: NDArray[np.float64] = probabilities[np.arange(len(probabilities)), column]
    return chosen


def encode(model: Model, tokens: list[list[str]], lengths: NDArray[np.int64]) -> tuple[Inputs, list[str]]:
    """Return the networks' inputs, as model/export.py names them, and the tokens whose vectors will be computed.

    The first of these is the padding: no token is empty, and it has no features.
    """
    flat = list(chain(*tokens))
    found = np.fromiter(map(model.seen.get, flat, repeat(-1)), np.int64, len(flat))
    unseen = np.flatnonzero(found < 0).tolist()
    numbers = dict(zip(dict.fromkeys([PADDING, *map(flat.__getitem__, unseen)]), count()))
    new = list(numbers)
    here = np.zeros(len(model.vectors) + 1, np.bool_)
    here[found] = True
    old = np.flatnonzero(here[:-1])
    places = (np.cumsum(here) + (len(new) - 1))[found]
    places[unseen] = [numbers[flat[place]] for place in unseen]
    inputs = {
        "word_ids": np.fromiter((model.ids.get(token, UNKNOWN) for token in new), np.int32),
        "seen": model.vectors[old],
        "places": padded(places, np.fromiter(map(len, tokens), np.int64), int(lengths.max())),
        "lengths": lengths.astype(np.int32),
    }
    if buckets := model.settings.subword_buckets:
        inputs["subwords"] = np.pad(table(new[1:], buckets, SUBWORDS), ((1, 0), (0, 0)))
    return inputs, new
