"""The description of the server, openapi.json, as a page that loads nothing."""

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

OPENAPI = files(__package__).joinpath("openapi.json").read_text("utf-8")
HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>textrnn</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font-family: ui-monospace, monospace }
pre { padding: .75rem; overflow-x: auto; border: 1px solid #8888 }
h2 { margin-top: 2.5rem; font-size: 1.1rem }
th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0 }
</style>
</head>
<body>
"""


def page() -> str:
    """Return the page."""
    described = json.loads(OPENAPI)
    return HEAD + "\n".join(_lines(described)) + "\n</body>\n</html>\n"


def _lines(described: dict[str, Any]) -> Iterator[str]:
    yield f"<h1>{escape(described['info']['title'])}</h1>\n<p>{escape(described['info']['description'])}</p>"
    yield '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>'
    for path, methods in described["paths"].items():
        for method, about in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>\n<p>{escape(about['summary'])}.</p>"
            yield from _example(about.get("requestBody", {}))
            yield from _example(about["responses"]["200"])
            rows = (f"<tr><th>{code}<td>{escape(one['description'])}" for code, one in about["responses"].items())
            yield "<table>\n" + "\n".join(rows) + "\n</table>"


def _example(about: dict[str, Any]) -> Iterator[str]:
    for content in about.get("content", {}).values():
        if "example" in content:
            yield f"<pre>{escape(json.dumps(content['example'], ensure_ascii=False))}</pre>"
