"""Tables in Markdown, and blocks of a document that a script writes."""

import re
from collections.abc import Callable, Mapping, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """Return a table; with `numbers`, all columns but the first are aligned to the right."""
    rule = ["---", *["---:" if numbers else "---"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])


def written(text: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """Return the text with each block `<!-- NAME --> … <!-- /NAME -->` replaced by what `blocks[NAME]` returns."""
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(lambda match, block=block: f"{match[1]}{block()}\n{match[2]}", text)  # type: ignore[misc]
    return text
