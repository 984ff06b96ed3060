"""U-GAT-IT's generator and discriminators: their sizes, what they give, and how they are computed."""

import pytest
import torch
from torch import Tensor, nn

from maskless.errors import UserError
from maskless.networks.ada_lin import AdaLIN
from maskless.networks.held import hold
from maskless.networks.ugatit_discriminator import UGATITDiscriminator
from maskless.networks.ugatit_generator import UGATITGenerator


def small(**given) -> UGATITGenerator:
    torch.manual_seed(0)
    return UGATITGenerator(**{"filters": 2, "blocks": 2, "size_px": 32, **given})


def images(count: int, height: int, width: int) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(
    ("light", "all_of_it", "stem"), [(False, 278_959_808, 268_500_992), (True, 10_589_888, 131_072)]
)
def test_as_many_parameters_as_the_published_generators(light: bool, all_of_it: int, stem: int) -> None:
    with torch.device("meta"):
        built = UGATITGenerator(light=light)
    assert (parameters(built), parameters(built.style.stem)) == (all_of_it, stem)


@pytest.mark.parametrize(("layers", "expected"), [(7, 53_130_176), (5, 3_290_560)])
def test_as_many_parameters_as_the_published_discriminators(layers: int, expected: int) -> None:
    with torch.device("meta"):
        built = UGATITDiscriminator(layers=layers)
    assert parameters(built) == expected


@pytest.mark.parametrize(("layers", "side", "scores"), [(7, 256, 6), (5, 256, 30), (5, 24, 1), (7, 128, 2)])
def test_a_score_for_each_patch(layers: int, side: int, scores: int) -> None:
    found, logits = UGATITDiscriminator(2, layers)(images(2, side, side))
    assert found.shape == (2, 1, scores, scores)
    assert logits.shape == (2, 2)


@pytest.mark.parametrize(("light", "sides"), [(False, (32, 32)), (True, (32, 32)), (True, (36, 20))])
def test_an_image_of_the_same_size_and_what_was_attended_to(light: bool, sides: tuple[int, int]) -> None:
    made, logits, heat = small(light=light)(images(3, *sides))
    assert made.shape == (3, 3, *sides)
    assert bool((made.abs() <= 1).all())
    assert logits.shape == (3, 2)
    assert heat.shape == (3, 1, sides[0] // 4, sides[1] // 4)
    assert bool((heat >= 0).all())


@pytest.mark.parametrize("light", [False, True])
def test_each_image_is_by_itself(light: bool) -> None:
    network = small(light=light)
    both = network(images(3, 32, 32))
    alone = network(images(3, 32, 32)[1:2])
    for of_all, of_one in zip(both, alone, strict=True):
        torch.testing.assert_close(of_all[1:2], of_one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("light", [False, True])
def test_gamma_and_beta_are_of_the_features_behind_the_attention(light: bool) -> None:
    network = small(light=light)
    seen: list[tuple[Tensor, ...]] = []
    for module in network.modules():
        if isinstance(module, AdaLIN):
            module.register_forward_hook(lambda module, given, made: seen.append(given))
    network(images(2, 32, 32))
    x = network.down(images(2, 32, 32))
    for block in network.blocks:
        x = block(x)
    x = network.attention(x)[0].relu()
    inputs = x.mean((2, 3)) if light else x.reshape(2, -1)
    first, _, second, _ = network.style.stem
    style = ((inputs @ first.weight.T).relu() @ second.weight.T).relu()
    assert len(seen) == 4  # two in each block
    for _, gamma, beta in seen:
        torch.testing.assert_close(gamma, style @ network.style.gamma.weight.T)
        torch.testing.assert_close(beta, style @ network.style.beta.weight.T)


def test_blocks_add_to_what_goes_in() -> None:
    network = small(blocks=1)
    block = network.adaptive_blocks[0]
    x = torch.randn(1, 8, 6, 6)
    still = torch.zeros(1, 8)
    torch.testing.assert_close(block(x, still, still), x)
    torch.testing.assert_close(block(x, still, still + 3), x + 3)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("light", [False, True])
def test_blocks_that_are_computed_again_have_the_same_gradients(light: bool, autocast: bool) -> None:
    gradients = []
    for checkpointing in (False, True):
        network = small(light=light, checkpointing=checkpointing)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            made, logits, _ = network(images(2, 32, 32))
        (made.square().mean() + logits.square().mean()).backward()
        gradients.append([weight.grad for weight in network.parameters()])
    for kept, again in zip(*gradients, strict=True):
        assert kept is not None
        torch.testing.assert_close(again, kept, rtol=0, atol=0)


def test_blocks_are_computed_again() -> None:
    network = small(checkpointing=True)
    count = 0

    def counted(*_: object) -> None:
        nonlocal count
        count += 1

    for block in (*network.blocks, *network.adaptive_blocks):
        block.first.register_forward_hook(counted)
    made, _, _ = network(images(1, 32, 32))
    assert count == 4
    made.sum().backward()
    assert count == 8


@pytest.mark.parametrize(
    "network", [lambda: small(), lambda: small(light=True), lambda: UGATITDiscriminator(4, 5)]
)
def test_gradients_are_finite_in_mixed_precision(network) -> None:
    torch.manual_seed(0)
    asked = network()
    with torch.autocast("cpu", torch.bfloat16):
        made, logits, *_ = asked(images(2, 32, 32))
    (made.float().square().mean() + logits.square().mean()).backward()
    assert logits.dtype is torch.float32
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in asked.parameters())


def test_the_whole_version_takes_one_size_until_statistics_are_held() -> None:
    network = small()
    with pytest.raises(UserError, match="32x32 px, not 64x32"):
        network(images(1, 64, 32))
    hold(network, images(2, 32, 32))
    assert network(images(1, 64, 32))[0].shape == (1, 3, 64, 32)


def test_convolutions_of_a_discriminator_stretch_nothing() -> None:
    torch.manual_seed(0)
    network = UGATITDiscriminator(4, 5)
    for _ in range(30):  # each step of training brings the estimate of the norm closer
        network(images(1, 32, 32))
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    *normalised, mixing, last = convolutions
    for convolution in (*normalised, last):
        norm = torch.linalg.matrix_norm(convolution.weight.detach().flatten(1), ord=2)
        assert float(norm) == pytest.approx(1, abs=0.02)
    assert mixing.kernel_size == (1, 1)
    assert not hasattr(mixing, "parametrizations")
    assert [c.bias is not None for c in convolutions] == [True] * 5 + [False]


@pytest.mark.parametrize("wrong", [{"filters": 0}, {"blocks": -1}, {"size_px": 30}, {"size_px": 0}])
def test_sizes_that_are_no_generator(wrong: dict) -> None:
    with pytest.raises(UserError, match="no U-GAT-IT generator"):
        small(**wrong)


@pytest.mark.parametrize("wrong", [{"filters": 0}, {"layers": 2}])
def test_sizes_that_are_no_discriminator(wrong: dict) -> None:
    with pytest.raises(UserError, match="no U-GAT-IT discriminator"):
        UGATITDiscriminator(**wrong)
