"""Seconds a training step of translation takes, beside a plain loop: float32, not channels last.

Both compute the same passes of CycleGAN's generators and discriminators and the same two updates; each
variant is timed in turn, round after round, so that whatever else the machine does falls on all alike. The
table has the median over rounds and the ratio to the plain loop, pair by pair.

    make bench-train            or    python benchmarks/translation_step.py [rounds]
"""

import sys
import time
from dataclasses import dataclass

import torch
from paired import WAYS, Paired, update

from maskless.losses import discriminator_loss
from maskless.methods.cyclegan import CycleGAN

#: Filters, residual blocks, side and batch: of experiments/translation, and of the paper at batch 1.
SIZES = ((24, 6, 128, 4), (64, 9, 256, 1))


@dataclass
class Variant:
    """One way of computing the same step."""

    name: str
    channels_last: bool = False
    bf16: bool = False

    def start(self, filters: int, blocks: int, side: int, batch: int) -> None:
        torch.manual_seed(0)
        self.gan = CycleGAN(filters, blocks, filters)
        self.a, self.b = (torch.rand(batch, 3, side, side) * 2 - 1 for _ in range(2))
        if self.channels_last:
            self.gan.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.a, self.b = (x.contiguous(memory_format=torch.channels_last) for x in (self.a, self.b))
        generators = [*self.gan.g.parameters(), *self.gan.f.parameters()]
        judges = [*self.gan.d_a.parameters(), *self.gan.d_b.parameters()]
        self.learners = [torch.optim.Adam(group, 2e-4, betas=(0.5, 0.999)) for group in (generators, judges)]
        self.judges = judges

    def step(self) -> float:
        since = time.perf_counter()
        for weight in self.judges:
            weight.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            losses, made = self.gan.losses(self.a, self.b)
        update(self.learners[0], torch.stack(list(losses.values())).sum())
        for weight in self.judges:
            weight.requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            of_a = discriminator_loss(self.gan.d_a(self.a), self.gan.d_a(made["a"].detach()))
            of_b = discriminator_loss(self.gan.d_b(self.b), self.gan.d_b(made["b"].detach()))
        update(self.learners[1], of_a + of_b)
        return time.perf_counter() - since


def main(rounds: int) -> None:
    variants = [Variant(name, **how) for name, how in WAYS.items()]
    paired = Paired("filters, blocks, side, batch", rounds)
    for filters, blocks, side, batch in SIZES:
        for variant in variants:
            variant.start(filters, blocks, side, batch)
        paired.add(f"{filters}, {blocks}, {side}, {batch}", variants)
    paired.show()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
