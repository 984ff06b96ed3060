"""IEN, the second stage of point_supervised: which nucleus a pixel belongs to, by its embedding."""

from functools import partial
from typing import Any, Literal

from torch import Tensor

from maskless.errors import UserError
from maskless.losses import boundary_target, discriminative_loss, three_class_loss
from maskless.methods.optimisers import Optimiser, Rate, optimised, refuse_unlearnable
from maskless.methods.stage import Stage
from maskless.networks.averaged import Averaged
from maskless.networks.batch_norm import set_norm_momentum
from maskless.networks.imagenet import load_imagenet
from maskless.networks.instance_encoder import InstanceEncoder
from maskless.postprocess.chain import Chain
from maskless.signals import IGNORE, Need, Role, Signal


class IEN(Stage):
    """The instance encoding network of Liu et al. (ISBI 2022), on a trained SPN.

    It learns from the instances that `labels` makes of the SPN's probability and the points, with the
    discriminative loss L_dis (equation 1): embeddings of one nucleus together, `delta_intra` from their mean,
    those of different nuclei `delta_inter` apart. `dimensions` is the paper's D; `alpha` weighs the
    background, `gamma` the regulariser; `squared` hinges are those of the paper's code, plain ones those of
    its text. `ema` is the decay of averaged weights, 0 for none.

    Not in the paper: with `classes_weight` above 0 the network also sorts pixels into background, inside and
    boundary of those instances, with that weight beside L_dis, and so gives a `foreground` in place of the
    SPN's, and a `boundary`. Points have shaped the instances, so they know more than the SPN, which has to do
    without. `from_spn` begins from the SPN's weights.

    With a chain that takes the embedding, each window is grouped by itself, and of the maps that `average`
    speaks of only the foreground is averaged, over flips: embeddings of two views do not compare. Windows are
    then about as large as the crops of the training, where that is not said.
    """

    called = "ien"
    needs = frozenset({Need(Signal.IMAGE)})
    gives = frozenset({"embedding"})
    multiple_px = InstanceEncoder.multiple

    def __init__(
        self,
        spn: Stage,
        lr: float,
        weight_decay: float,
        width: int,
        norm_momentum: float,
        optimiser: Optimiser = "adamw",
        rate: Rate = "one_cycle",
        beta2: float = 0.999,
        encoder_weights: str | None = None,
        dimensions: int = 16,
        delta_intra: float = 0.5,
        delta_inter: float = 3.0,
        alpha: float = 1.0,
        gamma: float = 0.001,
        squared: bool = True,
        ema: float = 0.0,
        classes_weight: float = 0.0,
        boundary_weight: float = 1.5,
        from_spn: bool = False,
        average: Literal["none", "flips", "dihedral"] = "none",
        window_px: int | None = None,
        overlap_px: int | None = None,
        **stage: Any,
    ) -> None:
        if not isinstance(spn, Stage) or Signal.PROBABILITY not in spn.leaves:
            raise UserError("IEN needs spn, a stage that leaves probabilities: maskless.methods.spn.SPN")
        self.gives = self.gives | ({"foreground", "boundary"} if classes_weight > 0 else spn.gives)
        grouped = "embedding" in Chain(stage.get("chain", {})).needs
        super().__init__(
            before=spn,
            join="own" if grouped else "blend",
            average="none" if grouped else average,
            window_px=window_px or (256 if grouped else 1024),
            overlap_px=overlap_px if overlap_px is not None else (64 if grouped else 128),
            **stage,
        )
        self.flips = grouped and average != "none"
        refuse_unlearnable("IEN", lr, weight_decay, width, norm_momentum)
        if self.trains and self.labels is None:
            raise UserError("IEN has nothing to learn from: give it labels of instances")
        if dimensions < 1 or not 0 <= ema < 1 or min(delta_intra, delta_inter, alpha, gamma) < 0:
            raise UserError(
                f"IEN cannot learn with dimensions={dimensions}, ema={ema}, delta_intra={delta_intra}, "
                f"delta_inter={delta_inter}, alpha={alpha}, gamma={gamma}: dimensions is 1 or more, ema at "
                "least 0 and below 1, the others not below 0"
            )
        if min(classes_weight, boundary_weight) < 0:
            raise UserError(
                f"IEN's classes_weight={classes_weight} and boundary_weight={boundary_weight} must be 0 or "
                "more"
            )
        if (spn.mean, spn.std) != (self.mean, self.std):
            raise UserError("the IEN's mean and std must be those of its SPN, which is shown the same pixels")
        if from_spn and getattr(spn, "width", None) != width:
            raise UserError(f"from_spn needs an SPN of the IEN's own width={width}: give both the same")
        self.dimensions, self.from_spn = dimensions, from_spn
        self.classes_weight, self.boundary_weight = classes_weight, boundary_weight
        self.lr, self.weight_decay, self.beta2 = lr, weight_decay, beta2
        self.optimiser, self.rate = optimiser, rate
        self.discriminative_loss = partial(
            discriminative_loss,
            delta_intra=delta_intra,
            delta_inter=delta_inter,
            alpha=alpha,
            gamma=gamma,
            squared=squared,
        )
        self.network = InstanceEncoder(dimensions + 3 * (classes_weight > 0), width)
        set_norm_momentum(self.network, norm_momentum)
        if encoder_weights:
            load_imagenet(self.network.encoder, encoder_weights)
        self.averaged = Averaged(self.network, ema) if ema else None

    def training_step(self, batch: dict[Role, dict[Signal, Tensor]], batch_idx: int) -> Tensor:
        main = batch[Role.MAIN]
        found = self.network(self.normalise(main[Signal.IMAGE])).float()
        embedding, logits = found[:, : self.dimensions], found[:, self.dimensions :]
        background = main[Signal.LABELS][..., 0] == 0
        loss = self.discriminative_loss(embedding, main[Signal.INSTANCES], background)
        if self.classes_weight:
            known = main[Signal.LABELS][..., 0] != IGNORE
            target = boundary_target(main[Signal.INSTANCES], region=main.get(Signal.REGION))
            of_classes = three_class_loss(logits, target, self.boundary_weight, known)
            self.log_dict({"loss_discriminative": loss, "loss_classes": of_classes})
            loss = loss + self.classes_weight * of_classes
        self.log("loss", loss)
        return loss

    def setup(self, stage: str) -> None:
        """Begin from the SPN, which has been trained by now; if a checkpoint is loaded, that is later."""
        if stage == "fit" and self.from_spn:
            spn: Any = self.before
            self.network.begin_from(spn.network if spn.averaged is None else spn.averaged.network)

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
        """`embedding`, float32 (B, D, H, W), if the chain takes it, and `foreground`: the SPN's or its own.

        Beside its own there is `boundary`, the probability of a nucleus' boundary.
        """
        found = self._maps(images, "embedding" in self.chain.needs)
        if self.flips:
            for sides in ((2,), (3,), (2, 3)):
                flipped = self._maps(images.flip(sides), embedding=False)["foreground"]
                found["foreground"] = found["foreground"] + flipped.flip([side - 1 for side in sides])
            found["foreground"] = found["foreground"] / 4
        return found

    def _maps(self, images: Tensor, embedding: bool) -> dict[str, Tensor]:
        assert self.before is not None
        found = {} if self.classes_weight else self.before.maps(images)
        if embedding or self.classes_weight:
            outputs = (self.network if self.averaged is None else self.averaged)(images).float()
            if embedding:
                found["embedding"] = outputs[:, : self.dimensions]
            if self.classes_weight:
                probability = outputs[:, self.dimensions :].softmax(1)
                found |= {"foreground": 1 - probability[:, 0], "boundary": probability[:, 2]}
        return found
