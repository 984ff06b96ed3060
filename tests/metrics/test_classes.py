from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskless.metrics import ClassAgreement, class_agreement, mean_absolute_error

words = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30)


def test_ten_matched_nuclei_by_hand():
    """Four positive, of which three are called so; six negative, of which one is called positive."""
    found = class_agreement([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 1, 0, 0, 0, 0, 0])
    assert found == ClassAgreement(3, 1, 1, 5)
    assert (found.matched, found.accuracy) == (10, 0.8)
    assert (found.positive_precision, found.positive_recall) == (0.75, 0.75)


def test_without_nuclei_nothing_is_defined():
    nothing = class_agreement([], [])
    assert nothing.matched == 0
    assert all(isnan(v) for v in (nothing.accuracy, nothing.positive_precision, nothing.positive_recall))
    negative = class_agreement([False], [False])
    assert negative.accuracy == 1
    assert isnan(negative.positive_precision)
    assert isnan(negative.positive_recall)


@given(words)
def test_each_nucleus_is_counted_once_where_it_belongs(pairs):
    found = class_agreement(np.array([a for a, _ in pairs], bool), np.array([b for _, b in pairs], bool))
    counted = [pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))]
    assert list(vars(found).values()) == counted
    assert found.matched == len(pairs)


def test_two_lengths_are_refused():
    with pytest.raises(ValueError, match="two classes each"):
        class_agreement([True], [True, False])


def test_the_error_is_over_the_images_that_have_both():
    assert mean_absolute_error([10, 20, nan, 5], [12, 17, 3, nan]) == (2.5, 2)
    error, images = mean_absolute_error([nan], [1])
    assert isnan(error)
    assert images == 0
    with pytest.raises(ValueError, match="zip"):
        mean_absolute_error([1], [])
