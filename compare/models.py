"""The models of the comparison: each trains on a task's training rows, and answers for its test rows.

The networks are trained, exported and run by the functions that the stages use.
"""

import shlex
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from scipy.special import expit
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from stages.vectorize import vectorize
from textrnn.artifacts import ragged
from textrnn.core import params, paths
from textrnn.core.errors import UserError
from textrnn.core.files import Blocks
from textrnn.core.params import Section
from textrnn.inference import decision, graph, loading, predictor
from textrnn.inference.settings import Settings
from textrnn.metrics.threshold import best_threshold
from textrnn.model.config import TrainConfig
from textrnn.text.normalise import normalise
from textrnn.text.settings import Normalise, Vectorize
from textrnn.text.vocabulary import UNKNOWN, read_tokens
from textrnn.training import checkpoint, learn, loop
from textrnn.training.batches import folds

TUTORIAL = paths.ROOT / "presets/tutorial.txt"
FASTTEXT = {
    "wordNgrams": 2, "minn": 2, "maxn": 5, "epoch": 25, "lr": 0.5, "bucket": 200_000, "thread": 1, "verbose": 0,
}  # fmt: skip
INNER = 5  # folds of the training rows, for a linear model's out-of-fold decisions

Floats = NDArray[np.float64]
Labels = NDArray[np.int16]


class Task(NamedTuple):
    """Training rows, and the texts to answer for."""

    texts: list[str]
    labels: Labels  # by their numbers in `names`
    groups: NDArray[np.int64]
    test_texts: list[str]
    names: list[str]
    positive: int | None  # the label that a threshold is chosen for; of more than two labels there is none


class Answers(NamedTuple):
    """The answers of a model for the test rows."""

    scores: Floats  # (rows, classes), each grows with the probability of its label
    labels: Labels
    probable: bool = True  # whether the scores are probabilities


Model = Callable[[Task], Answers]
S = TypeVar("S", bound=Section)


def likeliest(task: Task, probabilities: Floats, cut: float = 0.5) -> Answers:
    """Return the likeliest labels; of two labels the positive one if its probability is at least `cut`."""
    return Answers(probabilities, decision.answers(probabilities, task.positive, cut))


def majority(task: Task) -> Answers:
    """Answer the commonest label, whatever the text."""
    shares = np.bincount(task.labels, minlength=len(task.names)) / len(task.labels)
    return likeliest(task, np.tile(shares, (len(task.test_texts), 1)))


def naive_bayes(task: Task) -> Answers:
    """Fit multinomial naive Bayes to word counts."""
    model = make_pipeline(CountVectorizer(), MultinomialNB()).fit(task.texts, task.labels)
    return likeliest(task, model.predict_proba(task.test_texts))


def logistic(task: Task) -> Answers:
    """Fit a logistic regression to TF-IDF of word 1–2-grams."""
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=1000))
    return likeliest(task, model.fit(task.texts, task.labels).predict_proba(task.test_texts))


def machine(words: bool = True, c: float = 10) -> Any:
    """Return a linear SVM on TF-IDF of character 2–5-grams; with `words`, of word 1–2-grams as well."""
    characters = TfidfVectorizer(analyzer="char", ngram_range=(2, 5), sublinear_tf=True)
    both = make_union(characters, TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True))
    return make_pipeline(both if words else characters, LinearSVC(C=c, random_state=0))


def svm(task: Task, words: bool = True, c: float = 10) -> Answers:
    """Use an SVM: of two labels with threshold 0, of more one against the rest."""
    decisions = decided(machine(words, c).fit(task.texts, task.labels), task.test_texts)
    return Answers(decisions, decision.answers(decisions, task.positive, 0), probable=False)


def decided(fitted: Any, texts: list[str]) -> Floats:
    """Return the decisions of an SVM, (rows, classes)."""
    found: Floats = fitted.decision_function(texts)
    return np.stack([-found, found], axis=1) if found.ndim == 1 else found


def svm_cut(task: Task) -> Answers:
    """Use the SVM of two labels with a threshold tuned on out-of-fold decisions, as the default's is."""
    positive = task.positive
    if positive is None:
        raise UserError(f"expected a corpus of two labels, found {len(task.names)}: only there is a threshold tuned")
    fold = folds(task.groups, task.labels, INNER, 0)
    held_out = np.zeros((len(fold), 2))
    for number in range(INNER):
        others, left_out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        fitted = machine().fit([task.texts[row] for row in others], task.labels[others])
        held_out[left_out] = decided(fitted, [task.texts[row] for row in left_out])
    cut = best_threshold(task.labels == positive, expit(held_out[:, positive]))
    decisions = decided(machine().fit(task.texts, task.labels), task.test_texts)
    return Answers(decisions, decision.answers(expit(decisions), positive, cut), probable=False)


def fast_text(task: Task) -> Answers:
    """Use fastText on word 1–2-grams and subwords of 2–5, in one thread: with several, each run gives other numbers."""
    try:
        import fasttext  # noqa: PLC0415  # needed for this row alone
    except ImportError:
        raise UserError("fastText is not installed: pip install -r compare/requirements.txt") from None
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "train.txt")
        # It learns from the rows in their order: of a corpus sorted by label, the last label would win.
        rows = np.random.default_rng(0).permutation(len(task.texts)).tolist()
        file.write_text("".join(f"__label__{task.labels[row]} {task.texts[row]}\n" for row in rows), "utf-8")
        model = fasttext.train_supervised(str(file), **FASTTEXT)
    probabilities = np.zeros((len(task.test_texts), len(task.names)))
    for row, text in enumerate(task.test_texts):
        for label, probability in zip(*model.predict(text, k=len(task.names)), strict=True):
            probabilities[row, int(label.removeprefix("__label__"))] = probability
    return likeliest(task, probabilities)


def tuned(positive: int | None, labels: Labels, held_out: Floats) -> float:
    """Return the threshold that the stage `evaluate` chooses by these held-out probabilities; 0 without a positive."""
    return 0.0 if positive is None else best_threshold(labels == positive, held_out[:, positive])


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


def vectors(texts: list[str], labels: Labels, settings: Vectorize) -> tuple[ragged.Rows, list[str]]:
    """Return the texts as rows of token ids, and the token of each id. `labels` belong to the first texts."""
    with tempfile.TemporaryDirectory() as folder:
        messages, directory = Path(folder, "messages.tsv"), Path(folder, "vectors")
        # `vectorize` wants labels, and two of them: nothing reads these.
        messages.write_text(
            "".join(f"{row % 2}\t{text}\n" for row, text in enumerate([*texts, ""])), "utf-8", newline="\n"
        )
        vectorize(Blocks.of(messages), settings, directory)
        found = ragged.Rows(*map(np.array, ragged.take(ragged.load(directory), np.arange(len(texts)))))
        tokens = read_tokens(directory / "vocabulary.tsv")
    of_all = np.concatenate([labels, np.zeros(len(texts) - len(labels), np.int16)])
    return found._replace(labels=of_all), tokens


class Learnt(NamedTuple):
    """What the pipeline's model, once trained, answers to the rows held out in training and to the test rows."""

    rows: NDArray[np.int64]  # of the task, held out: all its training rows, but of a single network a tenth
    held_out: Floats  # their probabilities, (rows, classes), by models that have not learnt them
    test: Floats  # those of the test texts, by the exported model
    cut: float


def learnt(task: Task, *overrides: str) -> Learnt:
    """Train the pipeline's model, with the parameters of params.yaml after the `overrides` (`section.key=value`)."""
    changes = changed(overrides)
    config = section("train", TrainConfig, changes)
    words = section("vectorize", Vectorize, changes)
    normalisation = section("clean", Normalise, changes).normalisation
    cleaned = [normalise(text, normalisation) for text in [*task.texts, *task.test_texts]]
    rows, tokens = vectors(cleaned, task.labels, words)
    train, held_out = np.arange(len(task.texts)), np.arange(len(task.texts))
    given = changes.get("evaluate.threshold")
    if config.ensemble == 1:
        tenth = folds(task.groups, task.labels, 10, config.seed) == 0
        held_out = np.flatnonzero(tenth)
        train = np.flatnonzero(~tenth) if given is None else train
    part = learn.TrainingSet(ragged.take(rows, train), task.groups[train], [cleaned[row] for row in train])
    inputs = (config, words, normalisation, part.texts, part.rows.labels.tolist(), part.groups.tolist())
    mark = checkpoint.fingerprint(repr(inputs), [])
    trained = learn.learn(config, words, tokens, task.names, part, ragged.take(rows, held_out), mark)
    loop.CHECKPOINT.unlink(missing_ok=True)
    cut = given if given is not None else tuned(task.positive, task.labels[held_out], trained.held_out)
    settings = Settings(
        labels=task.names, tokenizer=words.tokenizer, max_sequence_length=words.max_sequence_length,
        masking=config.masking, subword_buckets=config.subword_buckets, linear=config.linear,
        encoder=config.encoder, alone_from=trained.alone_from, normalisation=normalisation,
    )  # fmt: skip
    ids = {token: number for number, (token, _) in enumerate(trained.words, UNKNOWN + 1)}
    whole = answering = loading.of(graph.session(trained.model), ids, trained.ngrams, settings)
    if trained.first:
        first = loading.of(graph.session(trained.first), {}, trained.ngrams, settings)
        answering = first._replace(second=lambda: whole)
    test = predictor.probabilities(answering, cleaned[len(task.texts) :])
    return Learnt(held_out, trained.held_out, test, cut)


def network(*overrides: str) -> Model:
    """Return the pipeline's model, with the parameters of params.yaml after the `overrides`."""

    def model(task: Task) -> Answers:
        found = learnt(task, *overrides)
        return likeliest(task, found.test, found.cut)

    return model


SINGLE = ("train.ensemble=1", "train.linear=false")  # one network, its threshold chosen on a tenth of the rows
FORWARD = (*SINGLE, "train.bidirectional=false")
PRESET = tuple(part for part in shlex.split(TUTORIAL.read_text("utf-8")) if part != "-S")

MODELS: dict[str, Model] = {
    "majority": majority,
    "naive_bayes": naive_bayes,
    "logistic": logistic,
    "svm_characters": partial(svm, words=False),
    "svm_1": partial(svm, c=1),
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
    "linear_branch": network("train.ensemble=0"),
    "no_linear": network("train.linear=false"),
    "five_epochs": network("train.epochs=5", "train.patience=0", "train.schedule=cosine"),
    "encoder": network("train.encoder=minilm"),
    "default": network(),
}
