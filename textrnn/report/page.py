"""report/index.html: one page, complete in itself, of what was trained on what, how good it is, and where it errs."""

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from numpy.typing import NDArray

from textrnn.core.escape import unescaped
from textrnn.report import figures, formatting, model_card, scoreboard, thresholds

TEMPLATES = Path(__file__).parent
MOST = 50  # mistakes and suspects that the page shows: the tables beside it have all
AT_ONCE = 10  # of them, before a reader asks for more
LONGEST = 600  # letters of a message that the page shows
IN_TABLE = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999)  # thresholds

Row = dict[str, str]


class Facts(NamedTuple):
    """What the stages have written, as far as the page tells of it."""

    metrics: dict[str, Any]  # of each stage, by its name
    params: dict[str, dict[str, Any]]  # the sections of params.yaml that the model record does not have
    record: dict[str, Any]  # model/model.json
    decision: dict[str, Any]  # model/threshold.json
    counts: dict[str, list[int]]  # of each label: messages kept, and those in train, validation and test
    lengths: NDArray[np.int64]  # of each message kept, in tokens
    positive: NDArray[np.bool_]  # whether it bears the positive label
    truth: NDArray[np.bool_]  # the same of each test row
    probability: NDArray[np.float64]  # of the positive label, for each test row
    history: dict[str, NDArray[np.float64]]
    confusion: list[dict[str, Any]]
    curves: dict[str, list[dict[str, float]]]
    mistakes: list[Row]
    suspects: list[Row]
    doubts: list[str]
    rejected: list[list[str]]  # line and reason


def page(facts: Facts) -> str:
    """Return the page as HTML that loads nothing, runs no script but its own, and is the same on each run."""
    style, script = ((TEMPLATES / f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    cut = facts.decision["threshold"]
    rows, stops = thresholds.counted(facts.truth, facts.probability, cut), thresholds.stops(cut)
    outcomes = [thresholds.outcome(rows, stop) for stop in stops]
    words = model_card.words(facts.decision["positive_label"], facts.counts)
    charts = {
        chart.name: chart
        for chart in (
            *figures.epochs(facts.history),
            *figures.unit_squares(facts.curves, words.positive, words.others),
            figures.thresholds(outcomes, words.positive, words.others),
            figures.lengths(facts.lengths, facts.positive, words.positive, words.others),
        )
    }
    return template().render(
        facts._asdict(),
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src {allowed(style)}; script-src {allowed(script)}; "
        "base-uri 'none'; form-action 'none'",
        words=words,
        card=model_card.card(facts.params, facts.record, facts.metrics, words),
        some=formatting.some,
        charts=charts,
        scores=scoreboard.scoreboard(facts.metrics["evaluate"], facts.counts, words),
        matrix=scoreboard.matrix(facts.confusion),
        outcomes=[thresholds.outcome(rows, stop) for stop in sorted({*IN_TABLE, cut})],
        own=thresholds.outcome(rows, cut),
        last_stop=len(stops) - 1,
        own_stop=stops.index(cut),
        data={
            "charts": {name: [list(stop) for stop in chart.stops] for name, chart in charts.items()},
            "rows": rows,
            "stops": stops,
        },
        mistakes=shown(facts.mistakes),
        suspects=shown(facts.suspects),
        more={"mistakes": len(facts.mistakes), "suspects": len(facts.suspects)},
        most=MOST,
        at_once=AT_ONCE,
    )


def template() -> Template:
    """Return the page's template, which escapes whatever it is given, and knows how to word numbers."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    filters: dict[str, Any] = {
        name: getattr(formatting, name) for name in ("percent", "number", "threshold", "setting")
    }
    environment.filters |= filters | {"short": short}
    return environment.get_template("page.html")


def allowed(text: str) -> str:
    """Return how a Content-Security-Policy names an inline style or script, by its hash, so that no other one runs."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"


def short(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text):,} letters)"


def shown(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the first rows of a table of messages, without what guards them in a spreadsheet."""
    return [
        {name: unescaped(field) for name, field in row.items()} | {"tokens": tokens(row.get("tokens", ""))}
        for row in rows[:MOST]
    ]


def tokens(field: str) -> list[tuple[str, str]]:
    """Return the tokens and weights that `token=1.23 other=0.50` stands for. A token may hold a = itself."""
    parts = (part.rpartition("=") for part in unescaped(field).split(" ") if part)
    return [(token, weight) for token, _, weight in parts]
