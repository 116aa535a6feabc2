"""A message's template: what is left of its text without numbers, prices, dates, links, capitals and punctuation."""

import re
from itertools import chain

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_SPACE = re.compile(r"[\W_]+")


def template(text: str) -> str:
    """Return the template of `text`. If nothing would be left, the text is its own template."""
    return _bare(text) or text


def templates(texts: list[str]) -> list[str]:
    """Return the template of each text. Each distinct piece between spaces is looked at once."""
    cut = [text.split() for text in texts]
    bare = {piece: _bare(piece) for piece in dict.fromkeys(chain.from_iterable(cut))}
    found = (" ".join(filter(None, map(bare.__getitem__, pieces))) for pieces in cut)
    return [name or text for name, text in zip(found, texts, strict=True)]


def _bare(text: str) -> str:
    text = text.casefold()
    if "://" in text or "www." in text:
        text = _LINK.sub(" link ", text)
    return _SPACE.sub(" ", _NUMBER.sub("0", text)).strip()
