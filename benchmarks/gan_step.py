"""Seconds a training step of spatial_prior takes, beside a plain loop: float32, not channels last.

Both compute the same five passes of S and R and the same three updates, with the same networks; each variant
is timed in turn, round after round, so that whatever else the machine does falls on all alike. The table has
the median over rounds and the ratio to the plain loop, pair by pair.

    make bench-train            or    python benchmarks/gan_step.py [rounds]
"""

import sys
import time
from dataclasses import dataclass

import torch
from paired import WAYS, Paired, update
from torch import Tensor

from maskless.losses import discriminator_loss, least_squares
from maskless.networks.patch_gan import PatchGAN
from maskless.networks.pix2pix_unet import Pix2PixUNet

#: Filters, halvings, side and batch: of experiments/spatial_prior, and of the paper with a smaller batch.
SIZES = ((16, 7, 128, 8), (64, 8, 256, 2))
SHARPENING = 60


@dataclass
class Variant:
    """One way of computing the same step."""

    name: str
    channels_last: bool = False
    bf16: bool = False

    def start(self, filters: int, depth: int, side: int, batch: int) -> None:
        torch.manual_seed(0)
        self.s, self.r = Pix2PixUNet(3, 1, filters, depth=depth), Pix2PixUNet(1, 3, filters, depth=depth)
        self.d_s, self.d_r = PatchGAN(1, filters), PatchGAN(3, filters)
        self.image, self.mask = (
            torch.rand(batch, 3, side, side),
            (torch.rand(batch, 1, side, side) > 0.7) * 1.0,
        )
        if self.channels_last:
            for network in (self.s, self.r, self.d_s, self.d_r):
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.image = self.image.contiguous(memory_format=torch.channels_last)
            self.mask = self.mask.contiguous(memory_format=torch.channels_last)
        groups = ([*self.s.parameters(), *self.r.parameters()], self.d_r.parameters(), self.d_s.parameters())
        self.learners = [torch.optim.Adam(group, 2e-4, betas=(0.5, 0.999)) for group in groups]

    def step(self) -> float:
        since = time.perf_counter()
        generators, d_r, d_s = self.learners
        for network in (self.d_s, self.d_r):
            network.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            mask, seen = self.segmented(self.image), self.segmented(0.9 * self.image)
            image = self.r(self.mask).float()
            again, mask_again = self.r(mask).float(), self.segmented(image)
            loss = (least_squares(self.d_s(mask), True) + least_squares(self.d_r(image), True)) / 2
        loss = loss + 5 * ((again - self.image).abs().mean() + (mask_again - self.mask).abs().mean())
        update(generators, loss + (mask - seen).abs().mean())
        for network in (self.d_s, self.d_r):
            network.requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            of_images = discriminator_loss(self.d_r(self.image), self.d_r(image.detach()))
        update(d_r, of_images)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            of_masks = discriminator_loss(self.d_s(self.mask), self.d_s(mask.detach()))
        update(d_s, of_masks)
        return time.perf_counter() - since

    def segmented(self, images: Tensor) -> Tensor:
        return (SHARPENING * self.s(images).float()).sigmoid()


def main(rounds: int) -> None:
    variants = [Variant(name, **how) for name, how in WAYS.items()]
    paired = Paired("filters, side, batch", rounds)
    for filters, depth, side, batch in SIZES:
        for variant in variants:
            variant.start(filters, depth, side, batch)
        paired.add(f"{filters}, {side}, {batch}", variants)
    paired.show()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
