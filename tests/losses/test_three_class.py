import numpy as np
import torch
from scipy import ndimage

from maskless.losses import boundary_target, three_class_loss


def slow_boundary(instances: np.ndarray, radius_px: int) -> np.ndarray:
    """The definition, pixel by pixel."""
    result = np.zeros_like(instances)
    for r, c in np.argwhere(instances > 0):
        around = instances[
            max(r - radius_px, 0) : r + radius_px + 1, max(c - radius_px, 0) : c + radius_px + 1
        ]
        result[r, c] = 1 if (around == instances[r, c]).all() else 2
    return result


def test_boundary_target_is_its_definition() -> None:
    rng = np.random.default_rng(0)
    for radius_px in (1, 2):
        labels, _ = ndimage.label(rng.random((40, 50)) < 0.6)
        labels[5:15, 5:15], labels[5:15, 15:25] = 2**31 - 1, 2**31 - 2  # touch, huge, next to each other
        target = boundary_target(torch.from_numpy(labels.astype(np.int32))[None], radius_px)[0]
        np.testing.assert_array_equal(target.numpy(), slow_boundary(labels, radius_px))


def test_a_batch_in_two_halves_gives_the_same_loss_and_gradient() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, 3, (4, 8, 8))
    whole = three_class_loss(logits, target, boundary_weight=2.0)
    (gradient,) = torch.autograd.grad(whole, logits)
    halves = sum(three_class_loss(logits[k : k + 2], target[k : k + 2], 2.0) for k in (0, 2)) / 2
    (halved,) = torch.autograd.grad(halves, logits)
    torch.testing.assert_close(whole, halves)
    torch.testing.assert_close(gradient, halved)


def test_three_class_loss_by_hand() -> None:
    logits = torch.log(torch.tensor([0.2, 0.5, 0.3])).view(1, 3, 1, 1)
    target = torch.tensor([[[2]]])
    dice = ((1 - 1 / 1.5) + (1 - 1.6 / 2.3)) / 2
    expected = -2 * np.log(0.3) + dice
    torch.testing.assert_close(
        three_class_loss(logits, target, 2.0), torch.tensor(expected, dtype=torch.float32)
    )
