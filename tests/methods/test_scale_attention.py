"""The step of F and G, against the formulas written out; what leads to which tau; what is refused."""

import math
from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maskless.data.datamodule import DataModule
from maskless.data.readers.synthetic import Synthetic
from maskless.data.scales import at_power
from maskless.errors import UserError
from maskless.methods.attention_probes import haematoxylin_share
from maskless.methods.scale_attention import ScaleAttention
from maskless.methods.stain_hints import darkness
from maskless.networks.symmetries import SYMMETRIES
from maskless.signals import Item, Need, Role, Sample, Signal, annotation_of

CHAIN = {
    "mask": {"step": "binarise", "of": "foreground", "above": 0.5},
    "instances": {"step": "label", "of": "mask"},
}
SIDE = 32
MEAN, STD = (0.6, 0.5, 0.7), (0.2, 0.25, 0.3)


def method(seed: int = 0, **settings) -> ScaleAttention:
    torch.manual_seed(seed)
    plain = {"epochs": 2, "steps": 2, "batch": 6, "crop_px": SIDE, "lr": 1e-3, "width": 4}
    small = {"g_width": 4, "g_layers": [1, 1, 1, 1], "mean": MEAN, "std": STD}
    return ScaleAttention(chain=CHAIN, **{**plain, **small, **settings})


def batch_of(n: int = 6, seed: int = 5) -> dict:
    draw = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, (n, SIDE, SIDE, 3), generator=draw, dtype=torch.uint8)
    return {Role.MAIN: {Signal.IMAGE: image, Signal.SCALES: torch.arange(n) % 3}}


def step(stage: ScaleAttention, batch: dict, seed: int = 1) -> tuple[Tensor, dict[str, float]]:
    """One training step; the loss with its graph, and what was logged."""
    logged: dict = {}
    stage.log_dict = logged.update  # type: ignore[method-assign]
    stage.step_seed = seed
    loss = stage.training_step(batch, 0)
    return loss, {name: float(value.detach()) for name, value in logged.items()}


def gradient_of(stage: ScaleAttention) -> Tensor:
    return torch.cat([weight.grad.flatten() for weight in stage.parameters()])


#: What maps an array's pixels (B, H, W) back, as numpy has it, in the order of `SYMMETRIES`.
UNDONE = [
    lambda a: a[:, :, ::-1],
    lambda a: a[:, ::-1],
    lambda a: a.swapaxes(1, 2),
    lambda a: np.rot90(a, -1, (1, 2)),
    lambda a: np.rot90(a, 2, (1, 2)),
    lambda a: np.rot90(a, 1, (1, 2)),
]


def by_hand(stage: ScaleAttention, batch: dict, seed: int = 1, **on: object) -> dict[str, Tensor]:
    """The losses of the first step, written out, on copies of networks that nothing has moved.

    `on` repeats what the stage was told: eta, tau, sees, sparse, smooth, equiv, equiv_gradient, scale_equiv,
    steady.
    """
    f, g = stage.f.train(), stage.g.train()
    draws = torch.Generator().manual_seed(seed)
    pixels = batch[Role.MAIN][Signal.IMAGE].permute(0, 3, 1, 2) / 255
    powers = batch[Role.MAIN][Signal.SCALES].tolist()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    x = (pixels - mean) / std
    if on.get("sees") == "density":
        x = -torch.log10(pixels.clamp(min=1 / 255))
    eta = on.get("eta", 93.0)
    if eta == "haematoxylin":
        shares = haematoxylin_share(pixels).tolist()
    else:
        low, high = eta if isinstance(eta, list) else (eta, eta)
        percentile = low + (high - low) * float(torch.rand((), generator=draws)) if high > low else low
        shares = [1 - percentile / 100] * len(pixels)
    chosen = int(torch.randint(6, (), generator=draws)) if on.get("equiv", 1.0) or on.get("steady") else 0

    def taus_of(confidence: Tensor) -> list[float]:
        """That of each power."""
        at = [
            sorted(image.flatten().tolist(), reverse=True)[math.floor(share * SIDE * SIDE + 1e-4)]
            for image, share in zip(confidence.detach(), shares, strict=True)
        ]
        groups = [
            [value for value, p in zip(at, powers, strict=True) if on.get("tau") != "power" or p == power]
            for power in range(3)
        ]
        return [sum(group) / len(group) for group in groups]

    def attention(confidence: Tensor, of_powers: list[int], taus: list[float]) -> Tensor:
        if on.get("sparse") is False:
            return 1 / (1 + torch.exp(-confidence))
        of_each = torch.tensor([taus[p] for p in of_powers]).view(-1, 1, 1)
        return 1 / (1 + torch.exp(-20 * (confidence - of_each)))

    a = f(x)
    taus = taus_of(a)
    a_turned = f.train(not on.get("steady"))(SYMMETRIES[chosen].apply(x))
    f.train()
    running = taus_of(a_turned) if on.get("steady") else taus  # after a first batch it is that batch's
    lit = attention(a, powers, taus)
    scores = g(lit[:, None] * x)
    losses = {
        "loss_scale": -on.get("scale", 1.0)
        * sum(torch.log_softmax(s, 0)[p] for s, p in zip(scores, powers, strict=True))
        / len(x)
    }
    if smooth := on.get("smooth", 1.0):
        rows = (lit[:, 1:] - lit[:, :-1]).abs().mean()
        losses["loss_smooth"] = smooth * (rows + (lit[:, :, 1:] - lit[:, :, :-1]).abs().mean())
    if equiv := on.get("equiv", 1.0):
        of_turned = attention(a_turned, powers, taus if on.get("equiv_gradient") else running)
        if not on.get("equiv_gradient"):
            of_turned = of_turned.detach()
        size = torch.arange(SIDE * SIDE).view(1, SIDE, SIDE).numpy()
        back = torch.from_numpy(np.ascontiguousarray(UNDONE[chosen](size))).flatten()
        losses["loss_equiv"] = equiv * ((lit.flatten(1) - of_turned.flatten(1)[:, back]) ** 2).mean()
    if weight := on.get("scale_equiv"):
        with torch.no_grad():
            higher = [k for k, p in enumerate(powers) if p > 0]
            lower = [powers[k] - 1 for k in higher]
            f.train(not on.get("steady"))
            of_halved = attention(f(nn.functional.avg_pool2d(x[higher], 2)), lower, running)
        apart = ((nn.functional.avg_pool2d(lit[higher], 2) - of_halved) ** 2).mean((1, 2))
        at_20, at_40 = (torch.stack([d for d, p in zip(apart, lower, strict=True) if p == k]) for k in (0, 1))
        losses["loss_scale_equiv"] = weight * (at_20.mean() + at_40.mean()) / 2
    if weight := on.get("hint_rest"):
        red, side = pixels[:, 0].double().numpy(), on["hint_px"]
        dark = np.zeros_like(red)
        for k, i, j in np.ndindex(red.shape):
            half = side // 2
            around = red[k, max(i - half, 0) : i + half + 1, max(j - half, 0) : j + half + 1]
            spread = max(around.std(), red[k].std(ddof=1) / 2)
            dark[k, i, j] = np.clip((around.mean() - red[k, i, j]) / spread, -1, 1)
        losses["hint"] = -weight * (lit * torch.from_numpy(dark).float()).mean()
    return losses


@pytest.mark.parametrize(
    "on",
    [
        {},
        {"sparse": False},
        {"smooth": 0.0},
        {"equiv": 0.0},
        {"smooth": 0.5, "equiv": 3.0},
        {"equiv_gradient": True},
        {"scale_equiv": 1.0},
        {"scale_equiv": 2.0, "tau": "power", "sees": "density"},
        {"eta": 80},
        {"eta": [60, 90]},
        {"eta": "haematoxylin"},
        {"tau": "power"},
        {"tau": "power", "equiv_gradient": True},
        {"sees": "density"},
        {"steady": True},
        {"steady": True, "tau": "power", "scale_equiv": 1.0},
        {"steady": True, "equiv_gradient": True},
        {"steady": True, "equiv": 0.0, "scale_equiv": 1.0},
        {"scale": 0.5},
        {"hint_rest": 3.0, "hint_px": 9},
    ],
    ids=str,
)
def test_losses_and_gradient_as_written_out(on: dict) -> None:
    stage = method(**on)
    copy = deepcopy(stage)
    expected = by_hand(copy, batch_of(), **on)
    torch.stack(list(expected.values())).sum().backward()
    loss, logged = step(stage, batch_of())
    loss.backward()
    assert {name for name in logged if name.startswith(("loss_", "hint"))} == set(expected)
    for name, value in expected.items():
        assert logged[name] == pytest.approx(float(value.detach()), rel=1e-4, abs=1e-7), name
    # What is told is no part of the loss that chooses an epoch.
    assert float(loss.detach()) == pytest.approx(logged["loss"] + logged.get("hint", 0.0))
    apart = (gradient_of(stage) - gradient_of(copy)).norm() / gradient_of(copy).norm()
    assert float(apart) < 1e-3


@pytest.mark.parametrize(
    "on", [{"sparse": False}, {"sees": "density"}, {"eta": 80}, {"tau": "power"}], ids=str
)
def test_each_setting_of_attention_changes_the_loss(on: dict) -> None:
    plain, changed = (step(method(**one), batch_of())[1]["loss_scale"] for one in ({}, on))
    assert changed != pytest.approx(plain, rel=1e-3)


class Confidences(nn.Module):
    """In place of F: the red channel, and what is learnt is added to all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        return images[:, 0] + self.bias


def toy(**settings) -> ScaleAttention:
    stage = method(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), **settings)
    stage.f = Confidences()  # type: ignore[assignment]
    return stage


def test_tau_has_no_gradient() -> None:
    """What F adds everywhere tau would take away again: with a gradient to tau, none would be left."""
    stage = toy(equiv=0.0)
    step(stage, batch_of())[0].backward()
    assert stage.f.bias.grad.abs() > 1e-3
    assert not stage.tau.requires_grad


def greys(*tops: float) -> dict:
    """Images of one row of 20 greys each, k / 20 of its `top` for the k-th."""
    values = torch.stack([torch.arange(20) / 20 * top for top in tops])
    image = (255 * values).round().byte().view(len(tops), 1, 20, 1).expand(-1, 4, -1, 3)
    return {Role.MAIN: {Signal.IMAGE: image.contiguous(), Signal.SCALES: torch.arange(len(tops)) % 3}}


def test_the_running_tau_is_set_by_the_first_batch_then_follows() -> None:
    stage = toy(equiv=0.0)
    # Of 80 pixels, four of each grey, the one at position 5 is the second highest.
    step(stage, greys(1.0, 0.9))
    assert stage.tau.item() == pytest.approx((0.9 + 0.81) / 2, abs=2e-3)
    step(stage, greys(0.9, 0.5556))
    assert stage.tau.item() == pytest.approx(0.9 * 0.855 + 0.1 * 0.655, abs=2e-3)
    assert stage.tau.item() == pytest.approx(0.835, abs=2e-3)
    assert "tau" in stage.state_dict()


def test_a_tau_a_power_waits_for_an_image_of_it() -> None:
    stage = toy(equiv=0.0, tau="power")
    step(stage, greys(1.0, 0.8))
    assert stage.tau.tolist() == pytest.approx([0.9, 0.72, 0], abs=2e-3)
    assert stage.tau_known.tolist() == [True, True, False]
    step(stage, greys(1.0, 0.4, 0.5))
    assert stage.tau.tolist() == pytest.approx([0.9, 0.9 * 0.72 + 0.1 * 0.36, 0.45], abs=2e-3)


def test_a_steady_tau_lights_as_much_in_use_as_eta_says() -> None:
    """Batch norm's statistics are others in use than in training, by far here, and tau goes with them."""

    def lit(steady: bool) -> float:
        stage = method(steady=steady, tau="power", norm_momentum=1e-4)
        for seed in range(3):
            step(stage, batch_of(), seed)
        at_40 = batch_of()[Role.MAIN][Signal.IMAGE][2::3]
        with torch.no_grad():
            found = stage.eval().maps(stage.normalise(at_40))["foreground"]
        return float((found > 0.5).float().mean())

    assert lit(steady=True) == pytest.approx(0.07, abs=0.01)
    assert abs(lit(steady=False) - 0.07) > 0.03


def test_batch_norm_follows_as_it_is_told() -> None:
    momenta = {m.momentum for m in method(norm_momentum=0.03).modules() if isinstance(m, nn.BatchNorm2d)}
    assert momenta == {0.03}


def test_maps_are_by_the_running_tau_of_the_highest_power() -> None:
    image = torch.full((1, 3, 5, 6), 0.5)

    def foreground(stage: ScaleAttention) -> Tensor:
        return stage.maps(image)["foreground"].detach()

    stage = toy(tau="power").eval()
    stage.tau.copy_(torch.tensor([0.1, 0.2, 0.45]))
    assert foreground(stage).shape == (1, 5, 6)
    assert foreground(stage)[0, 0, 0] == pytest.approx(1 / (1 + math.exp(-20 * 0.05)), rel=1e-5)
    one = toy().eval()
    one.tau.fill_(0.5)
    assert (foreground(one) == 0.5).all()
    assert foreground(toy(sparse=False).eval())[0, 0, 0] == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_looking_moves_no_running_tau() -> None:
    stage = method()
    step(stage, batch_of())
    before = {name: value.clone() for name, value in stage.state_dict().items()}
    stage.eval()
    stage.maps(torch.rand(2, 3, SIDE, SIDE))
    stage.sheet(batch_of())
    stage.probes(batch_of())
    assert all(torch.equal(value, before[name]) for name, value in stage.state_dict().items())


@pytest.mark.parametrize(
    "settings", [{}, {"equiv_gradient": True}, {"tau": "power"}, {"sparse": False}, {"steady": True}], ids=str
)
def test_an_equivariant_network_has_no_equivariance_loss(settings: dict) -> None:
    for seed in range(12):
        assert step(toy(**settings), batch_of(), seed)[1]["loss_equiv"] == 0


def test_a_network_that_is_not_equivariant_has_one_by_any_symmetry() -> None:
    class Sloped(Confidences):
        def forward(self, images: Tensor) -> Tensor:
            return images[:, 0] + torch.arange(images.shape[-1]) / 10 + torch.arange(SIDE)[:, None] / 7

    for seed in range(12):
        stage = toy()
        stage.f = Sloped()  # type: ignore[assignment]
        assert step(stage, batch_of(), seed)[1]["loss_equiv"] > 0.01


def test_a_transformed_pass_has_a_gradient_by_the_formula_alone() -> None:
    def gradient(**settings) -> Tensor:
        stage = method(smooth=0.0, **settings)
        step(stage, batch_of())[0].backward()
        return gradient_of(stage)

    assert not torch.allclose(gradient(), gradient(equiv_gradient=True), rtol=1e-2, atol=1e-5)


def test_an_image_is_halved_as_the_data_make_it_smaller() -> None:
    """So that what F is asked about at half the power looks like what it is trained on there."""
    seen = []

    class Recording(Confidences):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(images)
            return super().forward(images)

    stage = toy(equiv=0.0, scale_equiv=1.0)
    stage.f = Recording()  # type: ignore[assignment]
    batch = batch_of()
    step(stage, batch)
    higher = batch[Role.MAIN][Signal.IMAGE][batch[Role.MAIN][Signal.SCALES] > 0]
    for image, halved in zip(higher, seen[1], strict=True):
        whole = Sample(Item("a", "a"), {Signal.IMAGE: image.numpy()}, mpp=0.25)
        expected = torch.from_numpy(at_power(whole, 20)[Signal.IMAGE]).movedim(-1, 0) / 255
        torch.testing.assert_close(halved, expected, rtol=0, atol=0.51 / 255)


def test_a_perfect_halving_has_no_scale_equivariance_loss() -> None:
    stage = toy(equiv=0.0, scale_equiv=1.0)
    batch = batch_of()
    whole = batch[Role.MAIN][Signal.IMAGE][:, ::2, ::2].repeat_interleave(2, 1).repeat_interleave(2, 2)
    batch[Role.MAIN][Signal.IMAGE] = whole
    assert step(stage, batch)[1]["loss_scale_equiv"] == pytest.approx(0, abs=1e-10)
    assert step(stage, batch_of())[1]["loss_scale_equiv"] > 1e-3


def test_the_hint_is_told_at_first_and_ever_less() -> None:
    def told(global_step: int, **settings) -> dict[str, float]:
        stage = method(hint_steps=4, **settings)
        stage._trainer = SimpleNamespace(global_step=global_step)  # type: ignore[assignment]
        return step(stage, batch_of())[1]

    first, later = told(0), told(3)
    assert later["hint"] == pytest.approx(first["hint"] / 4)
    assert told(4)["hint"] == told(9)["hint"] == 0
    rest = told(9, hint_rest=0.4)["hint"]
    assert rest == told(3, hint_rest=0.4)["hint"] == pytest.approx(0.4 * first["hint"])
    assert "hint" not in step(method(), batch_of())[1]
    # At the start it is the mean of darkness in what is lit.
    stage = method(hint_steps=4).train()
    pixels = batch_of()[Role.MAIN][Signal.IMAGE].movedim(-1, 1) / 255
    a = stage.f(stage.normalised(pixels))
    tau = torch.stack([image.flatten().sort(descending=True).values[71] for image in a]).mean()
    expected = -((20 * (a - tau)).sigmoid() * darkness(pixels)[:, 0]).mean()
    assert first["hint"] == pytest.approx(float(expected.detach()), rel=1e-4)


def test_the_share_that_is_lit_is_logged_for_each_power() -> None:
    batch = batch_of()
    stage = method(tau="power")
    copy = deepcopy(stage)
    _, logged = step(stage, batch)
    pixels = batch[Role.MAIN][Signal.IMAGE].movedim(-1, 1) / 255
    a = copy.train().f(copy.normalised(pixels))
    lit = compressed(a, stage.tau[batch[Role.MAIN][Signal.SCALES]]).mean((1, 2))
    for k, power in enumerate((10, 20, 40)):
        assert logged[f"lit_{power}x"] == pytest.approx(float(lit[k::3].mean().detach()), rel=1e-4)
    # The same names whatever the batch holds: they are averaged over steps and processes.
    assert set(step(method(), batch_of(2))[1]) == set(logged)


def compressed(a: Tensor, tau: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-20 * (a - tau.view(-1, 1, 1))))


def test_white_is_nothing_to_density() -> None:
    stage = method(sees="density")
    white = stage._seen(stage.normalise(torch.full((1, 4, 4, 3), 255, dtype=torch.uint8)))
    assert white.abs().max() < 1e-6
    black = stage._seen(stage.normalise(torch.zeros(1, 4, 4, 3, dtype=torch.uint8)))
    assert black.flatten().tolist() == pytest.approx([math.log10(255)] * 48, rel=1e-4)


def test_it_needs_nothing_that_anybody_drew() -> None:
    assert method().needs == {Need(Signal.SCALES)}
    assert annotation_of(method().needs).value == "none"


class Undrawn(Synthetic):
    """A source whose truth must not be read."""

    def read(self, item, signals):
        assert not set(signals) & {Signal.INSTANCES, Signal.MASK, Signal.POINTS, Signal.CLASSES}
        return super().read(item, signals)


def test_sixty_steps_without_any_truth_lower_the_loss() -> None:
    stage = method(width=8, g_width=8, lr=3e-3, sees="density", tau="power", eta=80)
    data = DataModule(
        {Role.MAIN: Undrawn(size_px=160, tiles={"train": 3})},
        stage.needs, stage="s", seed=0, augment={}, crop_px=32, batch=6, steps=60, powers=stage.powers,
    )  # fmt: skip
    learner, losses = stage.configure_optimizers(), []
    for k, batch in enumerate(data.train_dataloader()):
        learner.zero_grad()
        loss, logged = step(stage, batch, seed=k)
        loss.backward()
        learner.step()
        losses.append(logged["loss"])
    # Of 16 seeds and processors none is above 0.65; after thirty steps four are above 0.8.
    assert np.mean(losses[-12:]) < 0.8 * np.mean(losses[:12])


def test_both_networks_learn_by_one_optimiser_with_decay_in_the_gradient() -> None:
    stage = method(weight_decay=0.5)
    learner = stage.configure_optimizers()
    assert type(learner) is torch.optim.Adam  # AdamW would not add the decay to the gradient
    (group,) = learner.param_groups
    assert (group["weight_decay"], group["betas"]) == (0.5, (0.9, 0.999))
    assert {id(weight) for weight in group["params"]} == {id(weight) for weight in stage.parameters()}


def test_an_image_of_any_sides_is_segmented() -> None:
    image = np.random.default_rng(0).integers(0, 256, (45, 71, 3), dtype=np.uint8)
    for average in ("none", "dihedral"):
        assert method(average=average).eval().segmenter().segment(image).shape == (45, 71)


def test_a_sheet_shows_what_is_attended_and_what_is_not() -> None:
    stage = toy().eval()
    stage.tau.fill_(0.5)
    batch = greys(1.0, 1.0)
    sheet = stage.sheet(batch)
    assert list(sheet) == ["I", "A", "A * I", "(1 - A) * I"]
    assert all(picture.dtype == torch.uint8 for picture in sheet.values())
    assert torch.equal(sheet["I"], batch[Role.MAIN][Signal.IMAGE])
    assert (sheet["A"][0, 0, [0, 10, 19]].int() - torch.tensor([0, 128, 255])).abs().max() <= 2
    assert (sheet["A * I"][:, :, 0] == 255).all()  # hidden is white
    assert (sheet["(1 - A) * I"][:, :, 0] == 0).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"lr": 0.0}, "lr=0.0.*lr is above 0"),
        ({"norm_momentum": -1.0}, "norm_momentum=-1.0.*norm_momentum is above 0"),
        ({"compression": -1.0}, "compression=-1.0.*compression is above 0"),
        ({"g_layers": [1, 1]}, r"g_layers=\[1, 1\].*are four numbers"),
        ({"g_width": 32, "encoder_weights": "imagenet"}, "encoder_weights fit a G of g_width=64, not 32"),
        ({"hint_px": 64}, "hint_px=64 must be odd"),
        ({"scale": -1.0}, "scale=-1.0.*0 or more is wanted"),
        ({"smooth": -1.0}, "smooth=-1.0.*0 or more is wanted"),
        ({"scale_equiv": -0.5}, "scale_equiv=-0.5.*0 or more is wanted"),
        ({"hint_steps": -5}, "hint_steps=-5.*0 or more is wanted"),
        ({"hint_rest": -0.1}, "hint_rest=-0.1.*0 or more is wanted"),
        ({"powers": [40]}, r"powers=\[40\] must be two or more, ascending"),
        ({"powers": [40, 20, 10]}, "must be two or more, ascending"),
        ({"powers": [10, 10, 20]}, "must be two or more, ascending"),
        ({"powers": [0, 10]}, "must be two or more, ascending"),
        ({"tau": "image"}, "tau='image' is batch or power"),
        ({"sees": "stains"}, "sees='stains' pixels or density"),
        ({"eta": 100}, "eta=100 is a percentile between 0 and 100, two such as"),
        ({"eta": [90, 70]}, r"eta=\[90, 70\] is a percentile"),
        ({"eta": [50, 60, 70]}, r"eta=\[50, 60, 70\] is a percentile"),
        ({"eta": []}, r"eta=\[\] is a percentile"),
        ({"eta": "eosin"}, "eta='eosin' is a percentile"),
        ({"eta": None}, "eta=None is a percentile"),
    ],
)
def test_settings_that_cannot_be(wrong: dict, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        method(**wrong)
    assert "\n" not in str(error.value)
