"""G of scale_attention: its size, what it starts from, what it gives."""

from pathlib import Path

import pytest
import torch

from maskless.errors import UserError
from maskless.networks.scale_classifier import ScaleClassifier


def parameters_of(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def test_parameters_as_published() -> None:
    with torch.device("meta"):
        network = ScaleClassifier(3)
    assert parameters_of(network.trunk) == 21_284_672
    assert parameters_of(network.linear) == 1_539


def test_a_score_a_power_for_images_of_any_sides() -> None:
    network = ScaleClassifier(4, 4, [1, 1, 1, 1]).eval()
    assert network(torch.rand(2, 3, 45, 70)).shape == (2, 4)


def test_the_scores_are_linear_in_the_mean_of_the_last_map() -> None:
    torch.manual_seed(0)
    network = ScaleClassifier(3, 4, [1, 1, 1, 1]).eval()
    images = torch.rand(2, 3, 96, 64)
    last = network.trunk(images)[-1]
    assert last.shape == (2, 32, 3, 2)
    for scores, maps in zip(network(images), last, strict=True):
        pooled = torch.stack([one.sum() / 6 for one in maps])
        torch.testing.assert_close(scores, network.linear.weight @ pooled + network.linear.bias)


def test_imagenet_weights_fill_the_trunk_alone(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = ScaleClassifier(3).trunk.state_dict()
    weights = {
        name: torch.full(value.shape, 1 + k / 1000, dtype=value.dtype)
        for k, (name, value) in enumerate(shapes.items())
    }
    classifier = {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    torch.save({**weights, **classifier}, tmp_path / "resnet34.pth")
    network = ScaleClassifier(3, weights=str(tmp_path / "resnet34.pth"))
    for name, value in network.trunk.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert network.linear.weight.std() > 0


def test_a_narrow_trunk_has_no_published_weights() -> None:
    with pytest.raises(UserError, match="width 64, not 8"):
        ScaleClassifier(3, 8, [1, 1, 1, 1], weights="imagenet")
