"""Texts as what a graph reads: tokens for the networks, n-grams for the linear branch, an encoder's vectors."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain, islice

import numpy as np

from textrnn.inference import graph
from textrnn.inference.graph import Inputs
from textrnn.text import encoders
from textrnn.text.ngrams import CACHED, LONGEST_CACHED, Index, distinct, frequencies, occurrences, places, sizes
from textrnn.text.subwords import padded
from textrnn.text.vocabulary import Tokenizer, tokenize

# Inputs are padded to a multiple of these widths: the order in which the runtime adds up depends on the width.
NGRAMS, SUBWORDS = 64, 8

_cached_tokens = lru_cache(maxsize=CACHED)(tokenize)


def tokens_of(text: str, tokenizer: Tokenizer, most: int | None = None) -> list[str]:
    """Return the first tokens of `text`, as `tokenize` does: no token holds white space, and most words come again."""
    pieces = (
        _cached_tokens(piece, tokenizer) if len(piece) <= LONGEST_CACHED else tokenize(piece, tokenizer)
        for piece in text.split()
    )
    return list(islice(chain.from_iterable(pieces), most))


def linear_inputs(known: Sequence[Index], texts: list[str], counted: Collection[str] = ()) -> Inputs:
    """Return the inputs of the graph's linear branch: places of known n-grams, counted from 1, and sizes.

    `known` are the n-grams of each source. Of the `counted` sources also what the counts make of the n-grams, where
    the places are, else 0.
    """
    inputs: Inputs = {"size": sizes(texts).astype(np.float32)}
    for source, of_source, (grams, owners) in zip(graph.SOURCES, known, occurrences(texts), strict=True):
        numbers = places(of_source, grams)
        here = numbers >= 0
        found = distinct(numbers[here], owners[here])
        lengths = np.bincount(found.owners, minlength=len(texts))
        inputs[f"{source}.ngrams"] = padded(found.grams + np.uint64(1), lengths, NGRAMS)
        if source in counted:
            inputs[f"{source}.frequencies"] = padded(frequencies(found.counts), lengths, NGRAMS, np.float32)
    return inputs


def encoder_inputs(encoder: encoders.Encoder, texts: list[str]) -> Inputs:
    """Return the inputs of the graph's branch on an encoder's vectors: these, and sizes."""
    distinct = list(dict.fromkeys(texts))
    vectors = encoders.encode(encoder, distinct)
    return {"encoded": vectors[[distinct.index(text) for text in texts]], "size": sizes(texts).astype(np.float32)}
