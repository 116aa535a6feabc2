"""report/index.html: a page, beside report/try/, on the data, the training, the scores and the mistakes of a run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textrnn.metrics.paired import on_networks, points
from textrnn.metrics.scores import Bools, Floats
from textrnn.report import figures, shell
from textrnn.report.charts import MOST_IN_MATRIX
from textrnn.report.formatting import address, outcome_names, percent, shown_scores, some


def page(
    shown: dict[str, Any], labels: dict[str, NDArray[np.int16]], lengths: NDArray[np.int64],
    truth: Bools, probability: Floats,
) -> str:  # fmt: skip
    """Return the page as HTML that loads report/try/ once a message is typed, and else nothing; with bytes that repeat.

    `shown` is what the template reads, by the names that stages/plot.py gives it. `labels` holds the label numbers of
    the messages kept, and of those in train, validation and test; `lengths` counts the tokens of each message kept;
    `truth` says of each test row whether its label is the positive one, and `probability` is that of this label.
    Without a positive label, `truth` says whether the answer is right, and `probability` is that of the answer.
    """
    style, script = shell.style(), (shell.HERE / "page.js").read_text("utf-8")
    names, positive = shown["names"], shown["decision"]["positive_label"]
    number, cut = None if positive is None else names.index(positive), shown["decision"]["threshold"] or 0.0
    others = next(name for name in names if name != positive) if len(names) == 2 else "other labels"
    words = outcome_names(positive, others)
    of_label = np.ones(len(lengths), bool) if number is None else labels["kept"] == number
    kinds = {"messages": of_label} if positive is None else {others: ~of_label, positive: of_label}
    counts = {part: np.bincount(found, minlength=len(names)) for part, found in labels.items()}
    stops = figures.thresholds(cut)
    found = {name: of for name, of in figures.outcomes(truth, probability, stops).items() if name in {"value", *words}}
    outcomes = dict(zip(stops, shown_scores(found), strict=True))
    charts = [
        *(figures.epochs(shown["history"]) if len(shown["history"]["epoch"]) else []),
        *figures.unit_squares(shown["curves"], words),
    ]
    charts += [figures.by_threshold(found, words), figures.lengths(lengths, kinds)]
    pages = shell.environment(shell.HERE)
    pages.filters["address"] = address
    pages.globals |= {"some": some, "percent": percent, "points": points, "number": "{:.3f}".format}
    return pages.get_template("page.html").render(
        shown,
        style=style,
        script=script,
        policy=shell.policy(style, script),
        positive=positive,
        verdict=on_networks(shown["scores"]["gain_over"]),
        others=others,
        most_in_matrix=MOST_IN_MATRIX,
        words={name: words[name] for name in found if name != "value"},
        by_recall=sorted(shown["labels"], key=worst_first),
        commonest=names[counts["test"].argmax()],
        counts=list(zip(names, *(found.tolist() for found in counts.values()), strict=True)),
        charts={chart.name: chart for chart in charts},
        wrong={row["row"]: row for row in shown["mistakes"]},
        positive_share=float(truth.mean()),
        outcomes=[outcomes[stop] for stop in sorted({*figures.IN_TABLE, cut})],
        own=outcomes[cut],
        last_stop=len(stops) - 1,
        own_stop=stops.index(cut),
        data={
            "charts": {chart.name: chart.stops() for chart in charts},
            "outcomes": list(outcomes.values()),
            "record": shown["decision"]["model"],
        },
    )


def worst_first(row: dict[str, str]) -> tuple[bool, float, int]:
    """Return the place of a label among the others: by rising recall, then the most rows, those without rows last."""
    return row["rows"] == "0", float(row["recall"]), -int(row["rows"])
