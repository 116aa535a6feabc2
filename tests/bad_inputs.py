"""Give each input of bad_inputs.yaml to the stage or to predict.py that reads it, and see what becomes of it.

Reads   tests/bad_inputs.yaml
Writes  tests/bad_inputs.md, docs/errors.md
Run     python -m tests.bad_inputs
"""

import io
import json
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from stages import clean, download, evaluate, plot, split, train, vectorize
from tests.models import TWO, place, trained
from tests.server import Server, body, closed_port, direct, page, running, status
from tests.workspace import Workspace
from textrnn.artifacts.messages import read_messages
from textrnn.cli import predict
from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.escape import printable
from textrnn.core.files import read_json, write_json
from textrnn.corpus import cache, http

TABLE, PAGE = (Workspace.ORIGINAL / name for name in ("tests/bad_inputs.md", "docs/errors.md"))

KEPT, CHANGED, REJECTED = "kept", "kept, changed", "rejected, line and reason"
NOTICED, ERROR, USAGE = "noticed", "error, exit 1", "usage, exit 2"
HAPPENED = {
    KEPT: "is used as it is; the last column shows what is kept",
    CHANGED: "is used, and what could do harm is replaced; the last column shows the result",
    REJECTED: "the row is left out, and `data/clean/rejected.tsv` has its line and the reason",
    NOTICED: "the stage prints this line, and gets the right thing from elsewhere or does without",
    ERROR: "the stage or predict.py prints this line and ends with exit code 1",
    USAGE: "predict.py prints its usage and this line, and ends with exit code 2",
}
STAGES: dict[str, Callable[[], None]] = {
    stage.__name__.removeprefix("stages."): stage.main
    for stage in (download, clean, vectorize, split, train, evaluate, plot)
}
GOOD = "ham\tsee you at the old bridge\nspam\tWIN a kettle now\nham\tsoup at eight\nspam\tfree lamp, call 00000\n"

Case = dict[str, Any]  # an entry of bad_inputs.yaml, and the section that it is in
Outcome = tuple[str, str]  # one of HAPPENED, and the message or what was kept


class Bench(NamedTuple):
    """What a case is run with."""

    workspace: Workspace
    model: Path  # a trained one, which nobody may write into
    server: Server
    patch: pytest.MonkeyPatch


def read_cases() -> list[Case]:
    """Return the cases, in order. A case of wrong settings has them as its title."""
    sections = YAML(typ="safe", pure=True).load(Path(__file__).with_suffix(".yaml"))
    cases = [{"section": section, **case} for section, cases in sections.items() for case in cases]
    return [{"input": ", ".join(map(setting, case.get("settings", {}).items())), **case} for case in cases]


def setting(item: tuple[str, Any]) -> str:
    return f"`{item[0]}: {json.dumps(item[1])}`".replace("NaN", ".nan")


CASES = read_cases()


def text_of(value: Any) -> str:
    """Return a text of the file: GOOD, or its pieces, some of them repeated, as one."""
    pieces = value if isinstance(value, list) else [value]
    text = "".join(
        "".join(one * count for one, count in piece.items()) if isinstance(piece, dict) else piece for piece in pieces
    )
    return GOOD if text == "GOOD" else text


def bytes_of(value: Any, case: Case) -> bytes:
    return text_of(value).encode(case.get("encoding", "utf-8"))


def outcome(case: Case, bench: Bench) -> Outcome:
    """Run a case, and return what happened and a message that is the same on every machine."""
    kind = next(kind for kind in RUNNERS if kind in case)
    happened, message = RUNNERS[kind](case, bench)
    for here, everywhere in (
        (str(bench.workspace.root), "…"),
        (str(bench.model), "…/model"),
        (bench.server.address, "http://localhost"),
    ):
        message = message.replace(here, everywhere)
    message = re.sub(r"127\.0\.0\.1:\d+", "localhost", re.sub(r"\[Errno \d+\] ", "", message))
    return happened, re.sub(r"\b([0-9a-f]{8})[0-9a-f]{56}\b", r"\1…", message.strip())


def set_params(case: Case, bench: Bench, **changes: Any) -> None:
    """Write params.yaml with the settings of the case."""
    own = {key: text_of(value) if isinstance(value, list) else value for key, value in case.get("settings", {}).items()}
    changes = {"download__source": "mine.csv"} | changes
    bench.workspace.settings(**changes | {key.replace(".", "__"): value for key, value in own.items()})


def shown(text: str) -> str:
    """Return what was kept of a text, on one line and not too long."""
    text = printable(text)
    return text if len(text) <= 60 else f"{text[:59]}…"


# One function for each kind of case


def of_source(case: Case, bench: Bench) -> Outcome:
    """Run download on a user's own corpus."""
    for name, value in direct().items():
        bench.patch.setenv(name, value)
    bench.patch.setenv("TEXTRNN_CACHE", str(bench.workspace.root / "cache"))
    bench.patch.setattr(http, "PATIENCE", 0)  # no further tries
    source, content = case["source"], text_of(case.get("body", "GOOD")).encode()
    checksum = sha256(content).hexdigest()
    if source == "CLOSED":
        source = f"http://127.0.0.1:{closed_port()}/mine.tsv"
    elif source == "URL":
        answer = status(case["status"], case.get("reason")) if "status" in case else body(content, case.get("length"))
        source = bench.server.serves("/mine.tsv", page(case["page"]) if "page" in case else answer)
    elif "file" in case:
        (bench.workspace.root / source).write_text(text_of(case["file"]), "utf-8")
    if case.get("cache") == "poison":
        cache.path(checksum).parent.mkdir()
        cache.path(checksum).write_bytes(b"ham\tpoison\n")
    elif case.get("cache") == "file":
        (bench.workspace.root / "cache").touch()
    checked = {"download__sha256": 64 * "0" if case["cache"] == "other" else checksum} if "cache" in case else {}
    bench.workspace.settings(download__source=source, **checked)
    code, said = bench.workspace.ran(download.main)
    if code:
        return ERROR, said.splitlines()[-1]
    assert paths.CORPUS.read_bytes() == content
    return NOTICED, said.splitlines()[0]


def of_corpus(case: Case, bench: Bench) -> Outcome:
    """Run the stages of the case, or clean, on a corpus or on a bad row after good ones."""
    good = GOOD.replace(", ", " ").replace("\t", ",") if case.get("settings", {}).get("clean.format") == "csv" else GOOD
    raw = bytes_of(case["corpus"], case) if "corpus" in case else good.encode() + bytes_of(case["row"], case)
    set_params(case, bench, **({"clean__max_rejected_share": 1} if "row" in case else {}))
    bench.workspace.corpus(raw)
    for name in case.get("stages", ["clean"]):
        code, said = bench.workspace.ran(STAGES[name])
    if code:
        return ERROR, said.splitlines()[-1]
    rejected = [line.split("\t") for line in paths.REJECTED.read_text("utf-8").splitlines()]
    if len(rejected) > 1:
        return REJECTED, f"line {rejected[-1][1]}: {rejected[-1][2]}"
    label, text = read_messages(paths.MESSAGES)[-1]
    return KEPT, shown(f"{label}: {text}")


def of_settings(case: Case, bench: Bench) -> Outcome:
    set_params(case, bench)
    bench.workspace.corpus(GOOD)
    message = bench.workspace.failure(STAGES[next(iter(case["settings"])).partition(".")[0]])
    assert "params.yaml: " in message, message
    return ERROR, message


def of_params(case: Case, bench: Bench) -> Outcome:
    """Run plot with a whole params.yaml."""
    paths.PARAMS.write_bytes(bytes_of(case["params"], case))
    message = bench.workspace.failure(plot.main)
    assert not (bench.workspace.root / "ran").exists(), "code in the file was run"
    return ERROR, message


def of_cluster(case: Case, bench: Bench) -> Outcome:
    bench.patch.setenv("TF_CONFIG", case["TF_CONFIG"])
    bench.workspace.settings()
    return ERROR, bench.workspace.failure(train.main)


def of_model(case: Case, bench: Bench) -> Outcome:
    """Run predict.py with a model that has one file changed.

    Unless `stale`, the checksums in model.json fit, as in a model that was damaged before it was finished.
    """
    path = Path(copytree(bench.model, bench.workspace.root / "copy")) / case["model"]
    before = path.read_bytes()
    if "content" in case:
        path.write_bytes(bytes_of(case["content"], case))
    elif "set" in case:
        write_json(path, read_json(path) | case["set"])
    elif "replace" in case:
        ((old, new),) = case["replace"].items()
        path.write_bytes(before.replace(old.encode(), new.encode()))
    elif "cut" in case:
        path.write_bytes(before[: len(before) // 2])
    else:
        path.unlink()
    record = path.with_name("model.json")
    if not case.get("stale") and path.exists():
        sums = [sha256(content).hexdigest() for content in (before, path.read_bytes())]
        record.write_text(record.read_text("utf-8").replace(*sums), "utf-8")
    return answered(bench, path.parent, "WIN a kettle now", "--format", "tsv")


def of_predict(case: Case, bench: Bench) -> Outcome:
    """Run predict.py with the arguments of the case, or on its file."""
    arguments = case.get("predict")
    if arguments is None:
        path = bench.workspace.root / case["file"]
        path.write_bytes(bytes_of(case["content"], case))
        arguments = ["--input", str(path), *case.get("options", [])]
    happened, message = answered(bench, bench.model, *arguments, "--format", "tsv")
    return CHANGED if case.get("changed") else happened, message


def answered(bench: Bench, model: Path, *arguments: str) -> Outcome:
    """Run predict.py, and return its error or, as it writes them, the messages that it answered."""
    bench.patch.setattr(sys, "argv", ["predict.py", "--model", str(model), *arguments])
    bench.patch.chdir(bench.workspace.root)
    # A file: after an error of the system predict.py points the number of its standard output elsewhere.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        with redirect_stdout(out), redirect_stderr(io.StringIO()) as stderr:
            try:
                code = run(predict.main)
            except SystemExit as end:
                code = int(end.code or 0)
        lines = stderr.getvalue().splitlines()
        if code == 2:
            return USAGE, lines[-1]
        if code:
            assert (code, len(lines), lines[0][:7]) == (1, 1, "error: ")
            return ERROR, lines[0]
        assert all(line.startswith("note: ") for line in lines)
        out.seek(0)
        return KEPT, "; ".join(shown(line.split("\t")[-1]) for line in out.read().splitlines())


RUNNERS: dict[str, Callable[[Case, Bench], Outcome]] = {  # by a key of the case, the most telling first
    "source": of_source,
    "corpus": of_corpus,
    "row": of_corpus,
    "params": of_params,
    "TF_CONFIG": of_cluster,
    "model": of_model,
    "predict": of_predict,
    "file": of_predict,
    "settings": of_settings,
}

# The documents

HEAD = """# Bad inputs

What happens to a bad input: one example of each kind. `python -m tests.bad_inputs` writes this page, and a test gives
every input below to the pipeline and compares. In the messages, … stands for your folder or for the rest of a checksum,
and localhost for a server.

"""
ERRORS = """# Errors, and what to do

These are the errors that people meet most and whose message does not say enough; [faq.md](faq.md) has those of DVC, Git
and pip. In a message, … stands for your folder.
"""


def documents(outcomes: list[tuple[Case, Outcome]]) -> dict[Path, str]:
    """Return the documents for the cases and what became of them."""
    return {TABLE: table(outcomes), PAGE: cures(outcomes)}


def table(outcomes: list[tuple[Case, Outcome]]) -> str:
    """Return tests/bad_inputs.md: what became of each case."""
    text = HEAD + "".join(f"- **{happened}**: {meaning}.\n" for happened, meaning in HAPPENED.items())
    section = ""
    for case, (happened, message) in outcomes:
        if case["section"] != section:
            section = case["section"]
            text += f"\n## {section}\n\n| input | what happens | message, or what is kept |\n|---|---|---|\n"
        cells = (cell.replace("|", r"\|") for cell in (case["input"], happened, code(message)))
        text += f"| {' | '.join(cells)} |\n"
    return text


def cures(outcomes: list[tuple[Case, Outcome]]) -> str:
    """Return docs/errors.md: the message and the cure of each case that has one."""
    text, section = ERRORS, ""
    for case, (_, message) in outcomes:
        if "cure" in case:
            text += f"\n## {case['section']}\n" if case["section"] != section else ""
            section = case["section"]
            text += f"\n- {code(message)}\n\n  {case['cure']}\n"
    return text


def code(text: str) -> str:
    """Return text as code, between more backticks than it holds itself."""
    if not text:
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if len(fence) > 1 or text != text.strip() else ""
    return f"{fence}{space}{text}{space}{fence}"


def main() -> None:
    """Run every case, and write the documents."""
    outcomes = []
    with tempfile.TemporaryDirectory() as base, running() as server, redirect_stdout(io.StringIO()):
        model = trained(Path(base), TWO) / "model"
        for number, case in enumerate(CASES):
            root = Path(base) / str(number)
            root.mkdir()
            with pytest.MonkeyPatch.context() as patch:
                place(patch, root)
                outcomes.append((case, outcome(case, Bench(Workspace(root), model, server, patch))))
    for path, text in documents(outcomes).items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
