"""The benchmark of the data stages: a real run of it is `python -m bench.scale`; here, what it reports."""

from bench import scale


def test_times_by_message_are_shown_as_a_ratio_to_those_of_a_hundred_thousand() -> None:
    one = scale.summary(scale.BASE, [scale.Measured(2.0, 100), scale.Measured(1.0, 120), scale.Measured(9.0, 90)])
    assert (one["seconds"], one["seconds_least"], one["seconds_most"], one["peak_megabytes"]) == (2, 1, 9, 120)
    assert (one["messages_per_second"], one["microseconds_per_message"]) == (50_000, 20)
    other = scale.summary(10 * scale.BASE, [scale.Measured(30.0, 200)])
    last = scale.table({str(scale.BASE): {"clean": one}, str(10 * scale.BASE): {"clean": other}}).splitlines()[-1]
    assert last.split()[:2] == ["1,000,000", "clean"]
    assert last.split()[-2:] == ["1.50", "200"]
