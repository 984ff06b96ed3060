"""S and R: their sizes, their initial weights, and where dropout is."""

import pytest
import torch
from torch import nn

from maskless.errors import UserError
from maskless.networks.patch_gan import PatchGAN
from maskless.networks.pix2pix_unet import Pix2PixUNet


def parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (lambda: Pix2PixUNet(3, 1), 54_409_857),
        (lambda: Pix2PixUNet(1, 3), 54_411_907),
        (lambda: Pix2PixUNet(3, 1, filters=128), 217_609_473),
        (lambda: PatchGAN(1), 2_763_585),
        (lambda: PatchGAN(3), 2_765_633),
    ],
)
def test_as_many_parameters_as_the_published_networks(network, expected: int) -> None:
    with torch.device("meta"):
        built = network()
    assert parameters(built) == expected


@pytest.mark.parametrize(("side", "scores"), [(256, 30), (512, 62), (128, 14)])
def test_a_score_for_each_patch(side: int, scores: int) -> None:
    assert PatchGAN(3, filters=4)(torch.zeros(2, 3, side, side)).shape == (2, 1, scores, scores)


def test_a_patch_is_70_px() -> None:
    image = torch.randn(1, 3, 256, 256, requires_grad=True)
    network = PatchGAN(3, filters=4).eval()
    network(image)[0, 0, 15, 15].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == 70


@pytest.mark.parametrize(("depth", "sides"), [(8, (256, 512)), (7, (128, 384)), (5, (32, 64))])
def test_maps_have_the_size_of_the_image(depth: int, sides: tuple[int, int]) -> None:
    network = Pix2PixUNet(3, 2, filters=2, depth=depth).eval()
    assert network(torch.zeros(1, 3, *sides)).shape == (1, 2, *sides)


def test_dropout_ends_the_second_to_fourth_up() -> None:
    network = Pix2PixUNet(3, 1, filters=2)
    assert [any(isinstance(m, nn.Dropout) for m in up) for up in network.ups] == [False] + 3 * [True] + 4 * [
        False
    ]


def test_no_bias_but_the_last_and_no_norm_at_either_end() -> None:
    network = Pix2PixUNet(3, 1, filters=2)
    convolutions = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    assert [c.bias is not None for c in convolutions] == [False] * 15 + [True]
    normed = [any(isinstance(m, nn.BatchNorm2d) for m in level) for level in (*network.downs, *network.ups)]
    assert normed == [False, *[True] * 6, False, *[True] * 7, False]


def test_weights_are_drawn_as_pix2pix_does() -> None:
    torch.manual_seed(0)
    network = Pix2PixUNet(3, 1, filters=16)
    weights = torch.cat([m.weight.detach().flatten() for m in network.modules() if isinstance(m, nn.Conv2d)])
    scales = torch.cat([m.weight.detach() for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
    assert abs(float(weights.mean())) < 1e-4
    assert float(weights.std()) == pytest.approx(0.02, rel=0.01)
    assert float(scales.mean()) == pytest.approx(1, abs=0.005)
    assert float(scales.std()) == pytest.approx(0.02, rel=0.1)
    assert all(float(m.bias.abs().max()) == 0 for m in network.modules() if isinstance(m, nn.BatchNorm2d))


def test_what_goes_in_is_not_changed() -> None:
    image = torch.randn(1, 3, 32, 32)
    before = image.clone()
    Pix2PixUNet(3, 1, filters=2, depth=5).eval()(image)
    assert torch.equal(image, before)


@pytest.mark.parametrize("wrong", [{"filters": 0}, {"depth": 4}, {"dropout": 1.0}])
def test_sizes_that_are_no_network(wrong: dict) -> None:
    with pytest.raises(UserError, match="no pix2pix U-Net"):
        Pix2PixUNet(3, 1, **wrong)
