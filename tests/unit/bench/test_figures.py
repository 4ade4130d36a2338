from bench.figures import cost_by_tenths, per_second, quantile, ratio, spread


def test_spread_is_the_median_with_both_ends() -> None:
    """What is reported of several rounds is the middle one and the extremes."""
    assert f"{spread([3, 1, 2]):.1f}" == "2.0 (1.0 to 3.0)"


def test_spread_of_one_round_is_one_number() -> None:
    """Where nothing was repeated, no spread is claimed."""
    assert f"{spread([1.25]):.2f}" == "1.25"


def test_ratio_compares_within_each_round() -> None:
    """A slow machine in one round slows both, so the ratio is taken before the median."""
    found = ratio([100, 50, 80], [200, 100, 100])

    assert (found.median, found.lowest, found.highest) == (0.5, 0.5, 0.8)


def test_quantile_is_a_value_that_was_measured() -> None:
    """The p99 of a hundred values is the ninety-ninth, not one between two."""
    values = list(range(100, 0, -1))

    assert [quantile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert quantile([7], 0.5) == 7


def test_rate_counts_what_follows_the_first() -> None:
    """The first moment only begins the time."""
    assert per_second([10.0, 10.5, 11.0]) == 2.0


def test_tenths_show_where_a_queue_becomes_dearer() -> None:
    """A cost that doubles in the second half doubles in the tenths of that half."""
    moments = [float(number) for number in range(51)]
    moments += [50.0 + 2 * number for number in range(1, 51)]

    assert list(cost_by_tenths(moments)) == [1.0] * 5 + [2.0] * 5
