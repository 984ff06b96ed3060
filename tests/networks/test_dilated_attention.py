"""F of scale_attention: its size, and how far it sees."""

import pytest
import torch
from torch import nn

from maskless.networks.dilated_attention import DilatedAttention


@pytest.mark.parametrize(("width", "parameters"), [(64, 445_825), (32, 112_321)])
def test_parameters_as_published(width: int, parameters: int) -> None:
    with torch.device("meta"):
        network = DilatedAttention(width)
    assert sum(weight.numel() for weight in network.parameters()) == parameters


@pytest.mark.parametrize("shape", [(1, 1), (7, 33), (64, 64)])
def test_an_image_of_any_sides_keeps_them(shape: tuple[int, int]) -> None:
    assert DilatedAttention(2).eval()(torch.rand(2, 3, *shape)).shape == (2, *shape)


def test_the_last_convolution_alone_has_a_bias_and_no_activation_follows() -> None:
    network = DilatedAttention(2).eval()
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert [conv.bias is not None for conv in convs] == [False] * 13 + [True]
    with torch.no_grad():
        convs[-1].bias.fill_(-1000.0)
    assert (network(torch.rand(1, 3, 8, 8)) < 0).all()


def test_a_confidence_depends_on_167_pixels_across() -> None:
    network = DilatedAttention(2).double().eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):  # nothing cancels, and no ReLU is ever shut
            nn.init.constant_(module.weight, 0.1)
    image = torch.ones(1, 3, 201, 201, dtype=torch.float64, requires_grad=True)
    network(image)[0, 100, 100].backward()
    seen = image.grad[0, 0] != 0
    for axis in (0, 1):
        along = seen.any(dim=axis).nonzero()
        assert (int(along.min()), int(along.max())) == (100 - 83, 100 + 83)
