import os
import subprocess
import sys

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


GRADIENTS = """
import torch
from maskless.networks.resnet_unet import ResNetEncoder
for width in (2, 4, 8, 12, 16):
    shortcut = ResNetEncoder(width, (1, 1, 1, 1)).layer2[0].downsample[0]
    for side in (16, 64):
        x, gradient = torch.randn(16, width, side, side), torch.randn(16, 2 * width, side // 2, side // 2)
        found = []
        for layout in (torch.contiguous_format, torch.channels_last):
            shortcut.to(memory_format=layout).zero_grad()
            images = x.to(memory_format=layout, copy=True).requires_grad_()
            shortcut(images).backward(gradient.to(memory_format=layout))
            found.append((shortcut.weight.grad.clone(), images.grad))
        for one, two in zip(*found):
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4 * float(one.abs().max()))
"""


@pytest.mark.parametrize("processor", ["AVX2", "AVX512_CORE"])
def test_a_shortcut_learns_the_same_with_channels_last(processor: str) -> None:
    """In a process of its own: a gradient that is written beyond its memory ends it, or never returns."""
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": processor, "OMP_NUM_THREADS": "2"}
    words = [sys.executable, "-c", GRADIENTS]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
