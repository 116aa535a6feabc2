"""Bad inputs, what becomes of each, and what the user is told: the cases behind docs/errors.md.

Run     python -m tests.bad_inputs     writes docs/errors.md anew
"""

import io
import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from shutil import copytree
from typing import Any, NamedTuple

import numpy as np
import pytest

import predict
from stages import clean, download, evaluate, plot, split, train, vectorize
from tests.models import RECIPE, TWO, copied, place, trained
from tests.server import Server, body, closed_port, direct, page, raw, running, status
from tests.workspace import Workspace
from textrnn.artifacts.messages import read_messages
from textrnn.core import paths
from textrnn.core.errors import run
from textrnn.core.escape import printable
from textrnn.core.files import read_json, read_table, write_json
from textrnn.corpus import http, sms_spam

DOCUMENT = Workspace.ORIGINAL / "docs/errors.md"

KEPT = "kept"
CHANGED = "kept, changed"
REJECTED = "rejected, line and reason"
REPLACED = "noticed, and replaced"
GONE_ON = "noticed, and gone on"
ERROR = "error, exit 1"
USAGE = "usage, exit 2"
HAPPENED = {
    KEPT: "taken as it is; beside it stands what is kept",
    CHANGED: "taken, and what could do harm is written otherwise; beside it stands what it became",
    REJECTED: "the row is left out, and the rest is used; the line stands in `data/clean/rejected.tsv`",
    REPLACED: "told in a line, and the right thing is taken from elsewhere",
    GONE_ON: "told in a line, and done without",
    ERROR: "the stage, or predict.py, ends with this one line and exit code 1",
    USAGE: "predict.py ends with its usage, this line and exit code 2",
}

Outcome = tuple[str, str]  # one of HAPPENED, and the message or what was kept


class Bench(NamedTuple):
    """What a case is run with."""

    workspace: Workspace
    model: Path  # a trained one, which nobody may write into
    server: Server
    patch: pytest.MonkeyPatch


class Case(NamedTuple):
    """A bad input, and how to give it to whoever reads it."""

    section: str
    title: str
    run: Callable[[Bench], Outcome]


def prepared(bench: Bench) -> None:
    """Leave download no source but the server, a cache of its own, and no long waits."""
    for name, value in direct().items():
        bench.patch.setenv(name, value)
    bench.patch.setenv("TEXTRNN_CACHE", str(bench.workspace.root / "cache"))
    bench.patch.setattr(http, "PATIENCE", 0)  # no further tries
    bench.patch.setattr(sms_spam, "SHA256", sha256(OWN).hexdigest())
    bench.patch.setattr(sms_spam, "ARCHIVE_URL", bench.server.address + "/archive.zip")
    bench.patch.setattr(sms_spam, "MIRROR_URL", bench.server.address + "/mirror")
    sources = list(sms_spam.SOURCES.items())[:2]  # without the package index
    bench.patch.setattr(sms_spam, "SOURCES", dict(sources))
    bench.server.answers.clear()


def outcome(case: Case, bench: Bench) -> Outcome:
    """Run a case, and return what happened and a message that is the same on every machine."""
    prepared(bench)
    happened, message = case.run(bench)
    for here, everywhere in (
        (str(bench.workspace.root), "…"),
        (str(bench.model), "…/model"),
        (bench.server.address, "http://localhost"),
    ):
        message = message.replace(here, everywhere)
    message = re.sub(r"127\.0\.0\.1:\d+", "localhost", re.sub(r"\[Errno \d+\] ", "", message))
    message = re.sub(r"\(choose from .*\)", "(choose from …)", message)  # quoted or not: by the version of Python
    return happened, re.sub(r"\b([0-9a-f]{8})[0-9a-f]{56}\b", r"\1…", message.strip())


def failed(bench: Bench, main: Callable[[], None]) -> Outcome:
    """Run a stage which must end with an error."""
    return ERROR, bench.workspace.failure(main)


def shown(text: str) -> str:
    """Return what was kept of a text, on one line and not too long."""
    text = printable(text)
    return text if len(text) <= 60 else f"{text[:59]}…"


# Corpus file

OWN = b"ham\tsee you at the old bridge\nspam\tWIN a kettle now\n"


def corpus_of(source: str, content: bytes | None = None, **settings: Any) -> Callable[[Bench], Outcome]:
    """Return a case of one's own corpus at a path in the workspace."""

    def case(bench: Bench) -> Outcome:
        if content is not None:
            (bench.workspace.root / source).write_bytes(content)
        return downloaded(bench, source=source, **settings)

    return case


def served(answer: Any, **settings: Any) -> Callable[[Bench], Outcome]:
    """Return a case of one's own corpus at an address."""
    return lambda bench: downloaded(bench, source=bench.server.serves("/mine.tsv", answer), **settings)


def downloaded(bench: Bench, **settings: Any) -> Outcome:
    """Run download, which must fail or print one thing that it noticed, and perhaps which source it used."""
    bench.workspace.settings(**{f"download__{key}": value for key, value in settings.items()})
    code, said = ended(download.main)
    if code:
        assert (code, said.count("\n"), said[:7]) == (1, 1, "error: ")
        return ERROR, said
    said, *used = said.splitlines()
    assert used in ([], [f"downloaded from {list(sms_spam.SOURCES)[1]}"])
    assert paths.CORPUS.read_bytes() == OWN
    return (GONE_ON if "not cached" in said else REPLACED), said


def ended(main: Callable[[], None]) -> tuple[int, str]:
    """Run a stage, and return its exit code and what it said on stderr."""
    with redirect_stderr(io.StringIO()) as stderr:
        code = run(main)
    return code, stderr.getvalue()


def a_directory(bench: Bench) -> Outcome:
    (bench.workspace.root / "mine.tsv").mkdir()
    return downloaded(bench, source="mine.tsv")


def says_nothing(bench: Bench) -> Outcome:
    bench.patch.setattr(http, "READ_TIMEOUT", 0.2)
    return downloaded(bench, source=bench.server.serves("/mine.tsv", raw(b"", hang=True)))


def nobody_listens(bench: Bench) -> Outcome:
    return downloaded(bench, source=f"http://127.0.0.1:{closed_port()}/mine.tsv")


def no_proxy_there(bench: Bench) -> Outcome:
    for name in ("http_proxy", "HTTP_PROXY"):
        bench.patch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    for name in ("no_proxy", "NO_PROXY"):
        bench.patch.delenv(name, raising=False)
    return downloaded(bench, source="http://corpus.example/mine.tsv")


def poisoned(bench: Bench) -> Outcome:
    cached = download.cached(sms_spam.SHA256)
    cached.parent.mkdir()
    cached.write_bytes(b"ham\tpoison\n")
    bench.server.serves("/archive.zip", body(zipped(OWN)))
    return downloaded(bench)


def cache_that_is_a_file(bench: Bench) -> Outcome:
    (bench.workspace.root / "cache").touch()
    bench.server.serves("/archive.zip", body(zipped(OWN)))
    return downloaded(bench)


def archive_of(answer: Any) -> Callable[[Bench], Outcome]:
    """Return a case of a bad first source of the SMS Spam Collection, whose second one is good."""

    def case(bench: Bench) -> Outcome:
        bench.server.serves("/archive.zip", answer)
        bench.server.serves("/mirror", body(OWN))
        return downloaded(bench)

    return case


def every_source_fails(bench: Bench) -> Outcome:
    bench.workspace.settings()
    code, said = ended(download.main)
    *each, last = said.splitlines()
    assert (code, [line[:15] for line in each]) == (1, ["source failed: "])
    return ERROR, last


def zipped(content: bytes, name: str = sms_spam.ARCHIVE_MEMBER, method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip of one member: of the same size with any zlib, unless it is deflated."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as file:
        file.writestr(name, content)
    return archive.getvalue()


def no_corpus(bench: Bench) -> Outcome:
    bench.workspace.settings()
    return failed(bench, clean.main)


CORPUS = [
    ("a path where no file is", corpus_of("mine.tsv")),
    ("a directory", a_directory),
    ("an empty file", corpus_of("mine.tsv", b"")),
    ("a home directory of nobody", corpus_of("~no-user-of-this-name/mine.tsv")),
    ("a file of another checksum", corpus_of("mine.tsv", OWN, sha256="0" * 64)),
    ("a checksum beside sms-spam", lambda bench: downloaded(bench, sha256="0" * 64)),
    ("an address without a host", corpus_of("http://")),
    ("an address of another kind (ftp)", corpus_of("ftp://corpus.example/mine.tsv")),
    ("an address that answers 404", served(status(404))),
    ("an address that answers 403", served(status(403))),
    ("an address that answers 500, again and again", served(status(500))),
    ("an address that redirects to nowhere", served(status(302, Location="http://[::1"))),
    ("an address that redirects in a circle", served(status(302, Location="/mine.tsv"))),
    ("an address that gives an HTML page", served(page("Please log in"))),
    ("an address that gives an empty file", served(body(b""))),
    ("an address that breaks off", served(body(OWN, 1000))),
    ("an address that says nothing", says_nothing),
    ("an address that gives no HTTP", served(lambda handler: handler.wfile.write(b"\x1b[31mhello\n"))),
    ("an answer with a terminal's escape sequence", served(status(404, "\x1b[31mred"))),
    ("an address of another checksum", served(body(OWN), sha256="0" * 64)),
    ("a server that does not listen", nobody_listens),
    ("a proxy that is not there", no_proxy_there),
    ("sms-spam: a truncated zip", archive_of(body(zipped(OWN)[:100]))),
    ("sms-spam: a zip that breaks off", archive_of(body(zipped(OWN), 10_000))),
    ("sms-spam: a zip without the corpus", archive_of(body(zipped(OWN, "readme")))),
    ("sms-spam: a zip bomb", archive_of(body(zipped(bytes(6_000_000), method=zipfile.ZIP_DEFLATED)))),
    ("sms-spam: another corpus", archive_of(body(zipped(b"ham\tpoison\n")))),
    ("sms-spam: an HTML page for a zip", archive_of(page("Come back later"))),
    ("sms-spam: a source that answers 500", archive_of(status(500))),
    ("sms-spam: every source fails", every_source_fails),
    ("a poisoned cache", poisoned),
    ("a cache that cannot be written", cache_that_is_a_file),
    ("clean before download: no corpus", no_corpus),
]

# Rows

GOOD = "ham\tsee you at the old bridge\nspam\tWIN a kettle now\nham\tsoup at eight\nspam\tfree lamp, call 00000\n"


def row(line: bytes | str, **settings: Any) -> Callable[[Bench], Outcome]:
    """Return a case of one bad row after good ones. As CSV if the settings say so."""
    good = GOOD.replace(", ", " ").replace("\t", ",") if settings.get("format") == "csv" else GOOD
    raw = line if isinstance(line, bytes) else line.encode()
    return corpus(lambda: good.encode() + raw, **{"max_rejected_share": 1} | settings)


def corpus(content: Callable[[], bytes | str], **settings: Any) -> Callable[[Bench], Outcome]:
    """Return a case of a whole corpus, whose last row tells what happened. It is made when the case is run."""

    def case(bench: Bench) -> Outcome:
        bench.workspace.settings(**prefixed("clean", settings))
        bench.workspace.corpus(content())
        code, said = ended(clean.main)
        if code:
            assert (code, said.count("\n"), said[:7]) == (1, 1, "error: ")
            assert not paths.MESSAGES.exists()
            return ERROR, said
        assert said == ""
        if rejected := read_table(paths.REJECTED)[1:]:
            line, reason = rejected[-1]
            return REJECTED, f"line {line}: {reason}"
        label, text = read_messages(paths.MESSAGES)[-1]
        return KEPT, shown(f"{label}: {text}")

    return case


def prefixed(section: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {name if "__" in name else f"{section}__{name}": value for name, value in settings.items()}


def stages_to(*mains: Callable[[], None]) -> Callable[[Bench, str, dict[str, Any]], Outcome]:
    """Return a function that runs these stages on a corpus. All but the last must succeed, and the last must not."""

    def case(bench: Bench, text: str, settings: dict[str, Any]) -> Outcome:
        bench.workspace.settings(**settings)
        bench.workspace.corpus(text)
        for main in mains[:-1]:
            bench.workspace.run(main)
        return failed(bench, mains[-1])

    return case


to_split = stages_to(clean.main, vectorize.main, split.main)
to_train = stages_to(clean.main, vectorize.main, split.main, train.main)


def rows_of(ham: int, spam: int) -> str:
    """Return invented rows, no two of them of one template."""
    counts = {"ham": ham, "spam": spam}
    return "".join(
        f"{label}\t{label} {' '.join(chr(97 + number) * length for length in (2, 3, 4))}\n"
        for label, count in counts.items()
        for number in range(count)
    )


def emoji_only(tokenizer: str) -> Callable[[Bench], Outcome]:
    """Return a case in which the whole corpus is emoji, through all stages to train."""

    def case(bench: Bench) -> Outcome:
        config = prefixed("train", RECIPE | {"ensemble": 1, "linear": False, "epochs": 1})
        bench.workspace.settings(vectorize__tokenizer=tokenizer, split__keep_together="none", **config)
        faces = [f"\U0001f600{chr(0x1F601 + number)}" for number in range(20)]
        bench.workspace.corpus("".join(f"{TWO[number % 2]}\t{face}\n" for number, face in enumerate(faces)))
        for main in (clean.main, vectorize.main, split.main):
            bench.workspace.run(main)
        with redirect_stdout(io.StringIO()):
            status, said = ended(train.main)
        if status:
            return ERROR, said
        tokens = bench.workspace.metrics("vectorize")["distinct_tokens"]
        return KEPT, f"{bench.workspace.metrics('clean')['kept']} rows, {tokens} distinct tokens"

    return case


ROWS = [
    ("an empty corpus", corpus(lambda: "")),
    ("a corpus of one blank line", corpus(lambda: "\n")),
    ("a header line alone (CSV)", corpus(lambda: "label,text\n", format="csv", label_column="label",
                                         text_column="text")),
    ("a header line read as a row (CSV by positions)", row("label,text\n", format="csv")),
    ("a column name that the header lacks", corpus(lambda: "kind,text\nham,soup\nspam,WIN\n", format="csv",
                                                   label_column="label", text_column="text")),
    ("a column name that stands twice in the header", corpus(lambda: "label,text,text\nham,soup,1\nspam,WIN,2\n",
                                                             format="csv", label_column="label", text_column="text")),
    ("another separator than the format's", corpus(lambda: GOOD, format="csv")),
    ("one class only", corpus(lambda: "ham\tsoup\nham\ttea\n")),
    ("128 labels", corpus(lambda: "".join(f"label{number:03}\ttext {number}\n" for number in range(128)))),
    ("a positive label that no row has", corpus(lambda: GOOD.replace("spam", "junk"))),
    ("only duplicates", corpus(lambda: "ham\tsoup\nspam\tsoup\n" * 5)),
    ("a message and its duplicate", row("spam\tsoup at eight\n", duplicates="keep")),
    ("no row of a class in a part of the split", lambda bench: to_split(bench, rows_of(10, 1), {})),
    ("fewer rows than parts", lambda bench: to_split(bench, rows_of(1, 1), {})),
    ("all rows of one template", lambda bench: to_split(
        bench, "".join(f"{TWO[number % 2]}\tcall {number} now\n" for number in range(20)), {})),
    ("a class in one fold of the ensemble alone", lambda bench: to_train(
        bench, rows_of(20, 2), {"split__validation_share": 0})),
    ("ends of lines as on Windows", row("ham\tends as on Windows\r\n")),
    ("a byte order mark", corpus(lambda: b"\xef\xbb\xbfham\tsoup\nspam\tWIN\n")),
    ("UTF-16 with a byte order mark", corpus(lambda: GOOD.encode("utf-16"))),
    ("UTF-16 without a byte order mark", corpus(lambda: GOOD.encode("utf-16-le"))),
    ("UTF-32 with a byte order mark", corpus(lambda: GOOD.encode("utf-32"))),
    ("UTF-16 that breaks off in a character", corpus(lambda: GOOD.encode("utf-16")[:-1])),
    ("invalid UTF-8", row(b"ham\tcaf\xe9\n")),
    ("invalid UTF-8 (CSV)", row(b"ham,caf\xe9\n", format="csv")),
    ("a lone surrogate", row(b"ham\t\xed\xa0\xbd\n")),
    ("a lone surrogate (CSV)", row(b"ham,\xed\xa0\xbd\n", format="csv")),
    ("NUL in the text", row("ham\tnul \x00 byte\n")),
    ("NUL in the text (CSV)", row("ham,nul \x00 byte\n", format="csv")),
    ("a picture for a corpus", corpus(lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4)),
    ("an HTML page for a corpus", corpus(lambda: "<!DOCTYPE html>\n<html><body>404</body></html>\n")),
    ("a line of 100 MB", corpus(lambda: b"".join([GOOD.encode(), b"ham\t", b"x" * 100_000_000, b"\n"]),
                                  max_rejected_share=1)),
    ("a million blank lines", corpus(lambda: GOOD + "\n" * 1_000_000)),
    ("a blank line", row("\n")),
    ("a line without a tab", row("ham soup at nine\n")),
    ("a line without a label", row("\tsoup at nine\n")),
    ("a line without a text", row("ham\t\n")),
    ("a text of white space", row("ham\t \u00a0\u2003\n")),
    ("more rejected rows than clean.max_rejected_share", row("ham\n", max_rejected_share=0.01)),
    ("tabs in the text", row("ham\tone\ttwo\tthree\n")),
    ("unbalanced quotes", row('ham\t"never closed\n')),
    ("unbalanced quotes (CSV)", row('ham,"never closed\n', format="csv")),
    ("a quote in the midst of a field (CSV)", row('ham,"closed" and on\n', format="csv")),
    ("a line end in a quoted text (CSV)", row('ham,"two\nlines"\n', format="csv")),
    ("a row with a column too few (CSV)", row("ham\n", format="csv")),
    ("an emoji as the whole text", row("ham\t\U0001f600\n")),
    ("only emoji, tokenizer word", emoji_only("word")),
    ("only emoji, tokenizer rich", emoji_only("rich")),
    ("right-to-left text and its marks", row("ham\t\u202eesrever \u05e9\u05dc\u05d5\u05dd\n")),
    ("a terminal's escape sequence in the text", row("ham\t\x1b[31mred\x1b[0m\n")),
    ("a terminal's escape sequence in the label", row("\x1b[31mham\tred\n")),
    ("HTML in the text", row("ham\t<script>alert(1)</script>\n")),
    ("a formula which a spreadsheet would run", row("ham\t=cmd|' /C calc'!A0\n")),
    ("a label with a line separator", row("ha\u2028m\tsoup at nine\n")),
    ("a label in other capitals: a third label", row("Spam\tfree soup\n")),
    ("a text of which remove_pattern leaves nothing", row("ham\t12345\n", remove_pattern=r"\d+")),
    ("a text of which ascii_only leaves nothing", row("ham\t\u0437\u0438\u043c\u0430\n", ascii_only=True)),
]  # fmt: skip


# Parameters

STAGES: dict[str, Callable[[], None]] = {
    "download": download.main,
    "clean": clean.main,
    "vectorize": vectorize.main,
    "split": split.main,
    "train": train.main,
    "evaluate": evaluate.main,
    "plot": plot.main,
}


def setting(key: str, value: Any, **others: Any) -> tuple[str, Callable[[Bench], Outcome]]:
    """Return a case of one setting in the stage which reads it, with its title."""
    section = key.partition(".")[0]

    def case(bench: Bench) -> Outcome:
        bench.workspace.settings(**{key.replace(".", "__"): value} | others)
        bench.workspace.corpus(GOOD)
        outcome = failed(bench, STAGES[section])
        assert "params.yaml: " in outcome[1], "no setting is told, but what comes after it"
        return outcome

    return f"`{key}: {written(value)}`", case


def written(value: Any) -> str:
    """Return a value as it stands in params.yaml."""
    if isinstance(value, float) and not np.isfinite(value):
        return f".{value}"
    return json.dumps(value, ensure_ascii=False) if len(str(value)) < 30 else f"{str(value)[:12]}…"


def params_file(content: bytes | str) -> Callable[[Bench], Outcome]:
    """Return a case of a whole params.yaml, read by plot."""

    def case(bench: Bench) -> Outcome:
        paths.PARAMS.write_bytes(content if isinstance(content, bytes) else content.encode())
        outcome = failed(bench, plot.main)
        assert not (bench.workspace.root / "ran").exists(), "code in the file was run"
        return outcome

    return case


def params_missing(bench: Bench) -> Outcome:
    return failed(bench, plot.main)


def params_directory(bench: Bench) -> Outcome:
    paths.PARAMS.mkdir()
    return failed(bench, plot.main)


def without(section: str, key: str) -> Callable[[Bench], Outcome]:
    """Return a case in which params.yaml lacks a key."""

    def case(bench: Bench) -> Outcome:
        line = re.compile(rf"^  {key}:.*\n", re.MULTILINE)
        before, head, after = Workspace.DEFAULTS.partition(f"\n{section}:\n")
        paths.PARAMS.write_text(before + head + line.sub("", after, count=1), "utf-8")
        return failed(bench, STAGES[section])

    return case


def misspelt_section(bench: Bench) -> Outcome:
    paths.PARAMS.write_text(Workspace.DEFAULTS.replace("\nplot:", "\nplots:"), "utf-8")
    return failed(bench, plot.main)


def patience_without_validation(bench: Bench) -> Outcome:
    settings = {"train__ensemble": 1, "train__linear": False, "train__patience": 2, "split__validation_share": 0}
    return to_train(bench, rows_of(10, 10), settings)


def threshold_without_held_out(bench: Bench) -> Outcome:
    copied(bench.workspace, bench.model.parent)
    header, _, _ = paths.HELD_OUT.read_text("utf-8").partition("\n")
    paths.HELD_OUT.write_text(f"{header}\n", "utf-8")
    return failed(bench, evaluate.main)


def positive_label_of_no_row(bench: Bench) -> Outcome:
    copied(bench.workspace, bench.model.parent)
    bench.workspace.settings(evaluate__positive_label="junk")
    return failed(bench, evaluate.main)


def laughs(section: str) -> str:
    """Return the billion laughs: lists of lists of lists, each ten times the one before, and one of them in use."""
    names = "abcdefghi"
    lines = ["a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"{name}: &{name} [{', '.join([f'*{last}'] * 10)}]" for last, name in pairwise(names)]
    return "\n".join([*lines, section, ""])


PARAMETERS = [
    setting("train.units", "64"),
    setting("train.units", 64.5),
    setting("train.units", None),
    setting("train.units", [64]),
    setting("train.units", 0),
    setting("train.units", -1),
    setting("train.units", 10**30),
    setting("train.units", float("nan")),
    ("train.units is missing", without("train", "units")),
    setting("train.unit", 64),
    setting("train.colour", "red"),
    setting("train.layers", 9),
    setting("train.dropout", 1),
    setting("train.learning_rate", float("nan")),
    setting("train.learning_rate", float("inf")),
    setting("train.learning_rate", "fast"),
    setting("train.clip_norm", float("inf")),
    setting("train.clip_norm", 1e39),
    setting("train.cell", "transformer"),
    setting("train.masking", "yes"),
    setting("train.seed", 10**30),
    setting("train.ensemble", 65),
    setting("split.seed", -1),
    setting("split.test_share", 0),
    setting("split.test_share", 1),
    setting("split.keep_together", False),
    ("split.seed is missing", without("split", "seed")),
    setting("split.sead", 0),
    setting("vectorize.tokenizer", "chars"),
    setting("vectorize.max_sequence_length", 10**30),
    setting("clean.format", "xml"),
    setting("clean.label_column", -1),
    setting("clean.label_column", 1.5),
    setting("clean.label_column", 10**30),
    setting("clean.lowercase", 1),
    setting("clean.max_rejected_share", 1.1),
    setting("clean.remove_pattern", "[a"),
    setting("clean.remove_pattern", "a{99999999999}"),
    setting("clean.remove_pattern", 5),
    setting("download.source", ""),
    setting("download.source", 7),
    setting("download.sha256", "12ab"),
    setting("download.connect_timeout", 0),
    setting("download.connect_timeout", 10**30),
    setting("evaluate.positive_label", ""),
    setting("evaluate.positive_label", 1),
    setting("evaluate.threshold", 2),
    setting("evaluate.threshold", "test"),
    setting("evaluate.bootstrap_samples", 99),
    setting("plot.dpi", 10),
    setting("plot.dpi", True),
    ("two wrong settings at once", setting("train.units", 0, train__cell="cnn")[1]),
    ("a number written as in Germany, `1,5`", setting("train.clip_norm", "1,5")[1]),
    ("a value with a line end and an escape sequence", setting("plot.dpi", "\x1b[31m\n")[1]),
    ("a value of 100,000 letters", setting("plot.dpi", "x" * 100_000)[1]),
    ("a key with a line end and an escape sequence", params_file('plot: {"\\e[31m\\n": 1, dpi: 120}\n')),
    ("a key that is a number", params_file("plot: {1: 2, dpi: 120}\n")),
    ("test_share and validation_share are all", setting("split.test_share", 0.5, split__validation_share=0.5)[1]),
    ("linear without an ensemble", setting("train.ensemble", 1)[1]),
    ("patience without a validation part", patience_without_validation),
    ("threshold: held_out without held-out rows", threshold_without_held_out),
    ("a positive label that the trained model lacks", positive_label_of_no_row),
    ("label and text in one column", setting("clean.label_column", 1)[1]),
    ("names of columns for format tsv", setting("clean.label_column", "label")[1]),
    ("a remove_pattern that backtracks for ever, `(a|aa)+$`", corpus(
        lambda: f"{GOOD}ham\t{'a' * 60}!\n", remove_pattern="(a|aa)+$")),
    ("no params.yaml", params_missing),
    ("params.yaml is a directory", params_directory),
    ("params.yaml is empty", params_file("")),
    ("params.yaml is a list", params_file("- plot\n")),
    ("params.yaml is no YAML", params_file("plot: {dpi: 120\n")),
    ("params.yaml holds a tab", params_file("plot:\n\tdpi: 120\n")),
    ("params.yaml is not UTF-8", params_file(b"plot: {dpi: 120} # caf\xe9\n")),
    ("params.yaml is UTF-16", params_file("plot: {dpi: 120}\n".encode("utf-16"))),
    ("params.yaml holds NUL", params_file("plot: {dpi: 120}\x00\n")),
    ("params.yaml is two documents", params_file("plot: {dpi: 120}\n---\nplot: {dpi: 121}\n")),
    ("a key stands twice", params_file("plot: {dpi: 120, dpi: 121}\n")),
    ("a section is a number", params_file("plot: 120\n")),
    ("a section is empty", params_file("plot:\n")),
    ("a section is misspelt", misspelt_section),
    ("an alias of nothing", params_file("plot: {dpi: *dots}\n")),
    ("a setting that contains itself", params_file("plot: &a {dpi: *a}\n")),
    ("a date that is none", params_file("plot: {dpi: 2031-13-41}\n")),
    ("a date", params_file("plot: {dpi: 2031-12-31}\n")),
    ("`!!bool x`", params_file("plot: {dpi: !!bool x}\n")),
    ("`!!int ''`", params_file("plot: {dpi: !!int ''}\n")),
    ("a tag that would run code", params_file("plot: {dpi: !!python/object/apply:os.system [touch ran]}\n")),
    ("a hexadecimal number of 10,000 digits", params_file(f"plot: {{dpi: 0x{'f' * 10_000}}}\n")),
    ("a number of 10,000 digits", params_file(f"plot: {{dpi: {'9' * 10_000}}}\n")),
    ("a billion laughs for a section", params_file(laughs("plot: *i"))),
    ("a billion laughs for a setting", params_file(laughs("plot: {dpi: *i}"))),
    ("100,000 nested brackets", params_file("plot: " + "[" * 100_000)),
]  # fmt: skip

# Model files

MESSAGE = "WIN a kettle now"


def answered(bench: Bench, directory: Path, *arguments: str) -> Outcome:
    """Run predict.py with the model in `directory`."""
    bench.patch.setattr(
        sys, "argv", ["predict.py", "--model", str(directory), *(arguments or (MESSAGE, "--format", "tsv"))]
    )
    # A file: after an error of the system predict.py points the number of its standard output elsewhere.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
        with redirect_stdout(out), redirect_stderr(io.StringIO()) as stderr:
            try:
                code = run(predict.main)
            except SystemExit as end:
                code = int(end.code or 0)
        said = stderr.getvalue()
        if code == 2:
            return USAGE, said.rstrip("\n").split("\n")[-1]
        if code:
            assert (code, said.count("\n"), said[:7]) == (1, 1, "error: ")
            return ERROR, said
        assert said == ""
        out.seek(0)
        return KEPT, "; ".join(shown(line.split("\t")[-1]) for line in out.read().splitlines())


def spoilt(name: str, change: Callable[[Path], object], stale: bool = False) -> Callable[[Bench], Outcome]:
    """Return a case of a model one of whose files is changed.

    Unless `stale`, the sums in model.json are made to fit, as in a model that was damaged before it was finished.
    """

    def case(bench: Bench) -> Outcome:
        path = Path(copytree(bench.model, bench.workspace.root / "copy")) / name
        before = path.read_bytes()
        change(path)
        sums = path.with_name("model.json")
        if not stale and path.exists() and sums.exists():
            old, new = (sha256(content).hexdigest() for content in (before, path.read_bytes()))
            sums.write_text(sums.read_text("utf-8").replace(old, new), "utf-8")
        return answered(bench, path.parent)

    return case


def holding(content: bytes | str) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def edited(**changes: Any) -> Callable[[Path], object]:
    return lambda path: write_json(path, read_json(path) | changes)


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)


def claiming(path: Path) -> None:
    """Write an array's header which promises 10^12 numbers, and a few of them."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<u4", "fortran_order": False, "shape": (10**12,)})
        file.write(bytes(64))


def of_another_model(name: str) -> Callable[[Bench], Outcome]:
    """Return a case of a file which is sound, but no part of this model."""

    def change(path: Path) -> None:
        if name == "ngrams.npy":
            np.save(path, np.arange(9000, dtype=np.uint32) * 477_000)
        elif name == "vocabulary.tsv":
            path.write_text("soup\t9\n", "utf-8")
        elif name == "settings.json":
            edited(max_sequence_length=3)(path)
        else:
            path.write_bytes(path.read_bytes().replace(b"words", b"wards"))

    return spoilt(name, change, stale=True)


def no_model(bench: Bench) -> Outcome:
    return answered(bench, bench.workspace.root / "none")


def usage(*arguments: str) -> Callable[[Bench], Outcome]:
    return lambda bench: answered(bench, bench.model, *arguments)


def input_of(
    content: bytes, *options: str, name: str = "messages.txt", changed: bool = False
) -> Callable[[Bench], Outcome]:
    """Return a case of a file of messages: an error, or how it is written beside the answers."""

    def case(bench: Bench) -> Outcome:
        path = bench.workspace.root / name
        path.write_bytes(content)
        happened, said = answered(bench, bench.model, "--input", str(path), "--format", "tsv", *options)
        assert happened in {KEPT, ERROR}
        return (CHANGED if changed else happened), said

    return case


def csv_of(content: bytes, *options: str) -> Callable[[Bench], Outcome]:
    return input_of(content, *options, name="messages.csv")


def tsv_of(content: bytes, *options: str) -> Callable[[Bench], Outcome]:
    return input_of(content, *options, name="messages.tsv")


def jsonl_of(content: bytes, *options: str, changed: bool = False) -> Callable[[Bench], Outcome]:
    return input_of(content, *options, name="messages.jsonl", changed=changed)


def input_directory(bench: Bench) -> Outcome:
    return answered(bench, bench.model, "--input", str(bench.workspace.root))


def input_missing(bench: Bench) -> Outcome:
    return answered(bench, bench.model, "--input", str(bench.workspace.root / "none.txt"))


MODEL = [
    ("no model", no_model),
    ("no model.onnx", spoilt("model.onnx", Path.unlink)),
    ("model.onnx is text", spoilt("model.onnx", holding("not a graph\n"))),
    ("model.onnx is empty", spoilt("model.onnx", holding(""))),
    ("model.onnx is cut in half", spoilt("model.onnx", cut)),
    ("model.json is missing", spoilt("model.json", Path.unlink, stale=True)),
    ("model.json is no JSON", spoilt("model.json", cut, stale=True)),
    ("model.json names no file", spoilt("model.json", holding("{}"), stale=True)),
    ("model.json: 100,000 nested brackets", spoilt("model.json", holding("[" * 100_000), stale=True)),
    ("settings.json is missing", spoilt("settings.json", Path.unlink)),
    ("settings.json is no JSON", spoilt("settings.json", cut)),
    ("settings.json has an unknown key", spoilt("settings.json", edited(colour="red"))),
    ("settings.json is a list", spoilt("settings.json", holding("[1, 2]"))),
    ("settings.json has a wrong type", spoilt("settings.json", edited(max_sequence_length="long"))),
    ("settings.json is not UTF-8", spoilt("settings.json", holding(b'{"labels": ["caf\xe9"]}'))),
    ("settings.json: 100,000 nested brackets", spoilt("settings.json", holding("[" * 100_000))),
    ("settings.json: max_sequence_length 0", spoilt("settings.json", edited(max_sequence_length=0))),
    ("settings.json: max_sequence_length -1", spoilt("settings.json", edited(max_sequence_length=-1))),
    ("settings.json: max_sequence_length 10^30", spoilt("settings.json", edited(max_sequence_length=10**30))),
    ("settings.json: no labels", spoilt("settings.json", edited(labels=[]))),
    ("settings.json: subword_buckets -1", spoilt("settings.json", edited(subword_buckets=-1))),
    ("settings.json: masking false", spoilt("settings.json", edited(masking=False, max_sequence_length=10**12))),
    ("settings.json: a remove_pattern that backtracks for ever", spoilt("settings.json", edited(
        normalisation={"lowercase": False, "ascii_only": False, "remove_pattern": "(.+)+$"}))),
    ("vocabulary.tsv is missing", spoilt("vocabulary.tsv", Path.unlink)),
    ("vocabulary.tsv is not UTF-8", spoilt("vocabulary.tsv", holding(b"caf\xe9\t3\n"))),
    ("vocabulary.tsv has no counts", spoilt("vocabulary.tsv", holding("tea\nat\n"))),
    ("ngrams.npy is missing", spoilt("ngrams.npy", Path.unlink)),
    ("ngrams.npy is a pickle", spoilt("ngrams.npy", pickled)),
    ("ngrams.npy claims 10^12 numbers", spoilt("ngrams.npy", claiming)),
    ("ngrams.npy is cut in half", spoilt("ngrams.npy", cut)),
    ("ngrams.npy is empty", spoilt("ngrams.npy", holding(""))),
    ("ngrams.npy holds words", spoilt("ngrams.npy", lambda path: np.save(path, np.array(["tea", "at"])))),
    ("threshold.json is missing", spoilt("threshold.json", Path.unlink)),
    ("threshold.json is empty", spoilt("threshold.json", holding(""))),
    ("threshold.json has a foreign label", spoilt("threshold.json", edited(positive_label="egg"))),
    ("threshold.json: threshold NaN", spoilt("threshold.json", lambda path: path.write_text(
        path.read_text("utf-8").replace('"threshold": ', '"threshold": NaN, "x": '), "utf-8"))),
    ("threshold.json: threshold 2", spoilt("threshold.json", edited(threshold=2))),
    *((f"{name} is another model's", of_another_model(name))
      for name in ("model.onnx", "settings.json", "vocabulary.tsv", "ngrams.npy")),
]  # fmt: skip

# predict.py

PREDICT = [
    ("neither a message nor a file", usage("--format", "tsv")),
    ("a message and a file", usage("tea", "--input", "messages.txt")),
    ("an unknown option", usage("tea", "--colour")),
    ("an unknown format", usage("tea", "--format", "xml")),
    ("an option without its value", usage("--input")),
    ("a file that is not there", input_missing),
    ("a directory for a file", input_directory),
    ("messages that are not UTF-8", input_of(b"caf\xe9 \xff\n", changed=True)),
    ("messages with a byte order mark", input_of(b"\xef\xbb\xbfsoup at eight\n")),
    ("messages with ends of lines as on Windows", input_of(b"soup\r\nWIN\r\n")),
    ("messages in UTF-16", input_of("soup\nWIN\n".encode("utf-16"))),
    ("a message with a terminal's escape sequence", input_of(b"\x1b[31mred\x07\n", changed=True)),
    ("a message that turns the line around", input_of("\u202eesrever\n".encode(), changed=True)),
    ("a message with a tab and NUL", input_of(b"a\tb\x00c\n", changed=True)),
    ("an empty file of messages", input_of(b"")),
    ("an empty message", usage("", "--format", "tsv")),
    ("a message of a megabyte", input_of(b"a" * 1_000_000 + b"\n", changed=True)),
    ("a message of three megabytes", input_of(b"a" * 3_000_000 + b"\n")),
    ("only emoji in a message", usage("\U0001f600\U0001f600", "--format", "tsv")),
    ("an empty message, explained", usage("", "--format", "tsv", "--explain")),
    ("an unknown kind of input", usage("--input", "messages.xml", "--kind", "xml")),
    ("--kind beside a message", usage("tea", "--kind", "csv")),
    ("--column beside a message", usage("tea", "--column", "text")),
    ("--column of lines", usage("--input", "messages.txt", "--column", "text")),
    ("messages in CSV: ends of lines in quotes", csv_of(b'text\r\n"soup\r\nat eight"\r\nWIN\r\n')),
    ("messages in CSV: blank lines", csv_of(b"text\n\nsoup\n\n")),
    ("messages in CSV: ends of lines as on old Macs", csv_of(b"text\rsoup\rWIN\r")),
    ("messages in CSV: a quote within a field", csv_of(b'soup 5" wide,x\nWIN,x\n', "--column", "0")),
    ("messages in CSV: a header and no more", csv_of(b"text\n")),
    ("messages in CSV: no such column", csv_of(b"id,message\n1,soup\n")),
    ("messages in CSV: a header of a hundred columns", csv_of(b",".join([b"long " * 9] * 100) + b"\n")),
    ("messages in CSV: two columns of that name", csv_of(b"text,text\nsoup,WIN\n")),
    ("messages in CSV: a row that is too short", csv_of(b"id,text\n1,soup\n2\n")),
    ("messages in CSV: a position beyond the last column", csv_of(b"1,soup\n", "--column", "7")),
    ("messages in CSV: a quote that is never closed", csv_of(b'id,text\n1,"soup\n2,WIN\n')),
    ("messages in CSV: a quote that is closed three megabytes later", csv_of(
        b'text\n"' + b"soup\n" * 600_000 + b'"\n')),
    ("messages in CSV: letters after a closing quote", csv_of(b'text\n"soup"s\n')),
    ("messages in TSV: quotes", tsv_of(b'1\t"soup\n2\tat ""eight\n')),
    ("messages in TSV: lines of different lengths", tsv_of(b"soup\n1\tat eight\n\n")),
    ("messages in TSV: no such column", tsv_of(b"id\tmessage\n1\tsoup\n", "--column", "text")),
    ("messages in TSV: a row that is too short", tsv_of(b"1\tsoup\n2\n", "--column", "1")),
    ("messages in JSON lines: strings and blank lines", jsonl_of(b'"soup"\n\n{"text": "WIN"}\n')),
    ("messages in JSON lines: a number of 10,000 digits", jsonl_of(
        b'{"id": ' + b"1" * 10_000 + b', "text": "soup"}\n')),
    ("messages in JSON lines: half a surrogate pair", jsonl_of(b'{"text": "soup \\ud83d"}\n', changed=True)),
    ("messages in JSON lines: no JSON", jsonl_of(b"soup at eight\n")),
    ("messages in JSON lines: an object over several lines", jsonl_of(b'{\n  "text": "soup"\n}\n')),
    ("messages in JSON lines: no such key", jsonl_of(b'{"id": 1, "message": "soup"}\n')),
    ("messages in JSON lines: a number for a text", jsonl_of(b'{"text": 7}\n')),
    ("messages in JSON lines: a list", jsonl_of(b'[{"text": "soup"}]\n')),
    ("messages in JSON lines: 100,000 nested brackets", jsonl_of(b"[" * 100_000 + b"\n")),
]  # fmt: skip

# Cluster


def tf_config(text: str) -> Callable[[Bench], Outcome]:
    """Return a case of that TF_CONFIG."""

    def case(bench: Bench) -> Outcome:
        bench.patch.setenv("TF_CONFIG", text)
        return failed(bench, train.main)

    return case


CLUSTER: list[tuple[str, Callable[[Bench], Outcome]]] = [
    ("TF_CONFIG is no JSON", tf_config("worker 0 of 2")),
    ("TF_CONFIG without addresses", tf_config('{"task": {"type": "worker", "index": 0}}')),
    ("TF_CONFIG with an address without its port", tf_config(
        '{"cluster": {"worker": ["alpha:12345", "beta"]}, "task": {"type": "worker", "index": 0}}')),
    ("TF_CONFIG with two workers at one address", tf_config(
        '{"cluster": {"worker": ["alpha:12345", "alpha:12345"]}, "task": {"type": "worker", "index": 0}}')),
    ("TF_CONFIG with a parameter server", tf_config(
        '{"cluster": {"worker": ["alpha:12345"], "ps": ["beta:12345"]}, "task": {"type": "worker", "index": 0}}')),
    ("TF_CONFIG of a worker beyond the last", tf_config(
        '{"cluster": {"worker": ["alpha:12345", "beta:12345"]}, "task": {"type": "worker", "index": 2}}')),
]  # fmt: skip

SECTIONS = {
    "Corpus file": CORPUS,
    "Rows": ROWS,
    "Parameters": PARAMETERS,
    "Cluster": CLUSTER,
    "Model files": MODEL,
    "predict.py": PREDICT,
}
CASES = [Case(section, title, case) for section, cases in SECTIONS.items() for title, case in cases]

# The document

HEAD = """# Bad inputs

What happens to a bad input, and what the user is told. Written by `python -m tests.bad_inputs` and checked by
tests/test_bad_inputs.py, which gives every input below to the pipeline. In the messages, … stands for the workspace or
for the rest of a checksum, and localhost for a server.

"""


def document(outcomes: list[tuple[Case, Outcome]]) -> str:
    """Return docs/errors.md for the cases and what became of them."""
    text = HEAD + "".join(f"- **{happened}**: {meaning}.\n" for happened, meaning in HAPPENED.items())
    for section in SECTIONS:
        text += f"\n## {section}\n\n| input | what happens | message, or what is kept |\n|---|---|---|\n"
        for case, (happened, message) in outcomes:
            if case.section == section:
                text += f"| {escaped(case.title)} | {happened} | {code(message)} |\n"
    return text


def escaped(text: str) -> str:
    """Return text which stands in a cell of a table as it is."""
    return text.replace("|", r"\|")


def code(text: str) -> str:
    """Return text as code in a cell of a table, between more backticks than it holds itself."""
    if not text:
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if len(fence) > 1 or text != text.strip() else ""
    return f"{fence}{space}{escaped(text)}{space}{fence}"


def rows(text: str) -> dict[str, tuple[str, str, str]]:
    """Return section, what happened and message, as they stand in the document, by title."""
    found: dict[str, tuple[str, str, str]] = {}
    section = ""
    for line in text.splitlines():
        section = line.removeprefix("## ") if line.startswith("## ") else section
        if section and line.startswith("| ") and not line.startswith("| input |"):
            title, happened, message = re.split(r"(?<!\\) \| ", line.removeprefix("| ").removesuffix(" |") + " ")
            assert title not in found, "a title stands twice"
            found[title] = section, happened, message.strip()
    return found


def main() -> None:
    """Run every case, and write the document. A case that ends as no input should is told, and has no row."""
    outcomes, bugs = [], 0
    with tempfile.TemporaryDirectory() as base, running() as server:
        model = trained(Path(base), TWO) / "model"
        for number, case in enumerate(CASES):
            root = Path(base) / str(number)
            root.mkdir()
            with pytest.MonkeyPatch.context() as patch:
                place(patch, root)
                try:
                    outcomes.append((case, outcome(case, Bench(Workspace(root), model, server, patch))))
                except Exception as error:  # noqa: BLE001  # whatever it is, a user must not see it
                    bugs += 1
                    print(f"{case.section}: {case.title}: {type(error).__name__}: {shown(str(error))}", file=sys.stderr)
    DOCUMENT.write_text(document(outcomes), "utf-8")
    sys.exit(bugs > 0)


if __name__ == "__main__":
    main()
