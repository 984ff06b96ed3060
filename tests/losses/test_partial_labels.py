import math

import pytest
import torch
from torch import Tensor

from maskless.losses import partial_cross_entropy


def slow(logits: Tensor, labels: Tensor, weights: list[float]) -> Tensor:
    """Pixel by pixel, with the soft-max written out."""
    total = logits.new_zeros(())
    for k, weight in enumerate(weights):
        losses = []
        for b, r, c in (labels[..., k] != 255).nonzero().tolist():
            exponents = logits[b, :, r, c].exp()
            losses.append(-(exponents[labels[b, r, c, k].item()] / exponents.sum()).log())
        if losses:
            total = total + weight * torch.stack(losses).mean()
    return total


def random_batch(opinions: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(opinions)
    logits = torch.randn(3, 2, 6, 5, dtype=torch.float64, generator=generator).requires_grad_()
    choices = torch.tensor([0, 1, 255, 255], dtype=torch.uint8)
    return logits, choices[torch.randint(0, 4, (3, 6, 5, opinions), generator=generator)]


@pytest.mark.parametrize("weights", [[1.0], [1.0, 1.0], [0.5, 2.0, 0.0]])
def test_it_is_the_mean_over_each_opinions_labelled_pixels(weights: list[float]) -> None:
    logits, labels = random_batch(len(weights))
    labels[1] = 255  # an image of which nothing is known
    loss, expected = partial_cross_entropy(logits, labels, weights), slow(logits, labels, weights)
    torch.testing.assert_close(loss, expected)
    for gradient, same in zip(
        torch.autograd.grad(loss, logits), torch.autograd.grad(expected, logits), strict=True
    ):
        torch.testing.assert_close(gradient, same)


def test_weights_are_one_if_not_given() -> None:
    logits, labels = random_batch(2)
    torch.testing.assert_close(partial_cross_entropy(logits, labels), slow(logits, labels, [1.0, 1.0]))


def test_by_hand() -> None:
    logits = torch.tensor([0.0, math.log(3.0)]).view(1, 2, 1, 1).expand(1, 2, 1, 2)
    labels = torch.tensor([[[[1, 255], [0, 1]]]], dtype=torch.uint8)
    # Opinion 1: nucleus (3 / 4) and background (1 / 4); opinion 2: nucleus.
    expected = -(math.log(0.75) + math.log(0.25)) / 2 - math.log(0.75)
    torch.testing.assert_close(partial_cross_entropy(logits, labels), torch.tensor(expected))


def test_labels_that_say_nothing_give_zero_and_no_gradient() -> None:
    logits, labels = random_batch(2)
    loss = partial_cross_entropy(logits, torch.full_like(labels, 255))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_half_precision_is_computed_in_full() -> None:
    logits, labels = random_batch(2)
    half = logits.detach().bfloat16()
    loss = partial_cross_entropy(half, labels)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), slow(half.double(), labels, [1.0, 1.0]), rtol=1e-6, atol=0)


def test_a_weight_for_each_opinion() -> None:
    with pytest.raises(ValueError, match="3 weights for 2 opinions"):
        partial_cross_entropy(*random_batch(2), weights=[1, 1, 1])
