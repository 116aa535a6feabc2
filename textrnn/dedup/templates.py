"""A message's template: what is left of its text without numbers, prices, dates, links, capitals and punctuation."""

import re
from itertools import chain

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_SPACE = re.compile(r"[\W_]+")


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
