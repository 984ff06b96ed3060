"""One of the discriminators of a GAN between two stains."""

from typing import NamedTuple

from torch import nn


class Judge(NamedTuple):
    """The discriminator `network`, called `name`, of images of the domain 'a' or 'b'."""

    name: str
    network: nn.Module
    domain: str
