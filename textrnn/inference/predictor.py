"""Texts in, probabilities out, without TensorFlow: by the one graph of a model, or by the two of a cascade."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from textrnn.artifacts import ragged
from textrnn.core.files import DIGITS
from textrnn.inference import graph
from textrnn.inference.graph import Inputs
from textrnn.inference.inputs import encoder_inputs, linear_inputs, network_inputs, remember, tokens_of
from textrnn.inference.loading import Model, fitting

BATCH = 128
ALWAYS, NEVER = 0.0, 1.1  # probabilities from which the first graph of a cascade answers


def probabilities(
    model: Model, texts: list[str], progress: Callable[[list[NDArray[np.int64]]], Iterable[NDArray[np.int64]]] = iter
) -> NDArray[np.float64]:
    """Return (texts, labels) probabilities of cleaned texts, rounded to DIGITS digits, in order.

    A text has the same probabilities whichever texts come with it. `progress` gives back the batches one by one, and
    may show how many are done. Raises UserError when graph, settings and vocabulary do not fit together.
    """
    return np.round(outputs(model, texts, [], progress)["probabilities"], DIGITS)


def outputs(
    model: Model, texts: list[str], others: Sequence[str],
    progress: Callable[[list[NDArray[np.int64]]], Iterable[NDArray[np.int64]]] = iter,
) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    """Return the graph's probabilities, not rounded, and its `others`: other outputs with a row a text, or inputs.

    With others, the second graph of a cascade reads all texts.
    """
    if model.second is None:
        return of_one_graph(model, texts, others, progress)
    found = of_one_graph(model, texts, [*graph.SOURCES, "size"])
    unsure = np.round(found["probabilities"], DIGITS).max(axis=1, initial=0) < (model.settings.alone_from or 0)
    rows = np.flatnonzero(unsure | bool(others))
    if not (len(rows) or others):
        return found
    given = {name: found[name][rows].astype(np.float32) for name in (*graph.SOURCES, "size")}
    result = of_one_graph(model.second(), [texts[row] for row in rows], others, progress, given)
    found["probabilities"][rows[unsure[rows]]] = result["probabilities"][unsure[rows]]
    return result | {"probabilities": found["probabilities"]}


def answering(model: Model, text: str) -> Model:
    """Return the model which answers all texts as this one is answered: of a cascade, by the same graph."""
    least = model.settings.alone_from
    if least is None:
        return model
    return by_graph(model, 0 if probabilities(by_graph(model, 0), [text]).max() >= least else 1)


def by_graph(model: Model, number: int) -> Model:
    """Return a cascade of which this graph answers all texts: 0 for the linear branch, 1 for the networks'."""
    return model._replace(settings=model.settings._replace(alone_from=(ALWAYS, NEVER)[number]))


def of_one_graph(
    model: Model, texts: list[str], others: Sequence[str],
    progress: Callable[[list[NDArray[np.int64]]], Iterable[NDArray[np.int64]]] = iter,
    given: Inputs | None = None,
) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    """Return what `outputs` does, by the first graph of a cascade, or by the only one.

    `given` are inputs of a second one, with a row a text.
    """
    longest, labels = model.settings.max_sequence_length, len(model.settings.labels)
    tokens, lengths = [list[str]()] * len(texts), np.array(list(map(len, texts)), np.int64)
    if model.width:
        tokens = [tokens_of(text, model.settings.tokenizer, longest) for text in texts]
        lengths = np.array([max(1, len(row)) if model.settings.masking else longest for row in tokens], np.int64)
    result = {"probabilities": np.zeros((len(texts), labels))}
    for chosen in progress(ragged.cut(np.argsort(lengths, kind="stable"), BATCH)):
        # A row alone is multiplied by another kernel, which adds up in another order.
        rows = np.resize(chosen, max(2, len(chosen)))
        inputs, new = network_inputs(model, [tokens[row] for row in rows], lengths[rows]) if model.width else ({}, [])
        if given is not None:
            inputs |= {name: values[rows] for name, values in given.items()}
        elif model.settings.linear:
            inputs |= linear_inputs(model.ngrams, [texts[row] for row in rows], model.counted)
        if model.settings.encoder != "none" and model.second is None:
            inputs |= encoder_inputs(model.settings.encoder, [texts[row] for row in rows])
        with fitting():
            found = graph.answer(model.session, inputs, labels, [name for name in others if name not in inputs])
        for name in ("probabilities", *others):
            values = found[name] if name in found else inputs[name]
            result.setdefault(name, np.zeros((len(texts), values.shape[1])))[chosen] = values[: len(chosen)]
        if model.width:
            remember(model, new, found["vectors"])
    return result
