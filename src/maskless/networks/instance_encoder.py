"""The instance encoding network (IEN) of Liu et al., ISBI 2022."""

import torch
from torch import Tensor, nn

from maskless.networks.coord_conv import CoordConv
from maskless.networks.resnet_unet import ResNetEncoder, ResNetUNet


class InstanceEncoder(nn.Module):
    """`network(images)`: float32 (B, 3, H, W) to an embedding a pixel, float32 (B, out_channels, H, W).

    Images are normalised RGB; H and W must be multiples of `multiple`. A CoordConv takes (y, x, R, G, B) to
    three channels, which a ResNetUNet takes to the embedding: nuclei that look alike can only be told apart
    by where they are. Coordinates run over the crop or window, so embeddings of two windows do not compare.
    With the paper's width of 64 and 16 channels it has 24,416,642 parameters.
    """

    multiple = ResNetUNet.multiple

    def __init__(self, out_channels: int = 16, width: int = 64) -> None:
        super().__init__()
        self.coord_conv = CoordConv(3, 3)
        self.unet = ResNetUNet(out_channels, width)

    @property
    def encoder(self) -> ResNetEncoder:
        """The ResNet-34 within, which may start from published weights."""
        return self.unet.encoder

    @torch.no_grad()
    def begin_from(self, network: ResNetUNet) -> None:
        """Take over the weights of a trained `network` of the same width, all but its last convolution.

        At first coordinates are not looked at, so that the colours reach the encoder as they did there.
        """
        weights = {name: w for name, w in network.state_dict().items() if not name.startswith("head.")}
        self.unet.load_state_dict(weights, strict=False)
        for parameter in self.coord_conv.conv.parameters():
            parameter.zero_()
        self.coord_conv.conv.weight[:, 2:, 0, 0] = torch.eye(3)

    def forward(self, images: Tensor) -> Tensor:
        return self.unet(self.coord_conv(images))
