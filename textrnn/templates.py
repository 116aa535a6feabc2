"""What two messages made from one template have in common, and which messages belong together by it."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

NEAR = 80  # per cent of the words of both that two templates have in common, from which they count as one

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


def families(texts: Iterable[str]) -> list[str]:
    """Return a key for each text: the same for all whose templates are equal or nearly so.

    Two templates nearly coincide when the Jaccard similarity of their sets of words is at least NEAR per cent; what
    is near to the same third one belongs together too. The key is the first template of its family by the
    alphabet, so it depends neither on the order nor on the number of the texts. Exact, by the prefix filter
    (Chaudhuri, Ganti and Kaushik 2006): sets so similar share one of the rarest words of either.
    """
    templates = [template(text) for text in texts]
    names = sorted(set(templates))
    sets = [frozenset(name.split()) for name in names]
    frequency = Counter(word for words in sets for word in words)
    parents = list(range(len(names)))
    holders: defaultdict[str, list[int]] = defaultdict(list)  # the sets seen so far, by each of their rarest words
    for one in sorted(range(len(names)), key=lambda number: (len(sets[number]), number)):
        size = len(sets[one])
        rarest = sorted(sets[one], key=lambda word: (frequency[word], word))[: size - math.ceil(NEAR * size / 100) + 1]
        for other in {other for word in rarest for other in holders[word]}:
            common = len(sets[one] & sets[other])
            if 100 * common >= NEAR * (size + len(sets[other]) - common):
                first, second = sorted((_root(parents, one), _root(parents, other)))
                parents[second] = first
        for word in rarest:
            holders[word].append(one)
    keys = {name: names[_root(parents, number)] for number, name in enumerate(names)}
    return [keys[name] for name in templates]


def _root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]  # halves the way for the next one
        node = parents[node]
    return node
