"""Numbers and names as a reader wants them, in HTML and in the names of charts."""

from collections.abc import Mapping

SPACE = "\u00a0"  # of the kind at which no line is broken
SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def percent(share: float, digits: int = 1) -> str:
    """Return a share, 0 … 1, in percent."""
    return f"{share:.{digits}%}".replace("%", f"{SPACE}%")


def number(value: float) -> str:
    """Return a number with three decimals, a whole one with none; thousands are set apart."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def threshold(value: float) -> str:
    """Return a threshold with as many digits as it has, six at most."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def spelt(count: int) -> str:
    """Return a small number in letters."""
    return SMALL[count] if count < len(SMALL) else f"{count:,}"


def some(count: int, thing: str, things: str = "") -> str:
    """Return how many things there are: "1 row", "1,035 rows"."""
    return f"{count:,}{SPACE}{thing if count == 1 else things or thing + 's'}"


def setting(value: object) -> str:
    """Return the value of a parameter as params.yaml has it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {setting(item)}" for name, item in value.items()) + "}"
    return str(value) if value != "" else '""'
