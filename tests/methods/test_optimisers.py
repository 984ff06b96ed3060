"""The learning rate over the epochs."""

import pytest

from maskless.methods.optimisers import linear_decay


def test_known_answers_of_linear_decay() -> None:
    shares = [linear_decay(epoch, 15, 15) for epoch in range(30)]
    assert shares[:15] == [1] * 15
    assert (shares[15], shares[29]) == pytest.approx((0.9375, 0.0625))
    assert shares == sorted(shares, reverse=True)


def test_without_decay_it_is_constant() -> None:
    assert [linear_decay(epoch, 3, 0) for epoch in range(3)] == [1, 1, 1]
