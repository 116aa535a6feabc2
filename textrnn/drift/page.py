"""The page of `python -m textrnn.drift`: one self-contained file without scripts, in the style of the report."""

from pathlib import Path
from typing import Any

from textrnn.report import shell

MOST_LABELS = 20  # lines of the table of labels


def page(found: dict[str, Any]) -> str:
    """Return the page as HTML. `found` has the fields of Found; the template escapes every value."""
    style = shell.style()
    furthest = sorted(found["labels"], key=lambda line: -abs(line[1] - line[2]))[:MOST_LABELS]
    return (
        shell.environment(Path(__file__).parent)
        .get_template("page.html")
        .render(
            found | {"labels": furthest, "more_labels": len(found["labels"]) - len(furthest)},
            style=style,
            policy=shell.policy(style),
            alarms=[one for one in found["measures"] if one.alarm],
        )
    )
