"""Median, spread and percentiles of a few dozen numbers; `statistics` costs 20 ms at start and says no more."""

from collections.abc import Sequence

NORMAL = 1.4826
"""Median absolute deviation times this is the standard deviation, where the numbers are normally distributed."""


def median(numbers: Sequence[float]) -> float:
    """The middle of the numbers, or the mean of the two in the middle. Raises ValueError for none."""
    if not numbers:
        raise ValueError("no median of nothing")
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def deviation(numbers: Sequence[float]) -> float:
    """How far the numbers usually lie from their median: the median absolute deviation, scaled by NORMAL."""
    middle = median(numbers)
    return NORMAL * median([abs(number - middle) for number in numbers])


def percentile(numbers: Sequence[float], share: float) -> float:
    """The smallest of the numbers that at least `share` of them do not exceed. Raises ValueError for none."""
    if not numbers:
        raise ValueError("no percentile of nothing")
    ordered = sorted(numbers)
    # In thousandths: 0.95 * 20 is not 19 in floating point.
    rank = -(-round(share * 1000) * len(ordered) // 1000)
    return ordered[max(0, rank - 1)]
