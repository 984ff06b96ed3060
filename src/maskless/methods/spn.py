"""SPN, the first stage of point_supervised: which pixels are nucleus, from labels of some of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from maskless.errors import UserError
from maskless.losses import partial_cross_entropy
from maskless.methods.optimisers import Optimiser, Rate, optimised, refuse_unlearnable
from maskless.methods.stage import Stage
from maskless.networks.averaged import Averaged
from maskless.networks.batch_norm import set_norm_momentum
from maskless.networks.imagenet import load_imagenet
from maskless.networks.resnet_unet import ResNetUNet
from maskless.signals import IGNORE, Need, Role, Signal


class SPN(Stage):
    """The semantic proposal network of Liu et al. (ISBI 2022): nucleus or background, a probability a pixel.

    Cross-entropy on each of the opinions that `labels` makes of points (the Voronoi label and the cluster
    label), each the mean over the pixels that it labels, times `label_weights` (1 each if absent).

    What the paper does not have, and each 0 or null without it: `ema`, the decay of averaged weights, which
    then segment in place of the last ones. `refresh`, from which share of the training on the averaged
    network adds to the labels: where it is surer than `sure`, it labels pixels that the last opinion
    ignores, and has pixels ignored that this labels otherwise. `point_weight`, the share of a further map in
    the loss, `points`: a Gaussian of `point_sigma_px` around each dot of the Voronoi label.
    """

    called = "spn"
    needs = frozenset({Need(Signal.IMAGE)})
    gives = frozenset({"foreground"})
    leaves: Mapping[Signal, str] = {Signal.PROBABILITY: "foreground"}
    multiple_px = ResNetUNet.multiple

    def __init__(
        self,
        lr: float,
        weight_decay: float,
        width: int,
        norm_momentum: float,
        optimiser: Optimiser = "adamw",
        rate: Rate = "one_cycle",
        beta2: float = 0.999,
        encoder_weights: str | None = None,
        label_weights: Sequence[float] | None = None,
        ema: float = 0.0,
        refresh: float | None = None,
        sure: float = 0.9,
        point_weight: float = 0.0,
        point_sigma_px: float = 3.0,
        **stage: Any,
    ) -> None:
        if point_weight > 0:
            self.gives = self.gives | {"points"}
        super().__init__(**stage)
        refuse_unlearnable("SPN", lr, weight_decay, width, norm_momentum)
        if self.trains and self.labels is None:
            raise UserError("SPN has nothing to learn from: give it labels, labels=points for one")
        if not 0 <= ema < 1 or not 0.5 <= sure < 1 or point_weight < 0 or point_sigma_px <= 0:
            raise UserError(
                f"SPN cannot learn with ema={ema}, sure={sure}, point_weight={point_weight}, "
                f"point_sigma_px={point_sigma_px}: ema is 0 or more and below 1, sure 0.5 or more and below "
                "1, point_weight not below 0, point_sigma_px above 0"
            )
        if refresh is not None and (not ema or not 0 <= refresh <= 1):
            raise UserError(
                f"refresh={refresh} is the share of the training, 0 to 1, after which the averaged network "
                "adds to the labels: it needs ema above 0, as in ema=0.99"
            )
        self.lr, self.weight_decay, self.beta2 = lr, weight_decay, beta2
        self.optimiser, self.rate, self.label_weights = optimiser, rate, label_weights
        self.width = width
        self.refresh, self.sure = refresh, sure
        self.point_weight, self.point_sigma_px = point_weight, point_sigma_px
        self.network = ResNetUNet(out_channels=3 if point_weight > 0 else 2, width=width)
        set_norm_momentum(self.network, norm_momentum)
        if encoder_weights:
            load_imagenet(self.network.encoder, encoder_weights)
        self.averaged = Averaged(self.network, ema) if ema else None

    def training_step(self, batch: dict[Role, dict[Signal, Tensor]], batch_idx: int) -> Tensor:
        images, labels = self.normalise(batch[Role.MAIN][Signal.IMAGE]), batch[Role.MAIN][Signal.LABELS]
        region = batch[Role.MAIN].get(Signal.REGION)
        if self.label_weights is not None and len(self.label_weights) != labels.shape[-1]:
            raise UserError(
                f"label_weights={list(self.label_weights)} must be {labels.shape[-1]} numbers, one an "
                "opinion of the labels, or null"
            )
        if self.refresh is not None and self.global_step >= self.refresh * self.total_steps:
            labels = self._refreshed(images, labels, region)
        logits = self.network(images).float()
        loss = partial_cross_entropy(logits[:, :2], labels, self.label_weights)
        if self.point_weight:
            heat = _heat(batch[Role.MAIN][Signal.LABELS][..., 0] == 1, self.point_sigma_px)
            apart = (logits[:, 2].sigmoid() - heat) ** 2 * (1 + 10 * heat)
            of_points = (apart if region is None else apart * (region > 0)).mean()
            self.log("loss_points", of_points)
            loss = loss + self.point_weight * of_points
        self.log("loss", loss)
        return loss

    def _refreshed(self, images: Tensor, labels: Tensor, region: Tensor | None = None) -> Tensor:
        """`labels` (B, H, W, K), the last opinion changed by what the averaged network is sure of within the
        `region` (B, H, W), if there is one."""
        assert self.averaged is not None
        with torch.no_grad():
            probability = self.averaged(images)[:, :2].float().softmax(1)[:, 1].unsqueeze(-1)
        believed = (probability > 0.5).to(labels.dtype)
        sure = (probability > self.sure) | (probability < 1 - self.sure)
        if region is not None:
            sure = sure & (region > 0).unsqueeze(-1)
        last = labels[..., -1:]
        added = torch.where(sure & (last == IGNORE), believed, last)
        added = torch.where(sure & (last != IGNORE) & (last != believed), IGNORE, added)
        return torch.cat([labels[..., :-1], added], dim=-1)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Part of the step: a checkpoint that is written when the step is over has this average."""
        super().optimizer_step(*args, **kwargs)
        if self.averaged is not None:
            self.averaged.update(self.network)

    def configure_optimizers(self) -> Any:
        return optimised(
            self.network.parameters(),
            self.lr,
            self.total_steps,
            weight_decay=self.weight_decay,
            optimiser=self.optimiser,
            rate=self.rate,
            betas=(0.9, self.beta2),
        )

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`foreground`: the probability of a nucleus; with a point branch, `points`: of its middle."""
        logits = (self.network if self.averaged is None else self.averaged)(images).float()
        found = {"foreground": logits[:, :2].softmax(1)[:, 1]}
        if self.point_weight:
            found["points"] = logits[:, 2].sigmoid()
        return found


def _heat(dots: Tensor, sigma_px: float) -> Tensor:
    """Bool dots (B, H, W) as float32 bumps (B, H, W), 1 in the middle of a dot, falling as a Gaussian."""
    radius = round(3 * sigma_px)
    place = torch.arange(-radius, radius + 1, device=dots.device, dtype=torch.float32)
    kernel = torch.exp(-(place**2) / (2 * sigma_px**2))
    heat = dots.float().unsqueeze(1)
    heat = F.conv2d(heat, kernel.view(1, 1, -1, 1), padding=(radius, 0))
    heat = F.conv2d(heat, kernel.view(1, 1, 1, -1), padding=(0, radius)).squeeze(1)
    # What a whole dot, disk(2), adds up to in its middle.
    disk = (place[:, None] ** 2 + place[None, :] ** 2 <= 4).float()
    return (heat / (disk * kernel[:, None] * kernel[None, :]).sum()).clamp(max=1)
