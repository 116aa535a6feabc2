"""README.md's numbers, written from the committed metrics: none is typed by hand.

A block of the README stands between `<!-- NAME -->` and `<!-- /NAME -->`.

Reads   metrics/*.json, presets/networks.json
Writes  README.md
Run     python -m tools.readme   (after `dvc repro` or `python -m presets.networks`)
"""

import re
import sys
from collections.abc import Callable
from typing import Any

from presets.networks import NETWORKS, RESULTS, TUTORIAL
from textrnn import paths
from textrnn.errors import run
from textrnn.files import read_json, read_text, write_text

README = paths.ROOT / "README.md"


def percent(share: float) -> str:
    """Return a share as a reader wants it."""
    return f"{share:.1%}".replace("%", " %")


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, its numbers to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def metrics(name: str) -> dict[str, Any]:
    """Return the committed metrics of a stage."""
    values: dict[str, Any] = read_json(paths.METRICS / f"{name}.json")
    return values


def results() -> str:
    """Return the scores of the default network on its test rows."""
    scores, split, train = metrics("evaluate"), metrics("split"), metrics("train")
    low, high = scores["ci_low"], scores["ci_high"]
    rows = [
        ["Matthews correlation", f"{scores['mcc']:.3f} ({low['mcc']:.3f} … {high['mcc']:.3f})", "0"],
        [
            "accuracy",
            f"{percent(scores['accuracy'])} ({percent(low['accuracy'])} … {percent(high['accuracy'])})",
            percent(scores["majority_accuracy"]),
        ],
        ["spam caught (recall)", percent(scores["spam_caught"]), "0"],
        ["ham blocked by mistake", percent(scores["blocked_ham"]), "0"],
        ["average precision", f"{scores['average_precision']:.3f}", f"{split['spam_share']['test']:.3f}"],
    ]
    said = (
        f"On {split['test']:,} test rows, none a twin of a training row; trained on {split['train']:,}. The weights "
        f"are those of epoch {train['best_epoch']} of {train['epochs']}. In brackets: 95 % of the bootstrap samples."
    )
    return f"{table(['', 'this network', 'answering ham always'], rows)}\n\n{said}"


def tutorial() -> str:
    """Return what the tutorial's accuracy is worth."""
    row = read_json(RESULTS)[TUTORIAL]
    ham, right, caught = (percent(row[name]) for name in ("majority_accuracy", "test_accuracy", "spam_caught"))
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
            percent(row["spam_caught"]),
        ]
        rows.append([name, f"`{line}`" if line else "", *shown])
    return table(["network", "its line", "parameters", "test accuracy", "MCC", "spam caught"], rows)


BLOCKS: dict[str, Callable[[], str]] = {"results": results, "tutorial": tutorial, "networks": networks}


def written(text: str) -> str:
    """Return the README's text with every block as the metrics have it."""
    for name, block in BLOCKS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(lambda match, block=block: f"{match[1]}{block()}\n{match[2]}", text)  # type: ignore[misc]
    return text


def main() -> None:
    """Write the README anew."""
    write_text(README, written(read_text(README)))


if __name__ == "__main__":
    sys.exit(run(main))
