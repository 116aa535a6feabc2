"""Passwords and keys in the address of a corpus: given by the environment or by ~/.netrc, and written nowhere.

DVC writes the parameters into dvc.lock and into the run cache, which are pushed. So a source with a secret is refused.
"""

import os

from textrnn.core.errors import UserError
from textrnn.core.escape import VARIABLE, masked


def check(key: str, source: str) -> None:
    """Raise UserError if a password or a key stands in a source."""
    if masked(source) != source:
        raise UserError(
            f"{key} {masked(source)}: expected no password or key in an address, found one, which dvc.lock would "
            "record: name an environment variable in its place, such as $CORPUS_TOKEN, or put it into ~/.netrc"
        )


def filled(source: str) -> str:
    """Return an address with the values of the variables that it names. Raises UserError if one is not set."""
    if "://" not in source:  # the name of a file may begin with a dollar sign
        return source
    missing = [name for name in VARIABLE.findall(source) if not os.environ.get(name)]
    if missing:
        raise UserError(f"expected the environment variable {missing[0]}, found none: set it, and run the stage again")
    return VARIABLE.sub(lambda found: os.environ[found[1]], source)


def hidden(text: str, source: str) -> str:
    """Return `text` with the names of the source's variables in place of their values."""
    for name in VARIABLE.findall(source) if "://" in source else []:
        if value := os.environ.get(name):
            text = text.replace(value, f"${name}")
    return text
