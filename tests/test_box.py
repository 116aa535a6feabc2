"""The box in the report: in a real browser it answers as predict.py does, whatever the model and whatever is typed."""

import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import regex
from playwright.sync_api import Browser, Error, Page

from stages import plot
from tests import reference
from tests.browser import CONTRAST, SIDEWAYS, STRUCTURE, Sight, running, seen
from tests.configs import small
from tests.models import THREE, TWO, copied, corpus, trained
from tests.test_export import blend_of, branch_of
from tests.workspace import Workspace
from textrnn.core import paths
from textrnn.core.files import DIGITS, read_json, write_array, write_json
from textrnn.inference import explain, graph, inputs, predictor
from textrnn.model.export import export
from textrnn.report import box, patterns
from textrnn.text import ngrams, scripts, subwords, vocabulary
from textrnn.text.normalise import Normalisation, normalise

WORDS = ["see", "claim", "two", "lamp", "!!", "0000", "é", "看"]
PLAIN: dict[str, Any] = {
    "unicode": "none",
    "fold_lookalikes": False,
    "lowercase": False,
    "ascii_only": False,
    "remove_pattern": "",
}
LINK = r"(?i)https?://\S+|\b[\d-]{4,6}\b|[a-c]+?$"
# Labels, tokenizer, what changes a text, and the network: by what stands in params.yaml.
MODELS: dict[str, tuple[int, str, dict[str, Any], dict[str, Any]]] = {
    "five kinds in one": (2, "rich", PLAIN, {"cell": "gru", "bidirectional": True, "pooling": "mean_max", "ensemble": 3,
                                             "subword_buckets": reference.BUCKETS, "linear": True}),
    "many labels": (7, "rich", PLAIN | {"unicode": "NFKC", "fold_lookalikes": True},
                     {"cell": "lstm", "bidirectional": True, "layers": 2, "ensemble": 2,
                                       "linear": True}),
    "networks alone": (3, "word", PLAIN | {"ascii_only": True}, {"cell": "rnn", "masking": False,
                                                                 "pooling": "mean_max"}),
    "a cascade": (2, "rich", PLAIN, {"cell": "gru", "bidirectional": True, "pooling": "mean_max", "ensemble": 2,
                                     "subword_buckets": reference.BUCKETS, "linear": True, "cascade": True}),
    "a cascade of many labels": (7, "word", PLAIN, {"ensemble": 2, "linear": True, "cascade": True}),
    "n-grams alone": (2, "rich", PLAIN | {"lowercase": True, "remove_pattern": LINK}, {"ensemble": 0, "linear": True}),
}  # fmt: skip
THRESHOLD, NOISE = 0.4, 5e-7
ALONE_FROM = {"a cascade": 0.999, "a cascade of many labels": 0.5}
SURE_FROM = {"five kinds in one": (0.61, 0.43), "many labels": (0.1, *(math.inf,) * 6)}  # a promise, in numbers
INPUTS = """(texts) => {
  const read = reader({ ...model, ngrams: ngramsOf(model.ngrams) });
  const graphs = model.graphs.map((graph) => graphOf(decoded(graph)));
  const grams = (given, source) => Array.from(given[`${source}.ngrams`].data, (place, number) =>
    [place, given[`${source}.frequencies`].data[number]]).filter(([place]) => place);
  const rows = ({ word_ids: { data: words }, subwords: { dims: [, width], data: table }, places: { data: places } }) =>
    Array.from(places, (token) =>
      [words[token], ...table.slice(token * width, (token + 1) * width).filter((one) => one)]);
  return JSON.stringify(texts.map((text) => {
    const given = Object.assign({}, ...graphs.map((graph) => read.inputs(text, graph)));
    return { tokens: given.places && rows(given), size: given.size && [...given.size.data],
      ...(given.size && { characters: grams(given, "characters"), words: grams(given, "words") }) };
  }));
}"""
MATCHES = "([pattern, text]) => text.match(new RegExp(pattern, 'gu')).join('\\0')"
BLOCKS = (
    (0x00, 0x20), (0x20, 0x7F), (0x80, 0x250), (0x300, 0x530), (0x590, 0x700), (0x900, 0xA00), (0xE00, 0xF00),
    (0x1780, 0x1800), (0x1F00, 0x2070), (0x3000, 0x3100), (0x4E00, 0x4F00), (0xAC00, 0xAD00), (0xFE00, 0xFFF0),
    (0x10400, 0x10450), (0x1D400, 0x1D500), (0x1E900, 0x1E944), (0x1F1E6, 0x1F650), (0x20000, 0x20050),
    (0xE0000, 0xE0080),
)  # fmt: skip
PIECES = (
    "claim", "two tickets", "lamp", "ΟΔΥΣΣΕΥΣ", "ΣΑΣ\u0301.", "Σ", "İstanbul", "ǅ", "ß", "httpſ://x.example/a", "ﬀ",
    "don't", "cafe\u0301", "£500", "09061", "1234567", "٣٤٥", "８９", "８-)", "8-)", "👩‍👩‍👧", "ฉันกินน้ำ", "កម្ពុជា",
    "WWW.x.example/ü", "a\r\nb\rc", "\x85\x1c", "iPhone", "HTMLFile", "_x_", "²", "ʰA", "ა", "Ა", "0000-0000",
    "сlаim", "ΡΑΝΟ", "p\u200brize", "рrіzе!", "1\ufe0f\u20e3", "нет VIPа", "𝐅𝐑𝐄𝐄",
)  # fmt: skip
ODD = [
    "",
    " ",
    "x" * 20_000,
    "看" * 6_000,
    "ham " * 3_000,
    "\u200d",
    "Ａ１ｆ ＳＰＡＭ",
    "😀" * 400,
    "e" + "\u0301" * 400,
]


def messages() -> list[str]:
    """Return 500 invented messages: of one block of Unicode or of several, of odd pieces, very long ones and none."""
    random = np.random.default_rng(0)
    found = [*ODD, *(line.partition("\t")[2] for line in corpus(TWO, 91).splitlines())]
    while len(found) < 500:
        blocks = random.choice(len(BLOCKS), 3)
        letters = [chr(random.integers(*BLOCKS[random.choice(blocks)])) for _ in range(random.integers(1, 100))]
        gaps = [" " if random.random() < 0.15 else letter for letter in letters]
        found.append("".join(gaps) + " " + " ".join(random.choice(PIECES, 5)))
    return found


def written(folder: Path, name: str) -> tuple[predictor.Model, predictor.Rule, str]:
    """Write a model of random weights into a folder. Return it and its rule for predict.py, and both for a browser."""
    classes, tokenizer, normalisation, changes = MODELS[name]
    config = small(**changes)
    members = [reference.random_weights(config, seed, classes) for seed in range(config.ensemble)]
    branch = branch_of(classes) if config.linear else {}
    blend = blend_of(bool(members) + 3 * bool(branch), classes)
    known = np.concatenate([np.zeros(0, np.uint64), *(machine.known for machine in branch.values())])
    labels = [f"label {number}" for number in range(classes)]
    folder.mkdir()
    first = export([], config, classes, branch, blend_of(3, classes)) if config.cascade else b""
    (folder / "linear.onnx").write_bytes(first)
    (folder / "model.onnx").write_bytes(export(members, config, classes, branch, blend, second=config.cascade))
    write_array(folder / "ngrams.npy", known)
    vocabulary.write_counts(folder / "vocabulary.tsv", [(word, 1) for word in WORDS])
    settings = predictor.Settings.model_validate({
        "labels": labels, "tokenizer": tokenizer, "max_sequence_length": 40, "masking": config.masking,
        "subword_buckets": config.subword_buckets, "linear": config.linear, "encoder": "none",
        "alone_from": ALONE_FROM.get(name), "normalisation": normalisation,
    })  # fmt: skip
    write_json(folder / "settings.json", settings.model_dump())
    ids = {word: number for number, word in enumerate(WORDS, 1)}
    model = predictor.of(graph.session((folder / "model.onnx").read_bytes()), ids, known, settings)
    if first:
        whole, model = model, predictor.of(graph.session(first), {}, known, settings)
        model = model._replace(second=lambda: whole)
    rule = predictor.Rule(1 if classes == 2 else None, THRESHOLD, SURE_FROM.get(name))
    decision: dict[str, Any] = {
        "positive_label": labels[1] if classes == 2 else None,
        "threshold": THRESHOLD,
        "model": "",
    }
    if rule.sure_from:
        least = [None if one == math.inf else one for one in rule.sure_from]
        decision["sure_from"] = dict(zip(labels, least, strict=True))
    return model, rule, box.model(folder, decision)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """Return a page with the code that answers, and nothing else."""
    found = browser.new_page()
    found.add_script_tag(content=box.code())
    yield found
    found.close()


def loaded(page: Page, script: str) -> None:
    page.evaluate("() => { window.begin = (model) => { window.model = model; window.it = classifier(model); }; }")
    page.add_script_tag(content=script)


@pytest.mark.parametrize("name", MODELS)
def test_the_browser_answers_500_messages_of_all_scripts_as_predict_py_does(
    page: Page, tmp_path: Path, name: str
) -> None:
    model, rule, script = written(tmp_path / "model", name)
    loaded(page, script)
    texts = messages()
    found = json.loads(page.evaluate("(texts) => JSON.stringify(texts.map(it.answer))", texts))
    cleaned = [normalise(text, model.settings.normalisation) for text in texts]
    assert [one["text"] for one in found] == cleaned
    exact = predictor.outputs(model, cleaned, [])["probabilities"]
    assert np.ptp(exact, axis=0).max() > 0.04
    if model.second:
        answered = predictor.outputs(model._replace(second=None), cleaned, [])["probabilities"].max(axis=1)
        assert 100 < (answered >= ALONE_FROM[name]).sum() < 400, "messages of 500 that the first graph answers"
    # The runtime adds up float32 in an order of its own: six digits agree, but where the next ones are close to a half.
    likely = np.array([one["probabilities"] for one in found])
    assert np.abs(likely - exact).max() < 0.5 * 10**-DIGITS + NOISE
    positive = rule.positive
    assert [one["label"] for one in found] == predictor.answers(likely, positive, THRESHOLD).tolist()
    final = predictor.final(likely, rule)
    assert [one["label"] if one["isSure"] else predictor.UNSURE for one in found] == final.tolist()
    assert (predictor.UNSURE in final) == (name in SURE_FROM)
    assert_same_inputs(page, model, cleaned)
    for text, one in list(zip(cleaned, found, strict=True))[:120:6]:
        assert_same_explanation(page, model, text, positive if positive is not None else one["label"])


def assert_same_explanation(page: Page, model: predictor.Model, text: str, label: int) -> None:
    """Compare tokens and weights. A weight comes of two probabilities of six digits, which hide more near 0 and 1."""
    found = page.evaluate(
        "(text) => [...it.explanation(it.answer(text))].map(([from, to, weight]) => [text.slice(from, to), weight])",
        text,
    )
    expected = [(token, weight) for token, weight in explain.pieces(model, text, label) if weight is not None]
    assert [token for token, _ in found] == [token for token, _ in expected]
    share = predictor.probabilities(model, [text])[0, label]
    blur = 4e-6 / max(1e-6, min(share, 1 - share))
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in expected], abs=blur)


def assert_same_inputs(page: Page, model: predictor.Model, texts: list[str]) -> None:
    """Compare what the graph is given, to the last bit: rows of word and subwords, and n-grams with their counts."""
    settings, rows = model.settings, json.loads(page.evaluate(INPUTS, texts))
    ids = (model.second() if model.second else model).ids
    for text, row in zip(texts, rows, strict=True):
        if settings.linear:
            given = inputs.linear_inputs(model.ngrams, [text], model.counted)
            for source in graph.SOURCES:
                places, counts = given[f"{source}.ngrams"][0], given.get(f"{source}.frequencies")
                weights = np.ones(len(places)) if counts is None else counts[0]
                expected = {int(place): float(weight) for place, weight in zip(places, weights, strict=True) if place}
                assert {place: weight if counts is not None else 1 for place, weight in row[source]} == expected
            assert row["size"] == [given["size"][0, 0]]
        if model.networks:
            tokens = inputs.tokens_of(text, settings.tokenizer, settings.max_sequence_length)
            buckets = settings.subword_buckets
            parts = [[ids.get(token, 0), *(subwords.features(token, buckets) if buckets else [])] for token in tokens]
            length = max(1, len(tokens)) if settings.masking else settings.max_sequence_length
            assert row["tokens"] == [*parts, *[[0]] * (length - len(tokens))]


def test_the_browser_finds_tokens_and_words_where_python_finds_them_whatever_the_character(page: Page) -> None:
    letters = [letter for place, letter in enumerate(patterns.every()[:0x20000]) if letter == chr(place)]
    here = [letter for letter in letters[1:] if not "\u3400" < letter < "\ua000" and not "\uac00" <= letter <= "\uf8ff"]
    text = "".join(f"{letter}{letter}A{letter} 1{letter}" for letter in here)
    plain = map(re.compile, (*vocabulary.PATTERNS.values(), scripts.WORDS))
    found_by = [*plain, ngrams.SPACE, *dict(subwords.SHAPES)]
    for pattern in found_by:
        found = page.evaluate(MATCHES, [patterns.javascript(pattern.pattern), text])
        assert found.split("\0") == [match.group() for match in pattern.finditer(text)], pattern.pattern[:40]


# The page


def typed(sight: Sight, text: str) -> None:
    """Type a message, and wait until it is answered and explained."""
    sight.page.locator("#message").fill(text)
    sight.page.wait_for_function("() => document.querySelector('#try-about').textContent")


@pytest.fixture(params=[TWO, THREE], ids=["two labels", "three labels"])
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.getbasetemp(), request.param)


@pytest.fixture
def sight(browser: Browser, root: Path) -> Iterator[Sight]:
    """Return the report, open. It must have been silent, whatever a test did with it."""
    with seen(browser, root / "report/index.html", 360) as found:
        yield found
        assert found.said == []


HOSTILE = "WIN <img src=x onerror=alert(1)> it</span><script>alert(2)</script> \u202e £500!! 👩‍👩‍👧 soup"


def test_a_message_typed_into_the_report_has_predict_pys_label_probability_and_weights(
    sight: Sight, root: Path
) -> None:
    typed(sight, HOSTILE)
    model = predictor.load(root / "model")
    rule = predictor.decision(root / "model", model.settings.labels)
    positive, cut = rule.positive, rule.threshold
    likely = predictor.probabilities(model, [HOSTILE])
    label = int(predictor.answers(likely, positive, cut)[0])
    assert sight.page.locator("#try-label .label").inner_text() == model.settings.labels[label]
    shares = [float(share) for share in re.findall(r"([\d.]+)\u00a0%", sight.page.locator("#try-answer").inner_text())]
    if positive is None:
        assert shares == pytest.approx(sorted(100 * likely[0], reverse=True), abs=0.006)
    else:
        assert shares == pytest.approx([100 * likely[0, positive], 100 * cut], abs=0.006)
    assert sight.page.locator("#try-pieces").inner_text() == HOSTILE
    about = label if positive is None else positive
    assert sight.text("#try-about") == model.settings.labels[about]
    weights = explain.strongest(explain.pieces(model, HOSTILE, about))[:8]
    shown = [line.rsplit(" ", 1) for line in sight.page.locator("#try-strongest li").all_inner_texts()]
    found = [(token, float(weight.replace("\u2212", "-"))) for token, weight in shown]
    assert [token for token, _ in found[:3]] == [token for token, _ in weights[:3]]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in weights], abs=0.01)
    assert sight.asked == [(root / f"report/{name}").as_uri() for name in ("index.html", "try/code.js", "try/model.js")]


def test_a_message_that_the_model_promises_nothing_of_is_unsure(browser: Browser, root: Path, tmp_path: Path) -> None:
    folder = copied_report(root, tmp_path)
    script = folder / "try/model.js"
    none = [None] * len(predictor.load(root / "model").settings.labels)
    script.write_text(
        script.read_text("utf-8").replace('"sure_from": null', f'"sure_from": {json.dumps(none)}'), "utf-8"
    )
    with seen(browser, folder / "index.html") as found:
        typed(found, "see you at the lamp")
        assert found.page.locator("#try-label .label").inner_text() == predictor.UNSURE_LABEL


def test_an_answer_can_be_read_by_everybody(sight: Sight) -> None:
    typed(sight, HOSTILE + " WINNING" * 30 + "x" * 200)
    assert sight.run(STRUCTURE) == []
    assert sight.run("document.querySelector('#message').labels.length") == 1
    for scheme in ("light", "dark"):
        sight.page.emulate_media(color_scheme=scheme)
        assert (scheme, sight.run(CONTRAST)[1]) == (scheme, [])
    for width in (320, 360, 1280):
        sight.page.set_viewport_size({"width": width, "height": 800})
        assert (width, *sight.run(SIDEWAYS)) == (width, 0, [])


def test_the_last_of_several_messages_is_the_one_explained_and_none_has_no_answer(sight: Sight) -> None:
    typed(sight, "see you")
    sight.page.locator("#message").press_sequentially(" at the lamp, Anna")
    sight.page.wait_for_function("() => document.querySelectorAll('#try-pieces span').length > 6")
    assert sight.page.locator("#try-pieces").inner_text() == "see you at the lamp, Anna"
    sight.page.locator("#message").fill("")
    assert not sight.page.locator("#try-answer").is_visible()


def copied_report(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / "report", tmp_path / "mailed"))


def said_after_focus(browser: Browser, folder: Path) -> str:
    with seen(browser, folder / "index.html") as found:
        found.page.locator("#message").focus()
        found.page.wait_for_function("() => /\\w\\.$/.test(document.querySelector('#try-state').textContent)")
        return found.text("#try-state")


def test_the_page_alone_or_beside_another_model_says_why_it_cannot_answer(
    browser: Browser, root: Path, tmp_path: Path
) -> None:
    folder = copied_report(root, tmp_path)
    script = folder / "try/model.js"
    script.write_text(re.sub(r'"record": "\w+"', '"record": "0"', script.read_text("utf-8")), "utf-8")
    assert said_after_focus(browser, folder) == "The model cannot answer here: the folder try is that of another page."
    shutil.rmtree(folder / "try")
    assert said_after_focus(browser, folder).endswith("which report/ holds beside this page, and it is not here.")


def test_a_graph_with_an_operator_that_the_page_does_not_know_is_named(browser: Browser, tmp_path: Path) -> None:
    *_, script = written(tmp_path / "model", "n-grams alone")
    page = browser.new_page()
    page.add_script_tag(content=box.code())
    loaded(page, script)
    page.evaluate("() => { delete OPERATORS.Softmax; }")
    with pytest.raises(Error, match="this page cannot compute Softmax"):
        page.evaluate("() => classifier(model)")
    page.close()


# Which models have a box


@pytest.mark.parametrize(
    "pattern", [LINK, r"\B[aeiou]\B", "(?i:K)a?|[^\\w\\s]+", ".{3}$|^..", r"(\d)\1", "[]x-]|\\]|é"]
)
def test_a_pattern_that_removes_parts_of_a_text_removes_the_same_in_the_browser(page: Page, pattern: str) -> None:
    texts = [normalise(text, Normalisation.model_validate(PLAIN)) for text in messages()]
    found = page.evaluate(
        "([pattern, texts]) => texts.map((text) => text.replace(new RegExp(pattern, 'gu'), ''))",
        [patterns.javascript(pattern, regex), texts],
    )
    assert found == [regex.sub(pattern, "", text) for text in texts]


@pytest.mark.parametrize(
    "pattern", [r"(?P<name>x)", "a++", "(?:spam){e<=1}", r"\p{L}", "[[a-z]--[b]]", "(?<n>x)", "(?x) a", "(?i)(a)\\1"]
)
def test_a_pattern_that_only_python_knows_is_told_and_the_page_has_no_box(tmp_path: Path, pattern: str) -> None:
    written(tmp_path / "model", "networks alone")
    assert box.missing(tmp_path / "model") == ""
    settings = read_json(tmp_path / "model/settings.json")
    settings["normalisation"]["remove_pattern"] = pattern
    write_json(tmp_path / "model/settings.json", settings)
    assert box.missing(tmp_path / "model").startswith("clean.remove_pattern has a part that only Python knows: ")


def test_a_model_with_an_encoder_or_of_many_megabytes_says_why_it_has_no_box(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(workspace, trained(tmp_path_factory.getbasetemp(), TWO))
    settings = read_json(paths.MODEL / "settings.json")
    write_json(paths.MODEL / "settings.json", settings | {"encoder": "use"})
    workspace.run(plot.main)
    assert (
        'cannot answer on this page: <span dir="auto">its encoder, use, needs Python</span>'
        in paths.REPORT.read_text("utf-8")
    )
    assert (paths.TRY / "model.js").read_bytes() == b""
    write_json(paths.MODEL / "settings.json", settings)
    monkeypatch.setattr(box, "MOST_BYTES", 1000)
    assert re.fullmatch(r"it has \d+ MB, and a browser should load no more than 0", box.missing(paths.MODEL))
