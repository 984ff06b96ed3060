"""Statistics that are held: of one image nothing changes, and a window is as it is in the whole image."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maskless.networks.held import Held, hold, release
from maskless.networks.instance_norm import InstanceNorm
from maskless.networks.resnet_generator import ResNetGenerator
from maskless.networks.ugatit_generator import UGATITGenerator

NETWORKS = {
    "cyclegan": lambda: ResNetGenerator(filters=4, blocks=1),
    "ugatit": lambda: UGATITGenerator(filters=4, blocks=1, size_px=64),
    "ugatit-light": lambda: UGATITGenerator(filters=4, blocks=1, light=True),
}


@pytest.fixture(params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    made = NETWORKS[request.param]()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return made.eval().requires_grad_(False)


def images(count: int, side: int = 64, seed: int = 1) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def image_of(network: nn.Module, batch: Tensor) -> Tensor:
    made = network(batch)
    return made if isinstance(made, Tensor) else made[0]


def test_of_one_image_nothing_changes(network: nn.Module) -> None:
    plain = image_of(network, images(1))
    hold(network, images(1))
    torch.testing.assert_close(image_of(network, images(1)), plain, rtol=1e-4, atol=1e-5)


def test_what_is_held_serves_for_another_image_until_it_is_released(network: nn.Module) -> None:
    other = images(2, seed=2)
    plain = image_of(network, other)
    hold(network, images(3))
    held = image_of(network, other)
    assert float((held - plain).abs().max()) > 1e-2
    torch.testing.assert_close(image_of(network, other[1:]), held[1:], rtol=1e-4, atol=1e-5)
    release(network)
    torch.testing.assert_close(image_of(network, other), plain, rtol=0, atol=0)


def test_the_windows_of_an_image_are_alike_in_the_whole(network: nn.Module) -> None:
    whole = images(1, side=128)
    hold(network, whole[:, :, 32:96, 32:96])
    inside = image_of(network, whole)[:, :, 16:112, 16:112]
    window = image_of(network, whole[:, :, 16:112, 16:112])
    border = 32  # more than the receptive field reaches
    kept = (slice(None), slice(None), slice(border, -border), slice(border, -border))
    torch.testing.assert_close(window[kept], inside[kept], rtol=1e-4, atol=1e-5)
    assert float((window - inside).abs().max()) > 1e-3  # at the borders they are not


def test_each_layer_is_held_in_one_pass(network: nn.Module) -> None:
    batch = images(3)
    hold(network, batch)
    once = image_of(network, batch)
    hold(network, batch)
    torch.testing.assert_close(image_of(network, batch), once, rtol=0, atol=0)
    assert all(module.held is not None for module in network.modules() if isinstance(module, Held))


def test_what_is_held_is_no_part_of_the_state(network: nn.Module) -> None:
    before = list(network.state_dict())
    hold(network, images(2))
    assert list(network.state_dict()) == before
    copied = deepcopy(network)
    torch.testing.assert_close(image_of(copied, images(1)), image_of(network, images(1)), rtol=0, atol=0)


def test_a_batch_that_does_not_pass_leaves_nothing_held(network: nn.Module) -> None:
    plain = image_of(network, images(1))
    with pytest.raises(RuntimeError):
        hold(network, images(2)[:, :2])
    torch.testing.assert_close(image_of(network, images(1)), plain, rtol=0, atol=0)


def test_instance_norm_is_that_of_torch() -> None:
    x = 3 + 2 * torch.randn(3, 5, 7, 6, generator=torch.Generator().manual_seed(0))
    norm = InstanceNorm(5)
    torch.testing.assert_close(norm(x), nn.InstanceNorm2d(5)(x), rtol=0, atol=0)
    assert not list(norm.parameters())
    assert not norm.state_dict()


def test_held_instance_norm_pools_all_pixels_of_the_batch() -> None:
    x = 3 + 2 * torch.randn(3, 5, 7, 6, generator=torch.Generator().manual_seed(0))
    other = torch.randn(2, 5, 4, 4, generator=torch.Generator().manual_seed(1))
    norm = InstanceNorm(5)
    hold(norm, x)
    for channel in range(5):
        values = x[:, channel].double().numpy()
        expected = (other[:, channel].double().numpy() - values.mean()) / np.sqrt(values.var() + 1e-5)
        np.testing.assert_allclose(norm(other)[:, channel].numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("held", [False, True])
def test_statistics_of_half_precision_are_in_single(held: bool) -> None:
    # In bfloat16 the sum of 4096 values about 100 would be far off.
    x = (100 + torch.randn(1, 2, 64, 64, generator=torch.Generator().manual_seed(0))).bfloat16()
    norm = InstanceNorm(2)
    if held:
        hold(norm, x)
    expected = nn.InstanceNorm2d(2)(x.double())
    assert norm(x).dtype is torch.bfloat16
    torch.testing.assert_close(norm(x).double(), expected, rtol=2e-2, atol=2e-2)


def test_gradients_pass_through_what_is_held_without_reaching_it() -> None:
    norm = InstanceNorm(2)
    hold(norm, torch.randn(2, 2, 8, 8, requires_grad=True))
    x = torch.randn(1, 2, 4, 4, requires_grad=True)
    norm(x).sum().backward()
    assert norm.held is not None
    assert not any(value.requires_grad for value in norm.held)
    slope = 1 / (norm.held[1] + 1e-5).sqrt()
    torch.testing.assert_close(x.grad, slope[None, :, None, None].expand(1, 2, 4, 4))
