"""What two messages made from one template have in common, and which messages belong together by it."""

import re
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np

from textrnn.artifacts.ragged import offsets_of
from textrnn.dedup.near_duplicates import Sets, by_rarity, distinct, similar
from textrnn.partitions.factorize import numbered

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_SPACE = re.compile(r"[\W_]+")


def template(text: str) -> str:
    """Return `text` without what a template fills in: numbers, prices, dates and links.

    Capitals, punctuation and white space are no difference either. A text of which nothing would
    be left is its own template.
    """
    return _bare(text) or text


def templates(texts: list[str]) -> list[str]:
    """Return the template of each text, found once for all pieces between spaces that are alike."""
    cut = [text.split() for text in texts]
    bare = {piece: _bare(piece) for piece in dict.fromkeys(chain.from_iterable(cut))}
    found = (" ".join(filter(None, map(bare.__getitem__, pieces))) for pieces in cut)
    return [name or text for name, text in zip(found, texts, strict=True)]


def _bare(text: str) -> str:
    text = text.casefold()
    if "://" in text or "www." in text:
        text = _LINK.sub(" link ", text)
    return _SPACE.sub(" ", _NUMBER.sub("0", text)).strip()


def families(texts: Iterable[str]) -> list[str]:
    """Return a key for each text: the same for all whose templates are equal or nearly so.

    Two templates nearly coincide when the Jaccard similarity of their sets of words is at least NEAR per cent; what
    is near to the same third one belongs together too. The key is the first template of its family by the
    alphabet, so it depends neither on the order nor on the number of the texts.
    """
    found = templates(list(texts))
    names = sorted(set(found))
    words = numbered(names, str.split)
    members, offsets = distinct(words.numbers, offsets_of(words.lengths))
    rarity = by_rarity(np.bincount(members, minlength=len(words.words)))
    sets = Sets(distinct(rarity[members], offsets)[0].astype(np.int32), offsets)
    found_with = similar(sets, Path(tempfile.gettempdir()))
    first: dict[int, int] = {}
    for number, one in enumerate(found_with.tolist()):
        first.setdefault(one, number)
    keys = {name: names[first[one]] for name, one in zip(names, found_with.tolist(), strict=True)}
    return [keys[name] for name in found]
