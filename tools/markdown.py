"""Tables of Markdown, and blocks of a document that a script writes anew."""

import re
from collections.abc import Callable, Mapping, Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """Return a table; with `numbers`, all its columns but the first are set to the right."""
    rule = ["---", *["---:" if numbers else "---"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])


def written(text: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """Return the text with what stands between `<!-- NAME -->` and `<!-- /NAME -->` as the block of that name is."""
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(lambda match, block=block: f"{match[1]}{block()}\n{match[2]}", text)  # type: ignore[misc]
    return text
