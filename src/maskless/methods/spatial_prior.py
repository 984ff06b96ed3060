"""spatial_prior: segmentation of one stain, learnt from masks of another (Le Bescond et al., MICCAI 2022)."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskless.errors import UserError
from maskless.losses import least_squares
from maskless.methods.bounds import refuse_negative, refuse_unlearnable
from maskless.methods.prior_masks import parted as apart_where_touching
from maskless.methods.prior_masks import stained, union
from maskless.methods.stage import Spec, Stage
from maskless.methods.stain_hints import (
    brownness,
    contrast,
    darkness,
    hint_weight,
    refuse_even,
    stain_of_masks,
)
from maskless.methods.turns import Turns
from maskless.networks.averaged import Averaged
from maskless.networks.h_dab import haematoxylin_only, recoloured
from maskless.networks.image_pool import ImagePool, states_of_all, take_up
from maskless.networks.patch_gan import PatchGAN
from maskless.networks.pix2pix_unet import Pix2PixUNet
from maskless.signals import Need, Role, Signal

Batch = Mapping[Role, Mapping[Signal, Tensor]]


class SpatialPrior(Stage):
    """S segments t, an image; R makes an image of a mask; D_S and D_R tell what is made from what is real.

    S(t) = sigmoid(r x), r = `sharpening`, x the output of a U-Net. With m a mask of the prior, c(t) the
    image in other colours::

        L_G = 1/2 [MSE(D_S(S(t)), 1) + MSE(D_R(R(m)), 1)]       eq. 2
        L_R = `cycle` / 2 [|R(S(t)) - t| + |S(R(m)) - m|]       eq. 3
        L_C = `consistency` |S(t) - S(c(t))|                    eq. 4
        L_D = 1/2 [MSE(D(real), 1) + MSE(D(fake), 0)]           eq. 1, for D_R and then for D_S

    A step updates S and R together on L_G + L_R + L_C, then D_R, then D_S, each with an Adam of its own.
    `accumulate` is the number of parts into which a batch goes through the networks one after the other, and
    `pool` how many older fakes the discriminators are shown (0: none). `target` is what R reproduces and D_R
    knows: the image, or its haematoxylin alone, as for membranous stains.

    Other variants: `adversary_of_images=False` is without D_R, `views=2` compares two views S(c1(t)),
    S(c2(t)) as the paper's first version, `cycle=0` and `consistency=0` are its ablations. `colour_offset` is
    what the first release of the code added to the normalised c(t) and haematoxylin images by mistake, 0.5.
    `lr_d` is the learning rate of the discriminators, where it is not that of S and R. Outside the region in
    which the prior is annotated nothing is compared: what D_S and D_R are shown, real or made, is blank, and
    so is m.

    What the paper does not have, and each 0 or false without it: S is also told that `target` is dark in
    nuclei, by a weight that falls from 1 to 0 over `hint_steps` and is `hint_rest` at least; else the gaps
    between nuclei, of much the same size and number, are as good a solution as the nuclei. Dark is what is
    darker than the image is on average, or, by `hint_px`, than a square of that side around it. `parted`,
    whether nuclei of the prior that touch are parted by a line of background. `masks=2`, one mask of the
    positive nuclei, whose stain is DAB, and one of the negative, in place of one of all, as the paper wishes:
    D_S and L_C see both as one, the prior's nuclei are dealt out to both at random, and what is brown of a
    nucleus belongs in the first. `ema`, the decay of averaged weights of S, which then segment.

    Logged as `contrast` is how much darker `target` is in S(t) than elsewhere, in standard deviations of the
    image: below 0, S has found the gaps.
    """

    needs = frozenset({Need(Signal.IMAGE)})
    gives = frozenset({"foreground"})

    def __init__(
        self,
        lr: float,
        lr_d: float | None = None,
        filters: int = 64,
        filters_d: int = 64,
        depth: int = 8,
        dropout: float = 0.5,
        sharpening: float = 60.0,
        cycle: float = 10.0,
        consistency: float = 1.0,
        colour_sigma: float = 0.75,
        views: Literal[1, 2] = 1,
        adversary_of_images: bool = True,
        target: Literal["image", "haematoxylin"] = "image",
        colour_offset: float = 0.0,
        accumulate: int = 1,
        pool: int = 0,
        hint_steps: int = 0,
        hint_rest: float = 0.0,
        hint_px: int = 0,
        parted: bool = False,
        masks: Literal[1, 2] = 1,
        ema: float = 0.0,
        augment_prior: Spec | None = None,
        **stage: Any,
    ) -> None:
        of_nuclei = parted or masks == 2
        self.needs = self.needs | {Need(Signal.INSTANCES if of_nuclei else Signal.MASK, Role.PRIOR)}
        self.gives = self.gives | ({"positive"} if masks == 2 else frozenset())
        self.multiple_px = 2**depth
        super().__init__(**stage)
        lr_d = lr if lr_d is None else lr_d
        above_zero = {"lr": lr, "lr_d": lr_d, "filters_d": filters_d, "sharpening": sharpening}
        refuse_unlearnable("SpatialPrior", **above_zero, accumulate=accumulate)
        if self.batch % accumulate:
            raise UserError(f"accumulate={accumulate} must divide batch={self.batch}")
        refuse_negative(
            "SpatialPrior",
            cycle=cycle,
            consistency=consistency,
            colour_sigma=colour_sigma,
            pool=pool,
            ema=ema,
            hint_steps=hint_steps,
            hint_rest=hint_rest,
            hint_px=hint_px,
        )
        refuse_even(hint_px)
        if ema >= 1 or {views, masks} - {1, 2} or target not in ("image", "haematoxylin"):
            raise UserError(
                f"SpatialPrior cannot learn with ema={ema}, views={views}, masks={masks}, target={target}: "
                "ema is below 1, views and masks are 1 or 2, target is image or haematoxylin"
            )
        self.lr, self.lr_d, self.sharpening = lr, lr_d, sharpening
        self.cycle, self.consistency = cycle, consistency
        self.colour_sigma, self.views, self.target = colour_sigma, views, target
        self.colour_offset, self.accumulate, self.parted = colour_offset, accumulate, parted
        self.hint_steps, self.hint_rest, self.hint_px, self.masks = hint_steps, hint_rest, hint_px, masks
        self.augment_prior = dict(augment_prior or {})
        self.automatic_optimization = False
        self.s = Pix2PixUNet(3, masks, filters, dropout, depth)
        self.r = Pix2PixUNet(masks, 3, filters, dropout, depth)
        self.d_s = PatchGAN(1, filters_d)
        self.d_r = PatchGAN(3, filters_d) if adversary_of_images else None
        self.averaged = Averaged(self.s, ema) if ema else None
        self.pools = {"s": ImagePool(pool), "r": ImagePool(pool)}

    def prior_masks(self, prior: Mapping[Signal, Tensor]) -> Tensor:
        """The masks (B, H, W) of a batch of the prior as D_S sees them: 1 where there is a nucleus, in the
        region that is annotated."""
        instances, region = prior.get(Signal.INSTANCES), prior.get(Signal.REGION)
        if instances is None:
            return prior[Signal.MASK] if region is None else prior[Signal.MASK] * (region > 0)
        instances = instances if region is None else instances * (region > 0)
        return apart_where_touching(instances) if self.parted else (instances > 0).to(torch.uint8)

    def augments(self, role: Role) -> Spec:
        return self.augment_prior if role is Role.PRIOR else self.augment

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """That of S and R, that of D_R if there is one, that of D_S."""
        generators = [*self.s.parameters(), *self.r.parameters()]
        discriminators = [network for network in (self.d_r, self.d_s) if network is not None]
        return [
            torch.optim.Adam(generators, self.lr, betas=(0.5, 0.999)),
            *(torch.optim.Adam(d.parameters(), self.lr_d, betas=(0.5, 0.999)) for d in discriminators),
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        turns, parts = Turns(self), list(self._parts(batch))
        with turns.of(turns.generators, s=self.s, r=self.r):
            fakes = [self._generate(turns, part, 1 / len(parts)) for part in parts]
        if self.d_r is not None:
            real = [part["target"] * part["region"] for part in parts]
            self._discriminate(turns, "r", self.d_r, real, [fake["image"] for fake in fakes])
        real = [union(part["mask"]) * part["region"] for part in parts]
        self._discriminate(turns, "s", self.d_s, real, [fake["mask"] for fake in fakes])
        if self.averaged is not None:
            self.averaged.update(self.s)
        turns.log()

    def _parts(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        """The batch in parts: t, c(t) once or twice, what R is to reproduce of t, and m; all (B, C, H, W)."""
        pixels = batch[Role.MAIN][Signal.IMAGE].movedim(-1, 1).float() / 255
        whole = {"image": self.normalised(pixels), "mask": self._masks_of(batch)}
        region = batch[Role.PRIOR].get(Signal.REGION)
        whole["region"] = torch.ones_like(whole["mask"][:, :1]) if region is None else region[:, None].float()
        for view in ["view", "other"][: self.views]:
            whole[view] = self.normalised(recoloured(pixels, self.colour_sigma)) + self.colour_offset
        whole["target"] = whole["image"]
        if self.target == "haematoxylin":
            whole["target"] = self.normalised(haematoxylin_only(pixels)) + self.colour_offset
        chunked = {name: values.chunk(self.accumulate) for name, values in whole.items()}
        for k in range(len(chunked["image"])):
            yield {name: values[k] for name, values in chunked.items()}

    def _generate(self, turns: Turns, part: Mapping[str, Tensor], weight: float) -> dict[str, Tensor]:
        """What a part adds to the gradient of S and R, by its weight; the fakes that they made on the way."""
        losses, fake = self._generator_losses(part)
        turns.backward(torch.stack(list(losses.values())).sum() * weight)
        loss = torch.stack([value for name, value in losses.items() if name.startswith("loss")]).sum()
        turns.see(loss=loss, contrast=contrast(fake["mask"], darkness(part["target"])), **losses)
        return fake

    def _generator_losses(self, part: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """L_G, L_R, L_C and what is told beside them, of a part; the fakes S(t) and R(m), detached."""
        t, m, region = part["image"], part["mask"], part["region"]
        mask = self._segmented(t)
        image = self.r(m).float()
        adversary = least_squares(self.d_s(union(mask) * region), real=True)
        if self.d_r is not None:
            adversary = adversary + least_squares(self.d_r(image * region), real=True)
        losses = {"loss_g": adversary / 2}
        if self.cycle:
            again, mask_again = self.r(mask).float(), self._segmented(image)
            of_both = (again - part["target"]).abs().mean() + ((mask_again - m) * region).abs().mean()
            losses["loss_r"] = self.cycle / 2 * of_both
        if self.consistency:
            one = mask if self.views == 1 else self._segmented(part["other"])
            apart = (union(one) - union(self._segmented(part["view"]))).abs()
            losses["loss_c"] = self.consistency * apart.mean()
        if self.hint_steps or self.hint_rest:
            # Later it may be 0, which is logged: means over an epoch are of all its steps.
            told = hint_weight(self.global_step, self.hint_steps, self.hint_rest)
            losses["hint"] = -told * (mask * stain_of_masks(part["target"], self.masks, self.hint_px)).mean()
        if self.masks == 2:
            positive = (mask[:, :1] - mask[:, 1:]) * union(mask).detach()
            losses["stain"] = -(positive * brownness(part["target"])).mean()
        return losses, {"mask": union(mask).detach() * region, "image": image.detach() * region}

    def _discriminate(
        self, turns: Turns, name: str, network: nn.Module, real: list[Tensor], fake: list[Tensor]
    ) -> None:
        """The step of a discriminator."""
        learner = turns.discriminators[0 if name == "r" else -1]
        with turns.of(learner, **{f"d_{name}": network}):
            turns.judge(f"d_{name}", network, real, [self.pools[name](made) for made in fake])

    def _masks_of(self, batch: Batch) -> Tensor:
        """m, float (B, masks, H, W)."""
        prior = batch[Role.PRIOR]
        mask = self.prior_masks(prior)
        return (mask.unsqueeze(1) if self.masks == 1 else stained(mask, prior[Signal.INSTANCES])).float()

    def _shown(self, images: Tensor) -> Tensor:
        """S(t) as it segments: by the averaged weights, if there are any."""
        return self._segmented(images, self.averaged)

    def _segmented(self, images: Tensor, by: nn.Module | None = None) -> Tensor:
        """S(t), float32 (B, masks, H, W) in [0, 1], of normalised images; `by` another network than S."""
        return (self.sharpening * (by or self.s)(images).float()).sigmoid()

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`foreground`: S(t), of any stain; and of two masks `positive`, the first."""
        masks = self._shown(images)
        found = {"foreground": union(masks)[:, 0]}
        return found if self.masks == 1 else {**found, "positive": masks[:, 0]}

    @torch.no_grad()
    def sheet(self, batch: Batch) -> dict[str, Tensor]:
        """t, S(t), R(S(t)), S_GT and R(S_GT) of a batch, each uint8 (B, H, W) or (B, H, W, 3)."""
        image = self.normalise(batch[Role.MAIN][Signal.IMAGE])
        masks, segmented = self._masks_of(batch), self._shown(image)
        return {
            "t": batch[Role.MAIN][Signal.IMAGE],
            "S(t)": _drawn(segmented),
            "R(S(t))": self.drawn(self.r(segmented)),
            "S_GT": _drawn(masks),
            "R(S_GT)": self.drawn(self.r(masks)),
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["pools"] = states_of_all(self.pools)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        take_up(self.pools, checkpoint["pools"], self.global_rank)


def _drawn(masks: Tensor) -> Tensor:
    """One mask in grey, uint8 (B, H, W); of two the positive red, the negative blue, (B, H, W, 3)."""
    levels = (255 * masks).round().byte()
    if masks.shape[1] == 1:
        return levels[:, 0]
    positive, negative = levels.unbind(1)
    return torch.stack([positive, torch.zeros_like(positive), negative], dim=-1)
