"""textrnn/evaluation/warnings.py: what makes scores doubtful is said."""

from textrnn.evaluation.warnings import FEW_TO_LEARN, FEW_TO_TEST, doubts

MANY = {"ham": 4000, "spam": 600}


def test_many_rows_of_each_label_and_a_good_score_leave_no_doubt() -> None:
    assert doubts(MANY, {"ham": 900, "spam": 130}, 0.9) == []


def test_the_least_rows_that_are_enough_leave_none_and_one_fewer_does() -> None:
    enough = {"a": FEW_TO_LEARN, "b": FEW_TO_LEARN}, {"a": FEW_TO_TEST, "b": FEW_TO_TEST}
    assert doubts(*enough, 0.1) == []
    (said,) = doubts(enough[0] | {"b": FEW_TO_LEARN - 1}, enough[1], 0.1)
    assert said == "only 19 rows of 'b' to learn from: give 20 or more"
    (said,) = doubts(enough[0], enough[1] | {"a": FEW_TO_TEST - 1}, 0.1)
    assert said == "the test has only 9 rows of 'a': one answer more or less moves its recall by 11%"


def test_one_row_is_one_row() -> None:
    said = doubts({"a": 1, "b": 1}, {"a": 1, "b": 50}, 0.5)
    assert said[0].startswith("only 1 row of 'a'")
    assert said[-1] == "the test has only 1 row of 'a': one answer more or less moves its recall by 100%"


def test_a_label_rarer_than_one_in_a_hundred_is_said_with_what_answering_the_other_is_worth() -> None:
    (said,) = doubts({"fine": 9950, "fault": 50}, {"fine": 2000, "fault": 12}, 0.6)
    assert said.startswith("'fault' is 0.50% of the rows: to answer 'fine' always is right for 99.50% of them")


def test_an_interval_that_holds_a_guesss_score_is_said() -> None:
    (said,) = doubts(MANY, MANY, -0.031)
    assert said == "the interval of mcc begins at -0.031: by these rows the model may be guessing"
