"""How a message's text is changed before it is cut into tokens: by the stage clean, and again by predict.py."""

import subprocess
import sys
import unicodedata
from functools import lru_cache
from typing import Literal

from pydantic import Field, field_validator

from textrnn.core.errors import UserError
from textrnn.core.params import Section
from textrnn.text.lookalikes import folded

LONGEST = 1000  # characters of a pattern
DEADLINE = 1.0  # seconds for a message: a pattern such as (a+)+$ may else backtrack for ever
MOST_MEMORY = 256 << 20  # bytes to compile a pattern: (?x)a { 99999999 } takes 18 GB
MOST_SECONDS = 5  # of a processor, and four times as many of the clock: others may be busy
# What a pattern takes is known only to the library that reads it, so another process, which may be killed, tries it
# first. Windows bounds a process by the clock alone.
TRIAL = f"""
import contextlib, sys, regex
with contextlib.suppress(ImportError):
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({MOST_MEMORY}, {MOST_MEMORY}))
    resource.setrlimit(resource.RLIMIT_CPU, ({MOST_SECONDS}, {MOST_SECONDS}))
try:
    regex.compile(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
except MemoryError:
    sys.stdout.write("it takes more than {MOST_MEMORY >> 20} MiB")
except (regex.error, OverflowError, RecursionError) as error:
    sys.stdout.write(ascii(str(error))[1:-1])
"""


class Normalisation(Section):
    """The keys of section `clean` that change a text."""

    unicode: Literal["none", "NFC", "NFKC"]
    fold_lookalikes: bool
    lowercase: bool
    ascii_only: bool
    remove_pattern: str = Field(max_length=LONGEST)

    @field_validator("remove_pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        if not pattern:
            return pattern
        if why := _failure(pattern):
            raise ValueError(f"expected a regular expression ({why})")
        return pattern


@lru_cache
def _failure(pattern: str) -> str:
    """Return why a pattern cannot be compiled, or nothing."""
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", TRIAL],
            input=pattern.encode("utf-8", "surrogatepass"),
            capture_output=True,
            timeout=4 * MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        tried = subprocess.CompletedProcess(late.cmd, -1, b"", b"")
    if tried.stdout:
        return tried.stdout.decode()
    if tried.returncode < 0:
        return f"it takes more than {MOST_SECONDS} seconds"
    if tried.returncode:
        return tried.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
    import regex  # noqa: PLC0415  # as below: most corpora have no pattern

    try:
        regex.compile(pattern)  # which the library keeps, so that no later call is deeper in the stack
    except RecursionError as error:
        return str(error)
    return ""


class PatternError(UserError):
    """clean.remove_pattern takes too long for a text, or too much memory."""


def normalise(text: str, settings: Normalisation) -> str:
    """Return `text` on one line, changed as the settings say and no further.

    The order: Unicode's normal form, look-alikes, ascii_only, remove_pattern, lowercase.

    Raises PatternError when the pattern takes longer than DEADLINE, or all the memory that the library allows it.
    """
    if "\n" in text or "\r" in text:
        text = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    if settings.unicode != "none":
        text = unicodedata.normalize(settings.unicode, text)
    if settings.fold_lookalikes:
        text = folded(text)
    if settings.ascii_only:
        text = text.encode("ascii", "ignore").decode("ascii")
    if settings.remove_pattern:
        import regex  # noqa: PLC0415

        try:
            text = regex.sub(settings.remove_pattern, "", text, timeout=DEADLINE)
        except TimeoutError:
            raise PatternError(
                f"expected clean.remove_pattern to be done with a message in {DEADLINE:g} s, found it still at work on "
                f"{text[:40]!r} ({len(text):,} characters): repeat no repetition, as (a+)+ does"
            ) from None
        except MemoryError:
            raise PatternError(
                f"expected clean.remove_pattern to find its end in {text[:40]!r} ({len(text):,} characters), found it "
                "take all memory that it may: let no pattern call itself, as (?R) does"
            ) from None
    return text.lower() if settings.lowercase else text
