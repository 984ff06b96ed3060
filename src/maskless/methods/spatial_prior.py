"""spatial_prior: segmentation of one stain, learnt from masks of another (Le Bescond et al., MICCAI 2022)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskless.errors import UserError
from maskless.losses import discriminator_loss, least_squares
from maskless.methods.image_pool import ImagePool
from maskless.methods.stage import Spec, Stage
from maskless.networks.averaged import Averaged
from maskless.networks.h_dab import colour_augmented, haematoxylin_only
from maskless.networks.patch_gan import PatchGAN
from maskless.networks.pix2pix_unet import Pix2PixUNet
from maskless.signals import Need, Role, Signal

Batch = Mapping[Role, Mapping[Signal, Tensor]]


class SpatialPrior(Stage):
    """S segments t, an image; R makes an image of a mask; D_S and D_R tell what is made from what is real.

    S(t) = sigmoid(r x) with r = `sharpening`, x the output of a U-Net. With m a mask of the prior and c(t) the
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
    What the paper does not have, and each 0 or false without it: `hint_steps`, the steps in which S is also
    told that stain is dark, by a weight that falls from 1 to 0; else the gaps between nuclei, of much the
    same size and number, are as good a solution as the nuclei. `parted`, whether nuclei of the prior that
    touch are parted by a line of background. `ema`, the decay of averaged weights of S, which then segment.

    Logged as `contrast` is how much darker S(t) is than the rest of t, in standard deviations of the image:
    below 0, S has found the gaps.
    """

    needs = frozenset({Need(Signal.IMAGE)})
    gives = frozenset({"foreground"})

    def __init__(
        self,
        lr: float,
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
        parted: bool = False,
        ema: float = 0.0,
        augment_prior: Spec | None = None,
        **stage: Any,
    ) -> None:
        self.needs = self.needs | {Need(Signal.INSTANCES if parted else Signal.MASK, Role.PRIOR)}
        self.multiple_px = 2**depth
        super().__init__(**stage)
        _refuse_unlearnable(lr=lr, filters_d=filters_d, sharpening=sharpening, accumulate=accumulate)
        if self.batch % accumulate:
            raise UserError(f"accumulate={accumulate} must divide batch={self.batch}")
        _refuse_negative(
            cycle=cycle,
            consistency=consistency,
            colour_sigma=colour_sigma,
            pool=pool,
            ema=ema,
            hint_steps=hint_steps,
        )
        if ema >= 1 or views not in (1, 2) or target not in ("image", "haematoxylin"):
            raise UserError(
                f"SpatialPrior cannot learn with ema={ema}, views={views}, target={target}: ema is below 1, "
                "views 1 or 2, target image or haematoxylin"
            )
        self.lr, self.sharpening, self.cycle, self.consistency = lr, sharpening, cycle, consistency
        self.colour_sigma, self.views, self.target = colour_sigma, views, target
        self.colour_offset, self.accumulate, self.parted = colour_offset, accumulate, parted
        self.hint_steps = hint_steps
        self.augment_prior = dict(augment_prior or {})
        self.automatic_optimization = False
        self.s = Pix2PixUNet(3, 1, filters, dropout, depth)
        self.r = Pix2PixUNet(1, 3, filters, dropout, depth)
        self.d_s = PatchGAN(1, filters_d)
        self.d_r = PatchGAN(3, filters_d) if adversary_of_images else None
        self.averaged = Averaged(self.s, ema) if ema else None
        self.pools = {"s": ImagePool(pool), "r": ImagePool(pool)}

    def augments(self, role: Role) -> Spec:
        return self.augment_prior if role is Role.PRIOR else self.augment

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """That of S and R, that of D_R if there is one, that of D_S."""
        learners = [[*self.s.parameters(), *self.r.parameters()], self.d_r, self.d_s]
        return [
            torch.optim.Adam(
                part.parameters() if isinstance(part, nn.Module) else part, self.lr, betas=(0.5, 0.999)
            )
            for part in learners
            if part is not None
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        generators, *discriminators = self.optimizers()
        for learner in discriminators:  # a step is one step, however many networks take it
            learner._on_before_step = learner._on_after_step = lambda: None
        parts = list(self._parts(batch))
        self._seen: dict[str, list[Tensor]] = {}
        fakes = self._generate(generators, parts)
        d_r = discriminators[0] if self.d_r else None
        if self.d_r and d_r:
            real = [part["target"] for part in parts]
            self._discriminate("r", self.d_r, d_r, real, [fake["image"] for fake in fakes])
        real = [part["mask"] for part in parts]
        self._discriminate("s", self.d_s, discriminators[-1], real, [fake["mask"] for fake in fakes])
        if self.averaged is not None:
            self.averaged.update(self.s)
        self.log_dict({name: torch.stack(values).mean() for name, values in self._seen.items()})

    def _parts(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        """The batch in parts: t, c(t) once or twice, what R is to reproduce of t, and m; all (B, C, H, W)."""
        pixels = batch[Role.MAIN][Signal.IMAGE].movedim(-1, 1).float() / 255
        prior = batch[Role.PRIOR]
        masks = prior[Signal.MASK] if not self.parted else _parted(prior[Signal.INSTANCES])
        whole = {"image": self._normalised(pixels), "mask": masks.float().unsqueeze(1)}
        for view in ["view", "other"][: self.views]:
            factors = 1 + self.colour_sigma * torch.randn(len(pixels), 3, device=pixels.device)
            whole[view] = self._normalised(colour_augmented(pixels, factors)) + self.colour_offset
        whole["target"] = whole["image"]
        if self.target == "haematoxylin":
            whole["target"] = self._normalised(haematoxylin_only(pixels)) + self.colour_offset
        chunked = {name: values.chunk(self.accumulate) for name, values in whole.items()}
        for k in range(len(chunked["image"])):
            yield {name: values[k] for name, values in chunked.items()}

    def _generate(self, learner: Any, parts: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
        """The step of S and R; the fakes that they made on the way."""
        self.toggle_optimizer(learner)
        learner.zero_grad()
        fakes = []
        for part in parts:
            losses, fake = self._generator_losses(part)
            total = torch.stack(list(losses.values())).sum()
            self.manual_backward(total / len(parts))
            hint = losses.pop("hint", None)
            loss = total if hint is None else total - hint
            contrast = _contrast(fake["mask"], _darkness(part["image"]))
            self._see(loss=loss, contrast=contrast, **losses)
            fakes.append(fake)
        self._see_norms(s=self.s, r=self.r)
        learner.step()
        self.untoggle_optimizer(learner)
        return fakes

    def _generator_losses(self, part: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """L_G, L_R and L_C of a part, the hint, and the fakes S(t) and R(m) without their gradients."""
        t, m = part["image"], part["mask"]
        mask = self._segmented(t)
        image = self.r(m).float()
        adversary = least_squares(self.d_s(mask), real=True)
        if self.d_r is not None:
            adversary = adversary + least_squares(self.d_r(image), real=True)
        losses = {"loss_g": adversary / 2}
        if self.cycle:
            again, mask_again = self.r(mask).float(), self._segmented(image)
            apart = (again - part["target"]).abs().mean() + (mask_again - m).abs().mean()
            losses["loss_r"] = self.cycle / 2 * apart
        if self.consistency:
            one = mask if self.views == 1 else self._segmented(part["other"])
            losses["loss_c"] = self.consistency * (one - self._segmented(part["view"])).abs().mean()
        if self.global_step < self.hint_steps:
            told = 1 - self.global_step / self.hint_steps
            losses["hint"] = -told * (mask * _darkness(t)).mean()
        return losses, {"mask": mask.detach(), "image": image.detach()}

    def _discriminate(
        self, name: str, network: nn.Module, learner: Any, real: list[Tensor], fake: list[Tensor]
    ) -> None:
        """The step of a discriminator."""
        self.toggle_optimizer(learner)
        learner.zero_grad()
        for true, made in zip(real, fake, strict=True):
            scores = network(true), network(self.pools[name](made))
            loss = discriminator_loss(*scores)
            self.manual_backward(loss / len(real))
            of_real, of_fake = (score.detach().float().mean() for score in scores)
            self._see(**{f"loss_d_{name}": loss, f"d_{name}_real": of_real, f"d_{name}_fake": of_fake})
        self._see_norms(**{f"d_{name}": network})
        learner.step()
        self.untoggle_optimizer(learner)

    def _segmented(self, images: Tensor) -> Tensor:
        """S(t), float32 (B, 1, H, W) in [0, 1], of normalised images."""
        return (self.sharpening * self.s(images).float()).sigmoid()

    def _normalised(self, pixels: Tensor) -> Tensor:
        return (pixels - self._mean) / self._std

    def _see(self, **values: Tensor) -> None:
        """Log the mean of these values over the parts of the batch, at the end of the step."""
        for name, value in values.items():
            self._seen.setdefault(name, []).append(value.detach())

    def _see_norms(self, **networks: nn.Module) -> None:
        """Log the norm of each network's gradient, without the factor of 16-bit training."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        factor = scaler.get_scale() if scaler else 1.0
        for name, network in networks.items():
            gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
            self._see(**{f"norm_{name}": nn.utils.get_total_norm(gradients) / factor})

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`foreground`: S(t), without the channel."""
        network: Callable[[Tensor], Tensor] = self.s if self.averaged is None else self.averaged
        return {"foreground": (self.sharpening * network(images).float()).sigmoid()[:, 0]}

    @torch.no_grad()
    def sheet(self, batch: Batch) -> dict[str, Tensor]:
        """t, S(t), R(S(t)), S_GT and R(S_GT) of a batch, each uint8 (B, H, W) or (B, H, W, 3)."""
        image = self.normalise(batch[Role.MAIN][Signal.IMAGE])
        prior = batch[Role.PRIOR]
        mask = prior[Signal.MASK] if not self.parted else _parted(prior[Signal.INSTANCES])
        mask = mask.float().unsqueeze(1)
        segmented = self.maps(image)["foreground"].unsqueeze(1)
        return {
            "t": batch[Role.MAIN][Signal.IMAGE],
            "S(t)": _grey(segmented),
            "R(S(t))": self._coloured(self.r(segmented)),
            "S_GT": _grey(mask),
            "R(S_GT)": self._coloured(self.r(mask)),
        }

    def _coloured(self, images: Tensor) -> Tensor:
        pixels = (images.float() * self._std + self._mean).clamp(0, 1)
        return (255 * pixels).round().byte().movedim(1, -1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["pools"] = {name: pool.state_dict() for name, pool in self.pools.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        for name, pool in self.pools.items():
            pool.load_state_dict(checkpoint.get("pools", {}).get(name, {}))


def _darkness(images: Tensor) -> Tensor:
    """How dark, float (B, 1, H, W), in standard deviations from each image's mean, of (B, 3, H, W).

    Of red light, which haematoxylin, DAB and their mixtures all absorb.
    """
    red = images[:, :1]
    return (red.mean((2, 3), keepdim=True) - red) / red.std((2, 3), keepdim=True).clamp(min=1e-3)


def _contrast(masks: Tensor, darkness: Tensor) -> Tensor:
    """The mean of `darkness` in the masks less that of the rest, all (B, 1, H, W); 0 without either."""
    inside = masks.sum().clamp(min=1)
    outside = (1 - masks).sum().clamp(min=1)
    return (masks * darkness).sum() / inside - ((1 - masks) * darkness).sum() / outside


def _grey(masks: Tensor) -> Tensor:
    return (255 * masks[:, 0]).round().byte()


def _parted(instances: Tensor) -> Tensor:
    """1 inside of nuclei, 0 outside and where one touches another: uint8 (B, H, W) of ids (B, H, W)."""
    mask = (instances > 0).to(torch.uint8)
    for axis in (-2, -1):
        size = instances.shape[axis] - 1
        one, other = instances.narrow(axis, 0, size), instances.narrow(axis, 1, size)
        apart = (one != other) & (one > 0) & (other > 0)
        mask.narrow(axis, 0, size)[apart] = 0
        mask.narrow(axis, 1, size)[apart] = 0
    return mask


def _refuse_unlearnable(**above_zero: float) -> None:
    if wrong := [f"{name}={value}" for name, value in above_zero.items() if value <= 0]:
        raise UserError(f"SpatialPrior cannot learn with {', '.join(wrong)}: above 0 is wanted")


def _refuse_negative(**at_least_zero: float) -> None:
    if wrong := [f"{name}={value}" for name, value in at_least_zero.items() if value < 0]:
        raise UserError(f"SpatialPrior cannot learn with {', '.join(wrong)}: 0 or more is wanted")
