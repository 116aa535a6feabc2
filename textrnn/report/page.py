"""report/index.html: one self-contained page on the data, the training, the scores and the mistakes of a run."""

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from numpy.typing import NDArray

from textrnn.metrics.scores import Floats, majority_baseline
from textrnn.report import figures
from textrnn.report.formatting import address, percent, shown_scores, some

TEMPLATES = Path(__file__).parent


def page(
    shown: dict[str, Any], labels: dict[str, NDArray[np.int16]], lengths: NDArray[np.int64], probability: Floats
) -> str:
    """Return the page as HTML that loads nothing and runs no script but its own. Equal arguments give equal bytes.

    `shown` is what the template reads, by the names that stages/plot.py gives it. `labels` holds the label numbers of
    the messages kept, and of those in train, validation and test; `lengths` counts the tokens of each message kept;
    `probability` is that of the positive label for each test row.
    """
    style, script = ((TEMPLATES / f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    names, cut, positive = shown["names"], shown["decision"]["threshold"], shown["decision"]["positive_label"]
    number = names.index(positive)
    others = names[1 - number] if len(names) == 2 else "other labels"
    counts = {part: np.bincount(found, minlength=len(names)) for part, found in labels.items()}
    stops = figures.thresholds(cut)
    found = figures.outcomes(labels["test"] == number, probability, stops)
    outcomes = dict(zip(stops, shown_scores(found), strict=True))
    charts = [*figures.epochs(shown["history"]), *figures.unit_squares(shown["curves"], positive, others)]
    charts.append(figures.by_threshold(found, positive, others))
    charts.append(figures.lengths(lengths, labels["kept"] == number, positive, others))
    return template().render(
        shown,
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src {allowed(style)}; script-src {allowed(script)}; "
        "base-uri 'none'; form-action 'none'",
        positive=positive,
        others=others,
        commonest=names[counts["test"].argmax()],
        counts=list(zip(names, *(found.tolist() for found in counts.values()), strict=True)),
        charts={chart.name: chart for chart in charts},
        baseline=majority_baseline(labels["test"], len(names), number),
        outcomes=[outcomes[stop] for stop in sorted({*figures.IN_TABLE, cut})],
        own=outcomes[cut],
        last_stop=len(stops) - 1,
        own_stop=stops.index(cut),
        data={"charts": {chart.name: chart.stops() for chart in charts}, "outcomes": list(outcomes.values())},
    )


def template() -> Template:
    """Return the page's template, which escapes every value."""
    files = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=files, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {"address": address, "percent": percent}
    environment.globals |= {"some": some, "percent": percent, "number": "{:.3f}".format}
    return environment.get_template("page.html")


def allowed(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows this inline style or script and no other."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"
