"""The graph of a model, which comes from a file that anybody may have changed: loaded if export could have written it.

A graph is code. textrnn/model/export.py writes operators that end and read no files, and this module refuses others.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from threading import Timer
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from textrnn.core.escape import listed

OPERATORS = frozenset({
    "Add", "Cast", "Concat", "Div", "GRU", "Gather", "Gemm", "LSTM", "Less", "Max", "Mul", "RNN", "Range",
    "ReduceMax", "ReduceSum", "Reshape", "Shape", "Sign", "Softmax", "Split", "Sqrt", "Sum", "Transpose", "Unsqueeze",
    "Where",
})  # fmt: skip
EXTERNAL = b"location"  # the key under which an ONNX graph names a file of its weights; train writes none
MOST_FIELDS = 1_000_000  # of a protobuf message and those in it that are read here
FIRST_TIMEOUT = 60.0  # seconds for the first answer, to two texts of two tokens, which takes milliseconds
# Of onnx.proto, the numbers of the fields that say what is computed.
GRAPH, FUNCTIONS, NODE, OPERATOR, DOMAIN = 7, 25, 1, 4, 7

SOURCES = ("characters", "words")  # of the linear branch, in the order of their n-grams

Inputs = dict[str, NDArray[Any]]


def session(graph: bytes) -> onnxruntime.InferenceSession:
    """Return a session of one thread. Raises an exception of any kind if the graph is none that export writes."""
    if EXTERNAL in graph:
        raise ValueError("a graph that would read other files")
    if strange := operators(graph) - OPERATORS:
        raise ValueError(f"a graph with {listed(sorted(strange))}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # several processes answer a long stream, and another thread takes time to start
    options.log_severity_level = 3  # a strange graph is an error, and we raise that
    options.add_session_config_entry("session.load_model_format", "ONNX")  # not its own, which `operators` cannot read
    return onnxruntime.InferenceSession(graph, options)


def operators(graph: bytes) -> set[str]:
    """Return the operators of a serialised graph, with their domain if they have one. Raises ValueError if damaged."""
    found = set()
    for number, value in fields(memoryview(graph)):
        if number == FUNCTIONS:
            raise ValueError("a graph with functions")
        for inner, node in fields(value) if number == GRAPH else ():
            if inner == NODE:
                parts = dict(fields(node))
                names = (bytes(parts.get(part, b"")).decode() for part in (DOMAIN, OPERATOR))
                found.add(".".join(filter(None, names)))
    return found


def fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the number and the value of each field of a protobuf message that has bytes as its value."""
    place = 0
    for _ in range(MOST_FIELDS):
        if place >= len(message):
            return
        key, place = _varint(message, place)
        size = {1: 8, 5: 4}.get(key & 7, 0)
        if key & 7 in (0, 2):
            size, place = _varint(message, place)
        elif not size:
            raise ValueError("no graph of ONNX")
        if key & 7 == 2:
            yield key >> 3, message[place : place + size]
        place += 0 if key & 7 == 0 else size
    raise ValueError("a graph of too many parts")


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and the place after it."""
    number = 0
    for position, byte in enumerate(message[place : place + 10]):
        number |= (byte & 127) << 7 * position
        if byte < 128:
            return number, place + position + 1
    raise ValueError("no graph of ONNX")


def check_shapes(session: onnxruntime.InferenceSession, labels: int, buckets: int, linear: bool, encoded: int) -> None:
    """Raise ValueError unless the graph reads and writes what export says for a model of these settings.

    `encoded` is the width of an encoder's vectors, 0 without one.
    """
    reads, writes = (
        {one.name: (one.type, one.shape) for one in several}
        for several in (session.get_inputs(), session.get_outputs())
    )
    whole, real, width = "tensor(int32)", "tensor(float)", reads.get("seen", ("", [0]))[1][-1:]
    expected: dict[str, tuple[str, list[str | int]]] = {}
    answers: dict[str, tuple[str, list[str | int]]] = {"probabilities": (real, ["batch", labels])}
    networks, decisions = "seen" in reads or not (linear or encoded), labels if labels > 2 else 1
    if networks:
        expected |= {"word_ids": (whole, ["tokens"]), "seen": (real, ["seen", *width])}
        expected |= {"subwords": (whole, ["tokens", "features"])} if buckets else {}
        expected |= {"places": (whole, ["batch", "time"]), "lengths": (whole, ["batch"])}
        answers |= {"vectors": (real, ["tokens", *width]), "networks": (real, ["batch", labels])}
    for source in SOURCES if linear else ():
        if source in reads and networks:  # the second graph of a cascade
            expected |= {source: (real, ["batch", decisions])}
            continue
        expected |= {f"{source}.ngrams": (whole, ["batch", f"most {source}"])}
        expected |= {name: (real, ["batch", f"most {source}"]) for name in [f"{source}.frequencies"] if name in reads}
        answers |= {source: (real, ["batch", decisions])}
    if encoded:
        expected |= {"encoded": (real, ["batch", encoded])}
        answers |= {"encoder": (real, ["batch", decisions])}
    if linear or encoded:
        expected |= {"size": (real, ["batch", 1])}
    for kind, found, wanted in (("input", reads, expected), ("output", writes, answers)):
        if other := sorted(name for name in found | wanted if found.get(name) != wanted.get(name)):
            raise ValueError(f"the graph has another {kind} {other[0]} than the settings need")
    if networks and not (isinstance(width[0], int) and width[0] > 0):
        raise ValueError("the graph has an input seen without a width")


@contextmanager
def _ending(options: onnxruntime.RunOptions, timeout: float) -> Iterator[None]:
    """Tell the runtime to give up a run with these options once the block has taken so many seconds."""
    timer = Timer(timeout, setattr, (options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def answer(
    session: onnxruntime.InferenceSession, inputs: Inputs, labels: int, others: Sequence[str] = (),
    timeout: float | None = None,
) -> dict[str, NDArray[np.float32]]:  # fmt: skip
    """Return (batch, labels) probabilities, (tokens, width) vectors of networks' tokens, and other outputs, by name.

    With a timeout, in seconds, the runtime is told to give up then. Raises exceptions of any kind if it cannot answer.
    """
    options = onnxruntime.RunOptions()
    expected = {"probabilities": (len(inputs["places" if "places" in inputs else "size"]), labels)}
    if "word_ids" in inputs:
        expected["vectors"] = len(inputs["word_ids"]), inputs["seen"].shape[1]
    names = [*expected, *others]
    with _ending(options, timeout) if timeout else nullcontext():
        found = dict(zip(names, session.run(names, inputs, options), strict=True))
    shapes = {name: found[name].shape for name in expected}
    if shapes != expected:
        raise ValueError(f"the graph answers with the shapes {shapes}, not {expected}")
    likely = found["probabilities"]
    if not (np.all(likely >= 0) and np.all(np.abs(likely.sum(axis=1) - 1) < 1e-3)):  # nor NaN
        raise ValueError("the graph answers with numbers that are no probabilities")
    return found
