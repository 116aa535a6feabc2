"""The sources that params.yaml names, and what to call their files in tables and messages."""

import re
from collections.abc import Sequence


def short_names(sources: Sequence[str]) -> list[str]:
    """Return what to call files by: the end of each path or address, with as many folders as tell the files apart.

    What the pipeline writes names neither the folders of a machine, nor a password or a key in an address.
    """
    parts = [_parts(source) for source in sources]
    names = [source[-1] for source in parts]
    for depth in range(2, 1 + max(map(len, parts), default=0)):
        if len(set(names)) == len(set(sources)):
            break
        names = ["/".join(source[-depth:]) for source in parts]
    return names


def _parts(source: str) -> list[str]:
    scheme, mark, rest = source.partition("://")
    rest = rest.partition("::")[0] if mark else source
    if scheme in ("http", "https"):
        rest = re.split(r"[?#]", rest)[0]
    host, *path = rest.split("/")
    return [part for part in (host.rpartition("@")[2] if mark else host, *path) if part] or [source]
