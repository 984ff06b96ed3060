"""Structure before and after translation: a slow reference, and what costs nothing."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from maskless.errors import UserError
from maskless.losses import local_contrast, same_foreground


def tissue(side: int = 32, depth: float = 0.6, background: float = 0.1) -> Tensor:
    """An image (1, 3, side, side) with a dark disc, of decimal densities."""
    where = torch.arange(side) - side / 2
    disc = (where[:, None] ** 2 + where**2 < (side / 5) ** 2).float()
    return (10 ** -(background + depth * disc)).expand(1, 3, side, side).clone()


def slow(image: np.ndarray, side: int) -> np.ndarray:
    """Of red (H, W), pixel by pixel."""
    density = np.empty(image.shape)
    normed = np.empty(image.shape)
    for place in np.ndindex(*image.shape):
        density[place] = -math.log10((255 * image[place] + 1) / 256)
    for y, x in np.ndindex(*image.shape):
        reach = side // 2
        square = density[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        normed[y, x] = (density[y, x] - square.mean()) / math.sqrt(square.var() + 0.05**2)
    return normed


@pytest.mark.parametrize("side", [3, 5, 21])
def test_each_pixel_by_the_formula(side: int) -> None:
    before, after = np.random.default_rng(0).uniform(0, 1, (2, 2, 3, 9, 12)).astype(np.float32)
    differences = [
        np.abs(slow(x[0].astype(float), side) - slow(y[0].astype(float), side))
        for x, y in zip(before, after, strict=True)
    ]
    found = local_contrast(torch.tensor(before), torch.tensor(after), side)
    assert float(found) == pytest.approx(np.mean(differences), rel=1e-4)


def test_nothing_is_lost_between_an_image_and_itself_in_other_colours() -> None:
    image = tissue()
    pink = image.clone()
    pink[:, 1:] *= 0.5
    assert float(local_contrast(image, image, 15)) == 0
    assert float(local_contrast(image, pink, 15)) == 0


def test_inverted_contrast_costs_most() -> None:
    image, paler = tissue(), tissue(depth=0.3)
    blank, inverted = tissue(depth=0.0), tissue(depth=-0.6, background=0.7)
    costs = [float(local_contrast(image, other, 15)) for other in (paler, blank, inverted)]
    assert costs == sorted(costs)
    assert costs[0] < costs[1] / 5
    assert costs[2] > 1.8 * costs[1]


def test_black_can_become_lighter() -> None:
    translated = torch.zeros(1, 3, 32, 32, requires_grad=True)
    local_contrast(tissue(), translated, 15).backward()
    assert translated.grad is not None
    assert translated.grad[:, 0].isfinite().all()
    assert bool(translated.grad[:, 0].any())
    assert not translated.grad[:, 1:].any()  # of red alone


def test_the_gradient_is_that_of_the_formula() -> None:
    # Images that differ everywhere, so that no step passes the kink of the absolute value.
    image = tissue(12)
    translated = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0)).requires_grad_()
    local_contrast(image, translated, 5).backward()
    assert translated.grad is not None
    for place in ((0, 0, 0, 0), (0, 0, 6, 7)):
        losses = []
        for step in (1e-2, -1e-2):
            moved = translated.detach().clone()
            moved[place] += step
            losses.append(float(local_contrast(image, moved, 5)))
        assert (losses[0] - losses[1]) / 2e-2 == pytest.approx(float(translated.grad[place]), rel=0.05)


@pytest.mark.parametrize("side", [1, 0, 16])
def test_a_square_without_a_centre(side: int) -> None:
    with pytest.raises(UserError, match=f"side_px={side}"):
        local_contrast(tissue(), tissue(), side)


def test_foregrounds_are_compared_value_by_value() -> None:
    before = torch.tensor([[[[0.0, 0.5], [1.0, 0.25]]]])
    after = torch.tensor([[[[0.0, 1.0], [0.0, 0.25]]]], requires_grad=True)
    found = same_foreground(before, after)
    assert float(found.detach()) == pytest.approx(1.5 / 4)
    found.backward()
    torch.testing.assert_close(after.grad, torch.tensor([[[[0.0, 0.25], [-0.25, 0.0]]]]))


def test_half_precision_is_computed_in_single() -> None:
    translated = tissue(depth=0.5).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        losses = [local_contrast(tissue(), translated, 15), same_foreground(tissue(), translated)]
    for loss in losses:
        translated.grad = None
        loss.backward()
        assert loss.dtype is torch.float32
        assert translated.grad is not None
        assert translated.grad.isfinite().all()
