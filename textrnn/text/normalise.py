"""How a message's text is changed before it is cut into tokens: by the stage clean, and again by predict.py."""

import math
import re

from pydantic import Field, field_validator

from textrnn.core.errors import UserError
from textrnn.core.params import Section

LONGEST = 1000  # characters of a pattern
MOST_REPETITIONS = 100_000  # ((a{999}){999}){999} takes gigabytes to compile
COUNT = re.compile(r"(?<=[{,])[0-9]+(?=[,}])")  # a number of repetitions
DEADLINE = 1.0  # seconds for a message: a pattern such as (a+)+$ may else backtrack for ever


class Normalisation(Section):
    """The keys of section `clean` that change a text."""

    lowercase: bool
    ascii_only: bool
    remove_pattern: str = Field(max_length=LONGEST)

    @field_validator("remove_pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        if not pattern:
            return pattern
        if math.prod(int(count) for count in COUNT.findall(pattern) if int(count)) > MOST_REPETITIONS:
            raise ValueError(f"expected at most {MOST_REPETITIONS:,} repetitions, all that are counted multiplied")
        import regex  # noqa: PLC0415  # as below: most corpora have no pattern

        try:
            regex.compile(pattern)
        except (regex.error, OverflowError, RecursionError, MemoryError) as error:
            raise ValueError(f"expected a regular expression ({error})") from None
        return pattern


def normalise(text: str, settings: Normalisation) -> str:
    """Return `text` on one line, without the characters that the settings remove. Nothing else is changed.

    Raises UserError when the pattern takes longer than DEADLINE.
    """
    if "\n" in text or "\r" in text:
        text = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    if settings.ascii_only:
        text = text.encode("ascii", "ignore").decode("ascii")
    if settings.remove_pattern:
        import regex  # noqa: PLC0415

        try:
            text = regex.sub(settings.remove_pattern, "", text, timeout=DEADLINE)
        except TimeoutError:
            raise UserError(
                f"expected clean.remove_pattern to be done with a message in {DEADLINE:g} s, found it still at work on "
                f"{text[:40]!r} ({len(text):,} characters): repeat no repetition, as (a+)+ does"
            ) from None
    return text.lower() if settings.lowercase else text
