"""Attention by class activation: the weights that tell two domains apart say which channels matter."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class ClassActivation(nn.Module):
    """Features (B, channels, H, W) to features of the same shape, linear, and logits float32 (B, 2).

    Kim et al. (ICLR 2020): two linear layers without bias look at each channel's mean and maximum, which
    gives the logits; the features times the weights of the one, and beside them those times the weights of
    the other, go through a convolution 1x1 with bias. With `normalised`, the logits are by spectrally
    normalised weights, the features by the weights as they are. Logits are of each image by itself, whatever
    is held, as no pixel depends on them.
    """

    def __init__(self, channels: int, *, normalised: bool = False) -> None:
        super().__init__()
        self.of_mean, self.of_maximum = (nn.Linear(channels, 1, bias=False) for _ in range(2))
        if normalised:
            spectral_norm(self.of_mean)
            spectral_norm(self.of_maximum)
        self.mixing = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        logits = [self.of_mean(features.mean((2, 3))), self.of_maximum(features.amax((2, 3)))]
        # Weighted weights are as good as weighted features, and the features need not be copied.
        weights = torch.cat([_raw_weight(self.of_mean), _raw_weight(self.of_maximum)], dim=1)
        mixing = self.mixing.weight * weights[:, :, None, None]
        by_mean, by_maximum = mixing.chunk(2, dim=1)
        return F.conv2d(features, by_mean + by_maximum, self.mixing.bias), torch.cat(logits, dim=1).float()


def _raw_weight(layer: nn.Module) -> Tensor:
    (weight,) = layer.parameters()
    return weight
