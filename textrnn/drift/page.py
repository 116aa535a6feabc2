"""The page of `python -m textrnn.drift`: one self-contained file without scripts, in the style of the report."""

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from textrnn.report.formatting import percent

MOST_LABELS = 20  # lines of the table of labels
STYLE = Path(__file__).parents[1] / "report/page.css"


def page(found: dict[str, Any]) -> str:
    """Return the page as HTML. `found` has the fields of Found; the template escapes every value."""
    style = STYLE.read_text("utf-8")
    allowed = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    environment.filters["percent"] = percent
    furthest = sorted(found["labels"], key=lambda line: -abs(line[1] - line[2]))[:MOST_LABELS]
    return environment.get_template("page.html").render(
        found | {"labels": furthest, "more_labels": len(found["labels"]) - len(furthest)},
        style=style,
        policy=f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'",
        alarms=[one for one in found["measures"] if one.alarm],
    )
