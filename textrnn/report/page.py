"""report/index.html: one self-contained page on the data, the training, the scores and the mistakes of a run."""

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from numpy.typing import NDArray

from textrnn.core.escape import unescaped
from textrnn.metrics.scores import majority_baseline
from textrnn.metrics.threshold import outcomes
from textrnn.report import figures, formatting, model_card, thresholds

TEMPLATES = Path(__file__).parent
MOST = 50  # mistakes and label errors that the page shows: the tables have all
AT_ONCE = 10  # of them, before a reader opens the rest
LONGEST = 600  # letters of a message that the page shows

Row = dict[str, str]


class Facts(NamedTuple):
    """What the page shows of the files that the stages wrote."""

    metrics: dict[str, Any]  # of each stage, by its name
    params: dict[str, dict[str, Any]]  # the sections of params.yaml that the model record does not have
    record: dict[str, Any]  # model/model.json
    decision: dict[str, Any]  # model/threshold.json
    names: list[str]  # of the labels, by number
    labels: dict[str, NDArray[np.int8]]  # of the messages kept, and of those in train, validation and test
    lengths: NDArray[np.int64]  # of each message kept, in tokens
    probability: NDArray[np.float64]  # of the positive label, for each test row
    history: dict[str, NDArray[np.float64]]
    confusion: list[dict[str, Any]]
    curves: dict[str, list[dict[str, float]]]
    mistakes: list[Row]
    label_errors: list[Row]
    warnings: list[str]
    rejected: list[Row]


def page(facts: Facts) -> str:
    """Return the page as HTML that loads nothing and runs no script but its own. Equal facts give equal bytes."""
    style, script = ((TEMPLATES / f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    cut, positive = facts.decision["threshold"], facts.decision["positive_label"]
    number = facts.names.index(positive)
    others = facts.names[1 - number] if len(facts.names) == 2 else "other labels"
    counts = {part: np.bincount(found, minlength=len(facts.names)) for part, found in facts.labels.items()}
    truth, stops = facts.labels["test"] == number, thresholds.stops(cut)
    told = outcomes(truth, facts.probability, stops)
    shown = [thresholds.shown(outcome) for outcome in told]
    in_table = outcomes(truth, facts.probability, sorted({*thresholds.IN_TABLE, cut}))
    charts = [*figures.epochs(facts.history), *figures.unit_squares(facts.curves, positive, others)]
    charts.append(thresholds.chart(told, positive, others))
    charts.append(figures.lengths(facts.lengths, facts.labels["kept"] == number, positive, others))
    return template().render(
        facts._asdict() | {"mistakes": rows(facts.mistakes), "label_errors": rows(facts.label_errors)},
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src {allowed(style)}; script-src {allowed(script)}; "
        "base-uri 'none'; form-action 'none'",
        positive=positive,
        others=others,
        commonest=facts.names[counts["test"].argmax()],
        counts=list(zip(facts.names, *(found.tolist() for found in counts.values()), strict=True)),
        network=model_card.network(facts.record["params"]["train"]),
        sections=model_card.sections(facts.params, facts.record),
        charts={chart.name: chart for chart in charts},
        baseline=majority_baseline(facts.labels["test"], len(facts.names), number),
        outcomes=map(thresholds.shown, in_table),
        own=shown[stops.index(cut)],
        last_stop=len(stops) - 1,
        own_stop=stops.index(cut),
        data={"charts": {chart.name: chart.stops() for chart in charts}, "outcomes": shown},
        found={"mistakes": len(facts.mistakes), "label_errors": len(facts.label_errors)},
        most=MOST,
        at_once=AT_ONCE,
    )


def template() -> Template:
    """Return the page's template, which escapes every value and can put numbers in words."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {name: getattr(formatting, name) for name in ("percent", "number", "setting")}
    environment.filters |= {"short": short, "unescaped": unescaped}
    environment.globals |= {name: getattr(formatting, name) for name in ("some", "percent", "number")}
    return environment.get_template("page.html")


def allowed(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows this inline style or script and no other."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"


def short(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text):,} letters)"


def rows(table: list[Row]) -> list[dict[str, Any]]:
    """Return the first rows of a table of messages, without what disarms them in a spreadsheet."""
    return [
        {name: unescaped(field) for name, field in row.items()} | {"tokens": tokens(row.get("tokens", ""))}
        for row in table[:MOST]
    ]


def tokens(field: str) -> list[tuple[str, str]]:
    """Return the tokens and weights of `token=1.23 other=0.50`. A token may hold a = itself."""
    parts = (part.rpartition("=") for part in unescaped(field).split(" ") if part)
    return [(token, weight) for token, _, weight in parts]
