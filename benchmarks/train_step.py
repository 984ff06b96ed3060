"""Seconds a training step of each stage takes, by memory layout, precision and compilation.

Every variant is timed in turn, round after round, so that whatever else the machine does falls on all of
them alike; the table has the median over rounds and the ratio to the plain float32 step.

    make bench-train            or    python benchmarks/train_step.py [rounds] [--compile]
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import torch
from paired import Paired
from torch import Tensor, nn

from maskless.losses import boundary_target, discriminative_loss, partial_cross_entropy, three_class_loss
from maskless.networks.instance_encoder import InstanceEncoder
from maskless.networks.resnet_unet import ResNetUNet

BATCH, SIDE = 8, 224
WIDTHS = (64, 32)


def _nuclei() -> Tensor:
    """Ids int32 (BATCH, SIDE, SIDE): a nucleus in every square of 32 px."""
    rows, cols = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    inside = ((rows % 32 - 16) ** 2 + (cols % 32 - 16) ** 2) < 100
    ids = (rows // 32 * (SIDE // 32) + cols // 32 + 1) * inside
    return ids.int().expand(BATCH, SIDE, SIDE).contiguous()


def _supervised(outputs: Tensor, ids: Tensor) -> Tensor:
    return three_class_loss(outputs, boundary_target(ids))


def _spn(outputs: Tensor, ids: Tensor) -> Tensor:
    return partial_cross_entropy(outputs, (ids > 0).byte()[..., None].expand(-1, -1, -1, 2))


def _ien(outputs: Tensor, ids: Tensor) -> Tensor:
    own = partial_cross_entropy(outputs[:, 16:], (ids > 0).byte()[..., None])
    return discriminative_loss(outputs[:, :16], ids, ids == 0) + own


#: A stage's network by its width, and its loss.
STAGES: dict[str, tuple[Callable[[int], nn.Module], Callable[[Tensor, Tensor], Tensor]]] = {
    "supervised": (lambda width: ResNetUNet(3, width), _supervised),
    "SPN": (lambda width: ResNetUNet(2, width), _spn),
    "IEN": (lambda width: InstanceEncoder(18, width), _ien),
}


@dataclass
class Variant:
    """One way of computing the same step."""

    name: str
    channels_last: bool = False
    bf16: bool = False
    compiled: bool = False

    def start(self, stage: str, width: int) -> None:
        torch.manual_seed(0)
        network, self.loss = STAGES[stage]
        self.network = network(width)
        images = torch.randn(BATCH, 3, SIDE, SIDE)
        if self.channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            images = images.contiguous(memory_format=torch.channels_last)
        if self.compiled:
            self.network.compile()
        self.images = images
        self.ids = _nuclei()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), 1e-3)

    def step(self) -> float:
        since = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            outputs = self.network(self.images)
        loss = self.loss(outputs.float(), self.ids)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return time.perf_counter() - since


def main(rounds: int, with_compile: bool) -> None:
    variants = [
        Variant("float32"),
        Variant("float32, channels last", channels_last=True),
        Variant("bf16", bf16=True),
        Variant("bf16, channels last", channels_last=True, bf16=True),
    ]
    if with_compile:
        variants.append(
            Variant("bf16, channels last, compiled", channels_last=True, bf16=True, compiled=True)
        )
    paired = Paired("stage", rounds, f"batch {BATCH}, {SIDE}x{SIDE}")
    for stage, width in product(STAGES, WIDTHS):
        for variant in variants:
            variant.start(stage, width)
        paired.add(f"{stage}, width {width}", variants)
    paired.show()


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(numbers[0] if numbers else 10, "--compile" in sys.argv)
