"""Seconds a training step of each network takes, by memory layout, precision and compilation.

Every variant is timed in turn, round after round, so that whatever else the machine does falls on all of
them alike; the table has the median over rounds and the ratio to the plain float32 step.

    make bench-train            or    python benchmarks/train_step.py [rounds] [--compile]
"""

import statistics
import sys
import time
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

from maskless.losses import boundary_target, three_class_loss
from maskless.networks.resnet_unet import ResNetUNet

BATCH, SIDE = 8, 224


@dataclass
class Variant:
    """One way of computing the same step."""

    name: str
    channels_last: bool = False
    bf16: bool = False
    compiled: bool = False

    def start(self, width: int) -> None:
        torch.manual_seed(0)
        self.network: nn.Module = ResNetUNet(out_channels=3, width=width)
        images = torch.randn(BATCH, 3, SIDE, SIDE)
        if self.channels_last:
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            images = images.contiguous(memory_format=torch.channels_last)
        if self.compiled:
            self.network.compile()
        self.images = images
        self.target = boundary_target((torch.rand(BATCH, SIDE, SIDE) > 0.5).int())
        self.optimizer = torch.optim.AdamW(self.network.parameters(), 1e-3)

    def step(self) -> float:
        since = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            logits = self.network(self.images)
        loss = three_class_loss(logits.float(), self.target)
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
    table = Table(
        "ResNetUNet", "step", "s", "times as fast", title=f"batch {BATCH}, {SIDE}x{SIDE}, {rounds} rounds"
    )
    for width in (64, 32):
        for variant in variants:
            variant.start(width)
            variant.step()
        seconds: dict[str, list[float]] = {variant.name: [] for variant in variants}
        for _ in track(range(rounds), f"width {width}"):
            for variant in variants:
                seconds[variant.name].append(variant.step())
        plain = statistics.median(seconds["float32"])
        for name, times in seconds.items():
            median = statistics.median(times)
            table.add_row(f"width {width}", name, f"{median:.2f}", f"{plain / median:.2f}")
    Console().print(table)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(numbers[0] if numbers else 10, "--compile" in sys.argv)
