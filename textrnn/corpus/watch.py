"""What DVC watches for changes: the user's own files are dependencies of the stage download in dvc.yaml.

DVC has no way to compute a path from a parameter, so the entries are written: by `python -m tools.adopt`, or by the
stage itself when params.yaml names another source than dvc.yaml.
"""

import glob
import json
import re
from collections.abc import Iterable
from importlib.util import find_spec
from os.path import normpath
from pathlib import Path

from textrnn.core import paths
from textrnn.core.escape import VARIABLE
from textrnn.core.files import read_text, write_text
from textrnn.corpus.http import tells_version

MOST_FILES = 100  # of a pattern in the repository's own folder, a line of dvc.yaml each
MARK = "  # watched: params.yaml names it"
AFTER = re.compile(r"(?m)^      - textrnn/corpus\n")  # the last of the code that download depends on
ENTRIES = re.compile(rf"(?m)^      - .*{re.escape(MARK)}\n")
STORES = {"s3": "dvc_s3", "gs": "dvc_gs", "gcs": "dvc_gs", "ssh": "dvc_ssh", "sftp": "dvc_ssh", "az": "dvc_azure"}


def entries(source: str, timeout: float) -> list[str]:
    """Return what DVC is to watch for a source: a file, a folder or an address, or the files of a pattern beside it.

    None if DVC has no way to. A server of HTTP must tell its file's ETag, or DVC refuses to work with it.
    """
    scheme, sign, _ = source.partition("://")
    if source == "sms-spam" or (sign and VARIABLE.search(source)):  # DVC knows no variables
        return []
    if scheme.lower() in ("http", "https"):
        return [source] if tells_version(source, timeout) else []
    if sign:
        return [_folder(source)] if find_spec(STORES.get(scheme, "no_such_store")) else []
    path = Path(normpath(paths.ROOT / Path(source).expanduser()))  # not resolved: DVC follows links itself
    found = [path] if path.exists() else [paths.ROOT / _folder(_shown(path))]  # the repository may be in a folder `[1]`
    if paths.ROOT.is_relative_to(found[0]):  # a folder may not hold what the pipeline writes
        matches = found[0].glob(str(path.relative_to(found[0]))) if found[0] != path else []
        found = sorted(file for file in matches if file.is_file())
        if len(found) > MOST_FILES:
            return []
    return [_shown(one) for one in found]


def _shown(path: Path) -> str:
    return path.relative_to(paths.ROOT).as_posix() if path.is_relative_to(paths.ROOT) else path.as_posix()


def _folder(pattern: str) -> str:
    """Return the part of a path before the first name with *, ? or [ ]."""
    while glob.has_magic(pattern):
        pattern = pattern.rpartition("/")[0]
    return pattern


def write(pipeline: Path, entries: Iterable[str]) -> bool:
    """Write the entries into dvc.yaml, if it has others, and return whether it had."""
    if not pipeline.exists():  # the stage runs without DVC
        return False
    old = read_text(pipeline)
    lines = "".join(f"      - {json.dumps(one, ensure_ascii=False)}{MARK}\n" for one in entries)
    new = AFTER.sub(lambda found: found[0] + lines, ENTRIES.sub("", old), count=1)
    if new != old:
        write_text(pipeline, new)
    return new != old
