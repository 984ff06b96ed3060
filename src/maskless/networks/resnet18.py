"""ResNet-18 as a describer of images: 512 features each, with which patches are compared."""

import torch
from torch import Tensor

from maskless.errors import UserError
from maskless.networks.imagenet import Published, load_imagenet
from maskless.networks.resnet_unet import ResNetEncoder

#: torchvision's ResNet18_Weights.IMAGENET1K_V1.
RESNET_18 = Published("ResNet-18", "https://download.pytorch.org/models/resnet18-f37072fd.pth", "weights")
LAYERS = (2, 2, 2, 2)


def resnet18(weights: str | None) -> ResNetEncoder:
    """ResNet-18 without its classifier, 11,176,512 parameters, in evaluation mode.

    `weights` is "imagenet" or the path of a download, as in `load_imagenet`, which raises UserError; so does
    None, for nothing is downloaded that was not asked for.
    """
    if weights is None:
        raise UserError(
            "ResNet-18 needs its weights: weights=imagenet downloads them once (45 MB), weights=PATH reads a "
            f"download of {RESNET_18.url} made elsewhere"
        )
    network = ResNetEncoder(layers=LAYERS)
    load_imagenet(network, weights, RESNET_18)
    return network.eval()


def resnet18_features(network: ResNetEncoder, images: Tensor) -> Tensor:
    """Float32 (B, 3, H, W) to float32 (B, 512), the means of the last maps, without gradient.

    For patch choice, images are RGB in [0, 1] and not normalised, as in Le Bescond et al. (MICCAI 2022).
    """
    with torch.inference_mode():
        return network(images)[-1].mean(dim=(2, 3))
