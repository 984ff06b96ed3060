"""A step of CycleGAN and of U-GAT-IT against the formulas written out, and what it moves."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from ground import Ground
from torch import Tensor, nn

from maskless.errors import UserError
from maskless.losses import local_contrast, same_foreground
from maskless.methods.cyclegan import CycleGAN
from maskless.methods.optimisers import linear_decay
from maskless.methods.threshold import Threshold
from maskless.methods.translation import Translation
from maskless.methods.ugatit import UGATIT
from maskless.segmenter import MapSegmenter
from maskless.signals import Role, Signal
from maskless.stain import stains
from maskless.translated import Translated

CHAIN = {
    "mask": {"step": "binarise", "of": "darkness", "above": 0.5},
    "instances": {"step": "label", "of": "mask"},
}
#: The side and the number of the images of a batch; global discriminators of U-GAT-IT take no less than 96.
SIZES = {"cyclegan": (32, 4), "ugatit": (96, 2)}
GANS = {
    "cyclegan": lambda **settings: CycleGAN(**{"filters": 2, "blocks": 1, "filters_d": 2, **settings}),
    "ugatit": lambda **settings: UGATIT(
        **{"filters": 2, "blocks": 1, "filters_d": 1, "size_px": 96, **settings}
    ),
}
JUDGES = {
    "cyclegan": {"gan.d_a", "gan.d_b"},
    "ugatit": {"gan.d_a", "gan.d_b", "gan.d_a_local", "gan.d_b_local"},
}
BOTH = pytest.mark.parametrize("gan", sorted(GANS))


def method(gan: str = "cyclegan", of_gan: dict | None = None, seed: int = 0, **settings) -> Translation:
    torch.manual_seed(seed)
    side, batch = SIZES[gan]
    plain = {"epochs": 4, "steps": 2, "batch": batch, "crop_px": side, "lr": 2e-4, "pool": 0}
    half = [0.5] * 3
    made = GANS[gan](**(of_gan or {}))
    return Translation(made, chain=CHAIN, mean=half, std=half, **{**plain, "overlap_px": 16, **settings})


def batch_of(gan: str = "cyclegan", n: int = 0) -> dict:
    side, batch = SIZES[gan]
    draw = torch.Generator().manual_seed(5)
    images = torch.randint(0, 256, (2, n or batch, side, side, 3), generator=draw, dtype=torch.uint8)
    return {Role.MAIN: {Signal.IMAGE: images[0]}, Role.TARGET: {Signal.IMAGE: images[1]}}


# -- what a step computes ------------------------------------------------------------------------------------


def image_of(batch: dict, role: Role) -> Tensor:
    return batch[role][Signal.IMAGE].permute(0, 3, 1, 2) / 127.5 - 1


def squares(scores: Tensor, wanted: float) -> Tensor:
    return ((scores - wanted) ** 2).mean()


def apart(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().mean()


def cross_entropy(logits: Tensor, wanted: int) -> Tensor:
    return -(torch.sigmoid(logits) if wanted else 1 - torch.sigmoid(logits)).log().mean()


def adam(networks: list[nn.Module], stage: Translation) -> torch.optim.Optimizer:
    weights = [weight for network in networks for weight in network.parameters()]
    return torch.optim.Adam(weights, stage.lr, betas=(0.5, 0.999), weight_decay=stage.weight_decay)


def cyclegan_by_hand(stage: Translation, batch: dict) -> tuple[dict[str, Tensor], CycleGAN]:
    """The losses of the first step, written out pass by pass, and the networks after it."""
    gan = deepcopy(stage.gan).train()
    a, b = image_of(batch, Role.MAIN), image_of(batch, Role.TARGET)
    generators, judges = adam([gan.g, gan.f], stage), adam([gan.d_a, gan.d_b], stage)
    made_b, made_a = gan.g(a), gan.f(b)
    values = {
        "loss_adversary": squares(gan.d_b(made_b), 1) + squares(gan.d_a(made_a), 1),
        "loss_cycle": 10 * apart(gan.f(made_b), a) + 10 * apart(gan.g(made_a), b),
        "loss_identity": 5 * apart(gan.g(b), b) + 5 * apart(gan.f(a), a),
    }
    values["loss"] = values["loss_adversary"] + values["loss_cycle"] + values["loss_identity"]
    values["loss"].backward()
    generators.step()
    judges.zero_grad()
    for name, network, real, fake in (("d_a", gan.d_a, a, made_a), ("d_b", gan.d_b, b, made_b)):
        values[f"loss_{name}"] = 0.5 * (squares(network(real), 1) + squares(network(fake.detach()), 0))
        values[f"loss_{name}"].backward()
    judges.step()
    return values, gan


def ugatit_by_hand(stage: Translation, batch: dict) -> tuple[dict[str, Tensor], UGATIT]:
    """The same; each discriminator is asked for a map and two logits, and learns before the generators."""
    gan = deepcopy(stage.gan).train()
    a, b = image_of(batch, Role.MAIN), image_of(batch, Role.TARGET)
    networks = {
        "d_a": (gan.d_a, a, "a"),
        "d_b": (gan.d_b, b, "b"),
        "d_a_local": (gan.d_a_local, a, "a"),
        "d_b_local": (gan.d_b_local, b, "b"),
    }
    judges = adam([network for network, _, _ in networks.values()], stage)
    generators = adam([gan.g, gan.f], stage)
    with torch.no_grad():
        made = {"b": gan.g(a)[0], "a": gan.f(b)[0]}
    values = {}
    for name, (network, real, domain) in networks.items():
        (true, of_true), (false, of_false) = network(real), network(made[domain])
        values[f"loss_{name}"] = (
            squares(true, 1) + squares(of_true, 1) + squares(false, 0) + squares(of_false, 0)
        )
        values[f"loss_{name}"].backward()
    judges.step()

    (made_b, of_a, _), (made_a, of_b, _) = gan.g(a), gan.f(b)
    (same_b, of_same_b, _), (same_a, of_same_a, _) = gan.g(b), gan.f(a)
    fakes = {"a": made_a, "b": made_b}
    fooled = [network(fakes[domain]) for network, _, domain in networks.values()]
    values["loss_adversary"] = sum(squares(seen, 1) + squares(logits, 1) for seen, logits in fooled)
    values["loss_cycle"] = 10 * apart(gan.f(made_b)[0], a) + 10 * apart(gan.g(made_a)[0], b)
    values["loss_identity"] = 10 * apart(same_b, b) + 10 * apart(same_a, a)
    values["loss_cam"] = 1000 * (
        cross_entropy(of_a, 1)
        + cross_entropy(of_same_b, 0)
        + cross_entropy(of_b, 1)
        + cross_entropy(of_same_a, 0)
    )
    terms = ("adversary", "cycle", "identity", "cam")
    values["loss"] = sum(values[f"loss_{name}"] for name in terms)
    generators.zero_grad()
    values["loss"].backward()
    generators.step()
    for generator in (gan.g, gan.f):
        for name, weight in generator.named_parameters():
            if name.endswith("rho"):
                weight.data.clamp_(0, 1)
    return values, gan


BY_HAND = {"cyclegan": cyclegan_by_hand, "ugatit": ugatit_by_hand}


@pytest.mark.parametrize(
    ("gan", "of_gan", "settings"),
    [
        ("cyclegan", {}, {}),
        ("ugatit", {}, {"weight_decay": 1e-4}),
        ("ugatit", {"light": True, "checkpointing": True}, {}),
    ],
)
def test_a_step_as_written_out(gan: str, of_gan: dict, settings: dict) -> None:
    stage = method(gan, of_gan, **settings).train()
    expected, after = BY_HAND[gan](stage, batch_of(gan))
    found = Ground(stage).step(batch_of(gan))
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value.detach()), rel=1e-4), name
    losses = {name for name in found if name.startswith("loss")}
    assert losses == set(expected)
    weights = after.state_dict()
    for name, value in stage.gan.state_dict().items():
        # Adam's first step is the sign of the gradient, which nothing decides where it is all but 0.
        wrong = (value - weights[name]).abs() > 1e-6 + 1e-4 * weights[name].abs()
        assert float(wrong.float().mean()) < 0.02, name


@BOTH
def test_each_optimiser_moves_its_own_networks_in_the_order_of_the_authors(gan: str) -> None:
    stage = method(gan, then=segmenter(), ema=0.5, contrast=1.0, structure=1.0)
    ground = Ground(stage, depth=2)
    before = deepcopy(stage.then.state_dict())
    ground.step(batch_of(gan))
    generators = {"gan.g", "gan.f"}
    in_order = [generators, JUDGES[gan]] if gan == "cyclegan" else [JUDGES[gan], generators]
    assert ground.moved == in_order
    assert all(torch.equal(value, before[name]) for name, value in stage.then.state_dict().items())
    assert not any(weight.requires_grad for weight in stage.then.parameters())


def test_what_segments_afterwards_stays_in_evaluation_mode() -> None:
    stage = method(then=segmenter()).train()
    assert stage.gan.training
    assert not stage.then.training


@BOTH
def test_parts_of_a_batch_give_the_gradient_of_the_whole(gan: str) -> None:
    def gradients(accumulate: int) -> tuple[Tensor, dict[str, float]]:
        stage = method(gan, accumulate=accumulate, contrast=0.5, contrast_px=5, structure=0.5).eval()
        ground = Ground(stage)
        kept: dict[int, Tensor] = {}
        for k, learner in enumerate(ground.learners):
            weights = learner.param_groups[0]["params"]
            learner.step = lambda k=k, weights=weights: kept.update(  # type: ignore[method-assign]
                {k: torch.cat([weight.grad.flatten() for weight in weights])}
            )
        logged = ground.step(batch_of(gan))
        assert set(kept) == {0, 1}
        return torch.cat([kept[0], kept[1]]), logged

    (whole, of_whole), (parts, of_parts) = gradients(1), gradients(2)
    torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-5 * float(whole.abs().max()))
    for name, value in of_whole.items():
        assert of_parts[name] == pytest.approx(value, rel=1e-3, abs=1e-5), name


def test_every_rho_is_brought_back_after_the_step_of_the_generators() -> None:
    stage = method("ugatit", lr=0.5)
    Ground(stage).step(batch_of("ugatit"))
    shares = [weight for name, weight in stage.gan.named_parameters() if name.endswith("rho")]
    assert len(shares) == 2 * 4
    assert all(bool(((weight >= 0) & (weight <= 1)).all()) for weight in shares)
    assert any(bool((weight == 0).any()) for weight in shares)


def test_the_rate_falls_by_the_epoch() -> None:
    n = m = 15
    factors = [linear_decay(e, n, m) for e in (0, 14, 15, 29)]
    assert factors == [1, 1, 0.9375, 0.0625]
    stage = method(epochs=4, steps=2, batch=2)
    assert stage.constant == 2
    ground = Ground(stage)
    rates = []
    for step in (0, 3, 4, 7):
        stage._trainer.global_step = step
        ground.step(batch_of(n=2))
        rates.append({group["lr"] for learner in ground.learners for group in learner.param_groups})
    assert [len(rate) for rate in rates] == [1] * 4  # one rate for all
    assert [rate.pop() / stage.lr for rate in rates] == pytest.approx([1, 1, 2 / 3, 1 / 3])


def test_the_rate_of_ugatit_falls_by_the_step() -> None:
    stage = method("ugatit", epochs=4, steps=2)
    ground = Ground(stage)
    rates = []
    for step in (0, 3, 4, 5, 7):
        stage._trainer.global_step = step
        ground.step(batch_of("ugatit"))
        rates.append(ground.learners[0].param_groups[0]["lr"] / stage.lr)
    assert rates == pytest.approx([1, 1, 4 / 5, 3 / 5, 1 / 5])
    assert method(constant=4).constant == 4
    assert method(constant=0).constant == 0


# -- pools and averages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gan", "fresh"), [("cyclegan", 0), ("ugatit", 2)])
def test_discriminators_are_shown_older_fakes_and_a_checkpoint_has_them(gan: str, fresh: int) -> None:
    stage = method(gan, pool=3)
    ground = Ground(stage)
    seen: list[Tensor] = []
    stage.gan.d_a.register_forward_hook(lambda network, given, _: seen.append(given[0].detach().clone()))
    for step in range(4):
        ground.step(batch_of(gan), seed=step)
    assert {domain: len(pool.images) for domain, pool in stage.pools.items()} == {"a": 3, "b": 3}
    # In each step D is asked three times: of what is real, of what it is shown, and of what is just made.
    steps = [seen[k : k + 3] for k in range(0, 12, 3)]
    made, shown = [step[fresh] for step in steps], [step[2 if fresh == 0 else 1] for step in steps]
    torch.testing.assert_close(shown[0][:2], made[0][:2])

    def among(image: Tensor, others: list[Tensor]) -> bool:
        return any(torch.allclose(image, other, atol=1e-6) for batch in others for other in batch)

    older = [not among(image, [made[k]]) for k in range(4) for image in shown[k]]
    assert any(older)
    assert not all(older)
    assert all(among(image, made[: k + 1]) for k in range(4) for image in shown[k])

    checkpoint: dict = {}
    stage.on_save_checkpoint(checkpoint)
    other = method(gan, pool=3)
    Ground(other)
    other.on_load_checkpoint(checkpoint)
    for domain, pool in stage.pools.items():
        assert torch.equal(torch.stack(other.pools[domain].images), torch.stack(pool.images))


def test_the_average_of_g_translates() -> None:
    stage = method(ema=0.9)
    first = deepcopy(stage.gan.g)
    Ground(stage).step(batch_of())
    stage.eval()
    kept = 0.1  # of the initial weights, in the first step
    for name, value in stage.averaged.network.state_dict().items():
        expected = kept * first.state_dict()[name] + (1 - kept) * stage.gan.g.state_dict()[name]
        torch.testing.assert_close(value, expected)
    images = image_of(batch_of(), Role.MAIN)
    with torch.no_grad():
        by_average = (stage.averaged.network(images) + 1) / 2
        assert torch.equal(stage.maps(images)["translated"], by_average.clamp(0, 1))
        assert not torch.equal(method().eval().maps(images)["translated"], by_average.clamp(0, 1))
        assert not torch.equal(stage.gan.g(images), stage.averaged.network(images))


# -- what the paper does not have ----------------------------------------------------------------------------


@BOTH
def test_what_keeps_structure_is_nothing_without_a_weight_and_acts_with_one(gan: str) -> None:
    plain = Ground(method(gan)).step(batch_of(gan))
    assert not {"loss_contrast", "loss_structure"} & set(plain)
    kept = Ground(method(gan, contrast=2.0, contrast_px=5, structure=3.0)).step(batch_of(gan))
    for name in ("loss_adversary", "loss_cycle", "loss_identity"):
        assert kept[name] == pytest.approx(plain[name], rel=1e-5)
    added = kept["loss_contrast"] + kept["loss_structure"]
    assert kept["loss"] == pytest.approx(plain["loss"] + added, rel=1e-5)
    assert min(kept["loss_contrast"], kept["loss_structure"]) > 0

    stage = method(gan)
    a = image_of(batch_of(gan), Role.MAIN)
    made = stage.gan.fakes(a, a)["b"]
    before, after = (a + 1) / 2, (made.detach() + 1) / 2

    def foreground(pixels: Tensor) -> Tensor:
        density = -torch.log10(pixels[:, :1].clamp(min=1 / 255))
        return 1 / (1 + torch.exp(-10 * (density - density.mean((1, 2, 3), keepdim=True))))

    assert kept["loss_contrast"] == pytest.approx(2 * float(local_contrast(before, after, 5)), rel=1e-4)
    same = same_foreground(foreground(before), foreground(after))
    assert kept["loss_structure"] == pytest.approx(3 * float(same), rel=1e-4)


def test_what_keeps_structure_reaches_g_and_not_f() -> None:
    def difference(**settings) -> set[str]:
        one, other = method(), method(**settings)
        gradients = []
        for stage in (one, other):
            ground = Ground(stage)
            ground.learners[0].step = lambda: None  # type: ignore[method-assign]
            ground.step(batch_of())
            gradients.append({name: w.grad.clone() for name, w in stage.gan.named_parameters()})
        return {
            n.partition(".")[0] for n, g in gradients[0].items() if not torch.allclose(g, gradients[1][n])
        }

    assert difference(contrast=1.0) == {"g"}
    assert difference(structure=1.0) == {"g"}


def test_noise_comes_between_a_translation_and_its_way_back() -> None:
    plain, noisy = (Ground(method(of_gan={"noise": noise})).step(batch_of()) for noise in (0.0, 0.3))
    assert noisy["loss_cycle"] != pytest.approx(plain["loss_cycle"], rel=1e-4)
    for name in ("loss_adversary", "loss_identity", "loss_d_a", "loss_d_b"):
        assert noisy[name] == pytest.approx(plain[name], rel=1e-4)
    states = []
    for noise in (0.0, 0.3):  # without it nothing is drawn
        torch.manual_seed(1)
        Ground(method(of_gan={"noise": noise})).step(batch_of())
        states.append(torch.get_rng_state())
    assert not torch.equal(*states)


@pytest.mark.parametrize(
    ("of_gan", "gone"),
    [({"cycle": 0.0}, {"loss_cycle"}), ({"identity": 0.0}, {"loss_identity"})],
)
def test_ablations_drop_their_loss_alone(of_gan: dict, gone: set[str]) -> None:
    whole, found = Ground(method()).step(batch_of()), Ground(method(of_gan=of_gan)).step(batch_of())
    assert {name for name in whole if name.startswith("loss")} - set(found) == gone
    assert found["loss_adversary"] == pytest.approx(whole["loss_adversary"], rel=1e-5)


# -- as a segmenter ------------------------------------------------------------------------------------------


def segmenter() -> Threshold:
    """Of the other stain: it has weights, so that it can be seen whether they move."""
    made = Threshold(chain=CHAIN)
    made.extra = nn.BatchNorm2d(3)
    return made.eval()


@BOTH
def test_maps_are_the_translation_and_its_haematoxylin(gan: str) -> None:
    stage = method(gan).eval()
    images = image_of(batch_of(gan, 2), Role.MAIN)
    with torch.no_grad():
        made = (stage.gan.fakes(images, images)["b"] + 1) / 2
        maps = stage.maps(images)
    assert set(maps) == stage.gives == {"translated", "darkness"}
    torch.testing.assert_close(maps["translated"], made.clamp(0, 1))
    pixels = (made.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    expected = [stains(image)[..., 0] for image in pixels]
    np.testing.assert_allclose(maps["darkness"].numpy(), expected, rtol=1e-5)


def test_with_a_segmenter_it_is_a_translated_one() -> None:
    assert isinstance(method().segmenter(), MapSegmenter)
    wrapped = method(then=segmenter(), then_mpp=0.25, direct=0.3).segmenter(mpp=0.5)
    assert isinstance(wrapped, Translated)
    assert (wrapped.translator.mpp, wrapped.then.mpp, wrapped.direct) == (0.5, 0.25, 0.3)


@BOTH
@pytest.mark.parametrize("shape", [(45, 71), (96, 96), (130, 101)])
def test_any_side_is_translated(gan: str, shape: tuple[int, int]) -> None:
    stage = method(gan, **({"window_px": 64} if gan == "cyclegan" else {})).eval()
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    made = stage.segmenter()
    assert made.segment(image).shape == shape
    assert made.maps(image)["translated"].shape == (3, *shape)


@BOTH
def test_a_sheet_shows_both_ways_round(gan: str) -> None:
    sheet = method(gan).eval().sheet(batch_of(gan, 2))
    assert list(sheet) == ["a", "G(a)", "F(G(a))", "b", "F(b)", "G(F(b))"]
    assert all(picture.dtype == torch.uint8 and picture.shape[-1] == 3 for picture in sheet.values())
    assert torch.equal(sheet["a"], batch_of(gan, 2)[Role.MAIN][Signal.IMAGE])
    assert torch.equal(sheet["b"], batch_of(gan, 2)[Role.TARGET][Signal.IMAGE])


# -- health --------------------------------------------------------------------------------------------------


class Fixed(nn.Module):
    """Translates by a formula."""

    def __init__(self, formula) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, images: Tensor) -> Tensor:
        return self.formula(images)


@pytest.mark.parametrize(
    ("formula", "kept", "said"),
    [  # each of images in [-1, 1]
        (lambda x: x, 1.0, ""),
        (lambda x: 0.3 * x + 0.4, 1.0, ""),
        (lambda x: -x, -1.0, "inverted (correlation of red light -1.00)"),
        (lambda x: torch.zeros_like(x), 0.0, "all of its translations were one and the same image"),
    ],
)
def test_what_is_wrong_with_a_translation(formula, kept: float, said: str) -> None:
    stage = method(batch=6).eval()
    stage.gan.g = Fixed(formula)
    with torch.no_grad():
        answers = stage.probes(batch_of(n=6))
    assert answers["kept_by_all"] == pytest.approx(kept, abs=1e-5)
    fault = stage.fault(answers)
    assert said in fault if said else not fault


def test_one_image_for_all_is_told_from_images_that_are_alike() -> None:
    stage = method(batch=6).eval()
    said = []
    for level in (0.5, 5.0):  # grey levels of a hidden difference
        scale = 2 * level / 255
        stage.gan.g = Fixed(lambda x, scale=scale: scale * x.sign())
        with torch.no_grad():
            answers = stage.probes(batch_of(n=6))
        assert answers["spread"] == pytest.approx(
            level * (1 - 1 / 6), rel=0.05
        )  # of two levels in six images
        said.append(stage.fault(answers))
    assert [bool(one) for one in said] == [True, False]


def test_kept_is_the_mean_correlation_of_red_light() -> None:
    stage = method()
    found = Ground(stage).step(batch_of())
    a = image_of(batch_of(), Role.MAIN)
    with torch.no_grad():
        made = method().gan.g(a)
    each = [np.corrcoef(x[0].flatten(), y[0].flatten())[0, 1] for x, y in zip(a, made, strict=True)]
    assert found["kept"] == pytest.approx(np.mean(each), abs=1e-4)


@pytest.mark.parametrize(
    ("gan", "of_gan", "wrong", "said"),
    [
        ("cyclegan", {}, {"crop_px": 30}, "multiple of 4"),
        ("cyclegan", {}, {"accumulate": 3}, "accumulate=3 must divide batch=4"),
        ("cyclegan", {}, {"accumulate": 0}, "accumulate=0: above 0"),
        ("cyclegan", {}, {"lr": 0.0}, "lr=0.0: above 0"),
        ("cyclegan", {}, {"pool": -1}, "pool=-1: 0 or more"),
        ("cyclegan", {}, {"contrast": -1.0}, "contrast=-1.0: 0 or more"),
        ("cyclegan", {}, {"structure": -1.0}, "structure=-1.0: 0 or more"),
        ("cyclegan", {}, {"contrast": 1.0, "contrast_px": 32}, "contrast_px=32"),
        ("cyclegan", {}, {"ema": 1.0}, "ema=1.0.*below 1"),
        ("cyclegan", {}, {"direct": 1.0}, "direct=1.0.*below 1"),
        ("cyclegan", {}, {"direct": 0.5}, "direct=0.5 needs a segmenter"),
        ("cyclegan", {}, {"constant": 5}, "constant=5 epochs must be from 0 to the 4"),
        ("cyclegan", {"cycle": -1.0}, {}, "cycle=-1.0"),
        ("cyclegan", {"noise": -1.0}, {}, "noise=-1.0"),
        ("ugatit", {"cam": -1.0}, {}, "cam=-1.0"),
        ("ugatit", {}, {"crop_px": 64}, "crop_px=64 must be gan.size_px=96.*light"),
        ("ugatit", {"size_px": 50}, {"crop_px": 50}, "size_px=50: .*multiple of 4"),
    ],
)
def test_settings_that_cannot_be(gan: str, of_gan: dict, wrong: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        method(gan, of_gan, **wrong)


class OfOthers(Threshold):
    """As a model of other people's: it was not trained here, has files, and may not be there."""

    files = (Path("weights.pth"),)

    def refuse_unready(self) -> None:
        raise UserError("install it first")


def test_what_it_wraps_is_asked_for_its_files_and_whether_it_is_there() -> None:
    made = method(then=OfOthers(chain=CHAIN))
    assert list(made.files) == [Path("weights.pth")]
    with pytest.raises(UserError, match="install it first"):
        made.refuse_unready()
    assert list(method().files) == []
    method().refuse_unready()


def test_what_was_not_trained_here_is_wrapped_in_the_precision_it_has_alone() -> None:
    made = method(then=segmenter()).segmenter(autocast=torch.bfloat16)
    assert (made.translator.autocast, made.then.autocast) == (torch.bfloat16, None)
