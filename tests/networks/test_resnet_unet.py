import pytest
import torch

from maskless.networks.resnet_unet import ResNetUNet


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_it_has_the_papers_number_of_parameters() -> None:
    network = ResNetUNet(out_channels=2)
    assert parameters(network.encoder) == 21_284_672
    assert parameters(network) == 24_415_714


@pytest.mark.parametrize("sides", [(32, 32), (64, 96)])
def test_it_keeps_the_size_and_learns_everywhere(sides: tuple[int, int]) -> None:
    network = ResNetUNet(out_channels=3, width=8)
    maps = network(torch.randn(2, 3, *sides))
    assert maps.shape == (2, 3, *sides)
    maps.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_encoder_takes_the_published_names_of_weights() -> None:
    names = set(ResNetUNet(out_channels=2).encoder.state_dict())
    assert {
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.conv1.weight",
        "layer2.0.downsample.0.weight",
    } <= names
    assert not any(name.startswith("fc.") for name in names)
