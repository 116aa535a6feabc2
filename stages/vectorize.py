"""vectorize: messages become integers, and nothing is lost: every distinct token has an id.

Which words are frequent enough to keep is learnt in train, from the training rows alone.

Reads   data/clean/messages.tsv; section `vectorize` and evaluate.positive_label of params.yaml
Writes  data/vectors/ (tokens, offsets, labels, rows .npy; vocabulary.tsv; classes.tsv),
        metrics/vectorize.json
Run     python -m stages.vectorize
"""

import sys
from collections import Counter
from itertools import chain

import numpy as np

from textrnn import params, paths, ragged
from textrnn.errors import run
from textrnn.files import write_metrics
from textrnn.labels import Positive, class_names
from textrnn.messages import read_messages
from textrnn.progress import progress
from textrnn.tokenizers import tokenize
from textrnn.vocabulary import Vectorize, ranked, write_counts


def vectorize(documents: list[list[str]], labels: list[str], names: list[str]) -> tuple[ragged.Rows, Counter[str]]:
    """Return the documents as rows of token ids, and how often each token occurs in the corpus."""
    counts = Counter(chain.from_iterable(documents))
    ids = {token: number for number, (token, _) in enumerate(ranked(counts))}
    lengths = [len(document) for document in documents]
    rows = ragged.Rows(
        tokens=np.fromiter((ids[token] for document in documents for token in document), np.int32, sum(lengths)),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        labels=np.array([names.index(label) for label in labels], np.int8),
        rows=np.arange(len(documents), dtype=np.int64),
    )
    return rows, counts


def summary(rows: ragged.Rows, counts: Counter[str], settings: Vectorize) -> dict[str, float]:
    """Return the metrics. Words are counted in whole messages, before any is truncated."""
    kept = sum(count > settings.min_word_frequency for count in counts.values())
    lengths = np.diff(rows.offsets)
    return {
        "vocabulary_size": kept + 1,  # the unknown word is one too
        "distinct_tokens": len(counts),
        "tokens": len(rows.tokens),
        "truncated_share": float(np.mean(lengths > settings.max_sequence_length)),
    }


def main() -> None:
    """Run the stage."""
    settings = params.load("vectorize", Vectorize)
    positive = params.load("evaluate", Positive, part=True)
    messages = read_messages(paths.MESSAGES)
    labels = Counter(label for label, _ in messages)
    documents = [tokenize(text, settings.tokenizer) for _, text in progress(messages, "tokenize", "message")]
    rows, counts = vectorize(documents, [label for label, _ in messages], class_names(labels, positive))
    ragged.save(paths.VECTORS, rows)
    write_counts(paths.VECTORS / "vocabulary.tsv", ranked(counts))
    write_counts(paths.VECTORS / "classes.tsv", sorted(labels.items()))
    write_metrics(paths.METRICS / "vectorize.json", summary(rows, counts, settings))


if __name__ == "__main__":
    sys.exit(run(main))
