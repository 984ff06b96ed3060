"""ResNet-18's names, numbers and features; damaged files are the business of test_imagenet.py."""

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from maskless.errors import UserError
from maskless.networks.resnet18 import LAYERS, resnet18, resnet18_features
from maskless.networks.resnet_unet import ResNetEncoder


def published_names() -> set[str]:
    """The names in torchvision's published file, by its recipe: 122."""

    def norm(name: str) -> set[str]:
        kept = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        return {f"{name}.{one}" for one in kept}

    names = {"conv1.weight", "fc.weight", "fc.bias"} | norm("bn1")
    for layer in (1, 2, 3, 4):
        for block in (0, 1):
            for k in (1, 2):
                names |= {f"layer{layer}.{block}.conv{k}.weight"} | norm(f"layer{layer}.{block}.bn{k}")
        if layer > 1:
            names |= {f"layer{layer}.0.downsample.0.weight"} | norm(f"layer{layer}.0.downsample.1")
    return names


def random_weights() -> dict[str, Tensor]:
    """A published file's content, with statistics of batch norm that change what goes through."""
    torch.manual_seed(0)
    weights = ResNetEncoder(layers=LAYERS).state_dict()
    for name, value in weights.items():
        if "running" in name:
            weights[name] = torch.rand_like(value) + 0.5
    return {**weights, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return random_weights()


@pytest.fixture(scope="module")
def file(weights: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(weights, path)
    return path


def test_names_and_numbers_are_those_of_the_published_file(weights: dict[str, Tensor]) -> None:
    assert set(weights) == published_names()
    assert len(weights) == 122
    network = ResNetEncoder(layers=LAYERS)
    assert sum(parameter.numel() for parameter in network.parameters()) == 11_176_512
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["layer3.0.downsample.0.weight"] == (256, 128, 1, 1)
    assert shapes["layer4.1.conv2.weight"] == (512, 512, 3, 3)


def slow_features(weights: dict[str, Tensor], images: Tensor) -> Tensor:
    """ResNet-18 (He et al., 2016) written out, from named weights alone."""

    def norm(x: Tensor, name: str) -> Tensor:
        mean, var, scale, shift = (
            weights[f"{name}.{one}"][:, None, None]
            for one in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * scale + shift

    x = F.conv2d(images, weights["conv1.weight"], stride=2, padding=3)
    x = F.max_pool2d(norm(x, "bn1").relu(), 3, stride=2, padding=1)
    for layer in (1, 2, 3, 4):
        for block in (0, 1):
            name = f"layer{layer}.{block}"
            stride = 2 if layer > 1 and block == 0 else 1
            y = F.conv2d(x, weights[f"{name}.conv1.weight"], stride=stride, padding=1)
            y = F.conv2d(norm(y, f"{name}.bn1").relu(), weights[f"{name}.conv2.weight"], padding=1)
            if stride == 2:
                x = F.conv2d(x, weights[f"{name}.downsample.0.weight"], stride=2)
                x = norm(x, f"{name}.downsample.1")
            x = (norm(y, f"{name}.bn2") + x).relu()
    return x.flatten(2).mean(2)


def test_features_are_those_of_the_network_written_out(weights: dict[str, Tensor], file: Path) -> None:
    network = resnet18(str(file))
    images = torch.rand(3, 3, 70, 45)
    features = resnet18_features(network, images)
    assert features.shape == (3, 512)
    assert not features.requires_grad
    torch.testing.assert_close(features, slow_features(weights, images), rtol=1e-3, atol=1e-4)


def test_one_image_has_the_features_that_it_has_among_others(file: Path) -> None:
    network = resnet18(str(file))
    images = torch.rand(4, 3, 64, 64)
    torch.testing.assert_close(
        resnet18_features(network, images[2:3]), resnet18_features(network, images)[2:3], rtol=1e-4, atol=1e-5
    )


def test_weights_of_another_network_are_refused_by_the_name_of_this_one(tmp_path: Path) -> None:
    torch.save(ResNetEncoder(layers=(3, 4, 6, 3)).state_dict(), tmp_path / "resnet34.pth")
    with pytest.raises(UserError, match=r"than ResNet-18 .*weights=PATH.*resnet18-f37072fd\.pth") as caught:
        resnet18(str(tmp_path / "resnet34.pth"))
    assert "encoder_weights" not in str(caught.value)


def test_the_published_file_is_asked_for_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(url: str, path: str, hash_prefix: str, progress: bool) -> None:
        assert url == "https://download.pytorch.org/models/resnet18-f37072fd.pth"
        assert hash_prefix == "f37072fd"
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(UserError, match=r"could not be downloaded.*no network.*give weights=PATH"):
        resnet18("imagenet")
