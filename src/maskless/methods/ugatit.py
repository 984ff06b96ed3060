"""U-GAT-IT: attention by class activation, and a norm that the image chooses (Kim et al., ICLR 2020)."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from maskless.losses import cam_loss, cycle_loss, identity_loss, least_squares
from maskless.methods.bounds import refuse_negative
from maskless.methods.judge import Judge
from maskless.networks.ada_lin import clip_rho
from maskless.networks.ugatit_discriminator import UGATITDiscriminator
from maskless.networks.ugatit_generator import UGATITGenerator


class UGATIT(nn.Module):
    """G translates a, an image of domain A, into B, F translates b back; a global and a local D judge each.

    With eta the two logits by which a generator tells the domain of what it is given, and D's likewise::

        L = sum over D of `adversary` [MSE(D(fake), 1) + MSE(eta_D(fake), 1)]
          + `cycle` [|F(G(a)) - a| + |G(F(b)) - b|] + `identity` [|G(b) - b| + |F(a) - a|]
          + `cam` [BCE(eta_G(a), 1) + BCE(eta_G(b), 0) + BCE(eta_F(b), 1) + BCE(eta_F(a), 0)]

    The discriminators learn first, all four together. `light` computes the gamma and beta of AdaLIN from
    averages, and takes images of any size; the whole network takes `size_px` a side and nothing else.
    `checkpointing` recomputes the residual blocks in the backward pass, which saves memory and costs time.
    """

    #: The discriminators learn before the generators, from their whole loss.
    judges_first: ClassVar[bool] = True
    judge_weight: ClassVar[float] = 1.0
    #: The rate falls from step to step.
    decays_by_step: ClassVar[bool] = True
    multiple_px: ClassVar[int] = 4
    #: What the discriminators take at least.
    least_px: ClassVar[int] = 96

    def __init__(
        self,
        filters: int = 64,
        blocks: int = 4,
        filters_d: int = 64,
        light: bool = False,
        size_px: int = 256,
        adversary: float = 1.0,
        cycle: float = 10.0,
        identity: float = 10.0,
        cam: float = 1000.0,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        refuse_negative("UGATIT", adversary=adversary, cycle=cycle, identity=identity, cam=cam)
        self.adversary, self.cycle, self.identity, self.cam = adversary, cycle, identity, cam
        self.size_px = None if light else size_px
        self.g, self.f = (UGATITGenerator(filters, blocks, light, size_px, checkpointing) for _ in range(2))
        self.d_a, self.d_b = (UGATITDiscriminator(filters_d, layers=7) for _ in range(2))
        self.d_a_local, self.d_b_local = (UGATITDiscriminator(filters_d, layers=5) for _ in range(2))

    @property
    def judges(self) -> list[Judge]:
        """The discriminators."""
        return [
            Judge("d_a", self.d_a, "a"),
            Judge("d_b", self.d_b, "b"),
            Judge("d_a_local", self.d_a_local, "a"),
            Judge("d_b_local", self.d_b_local, "b"),
        ]

    def losses(self, a: Tensor, b: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The terms of the generators' loss, scalars by name, and the fakes by domain; images in [-1, 1]."""
        (made_b, of_a, _), (made_a, of_b, _) = self.g(a), self.f(b)
        made = {"a": made_a, "b": made_b}
        (same_b, of_same_b, _), (same_a, of_same_a, _) = self.g(b), self.f(a)
        fooled = [score for judge in self.judges for score in judge.network(made[judge.domain])]
        back = cycle_loss(a, self.f(made_b)[0]) + cycle_loss(b, self.g(made_a)[0])
        same = identity_loss(b, same_b) + identity_loss(a, same_a)
        cam = cam_loss(of_a, of_same_b) + cam_loss(of_b, of_same_a)
        return {
            "loss_adversary": self.adversary
            * torch.stack([least_squares(score, True) for score in fooled]).sum(),
            "loss_cycle": self.cycle * back,
            "loss_identity": self.identity * same,
            "loss_cam": self.cam * cam,
        }, made

    def fakes(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        """F(b) and G(a), by domain."""
        return {"a": self.f(b)[0], "b": self.g(a)[0]}

    def settle(self) -> None:
        """What follows a step of the generators: every rho goes back into [0, 1]."""
        clip_rho(self)
