"""A field of a tab-separated file that people open: what could steer a terminal or a spreadsheet is disarmed."""

from textrnn.errors import printable

FORMULA = ("=", "+", "-", "@")  # how a field begins which a spreadsheet would compute (OWASP, CSV injection)


def cell(value: object) -> str:
    """Return `value` as a field: control characters, tabs among them, escaped, and a formula behind an apostrophe."""
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA):
        text = "'" + text
    return printable(text)
