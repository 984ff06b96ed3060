import torch

from maskless.losses import batch_dice_loss, soft_dice_loss


def test_soft_dice_by_hand() -> None:
    probability = torch.tensor([[[[1.0, 0.5], [0.0, 0.0]]]])
    target = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    # 1 - (2 * 1.5 + 1) / (1.5 + 2 + 1)
    torch.testing.assert_close(soft_dice_loss(probability, target), torch.tensor(1 - 4 / 4.5))


def test_over_a_batch_all_pixels_are_of_one_image() -> None:
    probability = torch.tensor([[[[1.0, 0.5], [0.0, 0.0]]], [[[0.25, 0.0], [0.0, 0.0]]]])
    target = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]])
    # 1 - (2 * 1.5 + 1) / (1.75 + 2 + 1), where the mean over images also has 1 - 1 / 1.25
    torch.testing.assert_close(batch_dice_loss(probability, target), torch.tensor(1 - 4 / 4.75))
    apart = (1 - 4 / 4.5 + 1 - 1 / 1.25) / 2
    torch.testing.assert_close(soft_dice_loss(probability, target), torch.tensor(apart))


def test_over_a_batch_the_gradient_is_that_of_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(3, 1, 5, 5, dtype=torch.float64, generator=generator).requires_grad_()
    t = (torch.rand(3, 1, 5, 5, generator=generator) > 0.6).double()
    (found,) = torch.autograd.grad(batch_dice_loss(p, t, eps=0.5), p)
    overlap, total = (p * t).sum().item(), (p + t).sum().item()
    by_hand = -(2 * t * (total + 0.5) - (2 * overlap + 0.5)) / (total + 0.5) ** 2
    torch.testing.assert_close(found, by_hand)
