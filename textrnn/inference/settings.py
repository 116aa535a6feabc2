"""model/settings.json: what a model needs to know besides weights and words. Anybody may have changed the file.

Read without pydantic, which checks params.yaml: it takes a third of the time in which predict.py answers a message.
"""

import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from textrnn.artifacts import provenance
from textrnn.artifacts.messages import MOST_CLASSES
from textrnn.core.escape import is_unicode
from textrnn.core.files import read_json
from textrnn.text.encoders import Encoder
from textrnn.text.normalise import LONGEST, Form, Normalisation, failure
from textrnn.text.vocabulary import Tokenizer

MOST_TOKENS, MOST_BUCKETS = 10_000, 10_000_000

Check = tuple[str, Callable[[Any], bool]]  # what a value of JSON must be, in words, and whether it is


class Settings(NamedTuple):
    """What model/settings.json holds."""

    labels: list[str]
    tokenizer: Tokenizer
    max_sequence_length: int
    masking: bool
    subword_buckets: int
    linear: bool
    encoder: Encoder
    alone_from: float | None  # the probability from which the linear branch answers alone; None: never
    normalisation: Normalisation


def text(value: Any) -> bool:
    """Return whether a value of JSON is a string that can be printed."""
    return isinstance(value, str) and is_unicode(value)


def or_null(check: Check) -> Check:
    """Return the check of a value that may also be null."""
    expected, fits = check
    return f"{expected} or null", lambda value: value is None or fits(value)


def _number(least: int, most: int) -> Check:
    return f"a whole number from {least:,} to {most:,}", lambda value: type(value) is int and least <= value <= most


def _one_of(*names: str) -> Check:
    return f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names


TEXT: Check = "a text", text
FLAG: Check = "true or false", lambda value: isinstance(value, bool)
PROBABILITY: Check = "a number from 0 to 1", lambda value: type(value) in (int, float) and 0 <= value <= 1
OBJECT: Check = "an object", lambda value: isinstance(value, dict)

SETTINGS: dict[str, Check] = {
    "labels": (
        f"2 to {MOST_CLASSES:,} texts",
        lambda value: isinstance(value, list) and 2 <= len(value) <= MOST_CLASSES and all(map(text, value)),
    ),
    "tokenizer": _one_of(*get_args(Tokenizer)),
    "max_sequence_length": _number(1, MOST_TOKENS),
    "masking": FLAG,
    "subword_buckets": _number(0, MOST_BUCKETS),
    "linear": FLAG,
    "encoder": _one_of(*get_args(Encoder)),
    "alone_from": or_null(PROBABILITY),
    "normalisation": OBJECT,
}
NORMALISATION: dict[str, Check] = {
    "unicode": _one_of(*get_args(Form)),
    "fold_lookalikes": FLAG,
    "lowercase": FLAG,
    "ascii_only": FLAG,
    "remove_pattern": (
        f"a text of at most {LONGEST:,} characters",
        lambda value: text(value) and len(value) <= LONGEST,
    ),
}


def read(path: Path) -> Settings:
    """Return the settings in a file. Raises UserError if they are not as train writes them."""
    with provenance.whole(path):
        return of_json(read_json(path))


def of_json(value: Any) -> Settings:
    """Return the settings that a value of JSON holds. Raises ValueError, which names all keys that are wrong."""
    checked(value, SETTINGS)
    checked(value["normalisation"], NORMALISATION, "normalisation.")
    if why := failure(value["normalisation"]["remove_pattern"]):
        raise ValueError(f"normalisation.remove_pattern: expected a regular expression ({why})")
    return Settings(**value | {"normalisation": Normalisation(**value["normalisation"])})


def checked(value: Any, keys: Mapping[str, Check], within: str = "") -> None:
    """Raise ValueError unless a value of JSON is an object of these keys, each with what it must be."""
    if not isinstance(value, dict):
        raise ValueError(f"expected an object of {', '.join(keys)}, found {reprlib.repr(value)}")
    wrong = [f"{within}{key}: no such setting" for key in map(str, value) if key not in keys]
    for key, (expected, fits) in keys.items():
        if key not in value:
            wrong.append(f"{within}{key}: expected {expected}, found none")
        elif not fits(value[key]):
            wrong.append(f"{within}{key}: expected {expected}, found {reprlib.repr(value[key])}")
    if wrong:
        raise ValueError("; ".join(wrong))
