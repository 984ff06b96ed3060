"""translation: images of one stain as images of another, for the segmenters of that (Trullo et al., 2022)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maskless.errors import UserError
from maskless.losses.structure import local_contrast, same_foreground
from maskless.methods.bounds import refuse_negative, refuse_unlearnable
from maskless.methods.cyclegan import CycleGAN
from maskless.methods.optimisers import linear_decay
from maskless.methods.stage import Spec, Stage
from maskless.methods.turns import Turns
from maskless.methods.ugatit import UGATIT
from maskless.networks.averaged import Averaged
from maskless.networks.held import hold, release
from maskless.networks.image_pool import ImagePool, states_of_all, take_up
from maskless.segmenter import MapSegmenter, Segmenter
from maskless.signals import Need, Role, Signal
from maskless.stain import stains
from maskless.translated import TRANSLATED, Translated

Batch = Mapping[Role, Mapping[Signal, Tensor]]
#: Translations of different images that are less apart than this, in grey levels, are one image.
LEAST_SPREAD = 1.0
#: How sharply a soft foreground turns from 0 to 1, per unit of optical density.
_SHARPNESS = 10.0


class Translation(Stage):
    """Images of the main source become images in the stain of the target source, by an unpaired GAN.

    `gan` is `CycleGAN` or `UGATIT`: its domain A is the main source, B the target. All generators learn with
    one Adam, all discriminators with another; for the first `constant` epochs (None: half of them) at `lr`,
    then at a rate that falls to nothing in a straight line. `pool` is how many older fakes of each domain the
    discriminators are shown, `accumulate` the number of parts into which a batch goes through the networks.

    It ends as a Segmenter: `then` is a stage that segments images of the target stain, trained before, and
    segments what G makes of an image; `then_mpp` is the µm/px it was trained at. Without it the amount of
    haematoxylin in the translation is the map, `darkness`, of its own `chain`. `direct` is the weight with
    which the maps of `then` on the untranslated image are averaged in.

    What the paper does not have, each 0 without it: `contrast` weighs that what is darker than a square of
    `contrast_px` around it is so after translation; `structure` that the foreground, by the image's own
    threshold, stays. `ema` is the decay of averaged weights of G, which then translates.

    Logged as `kept` is the correlation of red light in an image and in its translation: below 0 the
    translation is inverted, with nuclei white on dark, and after three such epochs it is stopped.
    """

    needs = frozenset({Need(Signal.IMAGE), Need(Signal.IMAGE, Role.TARGET)})
    gives = frozenset({TRANSLATED, "darkness"})
    not_in_graph = (
        "statistics of the whole image, which its windows share",
        "what segments the translation, which is to be exported itself",
    )

    def __init__(
        self,
        gan: CycleGAN | UGATIT,
        lr: float,
        weight_decay: float = 0.0,
        constant: int | None = None,
        pool: int = 50,
        accumulate: int = 1,
        contrast: float = 0.0,
        contrast_px: int = 33,
        structure: float = 0.0,
        ema: float = 0.0,
        then: Stage | None = None,
        then_mpp: float | None = None,
        direct: float = 0.0,
        augment_target: Spec | None = None,
        **stage: Any,
    ) -> None:
        self.multiple_px, self.graph_px = gan.multiple_px, gan.size_px
        if gan.size_px:
            overlap_px = min(stage.get("overlap_px", gan.size_px // 2), gan.size_px // 2)
            stage = {**stage, "window_px": gan.size_px, "overlap_px": overlap_px}
        super().__init__(**stage)
        refuse_unlearnable("Translation", lr=lr, accumulate=accumulate, contrast_px=contrast_px)
        refuse_negative(
            "Translation",
            weight_decay=weight_decay,
            pool=pool,
            contrast=contrast,
            structure=structure,
            ema=ema,
        )
        if contrast and contrast_px % 2 == 0:
            raise UserError(f"contrast_px={contrast_px} must be odd: the side of a square around a pixel")
        if ema >= 1 or not 0 <= direct < 1:
            raise UserError(f"Translation cannot have ema={ema}, direct={direct}: both are below 1")
        if self.batch % accumulate:
            raise UserError(f"accumulate={accumulate} must divide batch={self.batch}")
        if gan.size_px and gan.size_px != self.crop_px:
            raise UserError(
                f"crop_px={self.crop_px} must be gan.size_px={gan.size_px}: this U-GAT-IT takes no other; "
                "a light one takes any (method.gan.light=true)"
            )
        if self.crop_px < gan.least_px:
            raise UserError(
                f"crop_px={self.crop_px} is too small for the discriminators of {type(gan).__name__}: "
                f"{gan.least_px} at least"
            )
        if constant is not None and not 0 <= constant <= self.epochs:
            raise UserError(f"constant={constant} epochs must be from 0 to the {self.epochs} of the training")
        if direct and then is None:
            raise UserError(f"direct={direct} needs a segmenter whose maps are averaged: segmenter=...")
        self.automatic_optimization = False
        self.gan, self.lr, self.weight_decay, self.accumulate = gan, lr, weight_decay, accumulate
        self.constant = self.epochs // 2 if constant is None else constant
        self.contrast, self.contrast_px, self.structure = contrast, contrast_px, structure
        self.augment_target = dict(augment_target or {})
        self.averaged = Averaged(gan.g, ema) if ema else None
        self.pools = {domain: ImagePool(pool) for domain in "ab"}
        self.then, self.then_mpp, self.direct = then, then_mpp, direct
        if then is not None:
            then.requires_grad_(False)

    def augments(self, role: Role) -> Spec:
        return self.augment_target if role is Role.TARGET else self.augment

    def train(self, mode: bool = True) -> "Translation":
        """As every stage; what segments afterwards stays in evaluation mode."""
        super().train(mode)
        if self.then is not None:
            self.then.eval()
        return self

    @property
    def files(self) -> Sequence[Path]:
        return self.then.files if self.then is not None else ()

    def refuse_unready(self) -> None:
        if self.then is not None:
            self.then.refuse_unready()
        if self.direct:
            self.segmenter()  # says if there are no maps to be averaged

    # -- learning --------------------------------------------------------------------------------------------

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """That of both generators, and that of all discriminators."""
        generators = [*self.gan.g.parameters(), *self.gan.f.parameters()]
        judges = [weight for judge in self.gan.judges for weight in judge.network.parameters()]
        return [
            torch.optim.Adam(weights, self.lr, betas=(0.5, 0.999), weight_decay=self.weight_decay)
            for weights in (generators, judges)
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        turns = Turns(self)
        unit = 1 if self.gan.decays_by_step else self.steps
        constant, all_steps = self.constant * self.steps, self.epochs * self.steps
        share = linear_decay(self.global_step // unit, constant // unit, (all_steps - constant) // unit)
        rate = self.lr * share
        for learner in (turns.generators, *turns.discriminators):
            for group in learner.param_groups:
                group["lr"] = rate
        parts = list(zip(*(self._images(batch, role) for role in (Role.MAIN, Role.TARGET)), strict=True))
        if self.gan.judges_first:
            with torch.no_grad():
                fakes = [self.gan.fakes(*part) for part in parts]
            # An older torch takes what it has cast without gradient for the pass with it, too.
            torch.clear_autocast_cache()
            self._judge(turns, parts, fakes)
            self._generate(turns, parts)
        else:
            self._judge(turns, parts, self._generate(turns, parts))
        if self.averaged is not None:
            self.averaged.update(self.gan.g)
        turns.log()

    def _images(self, batch: Batch, role: Role) -> tuple[Tensor, ...]:
        return self.normalise(batch[role][Signal.IMAGE]).chunk(self.accumulate)

    def _generate(self, turns: Turns, parts: list[tuple[Tensor, Tensor]]) -> list[dict[str, Tensor]]:
        """The step of the generators; the fakes that they made on the way, detached."""
        fakes = []
        with turns.of(turns.generators, g=self.gan.g, f=self.gan.f):
            for a, b in parts:
                losses, made = self.gan.losses(a, b)
                losses |= self._kept_losses(a, made["b"]) if self.contrast or self.structure else {}
                loss = torch.stack(list(losses.values())).sum()
                turns.backward(loss / len(parts))
                turns.see(loss=loss, kept=_correlation(a, made["b"]), **losses)
                fakes.append({domain: image.detach() for domain, image in made.items()})
        self.gan.settle()
        return fakes

    def _kept_losses(self, a: Tensor, made: Tensor) -> dict[str, Tensor]:
        """How much of what is where in an image is not there in its translation."""
        before, after = self.pixels(a), self.pixels(made)
        losses = {}
        if self.contrast:
            losses["loss_contrast"] = self.contrast * local_contrast(before, after, self.contrast_px)
        if self.structure:
            losses["loss_structure"] = self.structure * same_foreground(
                _foreground(before), _foreground(after)
            )
        return losses

    def _judge(
        self, turns: Turns, parts: list[tuple[Tensor, Tensor]], fakes: list[dict[str, Tensor]]
    ) -> None:
        """The step of the discriminators."""
        judges = self.gan.judges
        shown = {domain: [self.pools[domain](fake[domain]) for fake in fakes] for domain in "ab"}
        real = {"a": [a for a, _ in parts], "b": [b for _, b in parts]}
        with turns.of(turns.discriminators[0], **{judge.name: judge.network for judge in judges}):
            for name, network, domain in judges:
                turns.judge(name, network, real[domain], shown[domain], weight=self.gan.judge_weight)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["pools"] = states_of_all(self.pools)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        take_up(self.pools, checkpoint["pools"], self.global_rank)

    # -- use -------------------------------------------------------------------------------------------------

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`translated`, RGB (B, 3, H, W), 0 to 1; and `darkness`, its amount of haematoxylin (B, H, W).

        The second only where nothing is wrapped, for it is what then is segmented by.
        """
        made = self._translate(images)
        translated = {TRANSLATED: self.pixels(made).clamp(0, 1)}
        if self.then is not None:
            return translated
        darkness = np.stack([stains(image)[..., 0] for image in self.drawn(made).cpu().numpy()])
        return {**translated, "darkness": torch.from_numpy(darkness.astype(np.float32))}

    def graph_maps(self, images: Tensor) -> dict[str, Tensor]:
        """`translated` alone: the rest is not the network's."""
        return {TRANSLATED: self.pixels(self._translate(images)).clamp(0, 1)}

    def segmenter(
        self,
        mpp: float | None = None,
        autocast: torch.dtype | None = None,
        batch: int = 1,
        channels_last: bool = False,
    ) -> Segmenter:
        """G, then `then` or the stage's own chain. `mpp` is the pixel spacing that G was trained at."""
        translator = super().segmenter(mpp, autocast, batch, channels_last)
        assert isinstance(translator, MapSegmenter)
        if not hasattr(self, "then"):  # the base makes a segmenter before there is anything to translate by
            return translator
        translator.prepare, translator.prepare_px = self._holding, self.gan.size_px
        if self.then is None:
            return translator
        # As by itself: in full precision what was not trained here.
        own = autocast if self.then.trains else None
        wrapped = self.then.segmenter(self.then_mpp, own, batch, channels_last)
        return Translated(translator, wrapped, self.direct)

    @contextmanager
    def _holding(self, windows: Tensor) -> Iterator[None]:
        """Inside, every window is translated by the statistics of them all."""
        hold(self._translator, windows)
        try:
            yield
        finally:
            release(self._translator)

    def turn_round(self) -> None:
        """Translate from the stain of the target into that of the main source from now on: F is G.

        No weights of F are averaged, so that those of its last step translate.
        """
        self.gan.g, self.gan.f = self.gan.f, self.gan.g
        self.averaged = None

    @property
    def _translator(self) -> nn.Module:
        return self.gan.g if self.averaged is None else self.averaged.network

    def _translate(self, images: Tensor) -> Tensor:
        """G(a) of normalised images, normalised."""
        made = self._translator(images)
        return made[0] if isinstance(made, tuple) else made

    # -- looking ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def sheet(self, batch: Batch) -> dict[str, Tensor]:
        """a, G(a), F(G(a)), b, F(b) and G(F(b)) of a batch, each uint8 (B, H, W, 3)."""
        a, b = (self.normalise(batch[role][Signal.IMAGE]) for role in (Role.MAIN, Role.TARGET))
        made = self.gan.fakes(a, b)
        back = self.gan.fakes(made["a"], made["b"])
        pictures = {
            "a": a,
            "G(a)": self._translate(a),
            "F(G(a))": back["a"],
            "b": b,
            "F(b)": made["a"],
            "G(F(b))": back["b"],
        }
        return {name: self.drawn(images) for name, images in pictures.items()}

    def probes(self, batch: Batch) -> dict[str, float]:
        """`kept`, as it is logged, and `spread`: how far translations are apart, in grey levels."""
        a = self.normalise(batch[Role.MAIN][Signal.IMAGE])
        made = torch.cat([self._translate(part) for part in a.split(self.batch)])
        apart = (self.pixels(made) - self.pixels(made).mean(0)).abs().mean()
        return {"kept_by_all": float(_correlation(a, made)), "spread": 255 * float(apart)}

    def fault(self, answers: Mapping[str, float]) -> str:
        """Why translations of which `probes` has answered this are of no use, or nothing."""
        if answers["kept_by_all"] < 0:
            return f"its translations were inverted (correlation of red light {answers['kept_by_all']:.2f})"
        if answers["spread"] < LEAST_SPREAD:
            return "all of its translations were one and the same image"
        return ""


def _foreground(pixels: Tensor) -> Tensor:
    """How much each pixel is darker in red light than its image is on average, 0 to 1: (B, 1, H, W)."""
    density = -pixels[:, :1].clamp(min=1 / 255).log10()
    return (_SHARPNESS * (density - density.mean((2, 3), keepdim=True).detach())).sigmoid()


def _correlation(a: Tensor, made: Tensor) -> Tensor:
    """The mean over images of the correlation of their red channels: a scalar."""
    one, other = (x[:, 0].detach().float().flatten(1) for x in (a, made))
    one, other = (x - x.mean(1, keepdim=True) for x in (one, other))
    return ((one * other).sum(1) / (one.norm(dim=1) * other.norm(dim=1)).clamp(min=1e-12)).mean()
