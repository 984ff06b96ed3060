"""Which of a few magnifications an image has: G of scale_attention."""

from collections.abc import Sequence

from torch import Tensor, nn

from maskless.networks.imagenet import load_imagenet
from maskless.networks.resnet_unet import ResNetEncoder


class ScaleClassifier(nn.Module):
    """G of Sahasrabudhe et al. (MICCAI 2020): images float32 (B, 3, H, W) to logits (B, `powers`).

    A ResNet, global average pooling, a linear layer. With the paper's `width` and `layers`, a ResNet-34, the
    trunk has 21,284,672 parameters and the linear layer of three powers 1,539. `weights` fills the trunk as
    in `load_imagenet`, which raises UserError.
    """

    def __init__(
        self, powers: int, width: int = 64, layers: Sequence[int] = (3, 4, 6, 3), weights: str | None = None
    ) -> None:
        super().__init__()
        self.trunk = ResNetEncoder(width, layers)
        if weights:
            load_imagenet(self.trunk, weights)
        self.linear = nn.Linear(8 * width, powers)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(self.trunk(images)[-1].mean(dim=(2, 3)))
