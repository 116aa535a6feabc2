"""The protocols, splits, models and scores of the comparison, and its files."""

from textrnn.core import paths

HERE = paths.ROOT / "compare"
PREPARED, ANSWERS = HERE / "prepared", HERE / "answers"  # in neither Git nor DVC's cache
CELLS, CEILING, TABLE, PICTURE = HERE / "cells.tsv", HERE / "ceiling.json", HERE / "table.json", HERE / "images/mcc.png"

# `naive` keeps every row of the corpus, duplicates too, as most published results do; `duplicates` drops all but the
# first message with the same text; `templates` also keeps near-duplicates in one fold.
PROTOCOLS = {
    "naive": "every row of the corpus, dealt at random",
    "duplicates": "duplicates dropped",
    "templates": "templates kept together",
}
FOLDS, REPEATS = 5, 2
SPLITS = tuple(f"{repeat}-{fold}" for repeat in range(REPEATS) for fold in range(FOLDS))
LABELS = ["ham", "spam"]  # in the order of their numbers: spam is the positive one

NAMES = {
    "always_ham": "always ham",
    "naive_bayes": "naive Bayes, words",
    "svm_characters": "linear SVM, characters",
    "svm": "linear SVM, characters and words",
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
    "default": "the default",
}
LINEAR = ("naive_bayes", "svm_characters", "svm", "svm_cut")  # the baselines: the default is compared with the best
ABLE = ("svm", "svm_cut", "fasttext", "linear_branch", "default")  # the mistakes that all of these make are the ceiling

SCORES = ("mcc", "average_precision", "f1", "accuracy", "recall", "false_positive_rate")  # the columns of cells.tsv
