"""Numbers and addresses as a reader wants them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPACE = "\u00a0"  # of the kind at which no line is broken


def percent(share: float, digits: int = 1) -> str:
    """Return a share, 0 … 1, in percent."""
    return f"{share:.{digits}%}".replace("%", f"{SPACE}%")


SHOWN: dict[str, Callable[[Any], str]] = {  # how each score is written, by its id in the page
    "value": lambda threshold: np.format_float_positional(threshold, precision=6, trim="-"),
    "recall": percent,
    "missed": "{:,}".format,
    "false_positive_rate": percent,
    "false_positives": "{:,}".format,
    "precision": lambda share: "–" if np.isnan(share) else percent(share),
    "mcc": "{:.3f}".format,
    "flagged": "{:,}".format,
}


def outcome_names(positive: str | None, others: str) -> dict[str, str]:
    """Return what the page calls what happens at a threshold, by the names in SHOWN; `among` is a longer precision.

    Without a positive label it is right answers that are to be told from wrong ones.
    """
    if positive is None:
        return {
            "recall": "right answers kept",
            "missed": "right answers left out",
            "false_positive_rate": "wrong answers kept",
            "false_positives": "wrong answers kept (messages)",
            "precision": "right ones among the kept",
            "among": "right ones among the kept",
            "flagged": "answers kept",
        }
    return {
        "recall": f"{positive} found (recall)",
        "missed": f"{positive} missed",
        "false_positive_rate": f"{others} flagged (false alarms)",
        "false_positives": "False alarms",
        "precision": "Precision",
        "among": f"{positive} among the flagged (precision)",
        "mcc": "Matthews correlation",
        "flagged": "Messages flagged",
    }


def shown_scores(found: dict[str, NDArray[Any]]) -> list[dict[str, str]]:
    """Return the text of each score, by its id in the page, for each threshold."""
    names = [name for name in SHOWN if name in found]
    columns = (map(SHOWN[name], found[name].tolist()) for name in names)
    return [dict(zip(names, texts, strict=True)) for texts in zip(*columns, strict=True)]


def some(count: int, thing: str, things: str = "") -> str:
    """Return how many things there are: "1 row", "1,035 rows"."""
    return f"{count:,}{SPACE}{thing if count == 1 else things or thing + 's'}"


def address(source: str) -> str:
    """Return where a corpus is from, without folders, passwords and keys: the page may be passed on."""
    if "::" in source:  # an archive, and where it is from
        return "::".join(map(address, source.split("::")))
    scheme, sign, rest = source.partition("://")
    if not sign:
        return source.replace("\\", "/").rsplit("/", 1)[-1]
    host, slash, path = rest.partition("#")[0].partition("?")[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
