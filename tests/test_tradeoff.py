"""What each threshold leads to, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from textrnn.report.thresholds import FINEST, counted, outcome, stops

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 1_000_000)), min_size=2, max_size=40)
BOTH = ROWS.filter(lambda rows: len({label for label, _ in rows}) == 2)


@given(BOTH, st.integers(0, 1_000_000), st.integers(0, FINEST))
def test_any_threshold_of_four_digits_and_the_models_own_are_told_exactly(
    rows: list[tuple[bool, int]], own: int, other: int
) -> None:
    truth, probability = np.array([label for label, _ in rows]), np.array([value / 1_000_000 for _, value in rows])
    model = own / 1_000_000
    found = counted(truth, probability, model)
    assert sum(positive + negative for _, positive, negative in found) == len(rows)
    for threshold in (model, other / FINEST):
        flagged = probability >= threshold
        told = outcome(found, threshold)
        assert (told.caught, told.missed, told.blocked) == (
            int((truth & flagged).sum()),
            int((truth & ~flagged).sum()),
            int((~truth & flagged).sum()),
        )
        assert told.mcc == pytest.approx(metrics.matthews_corrcoef(truth, flagged))
        assert told.recall == pytest.approx(metrics.recall_score(truth, flagged))
        if told.precision is not None:
            assert told.precision == pytest.approx(metrics.precision_score(truth, flagged))
        assert (told.precision is None) == (not flagged.any())


@pytest.mark.parametrize("model", [0.0, 0.00005, 0.4, 0.483995, 1.0])
def test_the_slider_stops_at_round_thresholds_and_at_the_models_own(model: float) -> None:
    found = stops(model)
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (0, 1)
    assert {0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, model} <= set(found)
    assert all(round(stop, 4) == stop for stop in found if stop != model)


def test_however_many_rows_there_are_the_page_grows_no_further() -> None:
    random = np.random.default_rng(0)
    found = counted(random.random(200_000) < 0.5, random.random(200_000), 0.5)
    assert len(found) <= FINEST + 1
