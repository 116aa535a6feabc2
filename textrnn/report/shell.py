"""What every page of the project has: templates that escape each value, and a policy that lets in what is its own."""

import hashlib
from base64 import b64encode
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from textrnn.report.formatting import percent

HERE = Path(__file__).parent  # of head.html, and of the style of all pages


def environment(folder: Path) -> Environment:
    """Return the environment of the templates in a folder, which escapes every value."""
    found = Environment(
        loader=FileSystemLoader([folder, HERE]), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    found.filters["percent"] = percent
    return found


def style() -> str:
    """Return the style of all pages."""
    return (HERE / "page.css").read_text("utf-8")


def policy(style: str, script: str = "") -> str:
    """Return the Content-Security-Policy of a page with this inline style and, if there is one, this script."""
    # report/try/ lies beside the report, on a server ('self') or a disk (file:), whose files have no origin.
    scripts = f"script-src {allowed(script)} 'self' file:; " if script else ""
    return f"default-src 'none'; style-src {allowed(style)}; {scripts}base-uri 'none'; form-action 'none'"


def allowed(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows this inline style or script and no other."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"
