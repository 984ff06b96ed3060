"""Attention by hand: the printed check values, and each formula written out pixel by pixel."""

import math

import pytest
import torch
from torch import Tensor

from maskless.losses.attention import (
    compressed_sigmoid,
    confidence_at,
    equivariance_loss,
    mean_by_group,
    smoothness_loss,
)
from maskless.networks.symmetries import SYMMETRIES


def two_images() -> Tensor:
    """Of 20 pixels each: k / 20 and its square, in some order."""
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    ramp = (torch.arange(20) / 20)[order]
    return torch.stack([ramp, ramp.square()]).view(2, 4, 5)


def tau_of(confidence: Tensor, eta: float) -> float:
    share = torch.full((len(confidence),), 1 - eta / 100)
    means, _ = mean_by_group(
        confidence_at(confidence, share), torch.zeros(len(confidence), dtype=torch.long), 1
    )
    return float(means)


def test_tau_of_two_images_as_printed() -> None:
    at = confidence_at(two_images(), torch.tensor([0.07, 0.07]))
    assert at.tolist() == pytest.approx([0.9, 0.81])
    assert tau_of(two_images(), 93) == pytest.approx(0.855)


def test_attention_as_printed() -> None:
    found = compressed_sigmoid(torch.tensor([0.8, 0.855, 0.9, 0.95]), 0.855)
    assert found.tolist() == pytest.approx([0.249740, 0.5, 0.710950, 0.869892], abs=1e-5)


def test_attention_of_half_precision_is_that_of_full() -> None:
    confidence = torch.tensor([0.5, 3.0]).bfloat16()
    assert compressed_sigmoid(confidence, 0.49).dtype == torch.float32
    assert compressed_sigmoid(confidence, 0.49)[0] == pytest.approx(1 / (1 + math.exp(-0.2)))


@pytest.mark.parametrize(("eta", "lit"), [(93, 1792), (80, 5120), (50, 12_800), (99.9, 25)])
def test_as_many_pixels_are_lit_as_eta_says(eta: float, lit: int) -> None:
    draw = torch.Generator().manual_seed(0)
    confidence = (torch.randperm(160 * 160, generator=draw).double() / 1000).view(1, 160, 160)
    assert int((compressed_sigmoid(confidence, tau_of(confidence, eta)) > 0.5).sum()) == lit


@pytest.mark.parametrize("share", [0.0, 0.05, 0.0999, 0.1, 0.5, 0.99])
def test_the_confidence_that_a_share_exceeds(share: float) -> None:
    confidence = torch.randn(3, 10, 10, generator=torch.Generator().manual_seed(1))
    found = confidence_at(confidence, torch.full((3,), share))
    for image, at in zip(confidence, found, strict=True):
        assert sorted(image.flatten().tolist(), reverse=True)[math.floor(100 * share + 1e-4)] == at


def test_each_image_has_its_own_share() -> None:
    ramp = torch.arange(100.0).view(1, 10, 10).expand(3, -1, -1)
    assert confidence_at(ramp, torch.tensor([0.1, 0.5, 0.93])).tolist() == [89, 49, 6]


def test_means_by_group_and_those_of_nobody() -> None:
    values = torch.tensor([1.0, 5.0, 3.0, 10.0], requires_grad=True)
    means, number = mean_by_group(values, torch.tensor([0, 2, 0, 2]), 4)
    assert means.tolist() == [2, 0, 7.5, 0]
    assert number.tolist() == [2, 0, 2, 0]
    assert not means.requires_grad


def test_smoothness_as_printed() -> None:
    attention = torch.tensor([[[0, 0.5, 1], [0.25, 0.25, 0.5]]])
    assert smoothness_loss(attention).item() == pytest.approx(1 / 3 + 0.3125)
    assert smoothness_loss(attention).item() == pytest.approx(0.645833, abs=1e-6)


def test_smoothness_written_out() -> None:
    attention = torch.rand(2, 5, 7, generator=torch.Generator().manual_seed(2))
    rows = [abs(a[i + 1][j] - a[i][j]) for a in attention.tolist() for i in range(4) for j in range(7)]
    columns = [abs(a[i][j + 1] - a[i][j]) for a in attention.tolist() for i in range(5) for j in range(6)]
    expected = sum(rows) / len(rows) + sum(columns) / len(columns)
    assert smoothness_loss(attention).item() == pytest.approx(expected)


def test_equivariance_as_printed() -> None:
    attention = torch.tensor([[[0.1, 0.2], [0.3, 0.4]]])
    of_flipped = torch.tensor([[[0.25, 0.1], [0.4, 0.2]]])
    flip = SYMMETRIES[0]
    assert equivariance_loss(flip.apply(attention), of_flipped).item() == pytest.approx(0.003125)
    assert equivariance_loss(attention, flip.undo(of_flipped)).item() == pytest.approx(0.003125)
