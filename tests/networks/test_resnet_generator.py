"""CycleGAN's generator and discriminator: their sizes, their layers and their initial weights."""

import pytest
import torch
from torch import nn

from maskless.errors import UserError
from maskless.networks.batch_norm import batch_statistics
from maskless.networks.instance_norm import InstanceNorm
from maskless.networks.patch_gan import PatchGAN
from maskless.networks.resnet_generator import ResNetGenerator


@pytest.mark.parametrize(
    ("network", "expected"),
    [(ResNetGenerator, 11_378_179), (lambda: PatchGAN(3, norm="instance"), 2_764_737)],
)
def test_as_many_parameters_as_the_published_networks(network, expected: int) -> None:
    with torch.device("meta"):
        built = network()
    assert sum(weight.numel() for weight in built.parameters()) == expected


@pytest.mark.parametrize("sides", [(32, 32), (36, 20)])
def test_images_of_the_same_size_in_the_range_of_an_image(sides: tuple[int, int]) -> None:
    made = ResNetGenerator(filters=2, blocks=1)(torch.rand(2, 3, *sides) * 2 - 1)
    assert made.shape == (2, 3, *sides)
    assert bool((made.abs() <= 1).all())


def test_each_image_is_by_itself() -> None:
    torch.manual_seed(0)
    network = ResNetGenerator(filters=4, blocks=2)
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(network(images)[1:2], network(images[1:2]), rtol=1e-4, atol=1e-5)


def test_it_is_what_the_paper_lists() -> None:
    torch.manual_seed(0)
    f = 2
    network = ResNetGenerator(filters=f, blocks=2)
    weights = iter(network.state_dict().values())

    def convolved(x: torch.Tensor, pad: int, reflected: bool, stride: int = 1) -> torch.Tensor:
        x = nn.ReflectionPad2d(pad)(x) if reflected else nn.ZeroPad2d(pad)(x)
        return nn.functional.conv2d(x, next(weights), next(weights), stride=stride)

    norm = nn.functional.instance_norm
    images = torch.rand(1, 3, 24, 24) * 2 - 1
    x = norm(convolved(images, 3, True)).relu()
    for _ in range(2):
        x = norm(convolved(x, 1, False, stride=2)).relu()
    for _ in range(2):
        inner = norm(convolved(x, 1, True)).relu()
        x = x + norm(convolved(inner, 1, True))
    for _ in range(2):
        up = nn.functional.conv_transpose2d(
            x, next(weights), next(weights), stride=2, padding=1, output_padding=1
        )
        x = norm(up).relu()
    expected = convolved(x, 3, True).tanh()
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-5)
    assert next(weights, None) is None


def test_weights_are_drawn_as_the_authors_do() -> None:
    torch.manual_seed(0)
    for network in (ResNetGenerator(filters=16), PatchGAN(3, 16, norm="instance")):
        convolutions = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
        weights = torch.cat([m.weight.detach().flatten() for m in convolutions])
        assert abs(float(weights.mean())) < 3e-4
        assert float(weights.std()) == pytest.approx(0.02, rel=0.01)
        assert all(m.bias is not None and not m.bias.any() for m in convolutions)


def test_the_discriminator_has_instance_norm_between() -> None:
    layers = PatchGAN(3, 2, norm="instance").layers
    kinds = [type(layer) for layer in layers]
    between = [nn.Conv2d, InstanceNorm, nn.LeakyReLU]
    assert kinds == [nn.Conv2d, nn.LeakyReLU, *3 * between, nn.Conv2d]


def test_norms_of_instances_and_of_a_batch_of_one_agree() -> None:
    torch.manual_seed(0)
    by_instance, by_batch = PatchGAN(3, 2, norm="instance"), PatchGAN(3, 2)
    for its, mine in zip(by_instance.layers, by_batch.layers, strict=True):
        if isinstance(its, nn.Conv2d):
            mine.weight.data.copy_(its.weight)
        elif isinstance(mine, nn.BatchNorm2d):
            nn.init.ones_(mine.weight)
    image = torch.rand(1, 3, 64, 64)
    with batch_statistics(by_batch):
        torch.testing.assert_close(by_instance(image), by_batch(image), rtol=1e-4, atol=1e-5)


def test_gradients_are_finite_in_mixed_precision() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(ResNetGenerator(filters=4, blocks=1), PatchGAN(3, 4, norm="instance"))
    with torch.autocast("cpu", torch.bfloat16):
        scores = network(torch.rand(2, 3, 32, 32))
    scores.float().square().mean().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())


@pytest.mark.parametrize("wrong", [{"filters": 0}, {"blocks": -1}])
def test_sizes_that_are_no_network(wrong: dict) -> None:
    with pytest.raises(UserError, match="no ResNet generator"):
        ResNetGenerator(**wrong)
