"""Texts as what a graph reads: tokens for the networks, n-grams for the linear branch, an encoder's vectors."""

from collections.abc import Collection
from functools import lru_cache
from itertools import chain, islice

import numpy as np

from textrnn.inference import graph
from textrnn.inference.graph import Inputs
from textrnn.text import encoders
from textrnn.text.ngrams import WORDS, Grams, bags, frequencies, places, sizes
from textrnn.text.subwords import padded
from textrnn.text.vocabulary import Tokenizer, tokenize

# Inputs are padded to a multiple of these widths: the order in which the runtime adds up depends on the width.
NGRAMS, SUBWORDS = 64, 8
CACHED = 20_000  # pieces of text whose tokens are kept, and tokens whose vectors are kept
LONGEST_CACHED = 40  # characters of such a piece or token: a message may be one piece of a megabyte

_cached_tokens = lru_cache(maxsize=CACHED)(tokenize)


def tokens_of(text: str, tokenizer: Tokenizer, most: int | None = None) -> list[str]:
    """Return the first tokens of `text`, as `tokenize` does: no token holds white space, and most words come again."""
    pieces = (
        _cached_tokens(piece, tokenizer) if len(piece) <= LONGEST_CACHED else tokenize(piece, tokenizer)
        for piece in text.split()
    )
    return list(islice(chain.from_iterable(pieces), most))


def linear_inputs(known: Grams, texts: list[str], counted: Collection[str] = ()) -> Inputs:
    """Return the inputs of the graph's linear branch: places of known n-grams, counted from 1, and sizes.

    Of the `counted` sources also what the counts make of the n-grams, where the places are, else 0.
    """
    found = bags(texts)
    numbers = places(known, found.grams)
    inputs: Inputs = {"size": sizes(texts).astype(np.float32)}
    first = int(np.searchsorted(known, WORDS))
    for source, here, before in zip(
        graph.SOURCES, ((numbers >= 0) & (numbers < first), numbers >= first), (0, first), strict=True
    ):
        lengths = np.bincount(found.owners[here], minlength=len(texts))
        inputs[f"{source}.ngrams"] = padded(numbers[here] - before + 1, lengths, NGRAMS)
        if source in counted:
            inputs[f"{source}.frequencies"] = padded(frequencies(found.counts[here]), lengths, NGRAMS, np.float32)
    return inputs


def encoder_inputs(encoder: encoders.Encoder, texts: list[str]) -> Inputs:
    """Return the inputs of the graph's branch on an encoder's vectors: these, and sizes."""
    distinct = list(dict.fromkeys(texts))
    vectors = encoders.encode(encoder, distinct)
    return {"encoded": vectors[[distinct.index(text) for text in texts]], "size": sizes(texts).astype(np.float32)}
