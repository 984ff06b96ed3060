"""AdaLIN and LIN: known answers, a slow reference, and what is held."""

import numpy as np
import pytest
import torch
from torch import nn

from maskless.networks.ada_lin import LIN, AdaLIN, clip_rho
from maskless.networks.held import hold, release

MAPS = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]])


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def slow(x: np.ndarray, rho: np.ndarray, gamma: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Channel by channel of one image (C, H, W)."""
    made = np.empty_like(x)
    for channel, values in enumerate(x):
        of_instance = (values - values.mean()) / np.sqrt(values.var(ddof=1) + 1e-5)
        of_layer = (values - x.mean()) / np.sqrt(x.var(ddof=1) + 1e-5)
        mixed = rho[channel] * of_instance + (1 - rho[channel]) * of_layer
        made[channel] = gamma[channel] * mixed + beta[channel]
    return made


def test_known_answers_of_adalin() -> None:
    found = AdaLIN(2)(MAPS, torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.5]]))
    expected = [
        [-1.188589, -0.450629, 0.287330, 1.025290],
        [-1.550580, -0.074660, 1.401259, 2.877178],
    ]
    torch.testing.assert_close(found.view(2, 4), torch.tensor(expected), rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("rho", "first"),
    [
        (0.0, [-1.428868, -1.020620, -0.612372, -0.204124]),
        (0.25, [-1.362124, -0.862289, -0.362455, 0.137380]),
    ],
)
def test_known_answers_of_lin(rho: float, first: list[float]) -> None:
    norm = LIN(2)
    assert not norm.rho.any()  # layer norm at the start
    nn.init.constant_(norm.rho, rho)
    expected = torch.tensor([first, [-value for value in reversed(first)]])
    torch.testing.assert_close(norm(MAPS).view(2, 4), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_each_image_by_the_formula(layout: torch.memory_format) -> None:
    x = (2 + random(3, 4, 5, 7) * torch.tensor([1.0, 5.0, 0.2, 3.0])[:, None, None]).to(memory_format=layout)
    gamma, beta, rho = random(3, 4, seed=1), random(3, 4, seed=2), torch.tensor([0.0, 0.3, 0.9, 1.0])
    norm = AdaLIN(4)
    norm.rho.data.copy_(rho)
    for image, found in enumerate(norm(x, gamma, beta)):
        one = [values.double().numpy() for values in (x[image], rho, gamma[image], beta[image])]
        np.testing.assert_allclose(found.detach(), slow(*one), rtol=1e-4, atol=1e-5)
    lin = LIN(4)
    for parameter, value in zip(lin.parameters(), (rho, gamma[0], beta[0]), strict=True):
        parameter.data.copy_(value)
    one = [values.double().numpy() for values in (x[1], rho, gamma[0], beta[0])]
    np.testing.assert_allclose(lin(x)[1].detach(), slow(*one), rtol=1e-4, atol=1e-5)


def test_held_statistics_are_those_of_the_windows_beside_each_other() -> None:
    windows = 3 + 2 * random(3, 4, 5, 6)
    beside = torch.cat(list(windows), dim=2)[None]
    gamma, beta = random(1, 4, seed=1), random(1, 4, seed=2)
    norm, lin = AdaLIN(4), LIN(4)
    nn.init.constant_(lin.rho, 0.5)
    expected, of_lin = norm(beside, gamma, beta), lin(beside)
    norm.holding = True
    norm(windows, gamma, beta)
    norm.holding = False
    hold(lin, windows)
    torch.testing.assert_close(norm(windows[1:2], gamma, beta), expected[:, :, :, 6:12])
    torch.testing.assert_close(lin(windows[2:]), of_lin[:, :, :, 12:])
    release(norm)
    torch.testing.assert_close(norm(beside, gamma, beta), expected)


def test_gradients_are_those_of_the_formula() -> None:
    x, gamma, beta = (random(2, 3, 4, 4).requires_grad_(), random(2, 3, seed=1), random(2, 3, seed=2))
    norm = AdaLIN(3)
    rho = norm.rho.detach().clone().requires_grad_()
    own = x.detach().clone().requires_grad_()
    of_instance = (own - own.mean((2, 3), keepdim=True)) / (own.var((2, 3), keepdim=True) + 1e-5).sqrt()
    of_layer = (own - own.mean((1, 2, 3), keepdim=True)) / (own.var((1, 2, 3), keepdim=True) + 1e-5).sqrt()
    share = rho[:, None, None]
    mixed = gamma[:, :, None, None] * (share * of_instance + (1 - share) * of_layer) + beta[:, :, None, None]
    mixed.pow(3).sum().backward()
    norm(x, gamma, beta).pow(3).sum().backward()
    torch.testing.assert_close(x.grad, own.grad, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(norm.rho.grad, rho.grad, rtol=1e-3, atol=1e-3)


def test_rho_is_clipped_and_nothing_else() -> None:
    network = nn.Sequential(LIN(3), nn.Linear(2, 2))
    network.add_module("adaptive", AdaLIN(2))
    for parameter in network.parameters():
        nn.init.constant_(parameter, -3.0)
    network.adaptive.rho.data[1] = 7.0
    network[0].rho.data[2] = 0.4
    clip_rho(network)
    assert network.adaptive.rho.tolist() == [0.0, 1.0]
    torch.testing.assert_close(network[0].rho.detach(), torch.tensor([0.0, 0.0, 0.4]))
    assert network[0].gamma.tolist() == network[0].beta.tolist() == [-3.0] * 3
    assert network[1].bias.tolist() == [-3.0] * 2


def test_half_precision_is_computed_in_single() -> None:
    x = (100 + random(1, 2, 64, 64)).bfloat16()
    found = LIN(2)(x)
    assert found.dtype is torch.bfloat16
    expected = slow(x[0].double().numpy(), np.zeros(2), np.ones(2), np.zeros(2))
    np.testing.assert_allclose(found[0].float().detach(), expected, rtol=1e-2, atol=1e-2)
