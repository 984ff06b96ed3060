"""scale_attention: nuclei from magnification alone (Sahasrabudhe et al., MICCAI 2020)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from maskless.errors import UserError
from maskless.losses.attention import (
    compressed_sigmoid,
    confidence_at,
    equivariance_loss,
    mean_by_group,
    smoothness_loss,
)
from maskless.losses.over_processes import mean_over_processes
from maskless.methods.attention_probes import haematoxylin_share, probes_of
from maskless.methods.optimisers import refuse_unlearnable
from maskless.methods.stage import Stage
from maskless.methods.stain_hints import contrast, darkness, hint_weight, local_darkness, refuse_even
from maskless.networks.batch_norm import set_norm_momentum
from maskless.networks.dilated_attention import DilatedAttention
from maskless.networks.imagenet import WIDTH
from maskless.networks.scale_classifier import ScaleClassifier
from maskless.networks.symmetries import SYMMETRIES
from maskless.signals import Need, Role, Signal

Batch = Mapping[Role, Mapping[Signal, Tensor]]
#: Optical density of the darkest pixel of 8 bits.
_DARKEST = 1 / 255
#: What a running tau keeps of itself a step.
_KEPT = 0.9


class ScaleAttention(Stage):
    """F finds what G needs to tell at which magnification an image I was taken: the nuclei.

    a = F(I) is a confidence a pixel, A = sigmoid(r (a - tau)) the attention, r = `compression`, and G sees
    A * I alone::

        L_scale  = `scale` -log softmax(G(A * I)) of the true power            eq. 2
        L_smooth = `smooth` (mean |row differences| + mean |column ones|)      eq. 3
        L_equiv  = `equiv` mean (t(A) - A of t(I))^2, t a symmetry a batch     eq. 4

    tau is the mean over the batch, of all processes, of each image's confidence that a share 1 - eta / 100 of
    its pixels exceeds (eq. 1), without gradient. `eta` is that percentile, or two between which it is drawn a
    step, or 'haematoxylin': each image's own, as many of its pixels as an Otsu threshold takes for stained.
    `tau='batch'` is one tau for all, 'power' one a power, so that G cannot tell the power from how much is
    lit. A running tau, 0.9 old and 0.1 new, segments.

    As in the published code the pass of t(I) has no gradient and the running tau; `equiv_gradient` gives it
    one, and this batch's tau, as in eq. 4. `scale_equiv` weighs what that code has and the paper does not: A
    of an image, halved, against A of the halved image, of all powers but the lowest.

    `sparse=False` is the ablation A = sigmoid(a); `smooth=0` and `equiv=0` are the others. `sees` is what F
    and G are given: the normalised 'pixels', or their optical 'density', of which white is 0 as what A hides.
    `g_width` and `g_layers` are those of G, a ResNet-34 by default, `encoder_weights` its start.

    What the paper does not have, and 0 or false without it: F is also told that nuclei are dark, by a weight
    that falls from 1 to 0 over `hint_steps` and is `hint_rest` at least; else the background may be lit, for
    it tells the power too. With `scale=0` that is all that F learns from. Dark is what is darker than the
    image on average, or, by `hint_px`, than a square of that side around it. `steady`, whether the pass of
    t(I) is in evaluation mode, as segmenting is, and the running tau that of this pass: else batch norm's
    statistics are others than those that tau is found with, and the segmentation jumps from epoch to epoch.
    `norm_momentum` is that of these statistics.

    It needs `powers` of the main source, and works at the highest.
    """

    called = "attention"
    needs = frozenset({Need(Signal.SCALES)})
    gives = frozenset({"foreground"})
    leaves: Mapping[Signal, str] = {Signal.PROBABILITY: "foreground"}

    def __init__(
        self,
        lr: float,
        weight_decay: float = 1e-4,
        powers: Sequence[float] = (10, 20, 40),
        width: int = 64,
        g_width: int = 64,
        g_layers: Sequence[int] = (3, 4, 6, 3),
        encoder_weights: str | None = None,
        compression: float = 20.0,
        eta: float | Sequence[float] | Literal["haematoxylin"] = 93.0,
        tau: Literal["batch", "power"] = "batch",
        sparse: bool = True,
        scale: float = 1.0,
        smooth: float = 1.0,
        equiv: float = 1.0,
        equiv_gradient: bool = False,
        scale_equiv: float = 0.0,
        sees: Literal["pixels", "density"] = "pixels",
        hint_steps: int = 0,
        hint_rest: float = 0.0,
        hint_px: int = 0,
        steady: bool = False,
        norm_momentum: float = 0.1,
        **stage: Any,
    ) -> None:
        super().__init__(**stage)
        refuse_unlearnable("ScaleAttention", lr, weight_decay, width, norm_momentum)
        if compression <= 0 or g_width < 1 or len(g_layers) != 4 or min(g_layers) < 1:
            raise UserError(
                f"ScaleAttention cannot learn with compression={compression}, g_width={g_width}, "
                f"g_layers={list(g_layers)}: compression is above 0, g_width 1 or more, and g_layers are "
                "four numbers, 1 or more each"
            )
        if encoder_weights and g_width != WIDTH:
            raise UserError(f"encoder_weights fit a G of g_width={WIDTH}, not {g_width}")
        if min(scale, smooth, equiv, scale_equiv, hint_steps, hint_rest, hint_px) < 0:
            raise UserError(
                f"ScaleAttention cannot learn with scale={scale}, smooth={smooth}, equiv={equiv}, "
                f"scale_equiv={scale_equiv}, hint_steps={hint_steps}, hint_rest={hint_rest}, "
                f"hint_px={hint_px}: 0 or more is wanted"
            )
        refuse_even(hint_px)
        if len(powers) < 2 or list(powers) != sorted(set(powers)) or powers[0] <= 0:
            raise UserError(f"powers={list(powers)} must be two or more, ascending, as in [10,20,40]")
        if tau not in ("batch", "power") or sees not in ("pixels", "density"):
            raise UserError(f"tau={tau!r} is batch or power, sees={sees!r} pixels or density")
        self.eta = _percentiles(eta)
        self.lr, self.weight_decay, self.powers = lr, weight_decay, tuple(powers)
        self.compression, self.sparse, self.sees = compression, sparse, sees
        self.scale, self.smooth = scale, smooth
        self.equiv, self.equiv_gradient = equiv, equiv_gradient
        self.scale_equiv, self.steady = scale_equiv, steady
        self.hint_steps, self.hint_rest, self.hint_px = hint_steps, hint_rest, hint_px
        self.f = DilatedAttention(width)
        self.g = ScaleClassifier(len(powers), g_width, g_layers, encoder_weights)
        for network in (self.f, self.g):
            set_norm_momentum(network, norm_momentum)
        self.tau: Tensor
        self.tau_known: Tensor
        taus = len(powers) if tau == "power" else 1
        self.register_buffer("tau", torch.zeros(taus))
        self.register_buffer("tau_known", torch.zeros(taus, dtype=torch.bool))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One for F and G; `weight_decay` is added to the gradient."""
        return torch.optim.Adam(self.parameters(), self.lr, weight_decay=self.weight_decay)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        pixels, power = (
            batch[Role.MAIN][Signal.IMAGE].movedim(-1, 1).float() / 255,
            batch[Role.MAIN][Signal.SCALES],
        )
        images = self._seen(self.normalised(pixels))
        a = self.f(images).float()
        draws = torch.Generator().manual_seed(self.step_seed)
        share = self._share(pixels, draws)
        tau = self._learn_tau(a, share, power, kept=not self.steady)
        attention = self._attention(a, tau)
        scores = self.g(attention.unsqueeze(1) * images).float()
        losses = {"loss_scale": self.scale * F.cross_entropy(scores, power)}
        if self.smooth:
            losses["loss_smooth"] = self.smooth * smoothness_loss(attention)
        if self.equiv or self.steady:
            of_transformed = self._of_transformed(images, power, tau, share, draws)
            if self.equiv:
                losses["loss_equiv"] = self.equiv * equivariance_loss(attention, of_transformed)
        if self.scale_equiv:
            losses["loss_scale_equiv"] = self.scale_equiv * self._scale_equivariance(images, power, attention)
        loss = total = torch.stack(list(losses.values())).sum()
        if self.hint_steps or self.hint_rest:
            # Later it may be 0, which is logged: means over an epoch are of all its steps.
            told = hint_weight(self.global_step, self.hint_steps, self.hint_rest)
            dark = local_darkness(pixels, self.hint_px) if self.hint_px else darkness(pixels)
            losses["hint"] = -told * (attention.unsqueeze(1) * dark).mean()
            total = total + losses["hint"]
        self._log(loss, losses, scores, power, attention, pixels)
        return total

    def _seen(self, images: Tensor) -> Tensor:
        """What F and G are given of normalised images."""
        if self.sees == "pixels":
            return images
        return -self.pixels(images).clamp(min=_DARKEST).log10()

    def _attention(self, a: Tensor, tau: Tensor) -> Tensor:
        """A, float32 (B, H, W), of confidences and a tau an image, (B,) or (1,)."""
        return compressed_sigmoid(a, tau.view(-1, 1, 1), self.compression) if self.sparse else a.sigmoid()

    def _learn_tau(self, a: Tensor, share: Tensor, power: Tensor, kept: bool) -> Tensor:
        """This batch's tau for each image, (B,), without gradient; the running one takes it in, if `kept`."""
        group = power if len(self.tau) > 1 else torch.zeros_like(power)
        means, number = mean_by_group(confidence_at(a.detach(), share), group, len(self.tau))
        if not kept:
            return means[group]
        found = number > 0
        running = torch.where(self.tau_known, _KEPT * self.tau + (1 - _KEPT) * means, means)
        self.tau.copy_(torch.where(found, running, self.tau))
        self.tau_known |= found
        return means[group]

    def _share(self, pixels: Tensor, draws: torch.Generator) -> Tensor:
        """Which share of the pixels of each image in [0, 1] is to be lit, (B,)."""
        if self.eta is None:
            return haematoxylin_share(pixels)
        low, high = self.eta
        percentile = low + (high - low) * torch.rand((), generator=draws) if high > low else low
        return (1 - torch.as_tensor(percentile) / 100).to(pixels).expand(len(pixels))

    def _running(self, power: Tensor) -> Tensor:
        return self.tau[power] if len(self.tau) > 1 else self.tau

    def _of_transformed(
        self, images: Tensor, power: Tensor, tau: Tensor, share: Tensor, draws: torch.Generator
    ) -> Tensor:
        """A of the images transformed by one symmetry, mapped back by it, (B, H, W)."""
        symmetry = SYMMETRIES[int(torch.randint(len(SYMMETRIES), (), generator=draws))]
        self.f.train(not self.steady)
        with torch.set_grad_enabled(self.equiv_gradient):
            a = self.f(symmetry.apply(images)).float()
        self.f.train()
        if self.steady:
            self._learn_tau(a, share, power, kept=True)
        return symmetry.undo(self._attention(a, tau if self.equiv_gradient else self._running(power)))

    def _scale_equivariance(self, images: Tensor, power: Tensor, attention: Tensor) -> Tensor:
        """The mean over the higher powers of the MSE between A, halved, and A of the halved images."""
        higher = torch.nonzero(power > 0).squeeze(1)
        lower = power[higher] - 1
        apart = attention.new_zeros(len(self.powers) - 1)
        if len(higher):
            halved = F.interpolate(images[higher], scale_factor=0.5, mode="bilinear")
            of_whole = F.interpolate(attention[higher].unsqueeze(1), scale_factor=0.5, mode="bilinear")
            self.f.train(not self.steady)
            with torch.no_grad():
                of_halved = self._attention(self.f(halved).float(), self._running(lower))
            self.f.train()
            each = (of_whole.squeeze(1) - of_halved).square().mean((1, 2))
            apart = apart.index_add(0, lower, each)
        number = torch.bincount(lower, minlength=len(apart))
        return mean_over_processes(apart, number).mean()

    def _log(
        self,
        loss: Tensor,
        losses: Mapping[str, Tensor],
        scores: Tensor,
        power: Tensor,
        attention: Tensor,
        pixels: Tensor,
    ) -> None:
        """Losses, G's accuracy, the share that is lit at each power, and how much darker that is.

        The same names at each step and on each process, for they are averaged over both: of a power that no
        process has an image of, the share of the images that there are.
        """
        lit = attention.detach().mean((1, 2))
        of_power, number = mean_by_group(lit, power, len(self.powers))
        of_power = torch.where(number > 0, of_power, lit.mean())
        self.log_dict(
            {
                "loss": loss,
                **losses,
                "accuracy": (scores.argmax(1) == power).float().mean(),
                "contrast": contrast(attention.detach().unsqueeze(1), darkness(pixels)),
                **{f"lit_{p:g}x": share for p, share in zip(self.powers, of_power, strict=True)},
            }
        )

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """`foreground`: A, by the running tau, of the highest power if each has its own."""
        a = self.f(self._seen(images)).float()
        return {"foreground": self._attention(a, self.tau[-1:])}

    def _attended(self, pixels: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
        """Of uint8 (B, H, W, 3): what F is given, and A by the running tau of each power."""
        images = self._seen(self.normalise(pixels))
        return images, self._attention(self.f(images).float(), self._running(power))

    @torch.no_grad()
    def sheet(self, batch: Batch) -> dict[str, Tensor]:
        """I, A, A * I and (1 - A) * I of a batch, uint8 (B, H, W) or (B, H, W, 3)."""
        pixels = batch[Role.MAIN][Signal.IMAGE]
        attention = self._attended(pixels, batch[Role.MAIN][Signal.SCALES])[1].unsqueeze(-1)
        return {
            "I": pixels,
            "A": _grey(attention[..., 0]),
            "A * I": _on_white(pixels, attention),
            "(1 - A) * I": _on_white(pixels, 1 - attention),
        }

    @torch.no_grad()
    def probes(self, batch: Batch) -> dict[str, float]:
        """What G lives on, and whether A is on the nuclei; see `attention_probes`."""
        power = batch[Role.MAIN][Signal.SCALES]
        attended = partial(self._attended, power=power)
        return probes_of(batch[Role.MAIN][Signal.IMAGE], power, attended, self.g)


def _percentiles(eta: Any) -> tuple[float, float] | None:
    """The range of eta, twice the same if it is one number; None if it follows the haematoxylin."""
    if eta == "haematoxylin":
        return None
    wanted = list(eta) if isinstance(eta, Sequence) else [eta]
    numbers = all(isinstance(one, (int, float)) for one in wanted)
    if not (numbers and len(wanted) in (1, 2) and min(wanted) > 0 and max(wanted) < 100) or wanted != sorted(
        wanted
    ):
        raise UserError(
            f"eta={eta!r} is a percentile between 0 and 100, two such as [70,93], or haematoxylin"
        )
    return float(wanted[0]), float(wanted[-1])


def _grey(values: Tensor) -> Tensor:
    return (255 * values).round().byte()


def _on_white(pixels: Tensor, attention: Tensor) -> Tensor:
    """uint8 (B, H, W, 3) where attention (B, H, W, 1) is 1, white where it is 0."""
    return (255 - (255 - pixels.float()) * attention).round().byte()
