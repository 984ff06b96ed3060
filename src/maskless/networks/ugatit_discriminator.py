"""The discriminators of U-GAT-IT: real or not for each patch, with attention to what tells them apart."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from maskless.errors import UserError
from maskless.networks.class_activation import ClassActivation


class UGATITDiscriminator(nn.Module):
    """Images float (B, 3, H, W) to a score a patch (B, 1, h, w) and logits float32 (B, 2), linear.

    Kim et al. (ICLR 2020), as in their published code: `layers` - 2 spectrally normalised convolutions 4x4 of
    stride 2 with `filters`, twice, four times ... as many channels, one of stride 1, the attention, and a
    last one of stride 1 to the scores; borders are reflected. With 64 filters the global one of 7 layers has
    53,130,176 parameters, the local one of 5 layers 3,290,560. Sides are multiples of 2^(layers - 2), three
    times that at least; h = H / 2^(layers - 2) - 2. Raises UserError for sizes that are no such network.
    """

    def __init__(self, filters: int = 64, layers: int = 7) -> None:
        super().__init__()
        if filters < 1 or layers < 3:
            raise UserError(
                f"no U-GAT-IT discriminator has filters={filters}, layers={layers}: filters is 1 or more, "
                "layers 3 or more"
            )
        channels = [filters * 2**level for level in range(layers - 1)]
        steps = zip([3, *channels], channels, strict=False)
        parts = [_layer(before, after, 1 if after == channels[-1] else 2) for before, after in steps]
        self.layers = nn.Sequential(*(layer for part in parts for layer in part))
        self.attention = ClassActivation(channels[-1], normalised=True)
        self.scores = _convolution(channels[-1], 1, 1, bias=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.attention(self.layers(images))
        return self.scores(F.leaky_relu(features, 0.2)), logits


def _layer(before: int, after: int, stride: int) -> tuple[nn.Module, ...]:
    return _convolution(before, after, stride, bias=True), nn.LeakyReLU(0.2, inplace=True)


def _convolution(before: int, after: int, stride: int, *, bias: bool) -> nn.Module:
    made = nn.Conv2d(before, after, 4, stride=stride, padding=1, padding_mode="reflect", bias=bias)
    return spectral_norm(made)
