"""What is done to a message's text before it is cut into tokens: in clean, and again in predict.py."""

import re

from pydantic import field_validator

from textrnn.params import Section


class Normalisation(Section):
    """The keys of section `clean` which change a text."""

    lowercase: bool
    ascii_only: bool
    remove_pattern: str

    @field_validator("remove_pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:  # a{99…9} overflows, ((((… recurs
            raise ValueError(f"expected a regular expression ({error})") from None
        return pattern


def normalise(text: str, settings: Normalisation) -> str:
    """Return `text` on one line, without what the settings remove. Nothing else is changed."""
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    if settings.ascii_only:
        text = text.encode("ascii", "ignore").decode("ascii")
    if settings.remove_pattern:
        text = re.sub(settings.remove_pattern, "", text)
    return text.lower() if settings.lowercase else text
