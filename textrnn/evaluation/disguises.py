"""How the model answers messages that hide their words: some test rows once more, under each disguise.

Someone who wants a message to get through changes how its words are written: a person reads them, and a classifier does
not.
"""

import re
import unicodedata
from collections.abc import Callable
from random import Random

import numpy as np
from numpy.typing import NDArray

from textrnn.core.errors import UserError
from textrnn.core.files import DIGITS
from textrnn.core.progress import progress
from textrnn.evaluation.tables import Columns
from textrnn.inference import decision, loading, predictor
from textrnn.metrics.scores import Labels
from textrnn.text.encoders import Encoder
from textrnn.text.lookalikes import LOOKALIKES
from textrnn.text.normalise import Normalisation, normalise

SEED = 0
MOST_ROWS, MOST_CHARACTERS = 300, 60_000  # of the test rows that are disguised: seconds
SLOWER: dict[Encoder, int] = {"minilm": 10, "use": 5}  # so many times fewer
EXAMPLE = "Win a prize: 0800 15"

_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_LOOKALIKES = {ord(latin): letters[0] for latin, letters in LOOKALIKES.items()}
_LEET = str.maketrans("aeiostAEIOST", "431057" * 2)
_DIGITS = str.maketrans("01258", "OlZSB")
_WITHIN = re.compile(r"(?<=[^\W_])(?=[^\W_])")  # between two letters or digits
_WORD = re.compile(r"[^\W\d_]{4,}")
_EMOJI = "\U0001f525\U0001f389\U0001f4b0\U0001f600\U0001f680"

Disguise = Callable[[str, Random], str]


def between(mark: str) -> Disguise:
    """Return a disguise that writes `mark` between the letters of each word."""
    return lambda text, _: _WITHIN.sub(mark, text)


def in_words(change: Callable[[str, int], str]) -> Disguise:
    """Return a disguise that changes each word of four letters or more at a random place inside it."""
    return lambda text, random: _WORD.sub(lambda word: change(word[0], random.randrange(1, len(word[0]) - 1)), text)


def accented(text: str, random: Random) -> str:
    """Put an accent on each vowel."""
    found = re.sub("[aeiouAEIOU]", lambda vowel: vowel[0] + random.choice("\u0300\u0301\u0302\u0308"), text)
    return unicodedata.normalize("NFC", found)


DISGUISES: dict[str, Disguise] = {
    "none": lambda text, _: text,
    "full-width characters": lambda text, _: text.translate(_FULL_WIDTH),
    "look-alikes": lambda text, _: text.translate(_LOOKALIKES),
    "invisible characters": between("\u200b"),
    "accents": accented,
    "upper case": lambda text, _: text.upper(),
    "digits for letters": lambda text, _: text.translate(_LEET),
    "letters for digits": lambda text, _: text.translate(_DIGITS),
    "spaced letters": between(" "),
    "dots between letters": between("."),
    "split words": in_words(lambda word, at: f"{word[:at]} {word[at:]}"),
    "doubled letters": in_words(lambda word, at: word[:at] + word[at] + word[at:]),
    "swapped letters": in_words(lambda word, at: word[:at] + word[at + 1] + word[at] + word[at + 2 :]),
    "emoji between words": lambda text, random: re.sub(
        " +", lambda _: f" {random.choice(_EMOJI)} ", f"{text} "
    ).strip(),
}


def disguised(name: str, text: str) -> str:
    """Return `text` under the disguise of that name, the same whenever it is asked for."""
    return DISGUISES[name](text, Random(f"{SEED} {name} {text}"))  # noqa: S311


def sample(labels: Labels, lengths: NDArray[np.int64], slower: int = 1) -> NDArray[np.int64]:
    """Return the rows to disguise, in order: as many of each label as there are, or as there is room for.

    Each label has one row at least. `lengths` are in characters, and `slower` divides the room.
    """
    random = np.random.default_rng(SEED).permutation(len(labels))
    ranks = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        own = random[labels[random] == label]
        ranks[own] = np.arange(len(own))
    order = random[np.argsort(ranks[random], kind="stable")]
    room = int(np.searchsorted(np.cumsum(lengths[order]), MOST_CHARACTERS // slower, "right"))
    return np.sort(order[: max(len(np.unique(labels)), min(MOST_ROWS // slower, room))])


def table(model: loading.Model, texts: list[str], labels: Labels, positive: int | None, cut: float) -> Columns:
    """Return a line for each disguise: its recall and false positive rate, or accuracy and macro recall of all labels.

    `texts` are the cleaned test rows. A disguised one is cleaned again, as predict.py would. `changed` is the share of
    rows that are then not what they were. A label with few rows in the sample counts as often as it does in the test.
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    rows = sample(labels, lengths, SLOWER.get(model.settings.encoder, 1))
    plain, own = [texts[row] for row in rows], labels[rows]
    weights = (np.bincount(labels) / np.maximum(1, np.bincount(own, minlength=labels.max() + 1)))[own]
    found: Columns = {name: [] for name in ("disguise", "example", "rows", "changed")}
    for name in progress(list(DISGUISES), "disguise", unit="disguise"):
        written = plain
        if name != "none":
            written = [cleaned(disguised(name, text), model.settings.normalisation) for text in plain]
        predicted = decision.answers(predictor.probabilities(model, written), positive, cut)
        changed = np.mean([one != other for one, other in zip(plain, written, strict=True)])
        line = {"disguise": name, "example": disguised(name, EXAMPLE), "rows": len(rows), "changed": changed}
        for key, value in (line | rates(own, predicted, weights, positive)).items():
            found.setdefault(key, []).append(f"{value:.{DIGITS}f}" if isinstance(value, float) else value)
    return found


def cleaned(text: str, settings: Normalisation) -> str:
    """Return a disguised text as predict.py cleans it; as it is, if clean.remove_pattern takes too long with it."""
    try:
        return normalise(text, settings)
    except UserError:  # no message of the corpus: no reason to stop
        return text


def rates(labels: Labels, predicted: Labels, weights: NDArray[np.float64], positive: int | None) -> dict[str, float]:
    """Return the recall and the false positive rate of the positive label, or accuracy and macro recall without one."""
    right = labels == predicted
    if positive is None:
        recalls = [right[labels == label].mean() for label in np.unique(labels)]
        return {"accuracy": float(np.average(right, weights=weights)), "macro_recall": float(np.mean(recalls))}
    own = labels == positive
    false = np.average(predicted[~own] == positive, weights=weights[~own])
    return {"recall": float(right[own].mean()), "false_positive_rate": float(false)}
