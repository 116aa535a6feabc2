"""Text made safe: no control sequence reaches a terminal, no formula a spreadsheet, and no secret a message."""

import re

VARIABLE = re.compile(r"\$([A-Z][A-Z0-9_]*)")  # stands for a secret in an address, and is none
PASSWORD = re.compile(  # what stands before the host: of HTTP a name alone may be a key
    r"(?i)(?<=://)(?![^\s/?#@:]*:\$[A-Z][A-Z0-9_]*@)"
    r"(?:[^\s/?#@:]*:(?!\d{0,5}(?:[/?#\s]|$))[^\s@]*|(?<=http://)[^\s/?#@]+|(?<=https://)[^\s/?#@]+)@"
)
KEY = re.compile(  # the value of a parameter, by the parameter's name
    r"(?i)(?<=[?&;#])([^\s=&;#]*(?:token|secret|passw|pwd|signature|credential|auth|jwt)[^\s=&;#]*|sig|pass|[^\s=&;#]*key(?:id)?)="
    r"(?!\$[A-Z][A-Z0-9_]*(?:[&;#\s]|$)|…)[^\s&;#]+"
)

# What a spreadsheet computes (OWASP, CSV injection), wide signs too, once it has taken off quotes and blanks; and what
# `field` writes before it.
FORMULA = re.compile(r"['\"\s]*[=+\-@＝＋－＠]")
MARKUP = re.compile(r"<(?=[/!]|script)", re.IGNORECASE)  # what ends or opens a script or a comment in HTML


def field(value: object) -> str:
    """Return `value` as a field: control characters, tabs among them, escaped, and a formula behind an apostrophe."""
    return printable(guarded(value) if isinstance(value, str) else str(value))


def guarded(text: str) -> str:
    """Return `text` behind an apostrophe, if a spreadsheet would compute it."""
    return "'" + text if FORMULA.match(text) else text


def unescaped(field: str) -> str:
    """Return a field without the apostrophe that `field` has set before a formula, for pages that compute nothing."""
    return field[1:] if field.startswith("'") and FORMULA.match(field[1:]) else field


def in_script(text: str) -> str:
    """Return `text` for data that a page such as that of `dvc plots` copies into its script, which it cannot end."""
    return MARKUP.sub("‹", text)


def listed(names: list[str]) -> str:
    """Return the first names, each in quotes and cut short, for a message."""
    few = ", ".join(repr(name if len(name) <= 20 else f"{name[:19]}…") for name in names[:6])
    return (few or "none") + (", …" if len(names) > 6 else "")


def masked(text: str) -> str:
    """Return `text` without the passwords and keys of the addresses in it."""
    return KEY.sub(r"\1=…", PASSWORD.sub("…@", text)) if "://" in text else text


def printable(text: str) -> str:
    """Return `text` with control characters escaped: they could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def is_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogates, which stand for bytes that are not UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def characters(text: str) -> str:
    """Return `text` with U+FFFD for each half of a surrogate pair, as for a byte that is not UTF-8."""
    return text if is_unicode(text) else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
