"""Texts as what a graph reads: tokens for the networks, n-grams for the linear branch, an encoder's vectors."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache, partial
from itertools import chain, count, islice, repeat
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from textrnn.inference import graph
from textrnn.inference.graph import Inputs
from textrnn.inference.loading import Model
from textrnn.text import encoders
from textrnn.text.ngrams import CACHED, LONGEST_CACHED, Index, distinct, frequencies, occurrences, places, sizes
from textrnn.text.subwords import padded, table
from textrnn.text.vocabulary import UNKNOWN, Tokenizer, tokenize

# Inputs are padded to a multiple of these widths: the order in which the runtime adds up depends on the width.
NGRAMS, SUBWORDS = 64, 8
PADDING = ""

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


def network_inputs(model: Model, tokens: list[list[str]], lengths: NDArray[np.int64]) -> tuple[Inputs, list[str]]:
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


def remember(model: Model, tokens: list[str], vectors: NDArray[np.float32]) -> None:
    """Keep the vectors of new tokens, unless they are long, and forget those of others where there is no room."""
    kept = [place for place, token in enumerate(tokens) if 0 < len(token) <= LONGEST_CACHED]
    if len(model.seen) + len(kept) > len(model.vectors):
        model.seen.clear()  # the frequent ones soon come again
        kept = kept[: len(model.vectors)]
    model.vectors[len(model.seen) : len(model.seen) + len(kept)] = vectors[kept]
    model.seen.update(zip([tokens[place] for place in kept], count(len(model.seen))))
