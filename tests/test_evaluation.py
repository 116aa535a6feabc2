"""The parts of textrnn/evaluation: label errors, the nearest text, warnings, and requirements."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from textrnn.core.errors import UserError
from textrnn.core.paths import ROOT
from textrnn.evaluation.baselines import affordable, tfidf
from textrnn.evaluation.checks import FEW_TO_LEARN, FEW_TO_TEST, beaten, truncated, unmet, warnings
from textrnn.evaluation.comparison import Numbers, OutOfFold, beside
from textrnn.evaluation.comparison import Rows as Known
from textrnn.evaluation.disguises import DISGUISES, MOST_CHARACTERS, MOST_ROWS, disguised, rates, sample
from textrnn.evaluation.tables import Answers, by_label, label_errors, nearest, write
from textrnn.metrics.scores import Labels
from textrnn.text.normalise import Normalisation, normalise

# Label errors


Rows = list[tuple[int, list[float]]]


def found(rows: Rows) -> list[int]:
    """Return the label errors among rows of a label and its probabilities in sixteenths, which no sum rounds."""
    numbers = label_errors(np.array([row[0] for row in rows], np.int16), np.array([row[1] for row in rows]) / 16)
    return [int(number) for number in numbers]


TWO: Rows = [(0, [14, 2]), (0, [12, 4]), (0, [4, 12]), (1, [2, 14]), (1, [10, 6])]  # means: 10 for 0, 10 for 1


def test_a_row_that_reaches_the_mean_probability_of_another_label_is_found_the_least_likely_first() -> None:
    assert found(TWO) == [2, 4]
    assert found(TWO[::-1]) == [2, 0]


def test_a_row_that_falls_short_of_the_mean_probability_of_another_label_is_not() -> None:
    assert found([*TWO[:4], (1, [9.9, 6.1])]) == [2]


def test_with_three_labels_the_likeliest_one_reached_counts() -> None:
    rows: Rows = [  # means: 7 for 0, 10 for 1, 20 / 3 for 2
        (0, [12, 2, 2]),
        (1, [4, 10, 2]),
        (2, [2, 6, 8]),
        (0, [2, 4, 10]),
        (2, [8, 4, 4]),
        (2, [7, 1, 8]),  # reaches 0 and its own label, which is likelier
        (0, [7, 1, 8]),  # reaches its own label and 2, which is likelier
    ]
    assert found(rows) == [3, 4, 6]


def test_a_label_without_rows_is_nobodys_likelier_label() -> None:
    assert found([(0, [2, 3, 11]), (0, [3, 2, 11]), (1, [2, 4, 10])]) == []
    assert found([(0, [14, 0, 2]), (2, [14, 0, 2])]) == [1]


# Tables


def test_a_table_without_lines_is_its_header(tmp_path: Path) -> None:
    write(tmp_path / "warnings.tsv", {"warning": []})
    assert (tmp_path / "warnings.tsv").read_text("utf-8") == "warning\n"


# Labels


def test_the_table_of_labels_has_scikit_learns_scores_and_what_each_is_confused_with() -> None:
    random, names = np.random.default_rng(0), ["a", "b", "c", "never seen"]
    labels = np.repeat([0, 1, 2], [30, 10, 30]).astype(np.int16)
    predicted = np.where(random.random(70) < 0.6, labels, random.integers(0, 3, 70)).astype(np.int16)
    found = by_label(Answers(np.arange(70), labels, predicted, np.zeros((70, 4))), names)
    assert found["label"] == ["a", "c", "b", "never seen"], "the most rows first, then by name"
    numbers = [names.index(str(label)) for label in found["label"]]
    expected = metrics.precision_recall_fscore_support(labels, predicted, labels=numbers, zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "rows"), expected, strict=True):
        assert np.array(found[name], float) == pytest.approx(values, abs=1e-6)
    for name in ("precision", "recall"):
        low, value, high = (np.array(found[name + end], float) for end in ("_low", "", "_high"))
        assert ((low <= value) & (value <= high) & (low < high)).all()
    table = metrics.confusion_matrix(labels, predicted)
    np.fill_diagonal(table, 0)
    assert found["confused"] == [*(table.max(axis=1)[number] for number in numbers[:3]), 0]
    assert found["confused_with"] == [*(names[table.argmax(axis=1)[number]] for number in numbers[:3]), ""]


# Neighbours


KNOWN = ["see you at the lamp", "claim your two tickets", "mum says soup", "claim the red box", "CAFÉ at 8pm", "ok"]
TEXTS = ["Claim your ticket", "see you at eight", "soup?", "the café", "OK", "a red lamp"]


def test_the_nearest_text_shares_the_most_letters_whatever_their_case_and_the_space_between() -> None:
    numbers, similarity = nearest(TEXTS, KNOWN)
    assert numbers.tolist() == [1, 0, 2, 4, 5, 3]
    assert (similarity > 0.1).all()
    assert nearest(["café \t at  8PM"], KNOWN)[1] == pytest.approx([1])


def test_a_text_that_shares_no_letter_is_like_none_and_of_equally_near_ones_the_first_is_taken() -> None:
    numbers, similarity = nearest(["жжж", "soup"], ["tea", "soup", "soup"])
    assert (numbers.tolist(), similarity.tolist()) == ([0, 1], [0.0, pytest.approx(1)])


# Warnings


def test_one_row_fewer_than_enough_gives_a_warning() -> None:
    enough = {"a": FEW_TO_LEARN, "b": FEW_TO_LEARN}, {"a": FEW_TO_TEST, "b": FEW_TO_TEST}
    assert warnings(*enough, 0.1) == []
    (said,) = warnings(enough[0] | {"b": FEW_TO_LEARN - 1}, enough[1], 0.1)
    assert said == "only 19 rows of 'b' to learn from: give 20 or more"
    (said,) = warnings(enough[0], enough[1] | {"a": FEW_TO_TEST - 1}, 0.1)
    assert said == "the test has only 9 rows of 'a': one mistake more or less changes its recall by 11%"


def test_a_rare_label_and_an_interval_that_holds_the_score_of_guessing_give_warnings() -> None:
    (said,) = warnings({"fine": 9950, "fault": 50}, {"fine": 2000, "fault": 12}, 0.6)
    assert said.startswith("'fault' is 0.50% of the rows: always answering 'fine' is right for 99.50% of them")
    (said,) = warnings({"a": 60, "b": 40}, {"a": 60, "b": 40}, -0.031)
    assert said == "the interval of mcc begins at -0.031: the model may be no better than guessing"


def test_of_many_rare_labels_one_warning_tells_and_none_says_that_each_is_a_small_share() -> None:
    rows = {f"label {number:02}": number for number in range(1, 78)}
    learnt, tested = warnings(rows, rows, 0.6)
    assert learnt.startswith(
        "19 labels have fewer than 20 rows to learn from, the rarest first: 'label 01', 'label 02', "
    )
    assert learnt.endswith(", … (1 to 19 rows)")
    assert tested.startswith("9 labels have fewer than 10 test rows, the rarest first: 'label 01', ")
    (said,) = warnings({"a": 60, "b": 60}, {"a": 60, "b": 0}, 0.6)
    assert said.startswith("the test has only 0 rows of 'b': ")


def test_more_than_half_of_the_texts_cut_give_a_warning_that_names_the_parameter() -> None:
    lengths = np.array([4, 30, 200])
    assert truncated(lengths, 100) == []
    (said,) = truncated(lengths, 20)
    assert said == (
        "67% of the texts have more than 20 tokens, and the networks read no further (the linear branch reads 5,000 "
        "characters): raise vectorize.max_sequence_length, half of the texts have 30 or more"
    )


# Requirements


FOUND = {"mcc": 0.93, "false_positive_rate": 0.01, "ci_low": {"mcc": 0.9}, "ci_high": {"false_positive_rate": 0.02}}


def test_a_score_must_be_at_least_what_is_required() -> None:
    assert unmet(FOUND, {"mcc": 0.93, "false_positive_rate": 0.01, "ci_low.mcc": 0.5}) == []
    assert unmet(FOUND, {"mcc": 0.94, "ci_low.mcc": 0.89}) == ["mcc of at least 0.94, found 0.93"]


def test_a_score_that_is_better_low_must_be_at_most_what_is_required() -> None:
    require = {"false_positive_rate": 0.005, "ci_high.false_positive_rate": 0.015}
    assert unmet(FOUND, require) == [
        "false_positive_rate of at most 0.005, found 0.01", "ci_high.false_positive_rate of at most 0.015, found 0.02",
    ]  # fmt: skip


def test_an_unknown_score_is_a_users_error_that_suggests_a_known_one() -> None:
    with pytest.raises(
        UserError, match=r"evaluate.require to name scores .* found 'ci_low.mc': did you mean ci_low.mcc"
    ):
        unmet(FOUND, {"ci_low.mc": 0.9})
    with pytest.raises(UserError, match=r"found 'x'$"):
        unmet(FOUND, {"x": 0.9})


# Baselines


def support() -> tuple[list[str], Labels]:
    """Return the texts of examples/support.csv, and their labels as numbers."""
    with (ROOT / "examples/support.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts, label = ([row[column] for row in rows] for column in ("message", "category"))
    return texts, np.unique(label, return_inverse=True)[1].astype(np.int16)


def test_the_tfidf_baseline_answers_as_a_few_lines_of_scikit_learn_do() -> None:
    texts, labels = support()
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10)).fit(texts[::2], labels[::2])
    answers = tfidf(texts[::2], labels[::2], texts[1::2])
    assert np.mean(answers == model.predict(texts[1::2])) > 0.95, "it is fitted to the labels one by one"
    found, gains = beside_guessing(Known(texts[::2], labels[::2]), Known(texts[1::2], labels[1::2]))
    assert found["tfidf"]["mcc"] == pytest.approx(metrics.matthews_corrcoef(labels[1::2], answers))
    assert found["tfidf"]["mcc"] > 0.7 > found["majority"]["mcc"] == 0
    assert found["tfidf"]["training_rows"] == len(texts[::2])
    assert gains["tfidf"]["accuracy"] == pytest.approx((labels[1::2] == 0).mean() - (answers == labels[1::2]).mean())
    assert gains["tfidf"]["rows"] == len(texts[1::2])
    assert "ten lines of scikit-learn, is better here" in beaten(gains["tfidf"])[0]


def beside_guessing(known: Known, test: Known, fold: NDArray[np.int64] | None = None) -> tuple[Numbers, Numbers]:
    """Return what stands beside a model of four labels that always answers the first."""
    guesses = np.tile([1.0, 0.0, 0.0, 0.0], (len(known.labels), 1)), np.zeros(len(test.labels), np.int16)
    given = OutOfFold(np.zeros(0, np.int64) if fold is None else fold, {})
    return beside(known, test, given, {}, guesses, None, lambda *_: None)


def test_training_rows_count_too_answered_by_models_that_have_not_learnt_from_their_fold() -> None:
    texts, labels = support()
    fold = np.arange(len(texts)) // 2 % 5
    known, test = Known(texts[::2], labels[::2]), Known(texts[1::2], labels[1::2])
    _, gains = beside_guessing(known, test, fold[::2])
    right = tfidf(*known, test.texts) == test.labels
    for number in range(5):
        others, left_out = (known.some(np.flatnonzero(here)) for here in (fold[::2] != number, fold[::2] == number))
        right = np.append(right, tfidf(*others, left_out.texts) == left_out.labels)
    assert gains["tfidf"]["rows"] == len(right) == len(texts)
    assert gains["tfidf"]["accuracy"] == pytest.approx((labels == 0).mean() - right.mean())


def test_the_answers_of_the_tfidf_baseline_are_the_labels_numbers_in_any_order_of_the_rows() -> None:
    texts = [
        "free prize",
        "claim your prize",
        "see you soon",
        "soon at home",
        "parcel on its way",
        "my parcel came",
    ]
    labels = np.array([4, 4, 2, 2, 7, 7], np.int16)
    for kept in ([0, 1, 2, 3, 4, 5], [5, 3, 1, 4, 2, 0], [0, 1, 2, 3]):
        answers = tfidf([texts[row] for row in kept], labels[kept], texts)
        assert answers[kept].tolist() == labels[kept].tolist()


def test_the_tfidf_baseline_reads_scripts_without_blanks() -> None:
    texts = ["很好吃下次再来", "太好吃了", "送餐很快好吃", "太慢了而且凉了", "送餐太慢", "凉了不会再来"]
    answers = tfidf(texts, np.array([1, 1, 1, 0, 0, 0], np.int16), ["真好吃", "又慢又凉了"])
    assert answers.tolist() == [1, 0]


def test_without_a_word_the_tfidf_baseline_answers_the_commonest_label() -> None:
    assert tfidf(["?!", "a", "👍"], np.array([3, 1, 3], np.int16), ["free prize"]).tolist() == [3]


def test_of_very_many_or_very_long_texts_the_tfidf_baseline_reads_some_and_counts_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts, labels = support()
    assert affordable(texts).tolist() == list(range(len(texts)))
    for limit, value in (("ROWS", 200), ("LETTERS", 9000)):
        with monkeypatch.context() as patch:
            patch.setattr(f"textrnn.evaluation.baselines.{limit}", value)
            found = beside_guessing(Known(texts, labels), Known(texts, labels))[0]["tfidf"]
            rows = affordable(texts)
            assert found["training_rows"] == len(rows) < len(texts)
            assert len(rows) <= 200 if limit == "ROWS" else sum(len(texts[row]) for row in rows) <= 9000
            assert found["accuracy"] > 0.7


# Disguises

PLAIN = "Claim YOUR prize, worth 1,250 pounds: call 0800 now"


def cleaned(text: str) -> str:
    return normalise(
        text,
        Normalisation(unicode="NFKC", fold_lookalikes=True, lowercase=False, ascii_only=False, remove_pattern=""),
    )


def test_each_disguise_changes_a_message_the_same_way_each_time() -> None:
    found = {name: disguised(name, PLAIN) for name in DISGUISES}
    assert found == {name: disguised(name, PLAIN) for name in DISGUISES}
    assert found["none"] == PLAIN
    assert len(set(found.values())) == len(DISGUISES)


def test_the_settings_undo_the_disguises_that_they_are_for() -> None:
    undone = {name for name in DISGUISES if cleaned(disguised(name, PLAIN)) == PLAIN}
    assert undone == {"none", "full-width characters", "look-alikes", "invisible characters"}


@pytest.mark.parametrize("text", ["", " ", "a", "ab", "Ｗ", "中文", "\U0001f600", "no", "e\u0301", "x" * 5000])
def test_any_message_can_be_disguised(text: str) -> None:
    for name in DISGUISES:
        cleaned(disguised(name, text)).encode("utf-8")


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 50_000)), min_size=1, max_size=40), st.sampled_from([1, 10])
)
def test_the_rows_disguised_are_few_and_have_every_label(rows: list[tuple[int, int]], slower: int) -> None:
    labels, lengths = np.array([row[0] for row in rows], np.int16), np.array([row[1] for row in rows])
    chosen = sample(labels, lengths, slower)
    assert len(set(chosen.tolist())) == len(chosen)
    assert set(labels[chosen]) == set(labels)
    few = len(chosen) <= MOST_ROWS // slower and lengths[chosen].sum() <= MOST_CHARACTERS // slower
    assert few or len(chosen) == len(set(labels))
    assert lengths.sum() > MOST_CHARACTERS // slower or len(chosen) == min(len(rows), MOST_ROWS // slower)


def test_a_rare_label_is_sampled_whole_and_the_rates_count_each_label_as_often_as_it_is() -> None:
    labels = np.array([0] * 900 + [1] * 50 + [2] * 50, np.int16)
    chosen = sample(labels, np.full(1000, 80))
    assert np.bincount(labels[chosen]).tolist() == [200, 50, 50]
    own, weights = np.array([0, 0, 1, 2], np.int16), np.array([4.0, 4, 1, 1])
    answers = np.array([0, 1, 1, 1], np.int16)
    assert rates(own, answers, weights, None) == {"accuracy": 0.5, "macro_recall": 0.5}
    assert rates(own, answers, weights, 1) == {"recall": 1.0, "false_positive_rate": pytest.approx(5 / 9)}
