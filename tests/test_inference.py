"""The exported model without TensorFlow: its inputs, its answers and their reasons, and damaged files."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.configs import placed, rows_of
from tests.models import TWO, corpus, resealed
from tests.server import memory_below
from textrnn.core import paths
from textrnn.core.errors import UserError
from textrnn.core.files import read_json, write_json
from textrnn.evaluation import tables
from textrnn.inference import decision, explain, graph, inputs, loading, predictor, settings
from textrnn.inference.loading import Model
from textrnn.inference.settings import Settings
from textrnn.model import export
from textrnn.text import subwords
from textrnn.text.encoders import Encoder
from textrnn.text.ngrams import LONGEST_CACHED, WORDS, bags, indices, ngrams, size, split
from textrnn.text.normalise import Normalisation
from textrnn.text.vocabulary import UNKNOWN, Tokenizer, read_tokens, tokenize
from textrnn.training.batches import Collator

KNOWN = ["tea", "at", "WIN", "9", "café", "!!"]
TEXTS = [
    "tea at 9 !!",
    "WIN",
    "no word of this is known",
    "",
    "tea",
    "café at café, WIN an extraordinarily long holiday",
]

Inputs = Mapping[str, NDArray[Any]]
Spoil = Callable[[Path], object]  # what damages a file of a model


class Session:
    """In the place of ONNX Runtime: keeps what it is given, and answers that both labels are as likely.

    A token's vector is its word id and the number of its features.
    """

    def __init__(self) -> None:
        self.given: list[Inputs] = []

    def get_inputs(self) -> list[SimpleNamespace]:
        """Tell the width of the vectors."""
        return [SimpleNamespace(name="word_ids", shape=["tokens"]), SimpleNamespace(name="seen", shape=["seen", 2])]

    def run(self, outputs: list[str], inputs: Inputs, _: object) -> list[NDArray[np.float64]]:
        """Keep the inputs and answer."""
        assert outputs == ["probabilities", "vectors"]
        self.given.append(inputs)
        counts = (inputs["subwords"] > 0).sum(axis=1) if "subwords" in inputs else np.zeros(len(inputs["word_ids"]))
        return [np.full((len(inputs["places"]), 2), 0.5), np.stack([inputs["word_ids"], counts], axis=1)]


def model_of(
    masking: bool = True,
    buckets: int = 50,
    longest: int = 5,
    tokenizer: Tokenizer = "rich",
    learnt: str | None = None,
    encoder: Encoder = "none",
) -> Model:
    """Return a model; its linear branch, if any, knows the n-grams of the text `learnt`."""
    ids = {token: number for number, token in enumerate(KNOWN, UNKNOWN + 1)}
    settings = Settings(
        labels=["ham", "spam"],
        tokenizer=tokenizer,
        max_sequence_length=longest,
        masking=masking,
        subword_buckets=buckets,
        linear=learnt is not None,
        encoder=encoder,
        alone_from=None,
        normalisation=Normalisation(
            unicode="none", fold_lookalikes=False, lowercase=False, ascii_only=False, remove_pattern=""
        ),
    )
    return loading.of(Session(), ids, ngrams(learnt or ""), settings)


def given_to(model: Model, texts: list[str]) -> list[Inputs]:
    predictor.probabilities(model, texts)
    given: list[Inputs] = model.session.given
    return given


@pytest.mark.parametrize("masking", [True, False])
@pytest.mark.parametrize("buckets", [0, 50])
@pytest.mark.parametrize("tokenizer", ["word", "rich"])
def test_the_model_reads_a_text_as_training_read_its_row(tokenizer: Tokenizer, buckets: int, masking: bool) -> None:
    tokens = [tokenize(text, tokenizer) for text in TEXTS]
    distinct = sorted({token for row in tokens for token in row})
    model = model_of(masking, buckets, tokenizer=tokenizer)
    table = subwords.of_many(distinct, buckets) if buckets else None
    words = np.array([model.ids.get(token, UNKNOWN) for token in distinct], np.int32)
    collator = Collator(words, table, model.settings.max_sequence_length, masking)
    rows = rows_of([[distinct.index(token) for token in row] for row in tokens])
    lengths = collator.lengths(rows).astype(np.int64)
    expected = dict(collator.batch(rows, np.arange(len(TEXTS)), lengths))
    del expected["labels"]
    expected["word_ids"] = expected.pop("words")

    found, new = inputs.network_inputs(model, [row[: model.settings.max_sequence_length] for row in tokens], lengths)
    assert {name: str(array.dtype) for name, array in found.items() if name != "seen"} == dict.fromkeys(
        {*expected, "places"}, "int32"
    )
    assert new == list(dict.fromkeys(["", *(token for row in tokens for token in row[:5])])), "each token once"
    assert found["word_ids"][found["places"]].tolist() == expected["word_ids"].tolist()
    assert found["lengths"].tolist() == expected["lengths"].tolist()
    if buckets:  # the tokens may be ordered otherwise, and a batch is as wide as its own longest token
        assert placed(found) == placed(expected)


def test_a_token_that_was_read_before_is_given_as_its_vector() -> None:
    model = model_of()
    given_to(model, ["tea at"])
    first, second = given_to(model, ["WIN at tea"])
    assert first["seen"].shape == (0, 2)
    assert second["word_ids"].tolist() == [UNKNOWN, 3]
    assert len(second["subwords"]) == 2
    features = [len(subwords.features(token, 50)) for token in ("tea", "at")]
    assert second["seen"].tolist() == [[1, features[0]], [2, features[1]]]
    assert second["places"].tolist() == [[1, 3, 2]] * 2


def test_no_more_vectors_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CACHED", 4)
    model = model_of(longest=9)
    for text in ("a b c", "d", "e f", "g h i j k l"):
        predictor.probabilities(model, [text])
    assert list(model.seen) == list("ghij"), "the first ones of the batch that had no room"


def test_neither_long_tokens_nor_more_bytes_than_there_is_room_for_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model, long = model_of(longest=9), "x" * (LONGEST_CACHED + 1)
    predictor.probabilities(model, [f"a {long} b"])
    assert list(model.seen) == ["a", "b"]
    cached = inputs._tokenized["rich"]
    kept = cached.cache_info().currsize
    assert inputs.tokens_of(f"{long}! c", "rich") == [long, "!", "c"]
    assert cached.cache_info().currsize <= kept + 1
    monkeypatch.setattr(loading, "ROOM", 4 * model.width * 4)
    model = model_of(longest=9)
    for text in ("c d e", "f g h"):
        predictor.probabilities(model, [text])
    assert list(model.seen) == ["f", "g", "h"]


@given(st.text(max_size=60), st.sampled_from(["word", "rich"]))
def test_a_text_has_the_tokens_of_its_pieces_between_white_space(text: str, tokenizer: Tokenizer) -> None:
    assert inputs.tokens_of(text, tokenizer) == tokenize(text, tokenizer)
    assert inputs.tokens_of(text, tokenizer, 3) == tokenize(text, tokenizer)[:3]


def grams_of(*words: str) -> list[int]:
    return [WORDS + crc32(f"{1 + word.count(' ')}\t{word}".encode()) for word in words]


LEARNT = "Tea at 9, WIN!!"


def test_the_linear_branch_is_given_the_places_of_the_known_n_grams_counted_from_1_and_padded_with_0() -> None:
    model = model_of(learnt=LEARNT)
    found = inputs.linear_inputs(model.ngrams, TEXTS)
    assert set(found) == {"characters.ngrams", "words.ngrams", "size"}
    width = 64  # the least multiple of it
    for source, kind in zip(("characters", "words"), split(bags([LEARNT])), strict=True):
        known, places = kind.grams.tolist(), found[f"{source}.ngrams"]
        assert str(places.dtype) == "int32"
        assert not places[3].any(), "an empty text has none"
        rows = [[1 + known.index(gram) for gram in ngrams(text).tolist() if gram in known] for text in TEXTS]
        assert 0 < max(map(len, rows)) <= width
        assert places.tolist() == [row + [0] * (width - len(row)) for row in rows]
    assert str(found["size"].dtype) == "float32"
    np.testing.assert_allclose(found["size"], [[size(text)] for text in TEXTS], rtol=1e-6)


def test_of_a_source_that_counts_the_logarithms_stand_where_the_places_do() -> None:
    known = ngrams("tea at tea")
    found = inputs.linear_inputs(indices(known), ["at Tea, tea TEA", ""], {"words"})
    assert set(found) == {"characters.ngrams", "words.ngrams", "words.frequencies", "size"}
    of_words = known[known >= WORDS].tolist()
    tea, at, pair = (of_words.index(gram) + 1 for gram in grams_of("tea", "at", "at tea"))
    given = dict(zip(found["words.ngrams"][0].tolist(), found["words.frequencies"][0].tolist(), strict=True))
    assert given == pytest.approx({at: 1, tea: 1 + np.log(3), pair: 1, 0: 0}, abs=1e-6)
    assert not found["words.frequencies"][1].any()
    assert found["words.frequencies"].dtype == np.float32


def test_the_linear_branch_reads_all_of_a_text_the_networks_cut() -> None:
    (batch,) = given_to(model_of(longest=2, learnt=LEARNT), ["ЖЖ ЖЖ ЖЖ WIN 99"])
    assert batch["lengths"].tolist() == [2] * 2, "twice the one row"
    assert (batch["characters.ngrams"][0] > 0).sum() > 5
    assert batch["size"].tolist() == [[float(np.float32(size("ЖЖ ЖЖ ЖЖ WIN 99")))]] * 2


def test_texts_are_read_in_batches_of_like_length() -> None:
    texts = ["tea " * (1 + number % 5) for number in range(2 * predictor.BATCH)]
    batches = given_to(model_of(longest=20), texts)
    assert [len(batch["places"]) for batch in batches] == [predictor.BATCH] * 2
    assert batches[0]["places"].shape[1] < batches[1]["places"].shape[1] == 5


def test_a_text_has_the_same_probabilities_whichever_others_it_comes_with(trained_model: Path) -> None:
    texts = [line.partition("\t")[2] for line in corpus(TWO, 300).splitlines()] + ["", "ЖЖ", "long " * 200, "x" * 3000]
    model = loading.load(trained_model)
    together = predictor.probabilities(model, texts)
    assert np.ptp(together[:, 1]) > 0.5
    model.seen.clear()
    for count in (1, 2, 3, 64):
        parts = [texts[start : start + count] for start in range(0, len(texts), count)]
        assert np.concatenate([predictor.probabilities(model, part) for part in parts]).tolist() == together.tolist()


@pytest.mark.parametrize(
    ("probabilities", "positive", "cut", "expected"),
    [
        ([[0.5, 0.5], [0.500001, 0.499999]], 1, 0.5, [1, 0]),  # at the threshold is positive
        ([[0.4, 0.6], [0.9, 0.1]], 1, 0.7, [0, 0]),
        ([[0.4, 0.6], [0.9, 0.1]], 0, 0.3, [0, 0]),
        ([[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]], 0, 0.1, [1, 2]),  # of three, the likeliest
    ],
)
def test_the_answer_is_the_positive_label_from_its_threshold_on_and_of_three_the_likeliest(
    probabilities: list[list[float]], positive: int, cut: float, expected: list[int]
) -> None:
    found = decision.answers(np.array(probabilities), positive, cut)
    assert found.tolist() == expected
    assert found.dtype == np.int16


def test_a_model_is_loaded_as_it_was_saved(trained_model: Path) -> None:
    model = loading.load(trained_model)
    written = model.settings._asdict() | {"normalisation": model.settings.normalisation._asdict()}
    assert written == read_json(trained_model / "settings.json")
    tokens = read_tokens(trained_model / "vocabulary.tsv")
    assert [model.ids[token] for token in tokens] == list(range(1, len(tokens) + 1))
    known = indices(np.load(trained_model / "ngrams.npy"))
    assert [one.grams[:-1].tolist() for one in model.ngrams] == [one.grams[:-1].tolist() for one in known]


def edited(**changes: Any) -> Spoil:
    return lambda path: write_json(path, read_json(path) | changes)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("settings.json", edited(subword_buckets=0)),
        ("settings.json", edited(labels=["egg", "ham", "spam"])),
        ("vocabulary.tsv", lambda path: path.write_bytes(b"w\t9\n" * 500)),
        ("settings.json", edited(linear=False)),
        ("ngrams.npy",
         lambda path: np.save(path, np.union1d(np.arange(9000, dtype=np.uint64) * 477_000, ngrams("soup w")))),
    ],
    ids=["subwords lost", "other labels", "a longer vocabulary", "linear lost", "more n-grams"],
)  # fmt: skip
def test_files_of_two_models_are_found_out_in_one_line(model_copy: Path, name: str, spoil: Spoil) -> None:
    spoil(model_copy / name)
    with pytest.raises(UserError, match=f"^expected the files of one model in .*, found {name} of another one"):
        loading.load(model_copy)
    resealed(model_copy)
    with pytest.raises(
        UserError, match=r"^expected the files of one model, found some that do not fit together: "
    ) as it:
        predictor.probabilities(loading.load(model_copy), ["soup w"])
    assert len(str(it.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"labels": ["ham"]}, "labels: expected 2 to 32,767 texts, found ['ham']"),
        ({"labels": ["ham", 1]}, "labels: expected 2 to 32,767 texts, found ['ham', 1]"),
        ({"labels": ["ham", "\ud800"]}, "labels: expected 2 to 32,767 texts"),
        ({"tokenizer": "poor"}, "tokenizer: expected one of word, rich, found 'poor'"),
        ({"tokenizer": ["rich"]}, "tokenizer: expected one of word, rich, found ['rich']"),
        ({"masking": 1}, "masking: expected true or false, found 1"),
        ({"subword_buckets": True}, "subword_buckets: expected a whole number from 0 to 10,000,000, found True"),
        ({"max_sequence_length": 0}, "max_sequence_length: expected a whole number from 1 to 10,000, found 0"),
        ({"alone_from": math.nan}, "alone_from: expected a number from 0 to 1 or null, found nan"),
        ({"normalisation": None}, "normalisation: expected an object, found None"),
        ({"normalisation": {}}, "normalisation.unicode: expected one of none, NFC, NFKC, found none; normalisation.f"),
        ({"colour": "red", "linear": None}, "colour: no such setting; linear: expected true or false, found None"),
    ],
)  # fmt: skip
def test_settings_that_train_does_not_write_are_named_with_what_was_expected(
    trained_model: Path, wrong: dict[str, Any], told: str
) -> None:
    written = read_json(trained_model / "settings.json")
    assert settings.of_json(written).labels == ["ham", "spam"]
    with pytest.raises(ValueError, match="^" + re.escape(told)):
        settings.of_json(written | wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"threshold": None}, "expected a positive label and its threshold, or neither"),
        ({"threshold": 1.5}, "threshold: expected a number from 0 to 1 or null, found 1.5"),
        ({"sure_from": [0.5]}, "sure_from: expected a number from 0 to 1 or null for each label, found [0.5]"),
        ({"sure_from": {"ham": "0.5"}}, "sure_from: expected a number from 0 to 1 or null for each label"),
    ],
)
def test_a_threshold_that_evaluate_does_not_write_is_named(trained_model: Path, wrong: Any, told: str) -> None:
    written = read_json(trained_model / "threshold.json")
    assert decision.of_json(written)["sure_from"] is None
    with pytest.raises(ValueError, match="^" + re.escape(told)):
        decision.of_json(written | wrong)
    with pytest.raises(ValueError, match=r"^expected an object of positive_label, threshold, model, sure_from, found"):
        decision.of_json([wrong])


def test_the_threshold_of_another_model_is_found_out(model_copy: Path) -> None:
    record = model_copy / "model.json"
    record.write_bytes(record.read_bytes() + b"\n")
    with pytest.raises(UserError, match="expected the threshold of this model"):
        decision.read(model_copy, ["ham", "spam"])


def test_a_graph_that_would_read_other_files_is_refused(model_copy: Path) -> None:
    graph = onnx.load(model_copy / "model.onnx")
    onnx.save(graph, model_copy / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    resealed(model_copy)
    with pytest.raises(UserError, match="a graph that would read other files"):
        loading.load(model_copy)


FIRST_READ = ["settings.json", "vocabulary.tsv", "ngrams.npy", "model.onnx", "model.json", "threshold.json"]


@pytest.mark.parametrize("name", FIRST_READ)
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(model_copy: Path, name: str) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such pipes")
    (model_copy / name).unlink()
    os.mkfifo(model_copy / name)
    with pytest.raises(UserError, match=f"^expected a file at .*{name}, found a pipe or a device"):
        decision.read(model_copy, loading.load(model_copy).settings.labels)
    (model_copy / name).unlink()
    (model_copy / name).symlink_to("/dev/zero")
    with pytest.raises(UserError, match=f"^expected a file at .*{name}, found a pipe or a device"):
        decision.read(model_copy, loading.load(model_copy).settings.labels)


def test_a_file_of_more_bytes_than_a_model_has_is_not_read(model_copy: Path) -> None:
    os.truncate(model_copy / "vocabulary.tsv", 1 << 40)  # holes take no room on a disk
    with pytest.raises(UserError, match=r"vocabulary.tsv of at most 2,147,483,648 bytes, found 1,099,511,627,776"):
        loading.load(model_copy)


def renamed(model: onnx.ModelProto, output: str) -> None:
    """Give the output of the graph another name, so that a further node may write it."""
    for node in model.graph.node:
        for names in (node.output, node.input):
            names[:] = ["before" if name == output else name for name in names]


def computed(operator: str, number: float, output: str = "probabilities") -> Callable[[onnx.ModelProto], None]:
    """Return what lets a graph compute the output from what it was and a number."""

    def change(model: onnx.ModelProto) -> None:
        renamed(model, output)
        model.graph.initializer.append(numpy_helper.from_array(np.array(number, np.float32), "number"))
        model.graph.node.append(helper.make_node(operator, ["before", "number"], [output]))

    return change


def loops(model: onnx.ModelProto) -> None:
    """Let a graph count for ever before it answers."""
    flag, real = TensorProto.BOOL, TensorProto.FLOAT
    body = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in ("again", "value")],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("again", flag, []),
            helper.make_tensor_value_info("value", real, []),
        ],
        [helper.make_tensor_value_info("again_out", flag, []), helper.make_tensor_value_info("value_out", real, [])],
    )
    for name, value in {"turns": np.int64(1 << 62), "go": np.True_, "zero_": np.float32(0)}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    renamed(model, "probabilities")
    model.graph.node.append(helper.make_node("Loop", ["turns", "go", "zero_"], ["counted"], body=body))
    model.graph.node.append(helper.make_node("Add", ["before", "counted"], ["probabilities"]))


def in_a_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    model.functions.append(helper.make_function("", "Softmax", ["x"], ["y"], [node], [helper.make_opsetid("", 17)]))


def of_another_domain(model: onnx.ModelProto) -> None:
    model.graph.node[0].domain = "stranger"


def wider(tensor: str, width: int | str) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        for one in (*model.graph.input, *model.graph.output):
            if one.name == tensor:
                place = one.type.tensor_type.shape.dim[1]
                if isinstance(width, int):
                    place.dim_value = width
                else:
                    place.dim_param = width

    return change


def without_shape(model: onnx.ModelProto) -> None:
    renamed(model, "vectors")
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "axis"))
    model.graph.node.append(helper.make_node("ReduceSum", ["before", "axis"], ["vectors"], keepdims=1))


POISON: dict[str, tuple[Callable[[onnx.ModelProto], object], str]] = {
    "endless": (loops, "a graph with .*'Loop'"),
    "in a function": (in_a_function, "a graph with functions"),
    "of another domain": (of_another_domain, "a graph with 'stranger.Gather'"),
    "seen of no width": (wider("seen", "N"), "another output vectors than the settings need"),
    "seen is wide": (wider("seen", 10**15), "found"),
    "seen of less than nothing": (wider("seen", -1), "found"),
    "one vector": (without_shape, "found"),
    "NaN": (computed("Mul", np.nan), "no probabilities"),
    "infinite": (computed("Add", np.inf), "no probabilities"),
    "large": (computed("Mul", 1e30), "no probabilities"),
    "negative": (computed("Add", -7), "no probabilities"),
}


@pytest.mark.parametrize("name", POISON)
def test_a_graph_that_training_does_not_write_is_refused_in_one_line(model_copy: Path, name: str) -> None:
    change, found = POISON[name]
    model = onnx.load(model_copy / "model.onnx")
    change(model)
    (model_copy / "model.onnx").write_bytes(model.SerializeToString())
    resealed(model_copy)
    with pytest.raises(UserError, match=found) as it:
        loading.load(model_copy)
    assert len(str(it.value).splitlines()) == 1


def test_a_first_answer_that_never_comes_is_given_up(trained_model: Path) -> None:
    model = onnx.load(trained_model / "model.onnx")
    loops(model)
    endless = onnxruntime.InferenceSession(model.SerializeToString())
    whole = loading.load(trained_model)
    with pytest.raises(Exception, match="terminate flag"):
        graph.answer(endless, loading.first_inputs(whole), 2, timeout=0.1)


def test_the_operators_that_a_graph_may_have_are_those_that_export_writes() -> None:
    source = (paths.ROOT / "textrnn/model/export.py").read_text("utf-8")
    written = set(re.findall(r'\.add(?:_all)?\(\s*"(\w+)"', source))
    assert written | set(export.OPERATORS.values()) == graph.OPERATORS


def test_bytes_that_are_no_graph_have_no_operators(trained_model: Path) -> None:
    whole = (trained_model / "model.onnx").read_bytes()
    assert graph.operators(whole) < graph.OPERATORS
    for end in range(1, 200):
        with suppress(ValueError):
            graph.operators(whole[:end])
    for damaged in (b"\xff" * 20, b"\x0b", b"\x08", bytes([8, 1]) * (graph.MOST_FIELDS + 1)):
        with pytest.raises(ValueError, match="graph"):
            graph.operators(damaged)


HEAVY = {
    "dask", "jax", "keras", "matplotlib", "onnxruntime", "psutil", "regex", "requests", "scipy", "sklearn", "tensorflow"
}  # fmt: skip


@pytest.mark.parametrize(
    ("modules", "loaded"),
    [
        ("stages.download, stages.clean, stages.vectorize, stages.split", []),
        ("predict", ["onnxruntime"]),
        ("stages.evaluate", ["onnxruntime", "psutil", "scipy", "sklearn"]),
        ("stages.plot", ["matplotlib", "psutil", "scipy", "sklearn"]),
    ],
)
def test_a_library_that_takes_long_to_load_is_loaded_only_where_it_is_used(modules: str, loaded: list[str]) -> None:
    program = f"import sys, {modules}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == loaded


# Explanations

WIN = "hello there, WIN a free £500 voucher"


@pytest.fixture(scope="module")
def model(trained_model: Path) -> Model:
    return loading.load(trained_model)


def weights(model: Model, text: str, label: int) -> list[float]:
    return [weight for _, weight in explain.pieces(model, text, label) if weight is not None]


def test_a_weight_is_how_much_log_odds_the_label_loses_without_the_token(model: Model) -> None:
    found = explain.pieces(model, WIN, 1)
    assert "".join(text for text, _ in found) == WIN
    tokens = ["hello", "there", ",", "WIN", "a", "free", "£", "500", "voucher"]
    assert [text for text, weight in found if weight is not None] == tokens
    for place, (token, weight) in enumerate(found):
        if weight is not None:
            left = "".join(" " if number == place else text for number, (text, _) in enumerate(found))
            whole, without = predictor.probabilities(model, [WIN, left])[:, 1]
            odds = np.log(whole / (1 - whole)) - np.log(without / (1 - without))
            assert weight == pytest.approx(odds, abs=1e-6), token
    best, weight = explain.strongest(found)[0]
    assert best in {"WIN", "free"}
    assert weight > 0


def test_a_token_that_speaks_for_one_of_two_labels_speaks_against_the_other(model: Model) -> None:
    for against, for_it in zip(weights(model, WIN, 0), weights(model, WIN, 1), strict=True):
        assert against == pytest.approx(-for_it, abs=1e-4)  # the probabilities have six digits


def test_the_strongest_tokens_come_first_whether_they_speak_for_a_label_or_against_it() -> None:
    found = [("a", 0.5), (" ", None), ("b", 0.0), ("c", -2.0), ("d", 1.0)]
    assert explain.strongest(found) == [("c", -2.0), ("d", 1.0), ("a", 0.5)]


def test_only_the_tokens_that_the_network_reads_have_a_weight(model: Model) -> None:
    assert explain.pieces(model, "", 1) == []
    assert explain.pieces(model, "\u3000", 1) == [("\u3000", None)]
    assert len(weights(model, "tea " * 400, 1)) == model.settings.max_sequence_length


def test_of_a_long_text_the_first_tokens_are_explained_as_in_a_short_one(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain, "MOST", 60)
    long = WIN + " and more" * 200 + " x" * 10_000
    whole = explain.pieces(model, long, 1)
    assert "".join(text for text, _ in whole) == long
    monkeypatch.setattr(explain, "WORK", 3 * model.settings.max_sequence_length)
    some = explain.pieces(model, long, 1)
    assert [one for one in some if one[1] is not None] == [one for one in whole if one[1] is not None][:3]
    assert explain.work(model, long) == 4 * model.settings.max_sequence_length
    monkeypatch.setattr(explain, "WORK", 0)
    assert len(weights(model, long, 1)) == 1


def test_a_long_text_is_not_copied_once_for_each_token(model: Model) -> None:
    long = WIN + " and more" * 200 + " " + "x" * 5_000_000
    with memory_below(200_000_000):  # of which each copy would take 5
        found = explain.pieces(model, long, 1)
    assert sum(weight is not None for _, weight in found) == model.settings.max_sequence_length


def test_of_many_mistakes_the_surest_are_explained_and_a_note_says_so(
    model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [WIN, "see you", WIN]
    all_found = tables.reasons(model, texts, [1, 0, 1])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(tables, "MOST_WORK", sum(explain.work(model, text) for text in texts[:2]))
    assert tables.reasons(model, texts, [1, 0, 1]) == [*all_found[:2], ""]
    said = "note: the tokens that misled the model are looked for in the 2 surest of 3 mistakes\n"
    assert capsys.readouterr().err == said
    assert tables.reasons(model, [], []) == []
