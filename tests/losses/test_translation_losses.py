"""The losses of CycleGAN and U-GAT-IT, by the numbers of the published recipes."""

import math

import numpy as np
import pytest
import torch

from maskless.losses import cam_loss, cycle_loss, identity_loss


def test_known_answers_of_class_activation() -> None:
    translated, kept = torch.tensor([0.5, -0.25]), torch.tensor([-1.0, 2.0])
    undecided = math.log(2)
    assert float(cam_loss(translated, kept)) == pytest.approx(1.870103, abs=1e-6)
    assert float(cam_loss(translated, torch.zeros(3))) - undecided == pytest.approx(0.650008, abs=1e-6)
    assert float(cam_loss(torch.zeros(3), kept)) - undecided == pytest.approx(1.220095, abs=1e-6)


@pytest.mark.parametrize("loss", [cycle_loss, identity_loss])
def test_images_are_compared_value_by_value(loss) -> None:
    generator = np.random.default_rng(0)
    before, after = generator.uniform(-1, 1, (2, 2, 3, 4, 5)).astype(np.float32)
    expected = sum(abs(x - y) for x, y in zip(before.flat, after.flat, strict=True)) / before.size
    assert float(loss(torch.tensor(before), torch.tensor(after))) == pytest.approx(expected, rel=1e-5)


def test_half_precision_is_computed_in_single() -> None:
    wide = torch.full((1, 3, 64, 64), 0.3, dtype=torch.bfloat16)
    for loss in (cycle_loss, identity_loss):
        found = loss(torch.zeros_like(wide), wide)
        assert found.dtype is torch.float32
        assert float(found) == pytest.approx(float(wide[0, 0, 0, 0]), rel=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        logits = torch.tensor([[40.0, -40.0]], dtype=torch.bfloat16, requires_grad=True)
        found = cam_loss(logits, logits)
    found.backward()
    assert float(found.detach()) == pytest.approx(40)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
