"""The models of the comparison: each trains on a task's training rows, and answers for its test rows.

The networks are trained, exported and run by the functions that the stages use.
"""

import io
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from scipy.special import expit
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from compare.protocols import LABELS
from stages.vectorize import vectorize
from textrnn.artifacts import ragged
from textrnn.core import params, paths
from textrnn.core.errors import UserError
from textrnn.core.files import HEADER
from textrnn.core.params import Section
from textrnn.inference import graph, predictor
from textrnn.metrics.threshold import best_threshold
from textrnn.model import linear, stacking
from textrnn.model.config import TrainConfig
from textrnn.model.stacking import softmax
from textrnn.text.ngrams import bags, size
from textrnn.text.normalise import Normalisation, normalise
from textrnn.text.vocabulary import UNKNOWN, Tokenizer, Vectorize
from textrnn.training import branches, checkpoint, learn, loop
from textrnn.training.batches import folds

TUTORIAL = paths.ROOT / "presets/tutorial.txt"
INNER = 5  # folds of the training rows, for a linear model's out-of-fold decisions

Floats = NDArray[np.float64]
Labels = NDArray[np.int16]


class Task(NamedTuple):
    """Training rows, and the texts to answer for."""

    texts: list[str]
    labels: Labels
    groups: NDArray[np.int64]
    test_texts: list[str]


class Answers(NamedTuple):
    """The answers of a model for the test rows."""

    score: Floats  # grows with the probability of spam
    spam: NDArray[np.bool_]


Model = Callable[[Task], Answers]
S = TypeVar("S", bound=Section)


def always_ham(task: Task) -> Answers:
    """Answer ham, whatever the text."""
    rows = len(task.test_texts)
    return Answers(np.zeros(rows), np.zeros(rows, bool))


def naive_bayes(task: Task) -> Answers:
    """Fit multinomial naive Bayes to word counts."""
    model = make_pipeline(CountVectorizer(), MultinomialNB()).fit(task.texts, task.labels)
    score: Floats = model.predict_proba(task.test_texts)[:, 1]
    return Answers(score, score >= 0.5)


def machine(words: bool) -> Any:
    """Return a linear SVM on TF-IDF of character 2–5-grams; with `words`, of word 1–2-grams as well."""
    characters = TfidfVectorizer(analyzer="char", ngram_range=(2, 5), sublinear_tf=True)
    both = make_union(characters, TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True))
    return make_pipeline(both if words else characters, LinearSVC(C=10, random_state=0))


def svm_characters(task: Task) -> Answers:
    """Use the SVM on characters alone, with threshold 0."""
    score: Floats = machine(words=False).fit(task.texts, task.labels).decision_function(task.test_texts)
    return Answers(score, score >= 0)


def svm(task: Task) -> Answers:
    """Use the SVM on characters and words, with threshold 0."""
    score: Floats = machine(words=True).fit(task.texts, task.labels).decision_function(task.test_texts)
    return Answers(score, score >= 0)


def svm_cut(task: Task) -> Answers:
    """Use the SVM on characters and words, its threshold tuned on out-of-fold decisions, as the default's is."""
    fold = folds(task.groups, task.labels, INNER, 0)
    decisions = np.zeros(len(fold))
    for number in range(INNER):
        others, left_out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        fitted = machine(words=True).fit([task.texts[row] for row in others], task.labels[others])
        decisions[left_out] = fitted.decision_function([task.texts[row] for row in left_out])
    cut = best_threshold(task.labels == 1, expit(decisions))
    score: Floats = machine(words=True).fit(task.texts, task.labels).decision_function(task.test_texts)
    return Answers(score, expit(score) >= cut)


def fast_text(task: Task) -> Answers:
    """Use fastText on word 1–2-grams and subwords of 2–5, in one thread: with several, each run gives other numbers."""
    try:
        import fasttext  # noqa: PLC0415  # needed for this row alone
    except ImportError:
        raise UserError("fastText is not installed: pip install -r compare/requirements.txt") from None
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "train.txt")
        lines = zip(task.labels, task.texts, strict=True)
        file.write_text("".join(f"__label__{LABELS[label]} {text}\n" for label, text in lines), "utf-8")
        model = fasttext.train_supervised(
            str(file), wordNgrams=2, minn=2, maxn=5, epoch=25, lr=0.5, bucket=200_000, thread=1, verbose=0
        )
    found = (dict(zip(*model.predict(text, k=2), strict=True)) for text in task.test_texts)
    score = np.array([one.get("__label__spam", 0.0) for one in found])
    return Answers(score, score >= 0.5)


def linear_branch(task: Task) -> Answers:
    """Use the default without its networks: its linear branch and the size of the message."""
    fold, grams = folds(task.groups, task.labels, INNER, 0), bags(task.test_texts)
    branch = branches.linear_branch(task.texts, task.labels, fold)
    beside = [source.decisions for source in branch.values()]
    blend, out_of_fold = stacking.blended([*beside, sizes(task.texts)], task.labels, fold)
    cut = best_threshold(task.labels == 1, softmax(out_of_fold)[:, 1])
    decided = [linear.decisions(source.machine, grams, len(task.test_texts)) for source in branch.values()]
    score = softmax(stacking.apply(blend, [*decided, sizes(task.test_texts)]))[:, 1]
    return Answers(score, score >= cut)


def sizes(texts: list[str]) -> Floats:
    """Return the sizes of the texts, as the blend reads them."""
    return np.array([[size(text)] for text in texts])


def changed(overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of `section.key=value` lines, read as YAML, as DVC's `-S` reads them.

    Raises UserError when params.yaml has no such key.
    """
    yaml = YAML(typ="safe", pure=True)
    known = yaml.load(paths.PARAMS.read_text("utf-8"))
    values = {key: yaml.load(value) for key, value in (line.split("=", 1) for line in overrides)}
    if unknown := [key for key in values if key.split(".")[1] not in known[key.split(".")[0]]]:
        raise UserError(f"expected keys of params.yaml, found {', '.join(unknown)}")
    return values


def section(name: str, kind: type[S], changes: dict[str, Any]) -> S:
    """Return a section of params.yaml as a `kind`, after the changes of its keys."""
    values = params.load(name, kind, part=True).model_dump()
    return kind.model_validate(values | {key: changes[f"{name}.{key}"] for key in values if f"{name}.{key}" in changes})


def vectors(texts: list[str], labels: Labels, tokenizer: Tokenizer) -> tuple[ragged.Rows, list[str]]:
    """Return the texts as rows of token ids, and the token of each id. `labels` belong to the first texts."""
    file = io.BytesIO()
    # `vectorize` wants a label for each row. The test rows get an empty one, which nothing reads.
    found = vectorize(["".join(f"\t{text}\n" for text in texts).encode("utf-8")], tokenizer, file)
    ids = np.frombuffer(file.getvalue(), np.int32, offset=HEADER)
    of_all = np.concatenate([labels, np.zeros(len(texts) - len(labels), np.int16)])
    return ragged.Rows(ids, found.offsets, of_all, np.arange(len(texts))), found.tokens


def network(*overrides: str) -> Model:
    """Return the pipeline's model, with the parameters of params.yaml after the `overrides` (`section.key=value`)."""

    def model(task: Task) -> Answers:
        changes = changed(overrides)
        config = section("train", TrainConfig, changes)
        words, normalisation = section("vectorize", Vectorize, changes), section("clean", Normalisation, changes)
        cleaned = [normalise(text, normalisation) for text in [*task.texts, *task.test_texts]]
        rows, tokens = vectors(cleaned, task.labels, words.tokenizer)
        train, held_out = np.arange(len(task.texts)), np.arange(len(task.texts))
        given = changes.get("evaluate.threshold")
        if config.ensemble == 1:
            tenth = folds(task.groups, task.labels, 10, config.seed) == 0
            held_out = np.flatnonzero(tenth)
            train = np.flatnonzero(~tenth) if given is None else train
        part = learn.TrainingSet(ragged.take(rows, train), task.groups[train], [cleaned[row] for row in train])
        inputs = (config, words, normalisation, part.texts, part.rows.labels.tolist(), part.groups.tolist())
        mark = checkpoint.fingerprint(repr(inputs), [])
        learnt = learn.learn(config, words, tokens, LABELS, part, ragged.take(rows, held_out), mark)
        loop.CHECKPOINT.unlink(missing_ok=True)
        cut = given if given is not None else best_threshold(task.labels[held_out] == 1, learnt.held_out[:, 1])
        settings = predictor.Settings(
            labels=LABELS, tokenizer=words.tokenizer, max_sequence_length=words.max_sequence_length,
            masking=config.masking, subword_buckets=config.subword_buckets, linear=config.linear,
            encoder=config.encoder, normalisation=normalisation,
        )  # fmt: skip
        ids = {token: number for number, (token, _) in enumerate(learnt.words, UNKNOWN + 1)}
        answering = predictor.of(graph.session(learnt.model), ids, learnt.ngrams, settings)
        score = predictor.probabilities(answering, cleaned[len(task.texts) :])[:, 1]
        return Answers(score, score >= cut)

    return model


SINGLE = ("train.ensemble=1", "train.linear=false")  # one network, its threshold chosen on a tenth of the rows
FORWARD = (*SINGLE, "train.bidirectional=false")
PRESET = tuple(part for part in shlex.split(TUTORIAL.read_text("utf-8")) if part != "-S")

MODELS: dict[str, Model] = {
    "always_ham": always_ham,
    "naive_bayes": naive_bayes,
    "svm_characters": svm_characters,
    "svm": svm,
    "svm_cut": svm_cut,
    "fasttext": fast_text,
    "tutorial": network(*PRESET),
    "tutorial_masked": network(*PRESET, "train.masking=true"),
    "rnn": network(*FORWARD, "train.cell=rnn"),
    "lstm": network(*FORWARD, "train.cell=lstm"),
    "gru": network(*FORWARD, "train.cell=gru"),
    "bidirectional": network(*SINGLE),
    "stacked": network(*SINGLE, "train.layers=2"),
    "linear_branch": linear_branch,
    "default": network(),
}
