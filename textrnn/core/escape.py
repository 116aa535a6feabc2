"""Text made safe: no control sequence reaches a terminal, and no formula a spreadsheet."""

FORMULA = ("=", "+", "-", "@")  # a spreadsheet computes a field that begins so (OWASP, CSV injection)


def field(value: object) -> str:
    """Return `value` as a field: control characters, tabs among them, escaped, and a formula behind an apostrophe."""
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA):
        text = "'" + text
    return printable(text)


def unescaped(field: str) -> str:
    """Return a field without the apostrophe that `field` has set before a formula, for pages that compute nothing."""
    return field[1:] if field.startswith("'") and field[1:].startswith(FORMULA) else field


def listed(names: list[str]) -> str:
    """Return the first names, each in quotes and cut short, for a message."""
    few = ", ".join(repr(name if len(name) <= 20 else f"{name[:19]}…") for name in names[:6])
    return (few or "none") + (", …" if len(names) > 6 else "")


def printable(text: str) -> str:
    """Return `text` with control characters escaped: they could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
