"""What makes scores doubtful: too few rows, too lopsided ones, or an interval that holds a guess's score."""

from collections.abc import Mapping

FEW_TO_LEARN = 20  # training rows of a label
FEW_TO_TEST = 10  # test rows of a label: of five right in ten, Wilson's interval is 24 % to 76 %
LOPSIDED = 0.01  # share of the rarest label


def doubts(trained: Mapping[str, int], tested: Mapping[str, int], least_mcc: float) -> list[str]:
    """Return a sentence for each doubt, none where there is none.

    `trained` and `tested` count the rows of each label, and `least_mcc` is the lower bound of the Matthews correlation.
    """
    found = [
        f"only {_rows(count)} of {label!r} to learn from: give {FEW_TO_LEARN} or more"
        for label, count in trained.items()
        if count < FEW_TO_LEARN
    ]
    found += [
        f"the test has only {_rows(count)} of {label!r}: one answer more or less moves its recall by {1 / count:.0%}"
        for label, count in tested.items()
        if count < FEW_TO_TEST
    ]
    rarest, commonest = min(trained, key=trained.__getitem__), max(trained, key=trained.__getitem__)
    share = trained[rarest] / sum(trained.values())
    if share < LOPSIDED:
        usual = trained[commonest] / sum(trained.values())
        found.append(
            f"{rarest!r} is {share:.2%} of the rows: to answer {commonest!r} always is right for {usual:.2%} of them, "
            "so read mcc and average_precision, not accuracy"
        )
    if least_mcc <= 0:
        found.append(f"the interval of mcc begins at {least_mcc:.3f}: by these rows the model may be guessing")
    return found


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
