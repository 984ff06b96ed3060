"""Least squares, by the numbers of the published recipes."""

import pytest
import torch

from maskless.losses import discriminator_loss, discriminator_sum, least_squares

REAL, FAKE = torch.tensor([0.8, 0.6]), torch.tensor([0.3, 0.1])


def test_known_answers() -> None:
    assert float(discriminator_loss(REAL, FAKE)) == pytest.approx(0.075)
    assert float(least_squares(FAKE, real=True)) == pytest.approx(0.65)
    assert float(discriminator_sum(REAL, FAKE)) == pytest.approx(0.15)


def test_scores_of_half_precision_are_summed_in_single() -> None:
    scores = torch.full((4096,), 0.3, dtype=torch.bfloat16)
    assert float(least_squares(scores, real=False)) == pytest.approx(float(scores[0]) ** 2, rel=1e-5)
