"""A field of a tab-separated file that people open: what could steer a terminal or a spreadsheet is disarmed."""

FORMULA = ("=", "+", "-", "@")  # how a field begins which a spreadsheet would compute (OWASP, CSV injection)


def field(value: object) -> str:
    """Return `value` as a field: control characters, tabs among them, escaped, and a formula behind an apostrophe."""
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA):
        text = "'" + text
    return printable(text)


def unescaped(field: str) -> str:
    """Return a field without the apostrophe that `field` has set before a formula, for those who compute nothing."""
    return field[1:] if field.startswith("'") and field[1:].startswith(FORMULA) else field


def printable(text: str) -> str:
    """Return `text` with what could steer a terminal (escape sequences, line ends) escaped."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
