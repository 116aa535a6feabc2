"""What two messages made from one template have in common."""

import re

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_SPACE = re.compile(r"[\W_]+")


def template(text: str) -> str:
    """Return `text` without what a template fills in: numbers, prices, dates and links.

    Capitals, punctuation and white space are no difference either. A text of which nothing would
    be left is its own template.
    """
    masked = _NUMBER.sub("0", _LINK.sub(" link ", text.casefold()))
    return _SPACE.sub(" ", masked).strip() or text
