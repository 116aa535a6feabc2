"""The exported model without TensorFlow: what it is given, what it answers, and what a damaged one says."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models import TWO, corpus
from tests.recipes import rows_of
from textrnn import inference, paths, subwords
from textrnn.batches import Batch, Encoder
from textrnn.errors import UserError
from textrnn.files import write_json
from textrnn.inference import Model
from textrnn.normalise import Normalisation
from textrnn.tokenizers import Tokenizer, tokenize
from textrnn.vocabulary import UNKNOWN

KNOWN = ["tea", "at", "WIN", "9", "café", "!!"]
TEXTS = [
    "tea at 9 !!",
    "WIN",
    "no word of this is known",
    "",
    "tea",
    "café at café, WIN an extraordinarily long holiday",
]
AS_IT_IS = Normalisation(lowercase=False, ascii_only=False, remove_pattern="")


class Session:
    """In the place of ONNX Runtime: keeps what it is given and answers with a row's length and first word."""

    def __init__(self) -> None:
        self.given: list[Batch] = []

    def run(self, outputs: None, inputs: Batch) -> list[NDArray[np.float64]]:
        """Keep the inputs and answer."""
        assert outputs is None
        self.given.append(inputs)
        return [np.stack([inputs["lengths"], inputs["words"][:, 0]], axis=1) / 7]


def model_of(
    masking: bool = True, buckets: int = 50, longest: int = 5, tokenizer: Tokenizer = "rich", session: Any = None,
    normalisation: Normalisation = AS_IT_IS,
) -> Model:  # fmt: skip
    ids = {token: number for number, token in enumerate(KNOWN, UNKNOWN + 1)}
    settings = inference.Settings(
        labels=["ham", "spam"],
        tokenizer=tokenizer,
        max_sequence_length=longest,
        masking=masking,
        subword_buckets=buckets,
        normalisation=normalisation,
    )
    return Model(session or Session(), ids, settings)


def given_to(model: Model, texts: list[str]) -> list[Batch]:
    inference.probabilities(model, texts)
    given: list[Batch] = model.session.given
    return given


@pytest.mark.parametrize("masking", [True, False])
@pytest.mark.parametrize("buckets", [0, 50])
@pytest.mark.parametrize("tokenizer", ["word", "rich"])
def test_the_model_reads_a_text_as_training_read_its_row(tokenizer: Tokenizer, buckets: int, masking: bool) -> None:
    tokens = [tokenize(text, tokenizer) for text in TEXTS]
    distinct = sorted({token for row in tokens for token in row})
    model = model_of(masking, buckets, tokenizer=tokenizer)
    table = subwords.table(distinct, buckets) if buckets else None
    words = np.array([model.ids.get(token, UNKNOWN) for token in distinct], np.int32)
    encoder = Encoder(words, table, model.settings.max_sequence_length, masking)
    rows = rows_of([[distinct.index(token) for token in row] for row in tokens])
    lengths = encoder.lengths(rows)
    expected = dict(encoder.batch(rows, np.arange(len(TEXTS)), lengths))
    del expected["labels"]

    found = inference.encode(model, [row[: model.settings.max_sequence_length] for row in tokens], lengths)
    assert {name: array.dtype for name, array in found.items()} == dict.fromkeys(expected, np.dtype(np.int32))
    if buckets:  # a batch is as wide as its own longest token, a table as that of the corpus
        assert sorted_features(found) == sorted_features(expected)
        del found["subwords"], expected["subwords"]
    assert {name: array.tolist() for name, array in found.items()} == {
        name: array.tolist() for name, array in expected.items()
    }


def sorted_features(batch: Batch) -> list[list[list[int]]]:
    """Return the features of each token of each row, without padding."""
    return [[sorted(step[step > 0].tolist()) for step in row] for row in batch["subwords"]]


def test_the_width_of_the_subwords_does_not_change_the_answer(trained_model: Path) -> None:
    model = inference.load(trained_model)
    tokens = [["soup", "!"], ["at"]]
    narrow = inference.encode(model, tokens, np.array([2, 1]))
    wide = narrow | {"subwords": np.pad(narrow["subwords"], ((0, 0), (0, 0), (0, 30)))}
    first, second = (model.session.run(None, inputs)[0] for inputs in (narrow, wide))
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-6)


def test_an_unknown_word_is_word_0_and_keeps_its_subwords() -> None:
    found = inference.encode(model_of(), [["tea", "wonderful"]], np.array([2]))
    assert found["words"].tolist() == [[1, UNKNOWN]]
    assert sorted_features(found) == [[sorted(subwords.features(token, 50)) for token in ("tea", "wonderful")]]


def test_a_model_without_subwords_is_given_none() -> None:
    assert set(inference.encode(model_of(buckets=0), [["tea"]], np.array([1]))) == {"words", "lengths"}


@pytest.mark.parametrize(
    ("masking", "text", "words", "length"),
    [
        (True, "tea at 9", [1, 2, 4], 3),
        (True, "tea at 9 WIN WIN tea tea", [1, 2, 4, 3, 3], 5),
        (True, "", [0], 1),
        (False, "tea at 9", [1, 2, 4, 0, 0], 5),
        (False, "tea at 9 WIN WIN tea tea", [1, 2, 4, 3, 3], 5),
        (False, "", [0, 0, 0, 0, 0], 5),
    ],
)
def test_a_text_is_cut_and_without_masking_padded(masking: bool, text: str, words: list[int], length: int) -> None:
    (batch,) = given_to(model_of(masking), [text])
    assert batch["words"].tolist() == [words]
    assert batch["lengths"].tolist() == [length]


@pytest.mark.parametrize("count", [0, 1, inference.BATCH, inference.BATCH + 1, 3 * inference.BATCH + 5])
def test_answers_come_in_the_order_of_the_texts(count: int) -> None:
    random = np.random.default_rng(count)
    texts = [" ".join(random.choice(KNOWN, random.integers(1, 6))) for _ in range(count)]
    model = model_of(longest=20)
    found = inference.probabilities(model, texts)
    tokens = [tokenize(text, "rich") for text in texts]
    expected = [[len(row) / 7, model.ids[row[0]] / 7] for row in tokens]
    assert found.shape == (count, 2)
    np.testing.assert_allclose(found, np.reshape(expected, (count, 2)), rtol=0, atol=1e-6)


def test_texts_are_read_in_batches_of_like_length() -> None:
    texts = ["tea " * (1 + number % 5) for number in range(2 * inference.BATCH)]
    batches = given_to(model_of(longest=20), texts)
    assert [len(batch["words"]) for batch in batches] == [inference.BATCH] * 2
    assert batches[0]["words"].shape[1] < batches[1]["words"].shape[1] == 5


def test_probabilities_are_rounded_to_six_digits() -> None:
    found = inference.probabilities(model_of(), ["tea"])
    assert found.tolist() == [[0.142857, 0.142857]]


def test_a_batch_does_not_change_an_answer_by_more_than_the_last_digit(trained_model: Path) -> None:
    model = inference.load(trained_model)
    texts = [line.partition("\t")[2] for line in corpus(TWO, 100).splitlines()]
    alone = np.concatenate([inference.probabilities(model, [text]) for text in texts])
    np.testing.assert_allclose(inference.probabilities(model, texts), alone, rtol=0, atol=1.1e-6)
    assert np.ptp(alone[:, 1]) > 0.5


def test_the_probability_is_that_of_the_label_in_its_column(trained_model: Path) -> None:
    model = inference.load(trained_model)
    found = inference.probabilities(model, ["URGENT! Collect your two tickets", "mum says soup tomorrow 8pm"])
    assert model.settings.labels == ["ham", "spam"]
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=2e-6)
    assert found[0, 1] > 0.7
    assert found[1, 1] < 0.3


@pytest.mark.parametrize(
    ("probabilities", "positive", "cut", "expected"),
    [
        ([[0.4, 0.6], [0.9, 0.1]], 1, 0.5, [1, 0]),
        ([[0.5, 0.5], [0.500001, 0.499999]], 1, 0.5, [1, 0]),  # at the threshold is positive
        ([[0.4, 0.6], [0.9, 0.1]], 1, 0.7, [0, 0]),
        ([[0.4, 0.6], [0.9, 0.1]], 1, 0.0, [1, 1]),
        ([[0.4, 0.6], [0.9, 0.1]], 0, 0.5, [1, 0]),
        ([[0.4, 0.6], [0.9, 0.1]], 0, 0.3, [0, 0]),
        ([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]], 0, 0.1, [1, 2]),  # of three, the likeliest
    ],
)
def test_the_answer_is_the_positive_label_from_its_threshold_on_and_of_three_the_likeliest(
    probabilities: list[list[float]], positive: int, cut: float, expected: list[int]
) -> None:
    found = inference.answers(np.array(probabilities), positive, cut)
    assert found.tolist() == expected
    assert found.dtype == np.int8


def test_a_text_is_normalised_as_clean_does() -> None:
    model = model_of(normalisation=Normalisation(lowercase=True, ascii_only=True, remove_pattern=r"\d"))
    assert inference.clean(model, "CAFÉ\r\nat 9 pm") == "caf at  pm"


def test_a_model_is_loaded_as_it_was_saved(trained_model: Path) -> None:
    model = inference.load(trained_model)
    settings = json.loads((trained_model / "settings.json").read_text("utf-8"))
    assert model.settings.model_dump() == settings
    lines = (trained_model / "vocabulary.tsv").read_text("utf-8").splitlines()
    assert [model.ids[line.split("\t")[0]] for line in lines] == list(range(1, len(lines) + 1))


def everything(directory: Path) -> None:
    """Load what predict.py loads."""
    inference.decision(directory, inference.load(directory).settings.labels)


def edited(**changes: Any) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        value = json.loads(path.read_text("utf-8")) | changes
        write_json(path, {key: one for key, one in value.items() if one is not None})

    return edit


def text_of(content: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content.encode("latin-1"))

    return write


def cut_to(share: float) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return cut


DAMAGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "no settings": ("settings.json", Path.unlink),
    "empty settings": ("settings.json", text_of("")),
    "half of the settings": ("settings.json", cut_to(0.5)),
    "settings in Latin-1": ("settings.json", text_of('{"labels": ["caf\xe9"]}')),
    "settings that are a list": ("settings.json", text_of("[1, 2]")),
    "a setting lost": ("settings.json", edited(labels=None)),
    "a setting too many": ("settings.json", edited(colour="red")),
    "a setting of another type": ("settings.json", edited(max_sequence_length="long")),
    "an unknown tokenizer": ("settings.json", edited(tokenizer="guess")),
    "a normalisation without its keys": ("settings.json", edited(normalisation={})),
    "no vocabulary": ("vocabulary.tsv", Path.unlink),
    "a vocabulary without counts": ("vocabulary.tsv", text_of("tea\nat\n")),
    "a vocabulary in Latin-1": ("vocabulary.tsv", text_of("caf\xe9\t3\n")),
    "no graph": ("model.onnx", Path.unlink),
    "an empty graph": ("model.onnx", text_of("")),
    "a graph that is text": ("model.onnx", text_of("not a graph\n")),
    "half of a graph": ("model.onnx", cut_to(0.5)),
    "all of a graph but its end": ("model.onnx", cut_to(0.999)),
    "no threshold": ("threshold.json", Path.unlink),
    "an empty threshold": ("threshold.json", text_of("")),
    "a threshold without its label": ("threshold.json", edited(positive_label=None)),
    "a threshold that is no number": ("threshold.json", edited(threshold="high")),
    "a threshold for another label": ("threshold.json", edited(positive_label="egg")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_missing_or_damaged_file_is_named_in_one_line(model_copy: Path, damage: str) -> None:
    name, spoil = DAMAGES[damage]
    spoil(model_copy / name)
    with pytest.raises(UserError) as caught:
        everything(model_copy)
    message = str(caught.value)
    assert str(model_copy / name) in message
    assert message.startswith("expected ")
    assert "found" in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("settings.json", edited(subword_buckets=0)),
        ("settings.json", edited(subword_buckets=10_000)),
        ("settings.json", edited(labels=["egg", "ham", "spam"])),
        ("vocabulary.tsv", text_of("w\t9\n" * 500)),
    ],
    ids=["subwords lost", "other subwords", "other labels", "a longer vocabulary"],
)
def test_files_of_two_models_are_found_out_in_one_line(
    model_copy: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    spoil(model_copy / name)
    with pytest.raises(UserError) as caught:
        inference.probabilities(inference.load(model_copy), ["soup w"])
    assert str(caught.value).startswith("expected the files of one model, found some that do not fit together: ")
    assert len(str(caught.value).splitlines()) == 1


def test_a_model_is_whole_wherever_it_is_copied(model_copy: Path) -> None:
    everything(model_copy)


def test_only_train_waits_for_tensorflow() -> None:
    modules = ["predict", *(f"stages.{path.stem}" for path in sorted((paths.ROOT / "stages").glob("[a-z]*.py")))]
    modules.remove("stages.train")
    program = (
        "import importlib, sys\n"
        "for module in sys.argv[1:]:\n"
        "    importlib.import_module(module)\n"
        "    print(module, *sorted({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *modules], cwd=paths.ROOT, capture_output=True, text=True, check=True
    )
    assert len(modules) >= 7
    assert done.stdout.splitlines() == modules
