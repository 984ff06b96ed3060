"""CycleGAN: two generators and two discriminators, held together by a cycle (Zhu et al., ICCV 2017)."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from maskless.losses import cycle_loss, identity_loss, least_squares
from maskless.methods.bounds import refuse_negative
from maskless.methods.judge import Judge
from maskless.networks.patch_gan import PatchGAN
from maskless.networks.resnet_generator import ResNetGenerator


class CycleGAN(nn.Module):
    """G translates a, an image of domain A, into B; F translates b back; D_A and D_B judge.

    ::

        L = MSE(D_B(G(a)), 1) + MSE(D_A(F(b)), 1) + `cycle` [|F(G(a)) - a| + |G(F(b)) - b|]
          + `identity` [|G(b) - b| + |F(a) - a|]

    The generators learn first, together; then the discriminators, together, from fakes that may be older.
    `noise` is the standard deviation of what is added to G(a) and F(b) before they go back, in [-1, 1]: what
    is hidden in fine patterns does not get through (the paper has none).
    """

    #: The discriminators learn after the generators, each from half of its loss.
    judges_first: ClassVar[bool] = False
    judge_weight: ClassVar[float] = 0.5
    #: The rate falls from epoch to epoch.
    decays_by_step: ClassVar[bool] = False
    multiple_px: ClassVar[int] = 4
    #: What the discriminators take at least, and the one size that the generators take, if there is one.
    least_px: ClassVar[int] = 32
    size_px: ClassVar[int | None] = None

    def __init__(
        self,
        filters: int = 64,
        blocks: int = 9,
        filters_d: int = 64,
        cycle: float = 10.0,
        identity: float = 5.0,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        refuse_negative("CycleGAN", cycle=cycle, identity=identity, noise=noise)
        self.cycle, self.identity, self.noise = cycle, identity, noise
        self.g, self.f = ResNetGenerator(filters, blocks), ResNetGenerator(filters, blocks)
        self.d_a, self.d_b = (PatchGAN(3, filters_d, norm="instance") for _ in range(2))

    @property
    def judges(self) -> list[Judge]:
        """The discriminators."""
        return [Judge("d_a", self.d_a, "a"), Judge("d_b", self.d_b, "b")]

    def losses(self, a: Tensor, b: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The terms of the generators' loss, scalars by name, and the fakes by domain; images in [-1, 1]."""
        made = self.fakes(a, b)
        adversary = least_squares(self.d_b(made["b"]), True) + least_squares(self.d_a(made["a"]), True)
        losses = {"loss_adversary": adversary}
        if self.cycle:
            fake_b, fake_a = self._noisy(made["b"]), self._noisy(made["a"])
            back = self.fakes(fake_a, fake_b)
            losses["loss_cycle"] = self.cycle * (cycle_loss(a, back["a"]) + cycle_loss(b, back["b"]))
        if self.identity:
            same = identity_loss(b, self.g(b)) + identity_loss(a, self.f(a))
            losses["loss_identity"] = self.identity * same
        return losses, made

    def fakes(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        """F(b) and G(a), by domain."""
        return {"a": self.f(b), "b": self.g(a)}

    def settle(self) -> None:
        """What follows a step of the generators: nothing."""

    def _noisy(self, images: Tensor) -> Tensor:
        return images + self.noise * torch.randn_like(images) if self.noise else images
