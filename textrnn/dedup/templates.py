"""A message's template: what is left of its text without numbers, prices, dates, links, capitals and punctuation.

Templates are compared by their words, or where a script has no blanks, by the pairs of neighbouring characters.
"""

import re
from itertools import chain, pairwise

from textrnn.text.scripts import CLUSTER, MARKS

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_SPACE = re.compile(rf"(?:[^\w{MARKS}]|_)+")
_RUN = re.compile(rf"(?:{CLUSTER})+|(?:(?!{CLUSTER}).)+")
_UNSPACED = re.compile(CLUSTER)


def templates(texts: list[str]) -> list[str]:
    """Return the template of each text: the text itself, if nothing would be left.

    Each distinct piece between spaces is looked at once.
    """
    cut = [text.split() for text in texts]
    left = {piece: bare(piece) for piece in dict.fromkeys(chain.from_iterable(cut))}
    found = (" ".join(filter(None, map(left.__getitem__, pieces))) for pieces in cut)
    return [name or text for name, text in zip(found, texts, strict=True)]


def bare(text: str) -> str:
    """Return what is left of a text, or of a piece of it."""
    text = text.casefold()
    if "://" in text or "www." in text:
        text = _LINK.sub(" link ", text)
    return _SPACE.sub(" ", _NUMBER.sub("0", text)).strip()


def words(template: str) -> list[str]:
    """Return what a template is compared by: its words, and of each run of unspaced script the pairs of neighbours.

    A single character without a neighbour stands alone.
    """
    if template.isascii():
        return template.split()
    found: list[str] = []
    for piece in template.split():
        for run in _RUN.findall(piece):
            clusters = _UNSPACED.findall(run)
            found += ["".join(pair) for pair in pairwise(clusters)] or clusters or [run]
    return found


def unspaced(word: str) -> bool:
    """Return whether one of those words is of a script without blanks."""
    return not word.isascii() and bool(_UNSPACED.match(word))
