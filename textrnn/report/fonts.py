"""Fonts for labels in any script: Matplotlib's own has Latin, Greek, Cyrillic and Arabic, but no Chinese."""

import logging
from contextlib import suppress
from unicodedata import category

from matplotlib.font_manager import findfont, fontManager, get_font

OWN = "DejaVu Sans"  # comes with Matplotlib, so that its letters have the same bytes on every machine
BOXES = "Last Resort High-Efficiency"  # comes with Matplotlib too, and has a box for every letter


def families(text: str) -> tuple[list[str], str]:
    """Return the names of the fonts that draw a text, Matplotlib's own first, and the letters that no font here has."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # not of a font that has no regular weight
    names, missing = [OWN], {letter for letter in text if category(letter) not in {"Cf", "Mn"}} - letters(findfont(OWN))
    known = {font.name for font in fontManager.ttflist} - {BOXES}
    for name in sorted(known, key=lambda name: ("Sans" not in name, name)):
        if not missing:
            break
        found = missing & letters(findfont(name))
        names += [name] if found else []
        missing -= found
    return names + [BOXES] * bool(missing), "".join(sorted(missing))


def letters(path: str) -> set[str]:
    """Return the letters that a font has: none if its file is gone or broken."""
    with suppress(OSError, RuntimeError):
        return set(map(chr, get_font(path).get_charmap()))
    return set()
