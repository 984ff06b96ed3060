"""Seconds a training step of scale_attention takes, beside a plain loop: float32, not channels last.

The loop computes what the paper prints, two passes of F, one of G and one update, and is timed by memory
layout and precision. Below it stands the method's own step, as `hardware=cpu` trains it where the processor
computes in bf16: with these settings, and with those that it has by default, which do more. Each variant is
timed in turn, round after round, so that whatever else the machine does falls on all alike. The table has
the median over rounds and the ratio to the plain loop, pair by pair.

    make bench-train            or    python benchmarks/attention_step.py [rounds] [--small]
"""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from paired import Paired
from torch import Tensor
from torch.nn import functional as F

from maskless.methods.scale_attention import ScaleAttention
from maskless.networks.dilated_attention import DilatedAttention
from maskless.networks.scale_classifier import ScaleClassifier
from maskless.signals import Role, Signal

#: Width of F, of G, layers of G, side and batch: the method's own, and the paper's with a smaller batch.
SIZES = ((16, 16, (2, 2, 2, 2), 128, 12), (64, 64, (3, 4, 6, 3), 160, 3))
ETA, R, LR, DECAY = 93, 20.0, 1e-3, 1e-4
#: What the method has by default and the paper does not.
BY_DEFAULT = {
    "eta": "haematoxylin",
    "tau": "power",
    "sees": "density",
    "hint_rest": 3.0,
    "hint_px": 65,
    "steady": True,
}
CHAIN = {"instances": {"step": "label", "of": "foreground"}}


@dataclass
class Loop:
    """The step written out."""

    name: str
    channels_last: bool = False
    bf16: bool = False

    def start(self, width: int, g_width: int, layers: tuple[int, ...], side: int, batch: int) -> None:
        torch.manual_seed(0)
        self.f, self.g = DilatedAttention(width), ScaleClassifier(3, g_width, layers)
        self.images, self.power = torch.randn(batch, 3, side, side), torch.arange(batch) % 3
        if self.channels_last:
            self.f.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.g.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.images = self.images.contiguous(memory_format=torch.channels_last)
        self.learner = torch.optim.Adam([*self.f.parameters(), *self.g.parameters()], LR, weight_decay=DECAY)
        self.tau, self.steps = torch.zeros(()), 0

    def step(self) -> float:
        since = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            a = self.f(self.images).float()
            ordered = a.detach().flatten(1).sort(dim=1, descending=True).values
            tau = ordered[:, int((1 - ETA / 100) * ordered.shape[1])].mean()
            self.tau = 0.9 * self.tau + 0.1 * tau if self.steps else tau
            attention = (R * (a - tau)).sigmoid()
            scores = self.g(attention.unsqueeze(1) * self.images).float()
            with torch.no_grad():
                turned = (R * (self.f(self.images.rot90(1, (2, 3))).float() - self.tau)).sigmoid()
            loss = (
                F.cross_entropy(scores, self.power) + (attention - turned.rot90(-1, (1, 2))).square().mean()
            )
            loss = loss + attention.diff(dim=1).abs().mean() + attention.diff(dim=2).abs().mean()
        self.learner.zero_grad()
        loss.backward()
        self.learner.step()
        self.steps += 1
        return time.perf_counter() - since


@dataclass
class Ours:
    """The step of scale_attention, from images of 8 bits on; without the writing of its log."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def start(self, width: int, g_width: int, layers: tuple[int, ...], side: int, batch: int) -> None:
        torch.manual_seed(0)
        lengths = {"epochs": 1, "steps": 1, "batch": batch, "crop_px": side}
        networks = {"width": width, "g_width": g_width, "g_layers": layers}
        self.stage = ScaleAttention(
            LR, DECAY, chain=CHAIN, **lengths, **networks, **{"eta": ETA, **self.settings}
        )
        self.stage.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.stage.log_dict = lambda _: None  # type: ignore[method-assign]
        image = torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8)
        self.batch: dict[Role, dict[Signal, Tensor]] = {
            Role.MAIN: {Signal.IMAGE: image, Signal.SCALES: torch.arange(batch) % 3}
        }
        self.learner = self.stage.configure_optimizers()

    def step(self) -> float:
        since = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            loss = self.stage.training_step(self.batch, 0)
        self.learner.zero_grad()
        loss.backward()
        self.learner.step()
        return time.perf_counter() - since


def main(rounds: int, small: bool) -> None:
    variants = [
        Loop("plain loop: float32"),
        Loop("float32, channels last", channels_last=True),
        Loop("bf16", bf16=True),
        Loop("bf16, channels last", channels_last=True, bf16=True),
        Ours("scale_attention: bf16, channels last"),
        Ours("scale_attention by default, which does more", BY_DEFAULT),
    ]
    paired = Paired("width, side, batch", rounds)
    for width, g_width, layers, side, batch in SIZES[: 1 if small else None]:
        for variant in variants:
            variant.start(width, g_width, layers, side, batch)
        paired.add(f"{width}, {side}, {batch}", variants)
    paired.show()


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    main(numbers[0] if numbers else 10, "--small" in sys.argv)
