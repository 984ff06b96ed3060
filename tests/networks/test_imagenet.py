from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from monai.networks.nets.resnet import ResNet
from torch import Tensor

from maskless.errors import UserError
from maskless.networks import imagenet
from maskless.networks.imagenet import load_imagenet
from maskless.networks.resnet_unet import ResNetEncoder

ENCODER = ResNetEncoder()


def published() -> dict[str, Tensor]:
    """Weights with the names and shapes of the published file, all different from those of `ENCODER`."""
    own = ENCODER.state_dict()
    weights = {
        name: torch.full_like(value, 1 + number / 1000) if value.is_floating_point() else value
        for number, (name, value) in enumerate(own.items())
    }
    return {**weights, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "resnet34.pth"
    torch.save(published(), path)
    return path


@pytest.fixture
def encoder() -> ResNetEncoder:
    """A fresh encoder with constant weights: making random ones takes longer."""
    with torch.device("meta"):
        made = ResNetEncoder()
    made = made.to_empty(device="cpu")
    for value in made.state_dict().values():
        value.zero_()
    return made


def test_the_shapes_are_those_of_resnet_34() -> None:
    # As printed with the published file: 21,797,672 parameters with the classifier's 513,000.
    learnt = [v for k, v in published().items() if "running" not in k and "num_batches" not in k]
    assert sum(value.numel() for value in learnt) == 21_797_672
    assert len(published()) == 218
    shapes = {name: tuple(value.shape) for name, value in published().items()}
    assert shapes["conv1.weight"] == (64, 3, 7, 7)
    assert shapes["layer2.0.downsample.0.weight"] == (128, 64, 1, 1)
    assert shapes["layer3.5.bn2.running_var"] == (256,)
    assert shapes["layer4.2.conv2.weight"] == (512, 512, 3, 3)
    assert "layer1.0.downsample.0.weight" not in shapes


def assert_loaded(encoder: ResNetEncoder) -> None:
    expected = published()
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(value, expected[name])


def test_a_file_fills_the_encoder(file: Path, encoder: ResNetEncoder) -> None:
    load_imagenet(encoder, str(file))
    assert_loaded(encoder)


def test_a_file_without_the_counters_of_batch_norm_is_taken(tmp_path: Path, encoder: ResNetEncoder) -> None:
    old = {name: value for name, value in published().items() if "num_batches_tracked" not in name}
    torch.save(old, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    load_imagenet(encoder, str(tmp_path / "old.pth"))
    assert_loaded(encoder)


def refused(encoder: ResNetEncoder, path: Path) -> str:
    """The sentence with which `path` is refused; the encoder stays as it was."""
    with pytest.raises(UserError) as caught:
        load_imagenet(encoder, str(path))
    assert all((value == 0).all() for value in encoder.state_dict().values())
    sentence = str(caught.value)
    assert str(path) in sentence
    assert imagenet.URL in sentence
    return sentence


def test_a_missing_file(tmp_path: Path, encoder: ResNetEncoder) -> None:
    assert "there is no file" in refused(encoder, tmp_path / "none.pth")
    assert "there is no file" in refused(encoder, tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_truncated_file(share: float, file: Path, tmp_path: Path, encoder: ResNetEncoder) -> None:
    whole = file.read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: int(share * len(whole))])
    assert "damaged" in refused(encoder, tmp_path / "half.pth")


def test_a_file_of_something_else(tmp_path: Path, encoder: ResNetEncoder) -> None:
    (tmp_path / "page.pth").write_text("<html>not found</html>")
    assert "damaged" in refused(encoder, tmp_path / "page.pth")


class Trap:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_file_that_would_run_something_is_not_opened(tmp_path: Path, encoder: ResNetEncoder) -> None:
    torch.save({**published(), "trap": Trap(tmp_path / "sprung")}, tmp_path / "trap.pth")
    assert "more than weights" in refused(encoder, tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], {"state_dict": {"a": torch.zeros(3)}}])
def test_a_file_of_other_tensors(content: object, tmp_path: Path, encoder: ResNetEncoder) -> None:
    torch.save(content, tmp_path / "other.pth")
    assert "something else than named weights" in refused(encoder, tmp_path / "other.pth")


def test_another_architecture_is_named_by_three_weights(tmp_path: Path, encoder: ResNetEncoder) -> None:
    smaller = ResNet("basic", [2, 2, 2, 2], [64, 128, 256, 512], spatial_dims=2, bias_downsample=False)
    torch.save(smaller.state_dict(), tmp_path / "resnet18.pth")
    sentence = refused(encoder, tmp_path / "resnet18.pth")
    assert "another architecture" in sentence
    assert sentence.count("is missing") == 3
    assert "layer1.2.conv1.weight is missing" in sentence


def test_other_shapes_and_unknown_names(tmp_path: Path, encoder: ResNetEncoder) -> None:
    weights = {**published(), "conv1.weight": torch.zeros(64, 1, 7, 7), "layer1.0.se.weight": torch.zeros(1)}
    torch.save(weights, tmp_path / "odd.pth")
    sentence = refused(encoder, tmp_path / "odd.pth")
    assert "conv1.weight is (64, 1, 7, 7) in place of (64, 3, 7, 7)" in sentence
    assert "layer1.0.se.weight is unknown" in sentence


def test_a_narrower_network_has_no_published_weights() -> None:
    with pytest.raises(UserError, match="width 64, not 8"):
        load_imagenet(ResNetEncoder(width=8), "imagenet")


def test_without_a_network_it_says_what_to_do(
    tmp_path: Path, encoder: ResNetEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(url: str, *_: object, **__: object) -> None:
        assert url == "https://download.pytorch.org/models/resnet34-b627a593.pth"
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(UserError, match=r"could not be downloaded.*no network.*encoder_weights=PATH"):
        load_imagenet(encoder, "imagenet")


def test_a_download_is_checked_and_kept(
    file: Path, tmp_path: Path, encoder: ResNetEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    original = torch.hub.download_url_to_file
    asked = []

    def served(url: str, path: str, hash_prefix: str, progress: bool) -> None:
        asked.append(hash_prefix)
        original(file.as_uri(), path, hash_prefix, progress)

    monkeypatch.setattr(torch.hub, "download_url_to_file", served)
    with pytest.raises(UserError, match="invalid hash"):  # it is not the published file
        load_imagenet(encoder, "imagenet")
    assert asked == ["b627a593"]
    monkeypatch.setattr(
        torch.hub,
        "download_url_to_file",
        lambda url, path, *_, **__: original(file.as_uri(), path, None, False),
    )
    load_imagenet(encoder, "imagenet")
    assert_loaded(encoder)
    monkeypatch.setattr(torch.hub, "download_url_to_file", served)
    load_imagenet(encoder, "imagenet")  # nothing is fetched again
    assert len(asked) == 1
