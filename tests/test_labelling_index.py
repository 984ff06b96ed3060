import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskless.labelling_index import labelling_index

COUNTS = st.integers(0, 10**6)


def wilson(positive: int, total: int) -> tuple[float, float]:
    """The roots in p of (share - p)² = z² p (1 - p) / n, which is how the interval is defined."""
    z2, share = 1.959963984540054**2, positive / total
    a, b, c = 1 + z2 / total, -(2 * share + z2 / total), share**2
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@pytest.mark.parametrize(
    ("positive", "negative", "low", "high"),
    [(15, 133, 0.0624, 0.1605), (81, 182, 0.2553, 0.3662), (0, 20, 0, 0.1611), (1, 28, 0.0061, 0.1718)],
)
def test_printed_intervals(positive, negative, low, high):
    """Newcombe, Statistics in Medicine 17, 1998, tables I and II; and 0 of 20."""
    index = labelling_index(positive, negative)
    assert index.value == positive / (positive + negative)
    assert (index.low, index.high) == pytest.approx((low, high), abs=5e-5)


@given(positive=COUNTS, negative=COUNTS)
def test_it_is_wilsons_interval(positive, negative):
    if positive + negative:
        index = labelling_index(positive, negative)
        assert 0 <= index.low <= index.value <= index.high <= 1
        assert (index.low, index.high) == pytest.approx(wilson(positive, positive + negative), abs=1e-6)
        other = labelling_index(negative, positive)
        assert (1 - other.high, 1 - other.low) == pytest.approx((index.low, index.high), abs=1e-12)


def test_in_words():
    assert str(labelling_index(81, 182)) == "30.8 % (95 % interval 25.5 to 36.6)"
    assert str(labelling_index(0, 0)) == "undefined without nuclei"
    assert math.isnan(labelling_index(0, 0).low)


def test_negative_counts():
    with pytest.raises(ValueError, match="no counts"):
        labelling_index(-1, 3)
