"""Texts as what a graph reads: tokens for the networks, n-grams for the linear branch, an encoder's vectors."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache, partial
from itertools import chain, islice
from typing import get_args

import numpy as np

from textrnn.inference import graph
from textrnn.inference.graph import Inputs
from textrnn.text import encoders
from textrnn.text.ngrams import CACHED, LONGEST_CACHED, Index, distinct, frequencies, occurrences, places, sizes
from textrnn.text.subwords import padded
from textrnn.text.vocabulary import Tokenizer, tokenize

# Inputs are padded to a multiple of these widths: the order in which the runtime adds up depends on the width.
NGRAMS, SUBWORDS = 64, 8

_tokenized = {one: lru_cache(maxsize=CACHED)(partial(tokenize, tokenizer=one)) for one in get_args(Tokenizer)}


def tokens_of(text: str, tokenizer: Tokenizer, most: int | None = None) -> list[str]:
    """Return the first tokens of `text`, as `tokenize` does: no token holds white space, and most words come again."""
    pieces, cached = text.split(), _tokenized[tokenizer]
    tokens: Iterable[list[str]] = map(cached, pieces)
    if max(map(len, pieces), default=0) > LONGEST_CACHED:
        tokens = (cached(one) if len(one) <= LONGEST_CACHED else tokenize(one, tokenizer) for one in pieces)
    return list(islice(chain.from_iterable(tokens), most))


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
