"""table: the scores of every model over its cells, and how far each is from the strongest linear baseline.

Each model is compared with the linear baseline that has the highest mean Matthews correlation under the same protocol,
split by split. The splits share training rows, so the interval of the mean difference has Nadeau and Bengio's corrected
variance (2003; for repeated folds, Bouckaert and Frank 2004). The default is judged four times, by two scores under two
protocols: those four intervals are Bonferroni's, which hold together with 95 % confidence.

On each corpus the default is compared with the best of all BASELINES, over five splits, in the same way.

Reads   compare/cells.tsv and compare/corpora.tsv, which are in Git: no cell needs to run for this
Writes  compare/table.json, compare/corpora.json, compare/images/*.png
Run     python -m compare.table
"""

import math
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from compare import picture
from compare.corpora import CORPORA
from compare.picture import PANELS
from compare.protocols import (
    BASELINES,
    CELLS,
    CORPUS_CELLS,
    CORPUS_SCORES,
    CORPUS_TABLE,
    CURVE,
    CURVES,
    DIFFERENCES,
    FEW,
    FOLDS,
    LINEAR,
    OF_CORPUS,
    OFFICIAL,
    PARTS,
    PICTURE,
    SCORES,
    TABLE,
)
from textrnn.core.errors import run
from textrnn.core.files import read_table, write_metrics

CONFIDENCE = 0.95
JUDGED = ("mcc", "average_precision")
TOGETHER = 1 - (1 - CONFIDENCE) / (len(JUDGED) * len(PANELS))  # Bonferroni: the confidence of each of the four

Floats = NDArray[np.float64]
Scores = dict[str, float]


def standard_error(differences: Floats) -> float:
    """Return the standard error of the mean of paired differences over repeated folds."""
    return float(np.sqrt(differences.var(ddof=1) * (1 / len(differences) + 1 / (FOLDS - 1))))  # test over training rows


def difference(values: Floats, base: Floats, confidence: float) -> Scores:
    """Return the mean difference of two models' scores by split, and its interval."""
    mean = float((values - base).mean())
    reach = float(stats.t.ppf((1 + confidence) / 2, len(base) - 1)) * standard_error(values - base)
    return {"difference": mean, "low": mean - reach, "high": mean + reach}


def summary(cells: dict[str, Floats]) -> dict[str, Any]:
    """Return means, deviations and differences of a protocol's models, each with (splits, SCORES)."""
    linear = max((name for name in LINEAR if name in cells), key=lambda name: float(cells[name][:, 0].mean()))
    base = cells[linear]
    models = {
        model: {
            name: {"mean": float(column.mean()), "sd": float(column.std(ddof=1))}
            | difference(column, base[:, place], CONFIDENCE)
            for place, (name, column) in enumerate(zip(SCORES, values.T, strict=True))
        }
        for model, values in cells.items()
    }
    return {"strongest_linear": linear, "models": models}


def judged(cells: dict[str, Floats], linear: str) -> dict[str, Any]:
    """Return how far the default is from the strongest linear baseline of a protocol, by the scores in JUDGED."""
    places = {name: SCORES.index(name) for name in JUDGED}
    return {name: difference(cells["default"][:, at], cells[linear][:, at], TOGETHER) for name, at in places.items()}


def read() -> dict[str, dict[str, Floats]]:
    """Return the scores in cells.tsv by protocol and model: (splits, SCORES)."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    for protocol, model, _, *values in read_table(CELLS)[1:]:
        found.setdefault(protocol, {}).setdefault(model, []).append([float(value) for value in values])
    return {protocol: {model: np.array(rows) for model, rows in models.items()} for protocol, models in found.items()}


def read_corpora() -> dict[str, dict[str, dict[str, Scores]]]:
    """Return the scores in corpora.tsv, and the number of training rows, by corpus, model and split."""
    found: dict[str, dict[str, dict[str, Scores]]] = {}
    for corpus, model, split, *values in read_table(CORPUS_CELLS)[1:]:
        titles = ("training_rows", *CORPUS_SCORES)
        scores = {title: float(value) for title, value in zip(titles, values, strict=True) if value}
        found.setdefault(corpus, {}).setdefault(model, {})[split] = scores
    return found


def of_corpus(models: dict[str, dict[str, Scores]]) -> dict[str, Any]:
    """Return what the table and the pictures say of a corpus, from the scores of each model by split."""
    whole = {model: cells for model, cells in models.items() if cells.keys() >= set(OF_CORPUS)}
    means = {model: averages(cells[split] for split in OF_CORPUS) for model, cells in whole.items()}
    strongest = max((model for model in BASELINES if model in means), key=lambda model: means[model]["mcc"])
    result = {
        "models": means,
        "strongest": strongest,
        OFFICIAL: {model: cells[OFFICIAL] for model, cells in models.items() if OFFICIAL in cells},
        "curves": curves(models),
    }
    if "default" in whole:
        result["default"] = {
            score: paired(whole["default"], whole[strongest], OF_CORPUS, score) for score in ("mcc", "accuracy")
        }
        result["parts"] = {
            part: paired(models["default"], models[part], FEW, "mcc")
            for part in PARTS
            if part in models and models[part].keys() >= set(FEW)
        }
    return result


def averages(cells: Iterable[Scores]) -> Scores:
    """Return the mean of each score that all these cells have."""
    rows = list(cells)
    names = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: math.fsum(row[name] for row in rows) / len(rows) for name in names}


def paired(one: dict[str, Scores], other: dict[str, Scores], splits: tuple[str, ...], score: str) -> Scores:
    """Return the mean difference of two models over some splits, its standard error and its interval."""
    values, base = (np.array([cells[split][score] for split in splits]) for cells in (one, other))
    return difference(values, base, CONFIDENCE) | {"standard_error": standard_error(values - base)}


def curves(models: dict[str, dict[str, Scores]]) -> dict[str, list[Scores]]:
    """Return the learning curves of the default and of the best baseline at each number of training rows."""
    points: dict[str, dict[float, Scores]] = {"default": {}, "baseline": {}}
    for size in CURVE:
        splits = [f"{split}-{size}" for split in FEW]
        found = {
            model: averages(cells[split] for split in splits)
            for model, cells in models.items()
            if cells.keys() >= set(splits)
        }
        able = [found[model] for model in BASELINES if model in found]
        for name, scores in (("default", found.get("default")), ("baseline", max(able, key=by_mcc, default=None))):
            if scores:
                points[name].setdefault(scores["training_rows"], scores)
    return {name: list(of_name.values()) for name, of_name in points.items()}


def by_mcc(scores: Scores) -> float:
    """Return the Matthews correlation."""
    return scores["mcc"]


def main() -> None:
    """Run the stage."""
    cells = read()
    found = {protocol: summary(cells[protocol]) for protocol in cells}
    for protocol in PANELS:
        found[protocol]["default"] = judged(cells[protocol], found[protocol]["strongest_linear"])
    write_metrics(TABLE, found)
    picture.protocols(PICTURE, found)
    of_corpora = read_corpora()
    by_corpus = {corpus: of_corpus(of_corpora[corpus]) for corpus in CORPORA if corpus in of_corpora}
    write_metrics(CORPUS_TABLE, by_corpus)
    picture.differences(DIFFERENCES, by_corpus)
    picture.curves(CURVES, by_corpus)


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
