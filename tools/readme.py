"""The numbers of README.md and of pages in docs/, written from the committed metrics: none is typed by hand.

Reads   metrics/*.json, compare/table.json, presets/networks.json
Writes  README.md, docs/{comparison,origin,design}.md
Run     python -m tools.readme   (after `dvc repro`, `dvc repro compare/dvc.yaml` or `python -m presets.networks`)
"""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from compare.picture import PANELS
from compare.protocols import NAMES, PROTOCOLS
from presets.networks import NETWORKS, RESULTS, TUTORIAL
from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.files import read_json, read_text, write_text
from tools.markdown import table, written

# In the picture a name stands below the one it means; in a sentence it does not.
ALONE = NAMES | {
    "svm_cut": "linear SVM, characters and words, cut chosen out of fold",
    "tutorial_masked": "the tutorial's RNN, padding masked",
}

PAGES = [paths.ROOT / name for name in ("README.md", "docs/comparison.md", "docs/origin.md", "docs/design.md")]
TABLE = paths.ROOT / "compare/table.json"


def percent(share: float, digits: int = 1) -> str:
    """Return a share as a reader wants it."""
    return f"{share:.{digits}%}".replace("%", " %")


def metrics(name: str) -> dict[str, Any]:
    """Return the committed metrics of a stage."""
    values: dict[str, Any] = read_json(paths.METRICS / f"{name}.json")
    return values


def results() -> str:
    """Return the scores of the default network on its test rows."""
    scores, split = metrics("evaluate"), metrics("split")
    low, high = scores["ci_low"], scores["ci_high"]

    def bounds(name: str, shown: Callable[[float], str]) -> str:
        return f"{shown(scores[name])} ({shown(low[name])} … {shown(high[name])})"

    rows = [
        ["Matthews correlation", bounds("mcc", "{:.3f}".format), "0"],
        ["average precision", bounds("average_precision", "{:.3f}".format), f"{split['positive_share']['test']:.3f}"],
        ["accuracy", bounds("accuracy", percent), percent(scores["majority_accuracy"])],
        ["spam caught (recall)", bounds("recall", percent), "0"],
        ["ham blocked by mistake", bounds("false_positive_rate", percent), "0"],
        ["expected calibration error", f"{scores['calibration_error']:.3f}", ""],
    ]
    twins, sure = split["test_twins"]["near_template"] or "none", scores["without_label_errors"]
    said = (
        f"On {split['test']:,} test rows, of which {twins} have a twin among the training rows; "
        f"trained on {split['train'] + split['validation']:,}. In brackets: 95 % intervals, by Wilson for spam caught "
        f"and ham blocked, by bootstrap for the others. Of all rows, {scores['suspects']['all']} are likely "
        f"mislabelled; without the {scores['suspects']['test']} among the test rows the Matthews correlation is "
        f"{sure['mcc']:.3f}."
    )
    return f"{table(['', 'this model', 'answering ham always'], rows, numbers=True)}\n\n{said}"


def tutorial() -> str:
    """Return what the tutorial's accuracy is worth."""
    row = read_json(RESULTS)[TUTORIAL]
    ham, right, caught = (percent(row[name]) for name in ("majority_accuracy", "test_accuracy", "recall"))
    return (
        f"After {row['epochs']} epochs it reaches {right} accuracy on {row['test_rows']:,} test rows. Of those rows "
        f"{ham} are ham: a program that answers ham without looking is right about as often. The network catches "
        f"{caught} of the spam, and its Matthews correlation, which is 0 for guessing and 1 for knowing, is "
        f"{row['mcc']:.2f}. That is what the number is worth, and why this project reports others beside it."
    )


def networks() -> str:
    """Return a row for each network of the tutorial."""
    found = read_json(RESULTS)
    rows = []
    for name, overrides in NETWORKS.items():
        row, line = found[name], " ".join(f"-S {override}" for override in overrides)
        shown = [
            f"{row['parameters']:,}",
            percent(row["test_accuracy"]),
            f"{row['mcc']:.2f}",
            percent(row["recall"]),
        ]
        rows.append([name, f"`{line}`" if line else "", *shown])
    return table(["network", "its line", "parameters", "test accuracy", "MCC", "spam caught"], rows, numbers=True)


def comparison() -> str:
    """Return a row for each model of the comparison, under both protocols."""
    found = read_json(TABLE)
    header = ["model"]
    header += [f"{PROTOCOLS[protocol]}: {name}" for protocol in PANELS for name in ("MCC", "average precision")]
    header += ["spam caught", "ham blocked"]
    rows = []
    for model in ALONE:
        row = [ALONE[model]]
        for protocol in PANELS:
            scores = found[protocol]["models"][model]
            row.append(f"{scores['mcc']['mean']:.3f} ± {scores['mcc']['sd']:.3f}")
            row.append(f"{scores['average_precision']['mean']:.3f}")
        rows.append([*row, *(percent(scores[name]["mean"], digits=2) for name in ("recall", "false_positive_rate"))])
    return table(header, rows, numbers=True)


def verdict() -> str:
    """Return how the default compares with the strongest linear model, and how far both are from the ceiling."""
    said = []
    for protocol in PANELS:
        found = read_json(TABLE)[protocol]
        linear, ceiling = found["strongest_linear"], found["ceiling"]
        parts = []
        for name, words in {"mcc": "in Matthews correlation", "average_precision": "in average precision"}.items():
            scores = found["models"]["default"][name]
            word = "better" if scores["low"] > 0 else "worse" if scores["high"] < 0 else "as good as it"
            parts.append(f"{scores['difference']:+.4f} ({scores['low']:+.4f} … {scores['high']:+.4f}) {words}: {word}")
        said.append(
            f"- **{PROTOCOLS[protocol].capitalize()}.** Against the strongest linear model ({ALONE[linear]}), the "
            f"default has {'; '.join(parts)}. No able model gets {ceiling['rows']} of the {ceiling['of']:,} rows right "
            f"in either repeat ({ceiling['spam']} of them spam); one with no other mistake would reach "
            f"{ceiling['mcc']:.3f}."
        )
    return "\n".join(said)


def leaks() -> str:
    """Return what twins of test rows among the training rows are worth to the strongest models."""
    found = read_json(TABLE)
    rows = []
    for protocol, title in PROTOCOLS.items():
        models = found[protocol]["models"]
        linear = found["templates"]["strongest_linear"]
        row = [title]
        for model in (linear, "default"):
            row += [f"{models[model]['mcc']['mean']:.3f}", percent(models[model]["recall"]["mean"])]
        rows.append(row)
    names = [ALONE[linear], "the default"]
    header = ["rows", *(f"{name}: {score}" for name in names for score in ("MCC", "spam caught"))]
    return table(header, rows, numbers=True)


@cache
def dag() -> str:
    """Return the stages and what flows between them, as DVC draws them."""
    drawn = subprocess.run(
        [sys.executable, "-m", "dvc", "dag", "--md", "plot"], cwd=paths.ROOT, capture_output=True, text=True, check=True
    )
    return drawn.stdout.strip()


BLOCKS: dict[str, Callable[[], str]] = {
    "results": results,
    "comparison": comparison,
    "verdict": verdict,
    "leaks": leaks,
    "tutorial": tutorial,
    "networks": networks,
    "dag": dag,
}


def main() -> None:
    """Write the pages anew."""
    for page in PAGES:
        write_text(page, written(read_text(page), BLOCKS))


if __name__ == "__main__":
    sys.exit(run(main, __doc__))
