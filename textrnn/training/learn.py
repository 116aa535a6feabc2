"""From training rows to a model: the networks, the branches beside them, and the blend of all."""

from collections import Counter
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import ragged
from textrnn.core.errors import UserError
from textrnn.core.escape import listed
from textrnn.core.progress import progress
from textrnn.model import cascade, stacking
from textrnn.model.config import TrainConfig
from textrnn.model.encoded import Encoded
from textrnn.model.export import export
from textrnn.model.linear import Linear
from textrnn.model.stacking import Blend, Floats, softmax
from textrnn.text import encoders, subwords, vocabulary
from textrnn.text.ngrams import Grams, sizes
from textrnn.text.settings import Vectorize
from textrnn.text.vocabulary import UNKNOWN
from textrnn.training import costs, loop
from textrnn.training.batches import Collator, folds, out_of_fold
from textrnn.training.branches import encoder_branch, linear_branch
from textrnn.training.distributed.cluster import ALONE, Cluster
from textrnn.training.loop import Ensemble, Fitted, Member
from textrnn.training.members import one_by_one, side_by_side

FEWEST_FOLDS = 2  # that hold rows of a label, so that a member which leaves out one still learns it
MOST_TOLD = 6  # labels in a message
MANY = 1 << 20  # tokens that are counted at a time


class TrainingSet(NamedTuple):
    """The rows to learn from."""

    rows: ragged.Rows
    groups: NDArray[np.int64]  # rows of one group are never parted
    texts: list[str]


class TrainedModel(NamedTuple):
    """The networks, the vocabulary, and all that the model's files hold."""

    fitted: Fitted
    words: list[tuple[str, int]]  # the known ones, with their counts
    ngrams: Grams  # the known ones, in order; none without the linear branch
    model: bytes  # the ONNX graph
    first: bytes  # that of the linear branch alone, which answers where it is sure; none without a cascade
    alone_from: float | None  # the probability from which it is
    fold: NDArray[np.int64]  # of each training row; without folds, as a single network learns, none
    sources: dict[str, Floats]  # of the blend, out of fold, as the graph names its outputs and the input `size`
    held_out: Floats  # (rows, classes) probabilities, with an ensemble of every training row


class Branches(NamedTuple):
    """What learns beside the networks."""

    machines: dict[str, Linear]  # of the linear branch, by source
    encoded: Encoded | None
    sources: dict[str, Floats]  # of the blend, out of fold, as in TrainedModel


class Alone(NamedTuple):
    """The linear branch without the networks, as the first graph of a cascade."""

    blend: Blend
    logits: Floats  # (rows, classes), blended, of each row by a model that has not learnt it


def learn(
    config: TrainConfig,
    vectorize: Vectorize,
    tokens: list[str],
    labels: list[str],
    training: TrainingSet,
    held_out: ragged.Rows,
    fingerprint: str,
    cluster: Cluster = ALONE,
) -> TrainedModel:
    """Train a single network, measured on the rows `held_out`, or an ensemble, each member measured on its fold.

    An ensemble of 0 has branches only, and knows no word. In a cascade, one network that has learnt all rows answers
    for the ensemble, which weighs it by what its members say of rows that they have not learnt. `tokens` are those of
    the corpus ids, `labels` the names of the labels, and `fingerprint` is the checkpoint's. All workers of a cluster
    learn the same. Raises UserError when all rows of a label are in one fold, or the encoder's package is missing.
    """
    words, kept = known_words(training.rows, tokens, vectorize.min_word_frequency)
    features = subwords.of_many(tokens, config.subword_buckets) if config.ensemble and config.subword_buckets else None
    collator = Collator(words, features, vectorize.max_sequence_length, config.masking)
    fold, members = np.zeros(0, np.int64), [Member(training.rows, held_out, collator)]
    if config.ensemble != 1:
        fold = folds(training.groups, training.rows.labels, config.folds, config.seed)
        check_labels(labels, training, fold)
        members = [leaving_out(one, fold, training.rows, collator, vectorize) for one in range(config.ensemble)]
    ensemble = Ensemble(config, len(kept) + 1, len(labels), members)
    costs.check(costs.reckon(ensemble, training.texts if config.linear else (), len(training.texts)))

    branches, alone = Branches({}, None, {}), None
    if config.ensemble != 1:
        branches = fit_branches(config, training, fold)
        alone = linear_alone(config, branches, training.rows.labels, fold) if members else None
    if alone:
        of_all_rows = Member(training.rows, ragged.take(training.rows, fold[:0]), collator)
        ensemble = ensemble._replace(members=[*members, of_all_rows])
        costs.check(costs.reckon(ensemble, training.texts, len(training.texts)))
    run = partial(one_by_one, cluster=cluster) if config.ensemble == 1 or cluster.several else side_by_side
    fitted = loop.fit(run, ensemble, fingerprint, cluster) if members else loop.NOTHING
    for arrays, member in zip(fitted.weights, ensemble.members, strict=True):
        # A word that a member does not know gets the unknown word's vector, so that one vocabulary serves all.
        arrays["words"][words[member.collator.words != words]] = arrays["words"][UNKNOWN]

    kept = kept if members else []
    if config.ensemble == 1:
        model = export(fitted.weights, config, len(labels))
        return TrainedModel(fitted, kept, np.zeros(0, np.uint64), model, b"", None, fold, {}, softmax(*fitted.logits))
    networks = {"networks": out_of_fold(fitted.logits[: config.ensemble], fold)} if members else {}
    return answering(
        config, fitted, kept, branches._replace(sources=networks | branches.sources), alone, training, fold
    )


def fit_branches(config: TrainConfig, training: TrainingSet, fold: NDArray[np.int64]) -> Branches:
    """Fit the branches to all rows, and note their decisions on each row without its fold."""
    labels, class_weight = training.rows.labels, config.class_weight
    machines, encoded, sources = dict[str, Linear](), None, dict[str, Floats]()
    if config.linear:
        branch = linear_branch(training.texts, labels, fold, class_weight)
        machines = {name: source.machine for name, source in branch.items()}
        sources = {name: source.decisions for name, source in branch.items()}
    if config.encoder != "none":
        steps = partial(progress, desc=config.encoder, unit="batch")
        vectors = encoders.encode(config.encoder, training.texts, steps)
        encoded, sources["encoder"] = encoder_branch(vectors, labels, fold, class_weight)
    if sources:
        sources["size"] = sizes(training.texts)
    return Branches(machines, encoded, sources)


def linear_alone(
    config: TrainConfig, branches: Branches, labels: NDArray[np.int16], fold: NDArray[np.int64]
) -> Alone | None:
    """Return the first graph of a cascade, or None where the linear branch is not sure of enough rows."""
    if not (config.cascade and branches.machines):
        return None
    sources = [branches.sources[name] for name in (*branches.machines, "size")]
    if not cascade.is_possible(sources, labels, config.class_weight):
        return None
    found = Alone(*stacking.blended(sources, labels, fold, config.class_weight))
    return found if cascade.thresholds(found.logits) else None


def answering(
    config: TrainConfig, fitted: Fitted, words: list[tuple[str, int]], branches: Branches, alone: Alone | None,
    training: TrainingSet, fold: NDArray[np.int64],
) -> TrainedModel:  # fmt: skip
    """Blend networks and branches, and return the model that answers: a cascade, or all networks together."""
    labels, (machines, encoded, sources) = training.rows.labels, branches
    blend, logits = stacking.blended(list(sources.values()), labels, fold, config.class_weight)
    alone_from = cascade.chosen(alone.logits, logits, labels, config.class_weight) if alone else None
    weights, first = fitted.weights[: config.ensemble], b""
    if alone and alone_from is not None:
        weights = fitted.weights[config.ensemble :]
        first = export([], config, len(blend.bias), machines, alone.blend)
        logits = np.where(cascade.answered(alone.logits, alone_from)[:, None], alone.logits, logits)
    model = export(weights, config, len(blend.bias), machines, blend, encoded, second=bool(first))
    known = np.concatenate([np.zeros(0, np.uint64), *(machine.known for machine in machines.values())])
    fitted = fitted._replace(weights=weights, logits=fitted.logits[: config.ensemble])
    return TrainedModel(fitted, words, known, model, first, alone_from, fold, sources, softmax(logits))


def check_labels(labels: list[str], training: TrainingSet, fold: NDArray[np.int64]) -> None:
    """Raise UserError when all rows of a label are in one fold: the member that leaves it out would not know it."""
    folds_of = np.bincount(np.unique([training.rows.labels, fold], axis=1)[0], minlength=len(labels))
    few, told = np.flatnonzero(folds_of < FEWEST_FOLDS), []
    for number in few[:MOST_TOLD]:
        groups = training.groups[training.rows.labels == number]
        told.append(f"{listed([labels[number]])} (rows: {len(groups)}, groups: {len(np.unique(groups))})")
    if told:
        raise UserError(
            f"expected training rows of every label in {FEWEST_FOLDS} or more of the {fold.max() + 1} folds of "
            f"train.ensemble, found all in one of {', '.join(told)}{', …' if len(few) > MOST_TOLD else ''}: give more "
            "rows in groups of their own, map the label into another with clean.labels.map, or set train.ensemble to "
            "1 and train.linear to false"
        )


def leaving_out(
    number: int, fold: NDArray[np.int64], rows: ragged.Rows, collator: Collator, vectorize: Vectorize
) -> Member:
    """Return the member that is held out on that fold, and knows the words of the other folds alone."""
    train, held_out = (ragged.take(rows, np.flatnonzero(here)) for here in (fold != number, fold == number))
    counts = np.bincount(train.tokens, minlength=len(collator.words))
    words = np.where(counts > vectorize.min_word_frequency, collator.words, UNKNOWN).astype(np.int32)
    return Member(train, held_out, collator.knowing(words))


def known_words(train: ragged.Rows, tokens: list[str], least: int) -> tuple[NDArray[np.int32], list[tuple[str, int]]]:
    """Return the word id of each of the corpus' tokens (UNKNOWN if it is not kept), and the kept words' counts.

    A word is kept when it occurs more than `least` times in the training rows. Equally frequent words are ordered
    by the alphabet: their order in the corpus would depend on other rows.
    """
    counts = np.zeros(len(tokens), np.int64)
    for some in ragged.cut(train.tokens, MANY):  # NumPy would copy all that lie on the disk, in twice the bytes
        counts += np.bincount(some, minlength=len(tokens))
    ids = {tokens[number]: number for number in np.flatnonzero(counts > least).tolist()}
    kept = vocabulary.ranked(Counter({token: int(counts[number]) for token, number in ids.items()}))
    words = np.full(len(tokens), UNKNOWN, np.int32)
    words[[ids[token] for token, _ in kept]] = np.arange(UNKNOWN + 1, UNKNOWN + 1 + len(kept))
    return words, kept
