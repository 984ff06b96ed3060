"""A ResNet's weights from ImageNet, out of torchvision's published file, without torchvision."""

from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from maskless.errors import UserError, first_three
from maskless.networks.resnet_unet import ResNetEncoder

#: torchvision's ResNet34_Weights.IMAGENET1K_V1; the end of the name is the start of its SHA-256.
URL = "https://download.pytorch.org/models/resnet34-b627a593.pth"
#: The channels of the published networks' stems.
WIDTH = 64


class Published(NamedTuple):
    """A published file: whose weights it holds, its address, and the option with which a user names it."""

    architecture: str
    url: str
    option: str


RESNET_34 = Published("ResNet-34", URL, "encoder_weights")


def load_imagenet(encoder: ResNetEncoder, weights: str, published: Published = RESNET_34) -> None:
    """Fill `encoder`, in place, with published weights; its classifier (`fc`) is left out.

    `weights` is "imagenet", which downloads the published file once into torch's own cache, or the path of
    such a file: a state dict of that architecture with torchvision's names, saved by torch. Nothing in a file
    is executed. Files older than batch norm's counters (`num_batches_tracked`) are taken as well.

    Raises UserError if the encoder's width is not 64, if there is no network or no such file, and if the
    file is damaged, holds more than weights, or holds those of another architecture. The encoder is then as
    it was.
    """
    width = encoder.conv1.out_channels
    if width != WIDTH:
        raise UserError(
            f"{published.option}={weights} fits a network of width {WIDTH}, not {width}: "
            f"give width={WIDTH}, or {published.option}=null for random weights"
        )
    path = _downloaded(published) if weights == "imagenet" else Path(weights).expanduser()
    found = {name: value for name, value in _read(path, published).items() if not name.startswith("fc.")}
    own = encoder.state_dict()
    problems = _differences(found, own)
    if problems:
        raise UserError(
            f"{path} holds the weights of another architecture than {published.architecture} "
            f"({first_three(problems)}): give {published.option}=PATH, a download of {published.url}"
        )
    encoder.load_state_dict({**own, **found})


def _downloaded(published: Published) -> Path:
    """The published file in torch's cache, fetched into it and checked if it is not yet there."""
    url = published.url
    name = url.rpartition("/")[2]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hash_prefix = name.removesuffix(".pth").rpartition("-")[2]
        torch.hub.download_url_to_file(url, str(path), hash_prefix, progress=False)
    except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: the hash is another
        raise UserError(
            f"{url} could not be downloaded to {path} ({error}): "
            f"give {published.option}=PATH, a download of that address made elsewhere"
        ) from error
    return path


def _read(path: Path, published: Published) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(
            f"there is no file {path}: give {published.option}=imagenet, or the path of a download of "
            f"{published.url}"
        )
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged file makes of the unpickler is anything
        raise UserError(
            f"{path} is damaged, or holds more than weights and was not read: "
            f"delete it and download {published.url} again"
        ) from error
    if not _is_state_dict(stored):
        raise UserError(f"{path} holds something else than named weights: give a download of {published.url}")
    return dict(stored)


def _is_state_dict(stored: Any) -> bool:
    return isinstance(stored, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in stored.items()
    )


def _differences(found: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    """What keeps `found` from being the state of the encoder, a clause each, in the encoder's order."""
    missing = [
        f"{name} is missing" for name in own if name not in found and not name.endswith("num_batches_tracked")
    ]
    unlike = [
        f"{name} is {tuple(found[name].shape)} in place of {tuple(value.shape)}"
        for name, value in own.items()
        if name in found and found[name].shape != value.shape
    ]
    return missing + unlike + [f"{name} is unknown" for name in found if name not in own]
