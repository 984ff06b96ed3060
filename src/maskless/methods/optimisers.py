"""How the networks of a stage learn: the optimiser and its learning rate over the steps."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import nn

from maskless.errors import UserError

Optimiser = Literal["adam", "adamw"]
Rate = Literal["constant", "one_cycle"]


def optimised(
    parameters: Iterable[nn.Parameter],
    lr: float,
    total_steps: int,
    *,
    weight_decay: float = 0.0,
    optimiser: Optimiser = "adamw",
    rate: Rate = "one_cycle",
    betas: tuple[float, float] = (0.9, 0.999),
) -> dict[str, Any]:
    """For `configure_optimizers`.

    'adam' adds `weight_decay` to the gradient, 'adamw' takes it off the weights. 'one_cycle' rises to `lr`
    over the first tenth of `total_steps` and falls to almost nothing, 'constant' stays at `lr`.
    """
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimiser]
    learner = kind(parameters, lr, betas=betas, weight_decay=weight_decay)
    if rate == "constant":
        return {"optimizer": learner}
    rise = min(max(0.1, 1.5 / total_steps), 0.9)  # not one whole step, by which its schedule would divide 0
    cycle = torch.optim.lr_scheduler.OneCycleLR(learner, lr, total_steps=total_steps, pct_start=rise)
    return {"optimizer": learner, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


def linear_decay(time: int, constant: int, decay: int) -> float:
    """The share of the learning rate at `time`, from 0: 1 up to `constant`, then less, for `decay` more.

    1 - max(0, t + 1 - n) / (m + 1), in epochs as in the published code of CycleGAN, or in steps: never 0.
    """
    return 1 - max(0, time + 1 - constant) / (decay + 1)


def refuse_unlearnable(method: str, lr: float, weight_decay: float, width: int, norm_momentum: float) -> None:
    """Raise UserError for numbers with which no network can learn."""
    if lr <= 0 or weight_decay < 0 or width < 1 or not 0 < norm_momentum <= 1:
        raise UserError(
            f"{method} cannot learn with lr={lr}, weight_decay={weight_decay}, width={width}, "
            f"norm_momentum={norm_momentum}: lr is above 0, weight_decay not below, width is 1 or more, "
            "norm_momentum is above 0 and at most 1"
        )
