"""A message as bags of n-grams, of characters and of words, and by its size: what the linear branch reads."""

import math
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import chain, pairwise
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from textrnn.text import scripts

LONGEST = 5  # characters of an n-gram
MOST = 5000  # characters of a message that are read: each of them begins up to five n-grams in memory
AT_ONCE = 256  # texts
LONG = 160  # characters of an SMS: a message longer than that is no more likely to be spam (docs/experiments.md)
CACHED = 20_000  # pieces of a text that are remembered: most come again
LONGEST_CACHED = 40  # characters of such a piece: a message may be one piece of a megabyte

SPACE = re.compile(r"\s\s+|[^\S ]")  # white space which is not one space already
_ASCII_WORD = re.compile(r"\w\w+")  # finds in ASCII what the pattern of all scripts does, in half the time
# What a byte does to the register of a CRC-32 (all ones before the first byte, and inverted after the last).
_TABLE = np.array([crc32(bytes([byte ^ 0xFF])) ^ 0xFF000000 for byte in range(256)], np.uint32)

WORDS = 1 << 32  # added to the hash of an n-gram of words, so that those of characters come first

Grams = NDArray[np.uint64]
Numbers = NDArray[np.int64]
Hashes = NDArray[np.uint32]
Occurrences = tuple[Hashes, Numbers]  # n-grams of one kind by their CRC-32, and of each the number of its text


class Bags(NamedTuple):
    """The n-grams of several texts, those of the first text first."""

    grams: Grams  # each distinct n-gram of a text, in order
    owners: Numbers  # the number of the text that the n-gram is from
    counts: Numbers  # how often it stands there


def bags(texts: Sequence[str]) -> Bags:
    """Return the n-grams of each text: 1 to 5 characters, and 1 or 2 words.

    In lower case; white space of any length is one character. An n-gram of characters is the CRC-32 of its UTF-8; one
    of words is WORDS and the CRC-32 of `1<TAB>` or `2<TAB>` and the words.
    """
    (characters, of_characters), (words, of_words) = occurrences(texts)
    grams = np.concatenate([characters, words + np.uint64(WORDS)])
    return distinct(grams, np.concatenate([of_characters, of_words]))


def occurrences(texts: Sequence[str]) -> tuple[Occurrences, Occurrences]:
    """Return the n-grams of characters of the texts, and those of words: in no order, each as often as it occurs."""
    texts = [SPACE.sub(" ", text[:MOST].lower()) for text in texts]
    return _character_grams(texts), _word_grams(texts)


def bags_of_many(texts: Sequence[str]) -> Bags:
    """Return what `bags` does, in less memory: hashing some texts takes hundreds of bytes for each character."""
    found = [bags(texts[start : start + AT_ONCE]) for start in range(0, len(texts), AT_ONCE)]
    moved = (part._replace(owners=part.owners + number * AT_ONCE) for number, part in enumerate(found))
    return Bags(*map(np.concatenate, zip(*moved, strict=True)))


def _word_grams(texts: Sequence[str]) -> Occurrences:
    """Return the words, and the pairs of neighbours among them."""
    found: list[list[str]] = [(_ASCII_WORD if text.isascii() else _any_word()).findall(text) for text in texts]
    owners = np.repeat(np.arange(len(texts)), [len(words) for words in found])
    hashes = [_cached(word) if len(word) <= LONGEST_CACHED else _hashes(word) for word in chain(*found)]
    begun, following = [one for _, one, _ in hashes], [utf8 for _, _, utf8 in hashes[1:]]
    pairs = np.fromiter(map(crc32, following, begun), np.uint32, len(following))
    beside = owners[1:] == owners[:-1]
    grams = np.concatenate([np.array([one for one, _, _ in hashes], np.uint32), pairs[beside]])
    return grams, np.concatenate([owners, owners[1:][beside]])


@cache
def _any_word() -> re.Pattern[str]:
    return re.compile(scripts.WORDS)  # which takes longer than a message


def _hashes(word: str) -> tuple[int, int, bytes]:
    """Return the CRC-32 of a word, that of a pair which it begins so far, and its UTF-8."""
    utf8 = word.encode()
    return crc32(b"1\t" + utf8), crc32(b"2\t" + utf8 + b" "), utf8


_cached = lru_cache(maxsize=CACHED)(_hashes)


def _character_grams(texts: Sequence[str]) -> Occurrences:
    """Return the n-grams of characters.

    All texts are hashed at once: the register of each n-gram takes a character, then that of each longer one the next.
    zlib.crc32 on each n-gram gives the same hashes, and takes three times as long.
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    owners = np.repeat(np.arange(len(texts)), lengths)
    left = np.repeat(np.cumsum(lengths) - 1, lengths) - np.arange(len(owners))  # characters from here to the text's end
    utf8 = np.frombuffer("".join(f"{text}\n" for text in texts).encode(), np.uint8)
    first = np.flatnonzero((utf8 & 0xC0) != 0x80)  # the byte with which each character begins
    sizes = np.diff(first, append=len(utf8))

    registers = np.full(len(owners), 0xFFFFFFFF, np.uint32)
    found = []
    for length in range(LONGEST):
        taken, more = first[length:], sizes[length:]
        registers = _next(registers[: len(taken)], utf8[taken])
        for byte in range(1, int(more.max(initial=1))):
            some = np.flatnonzero(more > byte)
            registers[some] = _next(registers[some], utf8[taken[some] + byte])
        inside = left[: len(taken)] > length
        found.append((~registers[inside], owners[: len(taken)][inside]))
    hashes, numbers = zip(*found, strict=True)
    return np.concatenate(hashes), np.concatenate(numbers)


def _next(registers: Hashes, taken: NDArray[np.uint8]) -> Hashes:
    following: Hashes = _TABLE[(registers ^ taken) & 0xFF] ^ (registers >> np.uint32(8))
    return following


def distinct(grams: NDArray[Any], owners: Numbers) -> Bags:
    """Return each n-gram of a text, or the numbers that stand for them, once and with its count."""
    # Types as small as may be are sorted in half the time, and text by text in half of that.
    by_text = np.argsort(owners.astype(np.min_scalar_type(owners.max(initial=0))), kind="stable")
    ordered = grams.astype(np.min_scalar_type(grams.max(initial=0)))[by_text]
    lengths = np.bincount(owners)
    for start, end in pairwise([0, *np.cumsum(lengths).tolist()]):
        ordered[start:end].sort()  # here, since np.unique hashes, and takes five times as long
    of_texts = np.repeat(np.arange(len(lengths)), lengths)
    is_new = (ordered[1:] != ordered[:-1]) | (of_texts[1:] != of_texts[:-1])
    first = np.flatnonzero(np.append(ordered[:1] == ordered[:1], is_new))
    counts = np.diff(first, append=len(ordered))
    return Bags(ordered[first].astype(np.uint64), of_texts[first], counts)


def ngrams(text: str) -> Grams:
    """Return the distinct n-grams of `text`, in order, as `bags` does."""
    return bags([text]).grams


class Index(NamedTuple):
    """Known n-grams, and where to look for one."""

    grams: NDArray[Any]  # in order, and one more, so that every place holds something
    begins: Numbers  # the place of the first one with these leading bits, or with greater ones
    shift: NDArray[Any]  # all other bits


def index(known: NDArray[Any]) -> Index:
    """Return the index of known n-grams, which are in order: Grams, or the Hashes of those of one kind."""
    width, bits = 33 if known.dtype == np.uint64 else 32, max(1, len(known).bit_length())
    shift = known.dtype.type(width - bits)
    counts = np.bincount((known >> shift).astype(np.int64), minlength=1 << bits)
    return Index(np.append(known, np.iinfo(known.dtype).max), np.cumsum(counts) - counts, shift)


def indices(known: Grams) -> tuple[Index, Index]:
    """Return the index of the hashes of those n-grams that are of characters, and that of those of words."""
    first = int(np.searchsorted(known, WORDS))
    characters, words = (index(some.astype(np.uint32)) for some in (known[:first], known[first:]))
    return characters, words


def places(index: Index, grams: NDArray[Any]) -> Numbers:
    """Return where each n-gram stands among the known ones, which are of the same type; -1 for one that is not known.

    Hashes are spread so evenly that a table of their leading bits finds them sooner than halving would.
    """
    found: Numbers = index.begins[grams >> index.shift]
    here = index.grams[found]
    known, later = here == grams, np.flatnonzero(here < grams)
    while len(later):
        found[later] += 1
        here, wanted = index.grams[found[later]], grams[later]
        known[later] = here == wanted
        later = later[here < wanted]
    return np.where(known & (found < len(index.grams) - 1), found, -1)


def take(bags: Bags, texts: NDArray[np.bool_]) -> Bags:
    """Return the n-grams of the texts that are marked, which are numbered anew."""
    some = chosen(bags, texts[bags.owners])
    return some._replace(owners=(np.cumsum(texts) - 1)[some.owners])


def split(bags: Bags) -> tuple[Bags, Bags]:
    """Return the n-grams of characters, and those of words."""
    of_words = bags.grams >= WORDS
    return chosen(bags, ~of_words), chosen(bags, of_words)


def chosen(bags: Bags, here: NDArray[np.bool_]) -> Bags:
    """Return the n-grams that are marked."""
    return Bags(bags.grams[here], bags.owners[here], bags.counts[here])


def frequencies(counts: Numbers) -> NDArray[np.float64]:
    """Return 1 + log(count), rounded: a long text repeats what it is about, and a logarithm's last bit differs."""
    return np.round(1 + np.log(counts), 6)


def size(text: str) -> float:
    """Return log(1 + characters), at most that of LONG: the scaled bag of n-grams holds no trace of the length."""
    return math.log1p(min(len(text), LONG))


def sizes(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the size of each text, (texts, 1)."""
    return np.array([size(text) for text in texts], np.float64).reshape(-1, 1)
