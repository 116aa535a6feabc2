"""report/index.html in a real browser: self-contained, readable by everybody, right in its numbers."""

import csv
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser
from sklearn import metrics

from stages import plot
from tests.browser import CONTRAST, SIDEWAYS, STRUCTURE, Sight, running, seen
from tests.models import THREE, TWO, place, trained
from tests.workspace import Workspace
from textrnn.artifacts.messages import TWINS
from textrnn.core.escape import field
from textrnn.core.files import read_json, read_table, write_array, write_json, write_text
from textrnn.evaluation import tables
from textrnn.metrics.intervals import intervals
from textrnn.metrics.paired import points, verdict
from textrnn.metrics.scores import majority_baseline, of_answers, scores
from textrnn.model.stacking import softmax
from textrnn.report import figures, formatting

PAGE = "report/index.html"
TABLES = ("predictions.tsv", "labels.tsv", "errors.tsv", "label_errors.csv")
CELLS = "(rows) => [...document.querySelectorAll(rows)].map((row) => [...row.cells].map((one) => one.textContent))"
ODD = {"ham": "</script>{{7*7}}", "spam": "=\"'><img onerror=x>&"}  # labels that try to be more than text
ODD_TEXT = (
    "<b>win</b> </script><script>alert(3)</script> {{ 6 * 7 }} {% raw %} \u202eesrever\u2066 \"q\" 'a' &amp; \tend"
)
LONG_TEXT = ODD_TEXT + "x" * 1000
WARNING = "only 4 rows are <i>spam</i>"


def tables_of(root: Path) -> dict[str, list[list[str]]]:
    return {name: read_table(root / f"data/scored/{name}") for name in TABLES}


def rows_of(root: Path, name: str) -> set[str]:
    """Return the rows of data/clean/messages.tsv that a table is about."""
    header, *lines = read_table(root / f"data/scored/{name}")
    return {line[header.index("row")] for line in lines}


def write_table(path: Path, rows: list[list[str]]) -> None:
    if path.suffix == ".csv":
        csv.writer(text := io.StringIO()).writerows(rows)
        write_text(path, text.getvalue())
    else:
        write_text(path, "".join("\t".join(row) + "\n" for row in rows))


def change(path: Path, **changes: Any) -> None:
    write_json(path, read_json(path) | changes)


def hostile(workspace: Workspace) -> None:
    """Give the labels names, and the first mistake a text, that would break a page built by hand."""
    root, found = workspace.root, tables_of(workspace.root)
    header, first = found["errors.tsv"][:2]
    first[header.index("text")], first[header.index("nearest_text")] = field(ODD_TEXT), field(LONG_TEXT)
    found["label_errors.csv"] = [
        row for row in found["label_errors.csv"] if row[7] != first[2]
    ]  # else it is shown there
    first[header.index("tokens")] = field("=<b>==1.25 </script>=0.50")
    for name, rows in (found | {"warnings.tsv": [["warning"], [WARNING]]}).items():
        renamed = [[field(ODD[one]) if one in ODD else one for one in row] for row in rows]
        write_table(root / f"data/scored/{name}", renamed)
    write_table(root / "data/vectors/classes.tsv", [[name, "0"] for name in ODD.values()])
    rejected = [["mine.tsv", str(line), "the label is empty"] for line in range(1, 8)]
    write_table(root / "data/clean/rejected.tsv", [["file", "line", "reason"], *rejected])
    change(root / "model/threshold.json", positive_label=ODD["spam"])
    change(root / "model/settings.json", labels=[*ODD.values()])
    workspace.settings(download__source="https://anna:secret@corpus.example/mine.tsv?key=secret")


def faultless(workspace: Workspace) -> None:
    """Let every answer be right, no label look wrong, and the model be one network of another kind, of one epoch."""
    root, found = workspace.root, tables_of(workspace.root)
    for row in found["predictions.tsv"][1:]:
        row[4] = row[3]
    for name, rows in found.items():
        write_table(root / f"data/scored/{name}", rows if name == "predictions.tsv" else rows[:1])
    write_table(root / "model/history.tsv", read_table(root / "model/history.tsv")[:2])
    record = read_json(root / "model/model.json")["params"]
    network = {"ensemble": 1, "linear": False, "cell": "lstm", "bidirectional": False, "layers": 2}
    change(root / "model/model.json", params=record | {"train": record["train"] | network})
    change(root / "metrics/split.json", validation=0)
    change(root / "metrics/train.json", epochs=1, kept_epoch=1)
    workspace.settings(evaluate__threshold=0.5)


def many(workspace: Workspace) -> None:
    """Give the page a run of 77 labels, none of them positive: invented answers, and what evaluate makes of them."""
    names = sorted(f"{verb}_{thing}" for verb in VERBS for thing in THINGS)
    random, count, rows = np.random.default_rng(0), len(names), np.arange(40 * len(names))
    labels = (rows % count).astype(np.int16)
    logits = random.normal(0, 1.5, (len(rows), count))
    logits[rows, labels] += random.uniform(5, 12, count)[labels]
    logits[rows, (labels + 11) % count] += 3
    probabilities = np.round(softmax(logits), 6)
    predicted = probabilities.argmax(axis=1).astype(np.int16)
    answers = tables.Answers(rows, labels, predicted, probabilities)
    messages = [(names[label], f"how do I {names[label]}, please? {row}") for row, label in enumerate(labels)]
    found = tables.predictions(answers, messages, names, None)
    mistakes = tables.predictions(answers.some(np.flatnonzero(labels != predicted)), messages, names, None)
    nothing: list[object] = [""] * len(mistakes["row"])
    more = dict.fromkeys(
        ("file", "line", "probability_of_label", "similarity", "nearest_label", "nearest_text", "tokens"), nothing
    )
    disguised: tables.Columns = {"disguise": ["none"], "example": ["win"], "rows": [300], "changed": [0.0]}
    for name, columns in {
        "predictions": found,
        "disguises": disguised | {"accuracy": [0.9], "macro_recall": [0.8]},
        "labels": tables.by_label(answers, names),
        "errors": mistakes | more,
    }.items():
        tables.write(workspace.root / f"data/scored/{name}.tsv", columns)
    measured = scores(labels, predicted, probabilities, None)
    bounds = intervals(measured, labels, predicted, probabilities, None, 200, 0)
    alone = {"rows": 2555, "accuracy": 0.9, "mcc": 0.89, "macro_f1": 0.88}
    beside = {"majority": majority_baseline(labels, count, None), "tfidf": of_answers(labels, predicted, None)}
    beside["tfidf"]["training_rows"] = 100
    gains = {"tfidf": {"accuracy": 0.0, "standard_error": 0.002, "rows": len(rows)}}
    measures: dict[str, Any] = {"without_twins": alone, "baselines": beside, "gain_over": gains}
    measures["test_twins"] = dict.fromkeys(TWINS, 525)
    write_json(workspace.root / "data/scored/scores.json", measured | bounds | measures)
    change(workspace.root / "model/threshold.json", positive_label=None, threshold=None)
    change(workspace.root / "metrics/split.json", test=len(rows))
    write_table(workspace.root / "data/vectors/classes.tsv", [[name, "0"] for name in names])
    write_array(workspace.root / "data/split/test/labels.npy", labels)
    workspace.settings(evaluate__positive_label=None)


VERBS = ("activate", "cancel", "change", "dispute", "find", "renew", "top_up_by")
THINGS = (
    "account", "address", "bank_transfer", "card", "card_payment_fee_charged", "direct_debit", "exchange_rate",
    "limit", "pin", "refund_not_showing_up", "statement",
)  # fmt: skip
CASES: dict[str, tuple[tuple[str, ...], Callable[[Workspace], None]]] = {
    "two labels": (TWO, lambda _: None),
    "three labels": (THREE, lambda _: None),
    "hostile": (TWO, hostile),
    "faultless": (TWO, faultless),
    "many labels": (THREE, many),
}


def only(case: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [case])


@cache
def written(base: Path, case: str) -> Path:
    """Return a workspace in which plot has written the report of a case, once for all tests."""
    labels, changed = CASES[case]
    root = Path(shutil.copytree(trained(base, labels), base / f"report of {case}"))
    with pytest.MonkeyPatch.context() as patch:
        place(patch, root)
        workspace = Workspace(root)
        changed(workspace)
        workspace.run(plot.main)
    return root


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as found:
        yield found


@pytest.fixture
def root(case: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.getbasetemp(), case)


@pytest.fixture
def sight(browser: Browser, root: Path) -> Iterator[Sight]:
    """Return the open page. It must have been silent and have loaded nothing, whatever a test did with it."""
    with seen(browser, root / PAGE) as found:
        yield found
        found.page.wait_for_load_state("networkidle")
        assert found.asked == [(root / PAGE).as_uri()]
        assert found.said == []


# The heights of what a selector finds.
HEIGHTS = """(selector) => [...document.querySelectorAll(selector)].map((one) =>
    one.checkVisibility({ contentVisibilityAuto: true }) ? one.getBoundingClientRect().height : 0)"""

OPEN = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"

INTRUDERS = """() => {
  window.stopped = [];
  addEventListener("securitypolicyviolation", (event) => stopped.push(event.violatedDirective));
  const add = (kind, what) => document.body.append(Object.assign(document.createElement(kind), what));
  add("script", { textContent: "window.ran = 1" });
  add("style", { textContent: "h1 { color: red }" });
  add("img", { src: "http://corpus.example/" });
}"""


@pytest.mark.parametrize("case", ["three labels", "hostile", "many labels"])
def test_everybody_can_read_the_page(sight: Sight) -> None:
    assert sight.run(STRUCTURE) == []
    for width in (320, 768, 1440):
        sight.page.set_viewport_size({"width": width, "height": 800})
        assert (width, *sight.run(SIDEWAYS)) == (width, 0, []), "it never scrolls sideways"
    papers = set()
    for scheme in ("light", "dark"):
        sight.page.emulate_media(color_scheme=scheme)
        papers.add(sight.run("getComputedStyle(document.body).backgroundColor"))
        looked, faint = sight.run(CONTRAST)
        assert looked > 300
        assert (scheme, faint) == (scheme, [])
    assert len(papers) == 2


@only("hostile")
def test_the_page_runs_no_script_and_loads_no_picture_but_its_own(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as found:
        found.run(INTRUDERS)
        found.page.wait_for_function("() => stopped.length === 3")
        assert sorted(found.run("stopped")) == ["img-src", "script-src-elem", "style-src-elem"]
        assert found.run("window.ran") is None


@only("hostile")
def test_the_printed_page_has_everything_but_the_controls(sight: Sight) -> None:
    sight.page.emulate_media(media="print")
    parts = "main table, main svg[data-chart], main blockquote, main details > *:not(summary)"
    assert min(sight.run(HEIGHTS, parts)) > 10
    assert max(sight.run(HEIGHTS, "nav, .skip, .control, summary, .readout")) == 0
    sight.page.emulate_media(media="screen")
    assert max(sight.run(HEIGHTS, "main details table")) == 0, "closed on the screen"
    assert sight.page.pdf(format="A4").startswith(b"%PDF")
    assert min(sight.run(HEIGHTS, "main details table")) > 10, "opened for browsers that do not print closed details"


@pytest.mark.parametrize("case", ["two labels", "many labels"])
def test_the_printed_pages_are_full(sight: Sight) -> None:
    sight.page.emulate_media(media="print")
    sight.page.set_viewport_size({"width": 680, "height": 1000})  # A4 without its margins
    sight.run(OPEN)
    full = sight.run("document.body.scrollHeight") / 1016
    pages = sight.page.pdf(format="A4").count(b"/Type /Page\n")
    assert full <= pages <= 1.15 * full + 1


@pytest.mark.parametrize("case", ["two labels", "three labels", "many labels"])
def test_no_interval_is_broken_and_a_matrix_that_scrolls_shows_it(sight: Sight, case: str) -> None:
    for width in (320, 360, 768, 1280):
        sight.page.set_viewport_size({"width": width, "height": 800})
        assert set(sight.run("[...document.querySelectorAll('.range')].map((one) => one.getClientRects().length)")) <= {
            0,
            1,
        }
    assert sight.page.locator(".scroll.cut").count() == 0, "at 1280 every table has room"
    if case == "three labels":
        matrix, hint = sight.page.locator(".scroll:has(.matrix)"), sight.page.locator(".more")
        assert not hint.is_visible()
        sight.page.set_viewport_size({"width": 320, "height": 800})
        hint.wait_for(state="visible")
        matrix.evaluate("(box) => box.scrollTo(box.scrollWidth, 0)")
        hint.wait_for(state="hidden")


@only("hostile")
def test_without_scripts_the_page_has_everything_but_the_controls(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE, java_script_enabled=False) as found:
        assert not found.page.locator("#slider").is_visible()
        for summary in found.page.locator("main summary").all():
            summary.click()
        assert found.page.locator("main svg[data-chart]:visible").count() == 7


# The threshold


def expected(root: Path, threshold: float) -> dict[str, str]:
    """Return scikit-learn's scores at a threshold, as the page shows them."""
    header, *rows = read_table(root / "data/scored/predictions.tsv")
    column = header.index("probability_of_positive" if "probability_of_positive" in header else "probability")
    positive = field(read_json(root / "model/threshold.json")["positive_label"])
    truth, flagged = [row[3] == positive for row in rows], [float(row[column]) >= threshold for row in rows]
    (passed, false), (missed, found) = metrics.confusion_matrix(truth, flagged, labels=[False, True]).tolist()
    precision = metrics.precision_score(truth, flagged, zero_division=np.nan)
    return {
        "recall": f"{metrics.recall_score(truth, flagged):.1%}".replace("%", " %"),
        "missed": str(missed),
        "false_positive_rate": f"{false / (false + passed):.1%}".replace("%", " %"),
        "false_positives": str(false),
        "precision": "–" if np.isnan(precision) else f"{precision:.1%}".replace("%", " %"),
        "mcc": f"{metrics.matthews_corrcoef(truth, flagged):.3f}",
        "flagged": str(false + found),
    }


@only("hostile")
def test_keyboard_and_pointer_move_the_threshold_and_its_scores(sight: Sight, root: Path) -> None:
    own = read_json(root / "model/threshold.json")["threshold"]

    def now() -> tuple[float, dict[str, str]]:
        return float(sight.text("#value")), {name: sight.text(f"#{name}") for name in expected(root, own)}

    assert now() == (own, expected(root, own))
    sight.page.locator("#slider").focus()
    visited = []
    for keys in (["Home"], ["ArrowRight"] * 9, ["PageUp"], ["ArrowLeft"] * 3, ["PageUp"] * 5, ["End"]):
        sight.press(*keys)
        threshold, shown = now()
        assert shown == expected(root, threshold)
        assert sight.text("#value") in str(sight.page.locator("#slider").get_attribute("aria-valuetext"))
        visited.append(threshold)
    assert (visited[0], visited[-1]) == (0, 1)
    assert len(set(visited)) == len(visited)
    sight.page.locator("#reset").press("Enter")
    assert now() == (own, expected(root, own))
    chart = sight.page.locator("svg[data-chart=thresholds]")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    sight.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60)
    sight.page.mouse.down()
    sight.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60)
    sight.page.mouse.up()
    threshold, shown = now()
    assert 0.7 < threshold < 0.95
    assert shown == expected(root, threshold)
    rows = sight.run(CELLS, "#thresholds tbody tr")
    for text, recall, *_ in rows:
        assert recall.replace("\u00a0", " ") == expected(root, float(text.split()[0]))["recall"]
    assert len(rows) == len(figures.IN_TABLE) + 1


# The charts


@only("three labels")
def test_every_chart_is_read_by_keyboard_and_by_pointer(sight: Sight, root: Path) -> None:
    sight.run(OPEN)
    charts = sight.page.locator("svg[data-chart]:not([data-chart=thresholds])").all()
    names = [chart.get_attribute("data-chart") for chart in charts]
    assert names == ["roc", "pr", "calibration", "loss", "accuracy", "lengths"]
    for chart in charts:
        readout = chart.locator("xpath=following-sibling::p")
        chart.focus()
        read = []
        for key in ("Home", "ArrowRight", "PageUp", "End", "ArrowLeft"):
            sight.press(key)
            read.append(readout.inner_text())
            assert chart.get_attribute("aria-valuetext") == read[-1]
        assert all(re.search(r"\d", text) for text in read)
        assert len(set(read)) > 1
        sight.press("Home")
        chart.hover(position={"x": 200, "y": 60})
        assert chart.locator(".here").get_attribute("visibility") == "visible"
        assert readout.inner_text() != read[0], "the pointer is elsewhere"
    epoch = read_table(root / "model/history.tsv")[1]
    sight.page.locator("svg[data-chart=loss]").focus()
    sight.press("Home")
    text = f"epoch {epoch[0]}: training {float(epoch[1]):.4f}, held out {float(epoch[3]):.4f}"
    assert sight.text("svg[data-chart=loss] ~ p") == text


@settings(max_examples=30)
@given(st.lists(st.tuples(*[st.floats(0, 9), st.floats(0, 1)] * 2), min_size=1, max_size=600))
def test_every_epoch_lies_within_its_chart(rows: list[tuple[float, ...]]) -> None:
    columns = ("train_loss", "train_accuracy", "held_out_loss", "held_out_accuracy")
    history = dict(zip(columns, np.array(rows).T, strict=True)) | {"epoch": np.arange(1.0, len(rows) + 1)}
    for chart in figures.epochs(history):
        assert len(chart.stops()) == min(len(rows), figures.MOST)
        for x, heights, _ in chart.stops():
            assert figures.LEFT <= x <= figures.RIGHT
            assert all(figures.TOP - 0.1 <= y <= figures.BOTTOM + 0.1 for y in heights)
        assert 1 <= len(chart.x.ticks) <= 7
        assert 2 <= len(chart.y.ticks) <= 7
        assert len({chart.y.shown(tick) for tick in chart.y.ticks}) == len(chart.y.ticks)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans()), min_size=1, max_size=60))
def test_every_message_counts_once_among_the_lengths(rows: list[tuple[int, bool]]) -> None:
    found, positive = np.array([length for length, _ in rows]), np.array([kind for _, kind in rows])
    chart = figures.lengths(found, {"ham": ~positive, "spam": positive})
    counts = [[int(part.split()[0]) for part in text.split(": ")[1].split(", ")] for text in chart.texts]
    assert np.sum(counts, axis=0).tolist() == [(~positive).sum(), positive.sum()]
    assert len(chart.places) <= figures.BINS + 2
    assert chart.texts[-1].split(": ")[0].endswith(" tokens or more")


# What it says


@only("hostile")
def test_hostile_labels_and_messages_are_shown_as_the_text_they_are(sight: Sight, root: Path) -> None:
    assert sight.text("h1") == f"Telling {ODD['ham']} and {ODD['spam']} apart"
    assert sight.text("#training ~ p").startswith("4 bidirectional GRU networks with 6 units each way, combined with a")
    assert sight.page.title().startswith(f"{ODD['ham']}, {ODD['spam']}: ")
    assert sight.page.locator("#errors ~ ol blockquote").first.inner_text() == field(ODD_TEXT)
    assert sorted(sight.page.locator("table.matrix tbody th").all_inner_texts()) == sorted(ODD.values())
    assert sight.page.locator("#errors ~ ol .tokens li").all_inner_texts()[:2] == ["=<b>= 1.25", "</script> 0.50"]
    nearest = f"{field(LONG_TEXT)[:600]} … ({len(field(LONG_TEXT)):,} letters)"
    assert sight.page.locator("#errors ~ ol dd span").first.inner_text() == nearest
    assert sight.text(".warnings li") == WARNING
    sight.page.locator("svg[data-chart=lengths]").focus()
    assert ODD["spam"] in sight.text("svg[data-chart=lengths] ~ p")
    assert sight.run("document.scripts.length") == 2
    assert sight.run("document.querySelectorAll('main img, main i, main b').length") == 0
    text = (root / PAGE).read_text("utf-8")
    for shown in ("https://corpus.example/mine.tsv", "its licence is yours to name", "<bdi>mine.tsv</bdi>, line 5"):
        assert shown in text
    for hidden in ("\u202e", "secret", "Almeida", "<bdi>mine.tsv</bdi>, line 6"):
        assert hidden not in text
    assert read_json(root / "model/model.json")["corpus"] in text


@only("three labels")
def test_scores_confusion_mistakes_and_card_are_those_of_the_files(sight: Sight, root: Path) -> None:
    scores, record = read_json(root / "data/scored/scores.json"), read_json(root / "model/model.json")
    sight.run(OPEN)
    shown = " ".join(" ".join(row) for row in sight.run(CELLS, "table.scores tr")).replace("\u00a0", " ")
    for name in scores["ci_low"]:
        share = name in (
            "accuracy",
            "precision",
            "recall",
            "false_positive_rate",
            "macro_precision",
            "macro_recall",
            "weighted_precision",
        )
        written = formatting.percent if share else "{:.3f}".format
        value, low, high = (
            written(found[name]).replace("\u00a0", " ") for found in (scores, scores["ci_low"], scores["ci_high"])
        )
        beside = scores["baselines"]["tfidf"].get(name)
        text = f"{value} {low.removesuffix(' %')} … {high} " + ("–" if beside is None else written(beside))
        assert text.replace("\u00a0", " ") in shown, name
    assert f"{scores['majority_accuracy']:.1%}".replace("%", " %") in shown
    assert_beside(sight, scores)
    counts = [int(text) for text in sight.page.locator("table.matrix td strong").all_inner_texts()]
    rows = (root / "plots/confusion.csv").read_text("utf-8").splitlines()[1:]
    assert counts == [int(row.rsplit(",", 2)[1]) for row in rows]
    disguises = read_table(root / "data/scored/disguises.tsv")[1:]
    shown_disguises = sight.run(CELLS, "table.disguises tbody tr")
    assert [row[0] for row in shown_disguises] == [row[0] for row in disguises]
    assert shown_disguises[0][2:4] == [formatting.percent(float(share)) for share in disguises[0][4:6]]
    assert "the answer is the likeliest one" in sight.text("section:has(#threshold)")
    items = sight.page.locator("section:has(#errors) li:has(blockquote)").all_inner_texts()
    header, *lines = read_table(root / "data/scored/errors.tsv")
    mislabelled = rows_of(root, "label_errors.csv")
    for text, line in zip(items, [line for line in lines if line[2] not in mislabelled], strict=True):
        fields = dict(zip(header, line, strict=True))
        for part in (
            f"{fields['predicted']} {formatting.percent(float(fields['probability']))}",
            f"{fields['label']} {formatting.percent(float(fields['probability_of_label']))}",
            fields["text"],
            fields["nearest_text"],
            f"{fields['file']}, line {fields['line']}",
            *fields["tokens"].replace("=", " ").split(),
        ):
            assert part in text
    card, repeat = sight.text("section:has(#card)"), sight.text("section:has(#repeat)")
    for words in ("5,574 messages", "Almeida", "CC BY 4.0", "10.1145/2034691.2034742", "10.24432/C5CC84"):
        assert words in card
    for checksum in (record["corpus"], record["code"], *record["parts"].values()):
        assert checksum in repeat
    for name, version in record["packages"].items():
        assert f"{name} {version}" in repeat
    settings = dict(sight.run(CELLS, ".params tr"))
    train = {key: json.dumps(value).strip('"') for key, value in record["params"]["train"].items() if key != "seed"}
    assert {key: settings[key] for key in train} == train


def assert_beside(sight: Sight, scores: dict[str, Any]) -> None:
    """Compare the table of this model and others with the scores, and the sentence below it."""
    rows = {row[0]: row[1:] for row in sight.run(CELLS, "table.beside tbody tr")}
    names = {"its linear model alone": "linear", "its networks alone": "networks"}
    commonest = next(name for name in rows if name.startswith("always "))
    names |= {"TF-IDF with logistic regression": "tfidf", commonest: "majority"}
    assert list(rows) == ["this model", *names]
    for name, (accuracy, _, mcc, _, lead) in rows.items():
        found, gain = (scores[of].get(names.get(name)) for of in ("baselines", "gain_over"))
        assert (accuracy, mcc) == (formatting.percent((found or scores)["accuracy"]), f"{(found or scores)['mcc']:.3f}")
        assert lead == (points(gain) if gain else "–")
    text = sight.text("section:has(#scores)").replace("\u00a0", " ")
    assert (
        text.replace("Whether the", "whether the")
        .replace("The networks", "the networks")
        .count(verdict(scores["gain_over"]["linear"]))
        == 1
    )
    assert f"{scores['gain_over']['tfidf']['rows']:,} in all, each answered by models that did not learn" in text


@only("two labels")
def test_of_two_labels_both_count_first_and_the_positive_one_has_its_view_below(sight: Sight, root: Path) -> None:
    scores = read_json(root / "data/scored/scores.json")
    assert sight.text("h1") == "Telling ham and spam apart"
    numbers = [
        f"{scores['accuracy']:.1%}".replace("%", "\u00a0%"),
        *(f"{scores[name]:.3f}" for name in ("macro_f1", "mcc")),
    ]
    assert sight.page.locator(".key dt + dd").all_inner_texts() == numbers
    assert f"answers {scores['baselines']['tfidf']['accuracy']:.1%} correctly".replace("%", " %") in sight.text(".lead")
    table = {row[0]: row[1:] for row in sight.run(CELLS, ".labels tbody tr")}
    header, *lines = tables_of(root)["labels.tsv"]
    for line in lines:
        fields = dict(zip(header, line, strict=True))
        recall, precision, f1, rows = table[fields["label"]]
        for text, name in ((recall, "recall"), (precision, "precision")):
            low, high = (100 * float(fields[f"{name}_{end}"]) for end in ("low", "high"))
            assert text.replace("\u00a0", " ") == f"{100 * float(fields[name]):.1f} % {low:.1f} … {high:.1f} %"
        assert (f1, rows) == (f"{float(fields['f1']):.3f}", fields["rows"])
    labels, rows = sight.text("section:has(#labels)"), scores["true_positives"] + scores["false_negatives"]
    assert f"Of the {rows} spam messages the model finds {scores['true_positives']} and misses" in labels
    words = set(re.findall(r"\w+", (root / PAGE).read_text("utf-8").partition("<body>")[2].lower()))
    assert not {"blocked", "blocking", "caught"} & words


@only("two labels")
def test_an_error_whose_label_is_likely_wrong_is_not_repeated_and_the_label_errors_say_what_to_do(
    sight: Sight, root: Path
) -> None:
    rows, mislabelled = rows_of(root, "errors.tsv"), rows_of(root, "label_errors.csv")
    both = rows & mislabelled
    assert both
    assert f"{len(both)} of them are in the list above" in sight.text("#errors ~ p >> nth=0")
    assert sight.page.locator("#errors ~ ol li:has(blockquote)").count() == min(3, len(rows - both))
    for words in ("new_label", "data/scored/label_errors.csv", "python -m tools.relabel", "dvc repro"):
        assert words in sight.text("#label_errors ~ p >> nth=0")


@only("many labels")
def test_of_many_labels_the_page_has_a_table_by_rising_recall_and_the_commonest_confusions(
    sight: Sight, root: Path
) -> None:
    found, text = read_json(root / "data/scored/scores.json"), sight.text("main")
    assert sight.text("h1") == "Telling 77 labels apart"
    assert sight.page.title().startswith("77 labels: ")
    sight.page.locator("section:has(#scores) summary").click()
    assert "top-3 accuracy" in sight.text("table.scores")
    assert sight.text(".key").startswith(f"accuracy {found['accuracy']:.1%}".replace("%", " %"))
    assert "525 of the 3,080 test messages have a near-duplicate outside the test part" in text
    assert not {"flagged", "blocking", "None"} & set(re.findall(r"\w+", text))
    rows = sight.run(CELLS, ".labels tbody tr")
    recalls = [float(row[1].split("\u00a0")[0]) for row in rows]
    assert recalls == sorted(recalls)
    assert len(rows) == 77
    assert sight.page.locator(".labels tbody tr:visible").count() == 10, "the others are opened"
    worst = read_table(root / "data/scored/labels.tsv")
    label = next(line for line in worst if line[0] == rows[0][0].split()[0])
    assert rows[0][0].split() == [label[0], "taken", "for", f"{label[10]}:", label[11]]
    assert sight.run(CELLS, ".labels tfoot tr")[0][3] == f"{found['macro_f1']:.3f}"
    counts = [int(row[2]) for row in sight.run(CELLS, ".pairs tbody tr")]
    assert counts == sorted(counts, reverse=True)
    assert sight.page.locator(".matrix").count() == 0
    sight.page.locator("#slider").focus()
    sight.press("Home")
    assert sight.text("#flagged") == "3,080"
    sight.press("End")
    assert sight.text("#recall") == "0.0 %"


@only("faultless")
def test_a_single_network_without_a_mistake_or_a_validation_part_is_described(sight: Sight) -> None:
    assert "None: every test message was answered correctly." in sight.text("section:has(#errors)")
    assert "None: no label looks wrong" in sight.text("section:has(#label_errors)")
    training = sight.text("section:has(#training)")
    assert training.startswith("Training and data An LSTM network with 2 layers of 6 units: ")
    assert "1 epoch." in training
    assert "There is no validation part: held out is the test part" in training
    assert "set by hand" in sight.text("section:has(#threshold)")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/home/anna/mine.tsv", "mine.tsv"),
        ("C:\\data\\mine.tsv", "mine.tsv"),
        ("zip://mine.tsv::https://anna:word@corpus.example/a.zip", "zip://mine.tsv::https://corpus.example/a.zip"),
        ("https://anna:word@corpus.example:8080/mine.tsv?key=1#part", "https://corpus.example:8080/mine.tsv"),
    ],
)
def test_a_source_is_shown_without_folders_passwords_and_keys(source: str, shown: str) -> None:
    assert formatting.address(source) == shown
