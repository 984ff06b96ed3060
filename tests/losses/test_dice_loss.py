import torch

from maskless.losses import soft_dice_loss


def test_soft_dice_by_hand() -> None:
    probability = torch.tensor([[[[1.0, 0.5], [0.0, 0.0]]]])
    target = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    # 1 - (2 * 1.5 + 1) / (1.5 + 2 + 1)
    torch.testing.assert_close(soft_dice_loss(probability, target), torch.tensor(1 - 4 / 4.5))
