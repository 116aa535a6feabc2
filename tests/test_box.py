"""The box in the report: in a real browser it answers as predict.py does, whatever the model and whatever is typed."""

import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import regex
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

from stages import plot
from tests import reference
from tests.browser import CONTRAST, SIDEWAYS, STRUCTURE, Sight, running, seen
from tests.configs import small
from tests.models import THREE, TWO, corpus, place, trained
from tests.test_export import blend_of, branch_of
from tests.workspace import Workspace
from textrnn.core.files import DIGITS, read_json, write_array, write_json, write_text
from textrnn.inference import explain, graph, inputs, predictor
from textrnn.model.export import export
from textrnn.report import box, patterns
from textrnn.text import ngrams, scripts, subwords, vocabulary
from textrnn.text.normalise import normalise

WORDS = ["see", "claim", "two", "lamp", "!!", "0000", "é", "看"]
PLAIN: dict[str, Any] = {"lowercase": False, "ascii_only": False, "remove_pattern": ""}
LINK = r"(?i)https?://\S+|\b[\d-]{4,6}\b|[a-c]+?$"
# Labels, tokenizer, what changes a text, and the network: by what stands in params.yaml.
MODELS: dict[str, tuple[int, str, dict[str, Any], dict[str, Any]]] = {
    "five kinds in one": (2, "rich", PLAIN, {"cell": "gru", "bidirectional": True, "pooling": "mean_max", "ensemble": 3,
                                             "subword_buckets": reference.BUCKETS, "linear": True}),
    "many labels": (7, "rich", PLAIN, {"cell": "lstm", "layers": 2, "linear": True, "bidirectional": True, "ensemble": 2}),
    "networks alone": (3, "word", PLAIN | {"ascii_only": True}, {"cell": "rnn", "masking": False, "pooling": "mean_max"}),
    "n-grams alone": (2, "rich", PLAIN | {"lowercase": True, "remove_pattern": LINK}, {"ensemble": 0, "linear": True}),
}  # fmt: skip
THRESHOLD, NOISE = 0.4, 5e-7
INPUTS = """(texts) => {
  const read = reader({ ...model, ngrams: ngramsOf(model.ngrams) }), graph = graphOf(decoded(model.graph));
  const grams = (given, source) => Array.from(given[`${source}.ngrams`].data, (place, number) =>
    [place, given[`${source}.frequencies`].data[number]]).filter(([place]) => place);
  const rows = ({ word_ids: { data: words }, subwords: { dims: [, width], data: table }, places: { data: places } }) =>
    Array.from(places, (token) => [words[token], ...table.slice(token * width, (token + 1) * width).filter((one) => one)]);
  return texts.map((text) => {
    const given = read.inputs(text, graph);
    return { tokens: given.places && rows(given), size: given.size && [...given.size.data],
      ...(given.size && { characters: grams(given, "characters"), words: grams(given, "words") }) };
  });
}"""
MATCHES = "([pattern, text]) => text.match(new RegExp(pattern, 'gu'))"
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
)  # fmt: skip
ODD = ["", " ", "x" * 20_000, "看" * 6_000, "ham " * 3_000, "\u200d", "Ａ１ｆ ＳＰＡＭ", "😀" * 400, "e" + "\u0301" * 400]


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


def written(folder: Path, name: str) -> tuple[predictor.Model, str]:
    """Write a model of random weights into a folder, and return it as predict.py and as the browser loads it."""
    classes, tokenizer, normalisation, changes = MODELS[name]
    config = small(**changes)
    members = [reference.random_weights(config, seed, classes) for seed in range(config.ensemble)]
    branch = branch_of(classes) if config.linear else {}
    blend = blend_of(bool(members) + 3 * bool(branch), classes)
    known = np.concatenate([np.zeros(0, np.uint64), *(machine.known for machine in branch.values())])
    labels = [f"label {number}" for number in range(classes)]
    folder.mkdir()
    (folder / "model.onnx").write_bytes(export(members, config, classes, branch, blend))
    write_array(folder / "ngrams.npy", known)
    vocabulary.write_counts(folder / "vocabulary.tsv", [(word, 1) for word in WORDS])
    settings = predictor.Settings.model_validate({
        "labels": labels, "tokenizer": tokenizer, "max_sequence_length": 40, "masking": config.masking,
        "subword_buckets": config.subword_buckets, "linear": config.linear, "encoder": "none",
        "normalisation": normalisation,
    })  # fmt: skip
    write_json(folder / "settings.json", settings.model_dump())
    session = graph.session((folder / "model.onnx").read_bytes())
    model = predictor.of(session, {word: number for number, word in enumerate(WORDS, 1)}, known, settings)
    decision = {"positive_label": labels[1] if classes == 2 else None, "threshold": THRESHOLD, "model": ""}
    return model, box.model(folder, decision)


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
    model, script = written(tmp_path / "model", name)
    loaded(page, script)
    texts = messages()
    found = page.evaluate("(texts) => texts.map(it.answer)", texts)
    cleaned = [normalise(text, model.settings.normalisation) for text in texts]
    assert [one["text"] for one in found] == cleaned
    exact = predictor.outputs(model, cleaned, [])["probabilities"]
    assert np.ptp(exact, axis=0).max() > 0.04
    # The runtime adds up float32 in an order of its own: six digits agree, but where the next ones are close to a half.
    likely = np.array([one["probabilities"] for one in found])
    assert np.abs(likely - exact).max() < 0.5 * 10**-DIGITS + NOISE
    positive = 1 if len(model.settings.labels) == 2 else None
    assert [one["label"] for one in found] == predictor.answers(likely, positive, THRESHOLD).tolist()
    assert_same_inputs(page, model, cleaned)


def assert_same_inputs(page: Page, model: predictor.Model, texts: list[str]) -> None:
    """Compare what the graph is given, to the last bit: rows of word and subwords, and n-grams with their counts."""
    settings, rows = model.settings, page.evaluate(INPUTS, texts)
    for text, row in zip(texts, rows, strict=True):
        if settings.linear:
            given = inputs.linear_inputs(model.ngrams, [text], model.counted)
            for source in graph.SOURCES:
                places, counts = given[f"{source}.ngrams"][0], given.get(f"{source}.frequencies")
                weights = np.ones(len(places)) if counts is None else counts[0]
                expected = {int(place): float(weight) for place, weight in zip(places, weights, strict=True) if place}
                assert {place: weight if counts is not None else 1 for place, weight in row[source]} == expected
            assert row["size"] == [given["size"][0, 0]]
        if model.width:
            tokens = inputs.tokens_of(text, settings.tokenizer, settings.max_sequence_length)
            buckets = settings.subword_buckets
            parts = [[model.ids.get(token, 0), *(subwords.features(token, buckets) if buckets else [])] for token in tokens]
            length = max(1, len(tokens)) if settings.masking else settings.max_sequence_length
            assert row["tokens"] == [*parts, *[[0]] * (length - len(tokens))]


def test_the_browser_finds_tokens_and_words_where_python_finds_them_whatever_the_character(page: Page) -> None:
    letters = [letter for letter in map(chr, range(0x32000)) if not 0xD800 <= ord(letter) < 0xE000]
    here = "".join(letter for letter, as_here in zip(letters, patterns.every()[: 0xD800] + patterns.every()[0xE000:], strict=False) if letter == as_here)
    text = here + "".join(f"{letter}{letter}A{letter} 1{letter}" for letter in here if not 0x3400 < ord(letter) < 0xD7A4)
    for pattern in (*vocabulary.PATTERNS.values(), re.compile(scripts.WORDS), ngrams.SPACE, *(one for one, _ in subwords.SHAPES)):
        expected = [match.group() for match in pattern.finditer(text)]
        found = page.evaluate(MATCHES, [patterns.javascript(pattern.pattern), text])
        assert found == expected, pattern.pattern[:40]
