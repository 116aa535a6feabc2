"""textrnn/evaluation/requirements.py: what evaluate.require asks of the scores."""

import pytest

from textrnn.core.errors import UserError
from textrnn.evaluation.requirements import unmet

FOUND = {"mcc": 0.93, "false_positive_rate": 0.01, "ci_low": {"mcc": 0.9}, "ci_high": {"false_positive_rate": 0.02}}


@pytest.mark.parametrize("require", [{}, {"mcc": 0.93}, {"false_positive_rate": 0.01, "ci_low.mcc": 0.5}])
def test_scores_as_good_as_required_or_better_pass(require: dict[str, float]) -> None:
    assert unmet(FOUND, require) == []


def test_a_score_must_be_at_least_what_is_required() -> None:
    assert unmet(FOUND, {"mcc": 0.94, "ci_low.mcc": 0.89}) == ["mcc of at least 0.94, found 0.93"]


def test_of_what_is_better_low_at_most_so_much_is_required() -> None:
    require = {"false_positive_rate": 0.005, "ci_high.false_positive_rate": 0.015}
    assert unmet(FOUND, require) == [
        "false_positive_rate of at most 0.005, found 0.01", "ci_high.false_positive_rate of at most 0.015, found 0.02",
    ]  # fmt: skip


def test_a_score_that_is_none_is_a_users_error_which_names_one_like_it() -> None:
    with pytest.raises(
        UserError, match=r"evaluate.require to name scores .* found 'ci_low.mc': did you mean ci_low.mcc"
    ):
        unmet(FOUND, {"ci_low.mc": 0.9})
    with pytest.raises(UserError, match=r"found 'x'$"):
        unmet(FOUND, {"x": 0.9})
