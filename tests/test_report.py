"""report/index.html in a real browser: whole, readable by everybody, right in its numbers, deaf to hostile text."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser
from sklearn import metrics

from stages import clean, evaluate, plot, split, train, vectorize
from tests.browser import CONTRAST, SIDEWAYS, STRUCTURE, running, seen
from tests.models import RECIPE, THREE, TWO, corpus, place, trained
from tests.workspace import Workspace
from textrnn.core.escape import field
from textrnn.core.files import read_json, read_table, write_json, write_text
from textrnn.report import formatting, model_card, page

PAGE = "report/index.html"
CELLS = "(rows) => [...document.querySelectorAll(rows)].map((row) => [...row.cells].map((one) => one.textContent))"
ODD = {  # labels that want to be more than text
    "ham": "</script>{{7*7}}",
    "spam": "=\"'><img onerror=x>&",
}
ODD_TEXT = (
    "<b>win</b> </script><script>alert(3)</script> {{ 6 * 7 }} {% raw %} \u202eesrever\u2066 \"q\" 'a' &amp; \tend"
)
DOUBT = "only 4 rows are <i>spam</i>"

Tables = dict[str, list[list[str]]]


def tables(root: Path) -> Tables:
    return {name: read_table(root / f"data/scored/{name}.tsv") for name in ("predictions", "errors", "suspects")}


def write_tables(root: Path, found: Tables) -> None:
    for name, rows in found.items():
        write_text(root / f"data/scored/{name}.tsv", "".join("\t".join(row) + "\n" for row in rows))


def hostile(workspace: Workspace) -> None:
    """Give the labels names, and the first mistake a text, that would break a page built by hand."""
    found = tables(workspace.root)
    for rows in found.values():
        named = [
            column for column, name in enumerate(rows[0]) if name in ("label", "predicted", "nearest_label", "likelier")
        ]
        for row in rows[1:]:
            for column in named:
                row[column] = field(ODD[row[column]])
    first, header = found["errors"][1], found["errors"][0]
    first[header.index("text")] = first[header.index("nearest_text")] = field(ODD_TEXT)
    first[header.index("tokens")] = field("=<b>==1.25 </script>=0.50")
    write_tables(workspace.root, found)
    counts = read_table(workspace.root / "data/vectors/classes.tsv")
    write_text(
        workspace.root / "data/vectors/classes.tsv", "".join(f"{ODD[name]}\t{count}\n" for name, count in counts)
    )
    decision = read_json(workspace.root / "model/threshold.json")
    write_json(workspace.root / "model/threshold.json", decision | {"positive_label": ODD["spam"]})
    write_text(workspace.root / "data/scored/warnings.txt", f"{DOUBT}\n")
    write_text(
        workspace.root / "data/clean/rejected.tsv", "".join(f"{line}\tthe label is empty\n" for line in range(1, 8))
    )
    workspace.settings(download__source="https://anna:secret@corpus.example/mine.tsv?key=secret")


def faultless(workspace: Workspace) -> None:
    """Let every answer be right, and no label be suspected."""
    found = tables(workspace.root)
    for row in found["predictions"][1:]:
        row[2] = row[1]
    write_tables(workspace.root, found | {name: found[name][:1] for name in ("errors", "suspects")})


def alone(workspace: Workspace) -> None:
    """Train a single network for one epoch, without a validation part."""
    shutil.rmtree(workspace.root)
    workspace.root.mkdir()
    config = RECIPE | {"ensemble": 1, "linear": False, "epochs": 1}
    workspace.settings(
        split__validation_share=0.0, evaluate__threshold=0.5, evaluate__bootstrap_samples=100, plot__dpi=40,
        **{f"train__{key}": value for key, value in config.items()},
    )  # fmt: skip
    workspace.corpus(corpus(TWO))
    for stage in (clean, vectorize, split, train, evaluate):
        workspace.run(stage.main)


CASES: dict[str, tuple[tuple[str, ...], Callable[[Workspace], None]]] = {
    "two labels": (TWO, lambda _: None),
    "three labels": (THREE, lambda _: None),
    "hostile": (TWO, hostile),
    "faultless": (TWO, faultless),
    "alone": (TWO, alone),
}
each_case = pytest.mark.parametrize("case", CASES)
each_model = pytest.mark.parametrize("case", ["two labels", "three labels"])


@cache
def written(base: Path, case: str) -> Path:
    """Return a workspace in which plot has written the report of a case, once for all tests."""
    labels, change = CASES[case]
    root = Path(shutil.copytree(trained(base, labels), base / f"report of {case}"))
    with pytest.MonkeyPatch.context() as patch:
        place(patch, root)
        workspace = Workspace(root)
        change(workspace)
        workspace.run(plot.main)
    return root


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as found:
        yield found


@pytest.fixture
def root(case: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.getbasetemp(), case)


@each_case
def test_the_page_fetches_nothing_and_says_nothing_on_the_console(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        sight.page.locator("#slider").press("ArrowRight")
        sight.page.wait_for_load_state("networkidle")
        assert sight.asked == [(root / PAGE).as_uri()]
        assert sight.said == []


# The smallest and the largest height of what a selector finds.
SIZES = """(selector) => {
  const heights = [...document.querySelectorAll(selector)].map((one) =>
    one.checkVisibility({ contentVisibilityAuto: true }) ? one.getBoundingClientRect().height : 0);
  return [Math.min(...heights), Math.max(...heights)];
}"""

INTRUDERS = """() => {
  window.stopped = [];
  addEventListener("securitypolicyviolation", (event) => stopped.push(event.violatedDirective));
  const add = (kind, what) => document.body.append(Object.assign(document.createElement(kind), what));
  add("script", { textContent: "window.ran = 1" });
  add("style", { textContent: "h1 { color: red }" });
  add("img", { src: "http://corpus.example/" });
}"""


@pytest.mark.parametrize("case", ["two labels"])
def test_the_page_runs_no_script_and_loads_no_picture_but_its_own(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        sight.run(INTRUDERS)
        sight.page.wait_for_function("stopped.length === 3")
        assert sorted(sight.run("stopped")) == ["img-src", "script-src-elem", "style-src-elem"]
        assert sight.run("window.ran") is None


@each_case
def test_the_page_never_scrolls_sideways(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        for width in (320, 360, 768, 1440):
            sight.page.set_viewport_size({"width": width, "height": 800})
            assert (width, *sight.run(SIDEWAYS)) == (width, 0, [])


@each_case
def test_every_text_stands_out_from_what_is_behind_it(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        papers = set()
        for scheme in ("light", "dark"):
            sight.page.emulate_media(color_scheme=scheme)
            papers.add(sight.run("getComputedStyle(document.body).backgroundColor"))
            looked, faint = sight.run(CONTRAST)
            assert looked > 300
            assert (scheme, faint) == (scheme, [])
        assert len(papers) == 2


def test_the_measure_of_contrast_finds_what_is_faint(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "faint.html").write_text(
        "<body style='background: #fff'><p style='color: #999'>faint</p><p style='color: #666'>clear</p></body>",
        "utf-8",
    )
    with seen(browser, tmp_path / "faint.html") as sight:
        looked, faint = sight.run(CONTRAST)
        assert looked == 2
        assert [(round(ratio, 2), text) for ratio, text in faint] == [(2.85, "faint")]


@each_case
def test_those_who_hear_the_page_find_headings_in_order_and_a_name_for_everything(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        assert sight.run(STRUCTURE) == []


@pytest.mark.parametrize("case", ["two labels", "hostile"])
def test_on_paper_everything_is_there_and_no_control(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        sight.page.emulate_media(media="print")
        assert (
            sight.run(SIZES, "main table, main svg[data-chart], main blockquote, main details > *:not(summary)")[0] > 10
        )
        assert sight.run(SIZES, "nav, .skip, .control, summary, .readout")[1] == 0
        sight.page.emulate_media(media="screen")
        assert sight.run(SIZES, "main details table")[1] == 0, "closed on the screen"
        assert sight.page.pdf(format="A4").startswith(b"%PDF")
        assert sight.run(SIZES, "main details table")[0] > 10, "opened, for browsers that do not show what is closed"


@pytest.mark.parametrize("case", ["two labels"])
def test_without_scripts_all_is_there_but_what_would_not_work(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE, java_script_enabled=False) as sight:
        assert not sight.page.locator("#slider").is_visible()
        assert sight.page.locator("table.now").is_visible()
        assert sight.page.locator("main svg[data-chart]").count() == 7


# The threshold


def truths(root: Path) -> tuple[Any, Any]:
    rows = read_table(root / "data/scored/predictions.tsv")[1:]
    positive = read_json(root / "model/threshold.json")["positive_label"]
    return np.array([row[1] == field(positive) for row in rows]), np.array([float(row[3]) for row in rows])


def expected(root: Path, threshold: float) -> dict[str, str]:
    """Return what scikit-learn says of a threshold, as the page shows it."""
    truth, probability = truths(root)
    flagged = probability >= threshold
    (passed, blocked), (missed, caught) = metrics.confusion_matrix(truth, flagged, labels=[False, True]).tolist()
    precision = metrics.precision_score(truth, flagged, zero_division=np.nan)
    return {
        "caught": f"{metrics.recall_score(truth, flagged):.1%}".replace("%", " %"),
        "missed": str(missed),
        "blocked": f"{blocked / (blocked + passed):.1%}".replace("%", " %"),
        "mistaken": str(blocked),
        "precision": "–" if np.isnan(precision) else f"{precision:.1%}".replace("%", " %"),
        "mcc": f"{metrics.matthews_corrcoef(truth, flagged):.3f}",
        "flagged": str(blocked + caught),
    }


@each_model
def test_the_slider_begins_at_the_models_threshold_and_the_keyboard_moves_it(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        own = read_json(root / "model/threshold.json")["threshold"]

        def now() -> tuple[float, dict[str, str]]:
            return float(sight.text("#value")), {name: sight.text(f"#{name}") for name in expected(root, own)}

        assert now() == (own, expected(root, own))
        sight.page.locator("#slider").focus()
        keys = [["Home"], ["ArrowRight"] * 9, ["PageUp"], ["PageUp"] * 2, ["ArrowLeft"] * 3, ["PageUp"] * 5, ["End"]]
        visited = []
        for some in keys:
            sight.press(*some)
            threshold, shown = now()
            assert shown == expected(root, threshold)
            assert sight.text("#value") in str(sight.page.locator("#slider").get_attribute("aria-valuetext"))
            visited.append(threshold)
        assert (visited[0], visited[-1]) == (0, 1)
        assert len(set(visited)) == len(keys)
        sight.page.locator("#reset").press("Enter")
        assert now() == (own, expected(root, own))


@each_model
def test_the_chart_of_thresholds_is_dragged_as_the_slider_is(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        chart = sight.page.locator("svg[data-chart=thresholds]")
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        assert box is not None
        sight.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60)
        sight.page.mouse.down()
        sight.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60)
        sight.page.mouse.up()
        threshold = float(sight.text("#value"))
        assert 0.7 < threshold < 0.95
        assert sight.text("#flagged") == expected(root, threshold)["flagged"]


@each_model
def test_the_table_of_thresholds_has_the_numbers_of_scikit_learn(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        rows = sight.run(CELLS, "#threshold ~ details tbody tr")
        assert len(rows) in (9, 10)
        for name, *cells in rows:
            wanted = expected(root, float(name.split()[0]))
            assert [text.replace("\u00a0", " ") for text in cells] == [
                wanted[key] for key in ("caught", "blocked", "precision", "mcc", "flagged")
            ]


def test_of_more_than_two_labels_the_page_says_that_the_likeliest_is_the_answer(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with seen(browser, written(tmp_path_factory.getbasetemp(), "three labels") / PAGE) as sight:
        assert "the likeliest one is what the model answers" in sight.text("section:has(#threshold)")


# The charts


@pytest.mark.parametrize("case", ["three labels", "alone"])
def test_every_chart_is_read_by_keyboard_and_by_pointer(browser: Browser, root: Path) -> None:
    with seen(browser, root / PAGE) as sight:
        charts = sight.page.locator("svg[data-chart]:not([data-chart=thresholds])").all()
        assert [chart.get_attribute("data-chart") for chart in charts] == [
            "roc", "pr", "calibration", "loss", "accuracy", "lengths"
        ]  # fmt: skip
        for chart in charts:
            readout = chart.locator("xpath=following-sibling::p")
            chart.focus()
            read = []
            for key in ("Home", "ArrowRight", "PageUp", "End", "ArrowLeft"):
                sight.press(key)
                read.append(readout.inner_text())
                assert chart.get_attribute("aria-valuetext") == read[-1]
            assert all(re.search(r"\d", text) for text in read)
            stops = int(chart.get_attribute("aria-valuemax") or 0) + 1
            assert len(set(read)) >= min(stops, 2)
            sight.press("Home")
            chart.hover(position={"x": 200, "y": 60})
            assert chart.locator(".here").get_attribute("visibility") == "visible"
            if stops > 1:
                assert readout.inner_text() != read[0], "the pointer is elsewhere"


@pytest.mark.parametrize("case", ["two labels", "alone"])
def test_the_loss_that_is_read_out_is_that_of_the_history(browser: Browser, root: Path) -> None:
    rows = [line.split("\t") for line in (root / "model/history.tsv").read_text("utf-8").splitlines()][1:]
    with seen(browser, root / PAGE) as sight:
        sight.page.locator("svg[data-chart=loss]").focus()
        sight.press("Home")
        for row in rows:
            assert sight.text("svg[data-chart=loss] ~ p") == (
                f"epoch {row[0]}: training {float(row[1]):.4f}, held out {float(row[3]):.4f}"
            )
            sight.press("ArrowRight")


# What it says


def test_hostile_labels_and_messages_are_shown_as_the_text_they_are(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with seen(browser, written(tmp_path_factory.getbasetemp(), "hostile") / PAGE) as sight:
        assert sight.text("h1") == f"Telling {ODD['spam']} from {ODD['ham']}"
        assert sight.page.title().startswith(f"{ODD['spam']} or {ODD['ham']}")
        assert sight.page.locator("#errors ~ ol blockquote").first.inner_text() == field(ODD_TEXT)
        assert "\u202e" not in sight.page.content()
        assert sorted(sight.page.locator("table.matrix tbody th").all_inner_texts()) == sorted(ODD.values())
        assert sight.page.locator(".tokens li").all_inner_texts()[:2] == ["=<b>= 1.25", "</script> 0.50"]
        assert sight.text(".doubts li") == DOUBT
        sight.page.locator("svg[data-chart=lengths]").focus()
        assert ODD["spam"] in sight.text("svg[data-chart=lengths] ~ p")
        assert sight.run("document.scripts.length") == 2
        assert sight.run("document.querySelectorAll('main img, main i, main b').length") == 0
        assert sight.said == []


def test_an_own_corpus_is_named_without_what_may_be_secret(tmp_path_factory: pytest.TempPathFactory) -> None:
    root = written(tmp_path_factory.getbasetemp(), "hostile")
    text = (root / PAGE).read_text("utf-8")
    assert "https://corpus.example/mine.tsv" in text
    assert "secret" not in text
    assert read_json(root / "model/model.json")["corpus"] in text
    assert "its licence is yours to name" in text
    assert "Almeida" not in text
    assert "line 5" in text
    assert "line 6" not in text


@each_model
def test_the_scores_and_the_confusion_are_those_of_the_metrics(browser: Browser, root: Path) -> None:
    scores = read_json(root / "metrics/evaluate.json")
    with seen(browser, root / PAGE) as sight:
        shown = sight.text("table.scores")
        for name in ("mcc", "average_precision", "roc_auc", "f1", "loss", "brier", "calibration_error"):
            assert f"{scores[name]:.3f}" in shown
        for name in ("mcc", "loss", "brier"):
            assert f"{scores['ci_low'][name]:.3f} … {scores['ci_high'][name]:.3f}" in shown
        assert f"{scores['majority_accuracy']:.1%}".replace("%", " %") in shown
        counts = [int(text) for text in sight.page.locator("table.matrix td strong").all_inner_texts()]
        rows = (root / "plots/confusion.csv").read_text("utf-8").splitlines()[1:]
        assert counts == [int(row.rsplit(",", 2)[1]) for row in rows]


@each_model
def test_each_mistake_stands_beside_its_tokens_and_its_neighbour(browser: Browser, root: Path) -> None:
    header, *rows = read_table(root / "data/scored/errors.tsv")
    with seen(browser, root / PAGE) as sight:
        sight.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        shown = sight.page.locator("section:has(#errors) li:has(blockquote)").all_inner_texts()
        assert len(shown) == len(rows) > 0
        for text, row in zip(shown, rows, strict=True):
            fields = dict(zip(header, row, strict=True))
            assert fields["text"] in text
            assert fields["nearest_text"] in text
            assert fields["row"] in text
            for token in filter(None, fields["tokens"].split(" ")):
                assert " ".join(token.rsplit("=", 1)) in text.replace("\n", " ")


def test_where_nothing_is_wrong_the_page_says_so(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    with seen(browser, written(tmp_path_factory.getbasetemp(), "faultless") / PAGE) as sight:
        assert "None: every test row was answered rightly." in sight.text("section:has(#errors)")
        assert "None: no label looks wrong" in sight.text("section:has(#suspects)")


def test_a_single_network_without_a_validation_part_is_told_as_such(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with seen(browser, written(tmp_path_factory.getbasetemp(), "alone") / PAGE) as sight:
        training = sight.text("section:has(#training)")
        assert training.startswith("Training A bidirectional GRU network with 6 units each way: ")
        assert "1 epoch." in training
        assert "There is no validation part: held out is the test part" in training
        assert "set by hand" in sight.text("section:has(#threshold)")


@each_model
def test_the_card_names_data_licence_checksums_packages_and_parameters(browser: Browser, root: Path) -> None:
    record = read_json(root / "model/model.json")
    with seen(browser, root / PAGE) as sight:
        model_card, repeat = sight.text("section:has(#card)"), sight.text("section:has(#repeat)")
        for words in ("5,574 messages", "Almeida", "CC BY 4.0", "10.1145/2034691.2034742", "10.24432/C5CC84"):
            assert words in model_card
        for checksum in (record["corpus"], record["code"], *record["parts"].values()):
            assert checksum in repeat
        for name, version in record["packages"].items():
            assert f"{name} {version}" in repeat
        shown = dict(sight.run(CELLS, ".params tr"))
        assert {key: shown[key] for key in record["params"]["train"] if key != "seed"} == {
            key: json.dumps(value).strip('"') for key, value in record["params"]["train"].items() if key != "seed"
        }


# Its parts


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("", []),
        ("win=1.50", [("win", "1.50")]),
        ("a=b=2.00 ==0.10", [("a=b", "2.00"), ("=", "0.10")]),
        ("'=now=0.33", [("=now", "0.33")]),
    ],
)
def test_a_token_ends_at_the_last_sign_of_equality(field: str, found: list[tuple[str, str]]) -> None:
    assert page.tokens(field) == found


def test_a_long_message_is_cut_and_says_how_long_it_is() -> None:
    assert page.short("x" * 600) == "x" * 600
    assert page.short("x" * 1200) == "x" * 600 + " … (1,200 letters)"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (0.004, "0.004"),
        ("", '""'),
        ("held_out", "held_out"),
        ({}, "{}"),
        ({"mcc": 0.9, "odd": False}, "{mcc: 0.9, odd: false}"),
    ],
)
def test_a_parameter_is_shown_as_params_yaml_has_it(value: Any, shown: str) -> None:
    assert formatting.setting(value) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("sms-spam", "sms-spam"),
        ("mine.tsv", "mine.tsv"),
        ("/home/anna/mine.tsv", "mine.tsv"),
        ("C:\\data\\mine.tsv", "mine.tsv"),
        ("https://corpus.example/a/mine.tsv", "https://corpus.example/a/mine.tsv"),
        ("mail/*.csv.gz", "*.csv.gz"),
        ("s3://[ab]/mail/*.csv", "s3://[ab]/mail/*.csv"),
        ("zip://mine.tsv::https://anna:word@corpus.example/a.zip", "zip://mine.tsv::https://corpus.example/a.zip"),
        ("https://anna:word@corpus.example:8080/mine.tsv?key=1#part", "https://corpus.example:8080/mine.tsv"),
    ],
)
def test_a_source_is_shown_without_folders_names_and_keys(source: str, shown: str) -> None:
    assert model_card.address(source) == shown


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"ensemble": 5, "cell": "gru", "bidirectional": True, "layers": 1, "units": 64, "linear": True},
            "five bidirectional GRU networks with 64 units each way, "
            "and beside them a linear model of character and word n-grams",
        ),
        (
            {"ensemble": 1, "cell": "lstm", "bidirectional": False, "layers": 2, "units": 8, "linear": False},
            "an LSTM network with two layers of 8 units",
        ),
        (
            {"ensemble": 20, "cell": "rnn", "bidirectional": False, "layers": 1, "units": 8, "linear": False},
            "20 simple recurrent networks with 8 units",
        ),
    ],
)
def test_a_recipe_is_told_in_words(config: dict[str, Any], words: str) -> None:
    assert model_card.network(config) == words
