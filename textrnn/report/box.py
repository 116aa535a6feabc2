"""report/try/: what answers the messages typed into the report, in plain JavaScript and without a network.

code.js   a reader of texts, the operators of ONNX that our graph has, and the box
model.js  the files of model/, and Python's tables of characters
"""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from textrnn.core.files import DIGITS, read_array, read_json
from textrnn.report import patterns
from textrnn.text import lookalikes, ngrams, scripts, subwords, vocabulary

SOURCES = Path(__file__).parent
CODE = ("graph.js", "text.js", "box.js")
GRAPHS = ("linear.onnx", "model.onnx")  # the first is empty where there is no cascade
MOST_BYTES = 100_000_000  # of the graphs that a browser is asked to load
LIMITS = {
    "characters": ngrams.MOST, "longest_ngram": ngrams.LONGEST, "size": ngrams.LONG, "subwords": subwords.MOST,
    "shortest_subword": subwords.SHORTEST, "longest_subword": subwords.LONGEST,
}  # fmt: skip


def missing(directory: Path) -> str:
    """Return why the model in `directory` cannot answer in a browser, as the end of a sentence; "" if it can."""
    settings = read_json(directory / "settings.json")
    if settings["encoder"] != "none":
        return f"its encoder, {settings['encoder']}, needs Python"
    if (size := sum((directory / name).stat().st_size for name in GRAPHS)) > MOST_BYTES:
        return f"it has {size // 1_000_000:,} MB, and a browser should load no more than {MOST_BYTES // 1_000_000}"
    try:
        removed(settings)
    except patterns.UnknownError as error:
        return f"clean.remove_pattern has a part that only Python knows: {error}"
    return ""


def code() -> str:
    """Return the script that all models share."""
    return "".join((SOURCES / name).read_text("utf-8") for name in CODE)


def model(directory: Path, decision: dict[str, Any]) -> str:
    """Return the script that holds the model in `directory`, in ASCII. `decision` is its threshold.json."""
    settings = read_json(directory / "settings.json")
    labels, positive = settings["labels"], decision["positive_label"]
    least = decision.get("sure_from")
    known = read_array(directory / "ngrams.npy").astype("<u8").tobytes()
    found = {
        "cases": {name: patterns.cases()[name] for name in ("lower", "folded")},
        "digits": DIGITS,
        "graphs": [b64encode(graph).decode() for name in GRAPHS if (graph := (directory / name).read_bytes())],
        "limits": LIMITS,
        "lookalikes": {chr(code): latin for code, latin in lookalikes.LATIN.items()},
        "ngrams": b64encode(known).decode(),
        "patterns": expressions(settings),
        "positive": labels.index(positive) if positive is not None and len(labels) == 2 else None,
        "record": decision["model"],
        "settings": settings,
        "sure_from": [least[label] for label in labels] if least else None,
        "threshold": decision["threshold"],
        "vocabulary": vocabulary.read_tokens(directory / "vocabulary.tsv"),
    }
    return f"begin({json.dumps(found, sort_keys=True)});\n"


def expressions(settings: dict[str, Any]) -> dict[str, str]:
    """Return the patterns by which a text is read, as JavaScript's. Raises UnknownError if it has no counterpart."""
    (letters, _), (digits, _) = subwords.SHAPES
    found = {"digits": digits, "letters": letters, "space": ngrams.SPACE, **lookalikes.PATTERNS}
    of_case = {name: patterns.cases()[name] for name in ("capital", "sigma", "small")}
    plain = {"tokens": vocabulary.PATTERNS[settings["tokenizer"]], "words": scripts.WORDS}
    plain |= {name: pattern.pattern for name, pattern in found.items()}
    return {name: patterns.javascript(pattern) for name, pattern in plain.items()} | of_case | removed(settings)


def removed(settings: dict[str, Any]) -> dict[str, str]:
    """Return clean.remove_pattern, if there is one, as a pattern of JavaScript. Raises UnknownError as above."""
    if not (pattern := settings["normalisation"]["remove_pattern"]):
        return {}
    import regex  # noqa: PLC0415  # as in textrnn/text/normalise.py

    return {"removed": patterns.javascript(pattern, regex)}
