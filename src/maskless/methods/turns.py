"""The turns that generators and discriminators take within one training step."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from lightning import LightningModule
from torch import Tensor, nn

from maskless.losses import discriminator_sum


class Turns:
    """One step of a stage with several optimisers, which Lightning's counters take for one.

    The first optimiser of the stage, that of the generators, is counted; `generators` and `discriminators`
    are its optimisers. What is seen in a step is logged once, at its end, as the mean over the parts in which
    the batch went through the networks.
    """

    def __init__(self, stage: LightningModule) -> None:
        self.stage = stage
        self.generators, *self.discriminators = cast(list[Any], stage.optimizers())
        for learner in self.discriminators:
            learner._on_before_step = learner._on_after_step = lambda: None
        self._seen: dict[str, list[Tensor]] = {}

    @contextmanager
    def of(self, learner: Any, **networks: nn.Module) -> Iterator[None]:
        """Inside, gradients are gathered for the networks of `learner` alone; then it takes its step.

        The norms of the gradients of the named networks are seen.
        """
        self.stage.toggle_optimizer(learner)
        learner.zero_grad()
        yield
        self._see_norms(networks)
        learner.step()
        self.stage.untoggle_optimizer(learner)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss."""
        self.stage.manual_backward(loss)

    def judge(
        self,
        name: str,
        network: nn.Module,
        real: Sequence[Tensor],
        fake: Sequence[Tensor],
        weight: float = 0.5,
    ) -> None:
        """Add the gradient of a discriminator's loss on the parts of what is real and what is made.

        The loss is `weight` [MSE(D(real), 1) + MSE(D(fake), 0)], summed over the scores if D gives several.
        """
        for true, made in zip(real, fake, strict=True):
            of_real, of_fake = _several(network(true)), _several(network(made))
            pairs = zip(of_real, of_fake, strict=True)
            loss = weight * torch.stack([discriminator_sum(*pair) for pair in pairs]).sum()
            self.backward(loss / len(real))
            means = [scores[0].detach().float().mean() for scores in (of_real, of_fake)]
            self.see(**{f"loss_{name}": loss, f"{name}_real": means[0], f"{name}_fake": means[1]})

    def see(self, **values: Tensor) -> None:
        """Log the mean of these values over the parts of the batch, at the end of the step."""
        for name, value in values.items():
            self._seen.setdefault(name, []).append(value.detach())

    def log(self) -> None:
        """The end of the step: all that was seen."""
        self.stage.log_dict({name: torch.stack(values).mean() for name, values in self._seen.items()})

    def _see_norms(self, networks: dict[str, nn.Module]) -> None:
        """The norm of each network's gradient, without the factor of 16-bit training."""
        scaler = getattr(self.stage.trainer.precision_plugin, "scaler", None)
        factor = scaler.get_scale() if scaler else 1.0
        for name, network in networks.items():
            gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
            self.see(**{f"norm_{name}": nn.utils.get_total_norm(gradients) / factor})


def _several(scores: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return scores if isinstance(scores, tuple) else (scores,)
