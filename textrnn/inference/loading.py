"""The files of model/, loaded and checked, without TensorFlow: a graph, or both graphs of a cascade."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from textrnn.artifacts import provenance
from textrnn.core.errors import UserError, one_line
from textrnn.core.files import opened, read_array
from textrnn.inference import graph, settings
from textrnn.inference.graph import Inputs
from textrnn.inference.settings import Settings
from textrnn.text import encoders
from textrnn.text.ngrams import CACHED, WORDS, Grams, Index, indices
from textrnn.text.vocabulary import UNKNOWN, read_tokens

PARTS = ("model.onnx", "linear.onnx", "ngrams.npy", "settings.json", "vocabulary.tsv")
ROOM = 64 << 20  # bytes of vectors that are kept


class Model(NamedTuple):
    """What model/ holds, loaded: a graph, or the first of a cascade, which leaves to the second where it is unsure."""

    session: onnxruntime.InferenceSession
    ids: dict[str, int]  # of the known tokens; empty where there are no networks
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
    if not directory.is_dir():
        raise UserError(
            f"expected a trained model in {directory}, found no such folder: run `dvc repro` in a clone of textrnn's "
            "repository, which makes model/, or name a copy of it"
        )
    for name in PARTS:
        with opened(directory / name) as file:
            if (size := os.fstat(file.fileno()).st_size) > provenance.MOST_BYTES:
                raise UserError(
                    f"expected {directory / name} of at most {provenance.MOST_BYTES:,} bytes, found {size:,}"
                )
    found = settings.read(directory / "settings.json")
    with provenance.whole(directory / "vocabulary.tsv") as path:
        ids = {token: number for number, token in enumerate(read_tokens(path), UNKNOWN + 1)}
    with provenance.whole(directory / "ngrams.npy") as path:
        known = np.asarray(read_array(path))
        if known.dtype != np.uint64 or known.ndim != 1 or known.max(initial=0) >= 2 * WORDS:
            raise ValueError(f"expected hashes of n-grams, found {known.dtype} of shape {known.shape}")
    name = "model.onnx" if found.alone_from is None else "linear.onnx"
    session, content = _session(directory / name, (directory / name).read_bytes()), b""
    if found.alone_from is not None:
        content = (directory / "model.onnx").read_bytes()  # now: another model may have its place when it is needed
    provenance.check_parts(directory, PARTS)
    provenance.check_packages(directory, encoders.installed(found.encoder))
    if found.alone_from is None:
        return _checked(session, ids, known, found)

    def second() -> Model:
        return _checked(_session(directory / "model.onnx", content), ids, known[:0], found)

    first = _checked(session, ids, known, found._replace(encoder="none"))
    return first._replace(settings=found, second=cache(second))


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
