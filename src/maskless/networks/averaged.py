"""A network whose weights are the moving average of another's."""

from copy import deepcopy

import torch
from torch import nn


class Averaged(nn.Module):
    """`averaged(x)` is what the average of all states of `network` so far gives; never trained itself.

    `decay` is what is kept of the average a step: 0.999 looks back about a thousand steps. In the first steps
    it is less, (1 + n) / (10 + n), so that the initial weights are soon forgotten. Running statistics of
    batch norm are averaged as the weights are.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.network = deepcopy(network).requires_grad_(False)
        self.steps: torch.Tensor
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def train(self, mode: bool = True) -> "Averaged":
        """It is always in evaluation mode."""
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the state of `network` after a step."""
        n = int(self.steps)
        kept = min(self.decay, (1 + n) / (10 + n))
        for mine, its in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(its, 1 - kept)
            else:
                mine.copy_(its)
        self.steps += 1
