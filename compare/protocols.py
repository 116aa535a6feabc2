"""The protocols, splits, models and scores of the comparison, and its files.

The SMS Spam Collection is dealt under three protocols, which PROTOCOLS explains; every corpus of compare/corpora.py is
dealt as under `templates`. A cell is a protocol or a corpus, a model and a split:

- REPEAT-FOLD, such as 0-3: the model answers for a fold, and learns from the others;
- REPEAT-FOLD-ROWS, such as 0-3-200: it learns from so many of those rows, for a learning curve;
- official: it answers for the test part that the makers of the corpus chose, and learns from all other rows.
"""

from textrnn.core import paths

HERE = paths.ROOT / "compare"
PREPARED, ANSWERS = HERE / "prepared", HERE / "answers"  # in neither Git nor DVC's cache
CELLS, CEILING, TABLE, PICTURE = HERE / "cells.tsv", HERE / "ceiling.json", HERE / "table.json", HERE / "images/mcc.png"
CORPUS_CELLS, CORPUS_TABLE = HERE / "corpora.tsv", HERE / "corpora.json"
PROMISES = HERE / "promise.tsv"
STRANGE = "clinc150"  # the corpus that has texts out of scope
DIFFERENCES, CURVES = HERE / "images/differences.png", HERE / "images/curves.png"

# `naive` keeps every row of the corpus, duplicates too, as most published results do; `duplicates` drops all but the
# first message with the same text; `templates` also keeps near-duplicates in one fold.
PROTOCOLS = {
    "naive": "every row of the corpus, dealt at random",
    "duplicates": "duplicates dropped",
    "templates": "templates kept together",
}
FOLDS, REPEATS = 5, 2
SPLITS = tuple(f"{repeat}-{fold}" for repeat in range(REPEATS) for fold in range(FOLDS))
SPAM = "spam"  # the positive label under the protocols
SAMPLE = 5_000  # rows of a corpus, at most, that are dealt into folds
OFFICIAL = "official"  # the split of a corpus whose makers chose the test part
OF_CORPUS = SPLITS[:FOLDS]  # of the table
FEW = SPLITS[:2]  # of learning curves, and of what each part of the default adds
CURVE = (50, 200, 1_000, 5_000)  # training rows of a learning curve; fewer where a corpus has fewer
LEAST = 2  # training rows of each label, in groups of their own: a label with fewer cannot be learnt

NAMES = {
    "majority": "always the commonest label",
    "naive_bayes": "naive Bayes, words",
    "logistic": "logistic regression, words",
    "svm_characters": "linear SVM, characters",
    "svm_1": "linear SVM, C = 1",
    "svm": "linear SVM",
    "svm_cut": "the same, threshold tuned",
    "fasttext": "fastText",
    "tutorial": "the tutorial's RNN",
    "tutorial_masked": "the same, padding masked",
    "rnn": "simple RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "bidirectional": "bidirectional GRU",
    "stacked": "two stacked bidirectional GRUs",
    "linear_branch": "the default without its networks",
    "no_linear": "the default without its linear branch",
    "five_epochs": "the default, five epochs always",
    "encoder": "the default with an encoder (minilm)",
    "default": "the default",
}
LINEAR = ("naive_bayes", "svm_characters", "svm", "svm_cut")  # the baselines: the default is compared with the best
BASELINES = ("majority", "naive_bayes", "logistic", "svm_1", "svm", "svm_cut", "fasttext")  # the same for the corpora
PARTS = {
    "linear_branch": "networks",
    "no_linear": "linear branch",
    "five_epochs": "choice of epochs",
}  # what a model lacks of the default
ABLE = ("svm", "svm_cut", "fasttext", "linear_branch", "default")  # the mistakes that all of these make are the ceiling

SCORES = ("mcc", "average_precision", "f1", "accuracy", "recall", "false_positive_rate")  # the columns of cells.tsv
CORPUS_SCORES = ("accuracy", "macro_f1", "mcc", "loss")  # the columns of corpora.tsv
