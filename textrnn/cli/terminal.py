"""What fits on a line of a terminal: how wide a text is, and where it can be broken.

A letter is what a reader takes for one: a letter with its marks, an emoji, the escape of a control character.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from textrnn.core.escape import printable

DENSEST = 6  # characters of a column: more than the longest emoji sequence has, and than any script puts on a letter
# Characters without a width that belong to what is written: joiners in emoji and in scripts that need them, the tags of
# a flag. Elsewhere they hide something, and are escaped.
JOINED = (
    r"(?:\p{Extended_Pictographic}|(?![\p{Latin}\p{Greek}\p{Cyrillic}])\p{L})"
    r"(?:[\u200c\u200d]?[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{L}\p{M}])*[\u200c\u200d]?"
    r"|\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
)


def cut(text: str, most: int) -> str:
    """Return a text, printable, cut to a width of at most `most`: after a word, if no long one is in the way."""
    beginning = text[: most * (1 if text.isascii() else DENSEST) + 1]
    letters = [legible(letter) for letter in graphemes(beginning)]
    if beginning == text and sum(map(width, letters)) <= most:
        return "".join(letters)
    return "".join(letters[: fitting(letters, most - 1, most // 2)]).rstrip(" ") + "…"


def fitting(letters: list[str], room: int, least: int) -> int:
    """Return how many letters go on a line of `room` columns: up to a space, if `least` columns come before it."""
    ends = list(accumulate(map(width, letters)))
    count = bisect_right(ends, room)
    if count < len(letters) and letters[count] != " ":
        spaces = (place for place in range(count - 1, 0, -1) if letters[place] == " " and ends[place - 1] >= least)
        return next(spaces, count)
    return count


def graphemes(text: str) -> Iterable[str]:
    """Return the letters of a text, as a reader would count them."""
    if text.isascii():
        return text
    from wcwidth import iter_graphemes  # noqa: PLC0415  # it takes 25 ms to load

    return iter_graphemes(text)


def legible(letter: str) -> str:
    """Return a letter, its control characters escaped, with the joiners that it is written with."""
    if letter.isprintable():
        return letter
    import regex  # noqa: PLC0415  # as above

    return letter if regex.fullmatch(JOINED, letter) else printable(letter)


def width(text: str) -> int:
    """Return how many columns of a terminal a printable text takes: a wide letter two, a combining mark none."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # noqa: PLC0415  # as above

    return wcswidth(text)
