"""What is compared with what, on which rows, and where it lies."""

from textrnn.core import paths

HERE = paths.ROOT / "compare"
PREPARED = HERE / "prepared"
ANSWERS = HERE / "answers"

# `naive` keeps every row of the corpus, twins too, as most published results do; `duplicates` drops all but the
# first of messages with one text; `templates` also keeps together what fills in one template, or nearly so.
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
    "svm_cut": "the same, cut chosen out of fold",
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
LINEAR = ("naive_bayes", "svm_characters", "svm", "svm_cut")  # the baselines, of which the best is to be beaten
ABLE = ("svm", "svm_cut", "fasttext", "linear_branch", "default")  # whose common mistakes are the ceiling
