"""Variants of one step, timed in turn: a table of seconds and of ratios to the first one, pair by pair.

Round after round each variant takes a step, so that whatever else the machine does falls on all alike.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from maskless.hardware import Hardware

#: Whether this processor computes in bf16, so that hardware=cpu does.
_BF16 = Hardware().autocast is torch.bfloat16
_FLOAT32: Mapping[str, Mapping[str, bool]] = {
    "plain loop: float32": {},
    "float32, channels last": {"channels_last": True},
}
#: How a step of a GAN can be computed, by what that is called: first what all others are compared with, last
#: what hardware=cpu does here.
WAYS = _FLOAT32 | (
    {"bf16": {"bf16": True}, "bf16, channels last": {"channels_last": True, "bf16": True}} if _BF16 else {}
)


def update(learner: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """The step of one optimiser."""
    learner.zero_grad()
    loss.backward()
    learner.step()


class Variant(Protocol):
    """One way of computing a step."""

    name: str

    def step(self) -> float:
        """Take one, and say how many seconds it took."""
        ...


class Paired:
    """The table. `of` says what its first column holds; the interval is the least and greatest ratio."""

    def __init__(self, of: str, rounds: int, title: str = "") -> None:
        self.rounds = rounds
        titles = ", ".join(filter(None, [title, f"{rounds} rounds"]))
        self.table = Table(of, "step", "s", "times as fast", "of the rounds", title=titles)

    def add(self, case: str, variants: Sequence[Variant]) -> None:
        """Time the variants, which are ready for their first step, and add a row each."""
        for variant in variants:
            variant.step()
        seconds: list[list[float]] = [[] for _ in variants]
        for _ in track(range(self.rounds), case):
            for variant, times in zip(variants, seconds, strict=True):
                times.append(variant.step())
        for variant, times in zip(variants, seconds, strict=True):
            ratios = sorted(plain / own for plain, own in zip(seconds[0], times, strict=True))
            self.table.add_row(
                case, variant.name, f"{statistics.median(times):.3f}",
                f"{statistics.median(ratios):.2f}", f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
            )  # fmt: skip

    def show(self) -> None:
        Console().print(self.table)
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
