"""The steps of S, R, D_S and D_R, against the formulas written out, and what each of them moves."""

import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from ground import Ground
from scipy import ndimage
from torch import Tensor, nn

from maskless.errors import UserError
from maskless.methods.prior_masks import parted, stained, union
from maskless.methods.spatial_prior import SpatialPrior
from maskless.methods.stain_hints import brownness, contrast, darkness, local_darkness, stain_of_masks
from maskless.networks.h_dab import colour_augmented, haematoxylin_only
from maskless.networks.image_pool import ImagePool
from maskless.postprocess.chain import Chain
from maskless.signals import Need, Role, Signal

CHAIN = {
    "mask": {"step": "binarise", "of": "foreground", "above": 0.5},
    "instances": {"step": "label", "of": "mask"},
}
SIDE = 32


def method(**settings) -> SpatialPrior:
    torch.manual_seed(settings.pop("seed", 0))
    plain = {"epochs": 2, "steps": 2, "batch": 4, "crop_px": SIDE, "lr": 2e-4, "filters": 2, "filters_d": 2}
    half = [0.5] * 3
    return SpatialPrior(chain=CHAIN, mean=half, std=half, **{**plain, "depth": 5, "dropout": 0.0, **settings})


def batch_of(n: int = 4) -> dict:
    draw = torch.Generator().manual_seed(5)
    image = torch.randint(0, 256, (n, SIDE, SIDE, 3), generator=draw, dtype=torch.uint8)
    ids = torch.zeros(n, SIDE, SIDE, dtype=torch.int32)
    ids[:, 4:12, 4:12], ids[:, 4:12, 12:20], ids[:, 20:30, 2:9] = 1, 2, 3
    prior = {Signal.MASK: (ids > 0).byte(), Signal.INSTANCES: ids}
    return {Role.MAIN: {Signal.IMAGE: image}, Role.PRIOR: prior}


def by_hand(stage: SpatialPrior, batch: dict, seed: int = 1) -> dict[str, float]:
    """The losses of the first step, written out pass by pass, on networks that nothing has moved."""
    torch.manual_seed(seed)
    s, r, d_s, d_r = (deepcopy(n).train() for n in (stage.s, stage.r, stage.d_s, stage.d_r))
    pixels = batch[Role.MAIN][Signal.IMAGE].permute(0, 3, 1, 2) / 255
    m = batch[Role.PRIOR][Signal.MASK][:, None].float()
    t = pixels * 2 - 1
    seen = colour_augmented(pixels, 1 + 0.75 * torch.randn(len(t), 3)) * 2 - 1
    target = t if stage.target == "image" else haematoxylin_only(pixels) * 2 - 1

    def segment(x: Tensor) -> Tensor:
        return 1 / (1 + torch.exp(-stage.sharpening * s(x)))

    st, sc, rm = segment(t), segment(seen), r(m)
    l_g = 0.5 * (((d_s(st) - 1) ** 2).mean() + ((d_r(rm) - 1) ** 2).mean())
    l_r = 10 * ((r(st) - target).abs().mean() + (segment(rm) - m).abs().mean()) / 2
    l_c = (st - sc).abs().mean()
    l_dr = (((d_r(target) - 1) ** 2).mean() + (d_r(rm.detach()) ** 2).mean()) / 2
    l_ds = (((d_s(m) - 1) ** 2).mean() + (d_s(st.detach()) ** 2).mean()) / 2
    values = {"loss_g": l_g, "loss_r": l_r, "loss_c": l_c, "loss_d_r": l_dr, "loss_d_s": l_ds}
    return {name: float(value.detach()) for name, value in values.items()}


@pytest.mark.parametrize("settings", [{}, {"target": "haematoxylin"}, {"sharpening": 1.0}])
def test_losses_as_written_out(settings: dict) -> None:
    stage = method(**settings)
    expected = by_hand(stage, batch_of())
    found = Ground(stage).step(batch_of())
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name
    assert found["loss"] == pytest.approx(found["loss_g"] + found["loss_r"] + found["loss_c"], rel=1e-5)


def test_each_step_moves_its_own_networks() -> None:
    ground = Ground(method())
    ground.step(batch_of())
    assert ground.moved == [{"s", "r"}, {"d_r"}, {"d_s"}]


def test_without_the_adversary_of_images_three_networks_learn() -> None:
    ground = Ground(method(adversary_of_images=False))
    found = ground.step(batch_of())
    assert ground.moved == [{"s", "r"}, {"d_s"}]
    assert "loss_d_r" not in found


def test_ablations_drop_their_loss_alone() -> None:
    whole = Ground(method()).step(batch_of())
    for off, gone in (({"cycle": 0.0}, "loss_r"), ({"consistency": 0.0}, "loss_c")):
        found = Ground(method(**off)).step(batch_of())
        assert gone not in found
        assert found["loss_g"] == pytest.approx(whole["loss_g"], rel=1e-5)


def test_two_views_are_compared_with_each_other() -> None:
    stage = method(views=2, colour_sigma=0.0)  # two views without a change of colour are one
    assert Ground(stage).step(batch_of())["loss_c"] == 0
    assert Ground(method(views=2)).step(batch_of())["loss_c"] > 0


def test_parts_of_a_batch_give_the_gradient_of_the_whole() -> None:
    def gradient(accumulate: int) -> Tensor:
        stage = method(accumulate=accumulate, colour_sigma=0.0)
        for module in stage.modules():  # statistics of a part are not those of the whole
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
                module.train = lambda mode=True, m=module: m  # type: ignore[method-assign]
        ground = Ground(stage)
        kept: list[Tensor] = []
        ground.learners[0].step = lambda: kept.extend(  # type: ignore[method-assign]
            w.grad.clone().flatten() for w in (*stage.s.parameters(), *stage.r.parameters())
        )
        ground.step(batch_of())
        return torch.cat(kept)

    torch.testing.assert_close(gradient(1), gradient(2), rtol=1e-4, atol=1e-6)


def test_the_offset_of_the_first_release_reaches_views_and_haematoxylin() -> None:
    parts = next(method(target="haematoxylin", colour_sigma=0.0)._parts(batch_of()))
    shifted = next(method(target="haematoxylin", colour_sigma=0.0, colour_offset=0.5)._parts(batch_of()))
    assert torch.equal(parts["image"], shifted["image"])
    for name in ("view", "target"):
        torch.testing.assert_close(shifted[name], parts[name] + 0.5)


def test_the_hint_is_told_at_first_and_no_part_of_the_loss() -> None:
    told = Ground(method(hint_steps=2))
    first = told.step(batch_of())
    assert "hint" not in Ground(method()).step(batch_of())
    assert first["loss"] == pytest.approx(first["loss_g"] + first["loss_r"] + first["loss_c"], rel=1e-5)
    told.stage._trainer.global_step = 2
    assert told.step(batch_of())["hint"] == 0


def test_what_stays_of_the_hint_is_never_less() -> None:
    def told(global_step: int, **settings) -> float:
        ground = Ground(method(hint_steps=4, **settings))
        ground.stage._trainer.global_step = global_step
        return ground.step(batch_of())["hint"]

    first = told(0)
    assert told(0, hint_rest=0.4) == pytest.approx(first)
    assert told(2, hint_rest=0.4) == pytest.approx(first / 2, rel=1e-4)
    for later in (3, 4, 1000):
        assert told(later, hint_rest=0.4) == pytest.approx(0.4 * first, rel=1e-4)


@pytest.mark.parametrize("window_px", [1, 3, 7, 31])
def test_darkness_beside_what_surrounds_a_pixel_as_written_out(window_px: int) -> None:
    images = torch.rand(2, 3, 12, 17, generator=torch.Generator().manual_seed(3)).double() * 2 - 1
    half = window_px // 2

    def mean_of(values: np.ndarray) -> np.ndarray:
        """Of as much of each square as there is: sums of zeros and ones beyond the border."""
        total, there = (
            ndimage.uniform_filter(np.pad(one, half), window_px, mode="constant")[
                half : half + 12, half : half + 17
            ]
            for one in (values, np.ones_like(values))
        )
        return total / there

    for image, found in zip(images.numpy(), local_darkness(images, window_px), strict=True):
        red = image[0]
        mean = mean_of(red)
        spread = np.sqrt(np.maximum(mean_of(red**2) - mean**2, 1e-6))
        spread = np.maximum(spread, red.std(ddof=1) / 2)
        np.testing.assert_allclose(found[0], np.clip((mean - red) / spread, -1, 1), atol=1e-6)


def test_pale_nuclei_beside_dark_ones_are_dark_beside_their_surroundings() -> None:
    red = torch.full((1, 3, 60, 60), 0.6)
    red[..., :30] = -0.8  # dark tissue all over the left half
    red[..., 25:30, 42:47] = 0.3  # a pale nucleus in the bright half
    at = (0, 0, 27, 44)
    assert local_darkness(red, 21)[at] > 0.7
    assert darkness(red)[at] < 0
    assert torch.equal(stain_of_masks(red, 1, 21), local_darkness(red, 21))
    assert torch.equal(stain_of_masks(red, 1), darkness(red))


def test_noise_on_glass_is_not_dark() -> None:
    red = torch.full((1, 3, 60, 60), 0.9)
    red += 0.01 * torch.randn(red.shape, generator=torch.Generator().manual_seed(0))
    red[..., 5:15, 5:15] = -0.5
    found = local_darkness(red, 21)
    assert found[..., 30:, 30:].abs().max() < 0.3
    assert found[0, 0, 10, 10] == 1


def test_the_hint_is_of_the_square_that_is_asked_for() -> None:
    near, whole = (Ground(method(hint_steps=4, hint_px=px)).step(batch_of())["hint"] for px in (5, 0))
    assert near != pytest.approx(whole, rel=0.01)


def test_touching_nuclei_of_the_prior_are_parted() -> None:
    ids = batch_of(1)[Role.PRIOR][Signal.INSTANCES]
    apart = parted(ids)
    assert apart[0, 4:12, 4:11].all()
    assert not apart[0, 4:12, 11:13].any()
    assert apart[0, 20:30, 2:9].all()  # it touches nobody
    assert apart.sum() == (ids > 0).sum() - 16


def test_nuclei_are_dealt_out_whole_to_two_masks() -> None:
    ids = batch_of(8)[Role.PRIOR][Signal.INSTANCES]
    torch.manual_seed(0)
    dealt = stained((ids > 0).byte(), ids)
    assert torch.equal(dealt.sum(1), (ids > 0).long())
    for image, positive in zip(ids, dealt[:, 0], strict=True):
        for k in (1, 2, 3):
            assert len(positive[image == k].unique()) == 1
    assert 0 < dealt[:, 0].sum() < dealt[:, 1].sum()


def test_nuclei_are_dealt_out_whatever_their_ids_are() -> None:
    """A table of all ids up to the largest would take 16 GB here."""
    ids = batch_of(2)[Role.PRIOR][Signal.INSTANCES]
    torch.manual_seed(0)
    dealt = stained((ids > 0).byte(), torch.where(ids > 0, ids + (2**31 - 10), ids))
    assert torch.equal(dealt.sum(1), (ids > 0).long())
    for k in (1, 2, 3):
        assert len(dealt[0, 0][ids[0] == k].unique()) == 1


def test_a_union_is_what_either_mask_has() -> None:
    masks = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5]]).view(5, 2, 1, 1)
    assert union(masks).flatten().tolist() == [0, 1, 1, 1, 0.75]
    assert torch.equal(union(masks[:, :1]), masks[:, :1])


def test_two_masks_are_learnt_from_one_adversary() -> None:
    stage = method(masks=2, hint_steps=4)
    assert Need(Signal.INSTANCES, Role.PRIOR) in stage.needs
    ground = Ground(stage)
    found = ground.step(batch_of())
    assert ground.moved == [{"s", "r"}, {"d_r"}, {"d_s"}]
    assert all(math.isfinite(value) for value in found.values())
    maps = stage.eval().maps(torch.zeros(1, 3, SIDE, SIDE))
    assert set(maps) == stage.gives == {"foreground", "positive"}
    assert (maps["positive"] <= maps["foreground"]).all()
    assert stage.sheet(batch_of(2))["S_GT"].shape == (2, SIDE, SIDE, 3)


def test_dark_is_nucleus_and_brown_is_positive() -> None:
    white, blue, brown = (0.9, 0.9, 0.9), (-0.2, 0.1, 0.6), (-0.1, -0.4, -0.6)
    pixels = torch.tensor([*[white] * 8, blue, brown]).T.reshape(1, 3, 2, 5)
    signs = stain_of_masks(pixels, 2).flatten(2)[0].sign()
    assert signs[:, -2:].tolist() == [[-1, 1], [1, -1]]
    assert (signs[:, :-2] <= 0).all()
    nuclei = torch.zeros(1, 1, 2, 5)
    nuclei[0, 0, 1, 3:] = 1
    assert contrast(nuclei, darkness(pixels)) > 1
    assert contrast(1 - nuclei, darkness(pixels)) < -1
    assert contrast(nuclei * 0, darkness(pixels)) == 0


def test_what_is_needed_follows_from_the_parting() -> None:
    assert Need(Signal.MASK, Role.PRIOR) in method().needs
    assert Need(Signal.INSTANCES, Role.PRIOR) in method(parted=True).needs


def test_sharpening_as_printed() -> None:
    found = [1 / (1 + math.exp(-60 * x)) for x in (-0.05, -0.01, 0, 0.01, 0.05)]
    assert found == pytest.approx([0.0474, 0.3543, 0.5, 0.6457, 0.9526], abs=5e-5)
    stage = method().eval()

    class Constant(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.tensor([-0.05, -0.01, 0.0, 0.01, 0.05]).view(5, 1, 1, 1)

    stage.s = Constant()
    assert stage.maps(torch.zeros(5, 3, 1, 1))["foreground"].flatten().tolist() == pytest.approx(found)


def test_any_side_is_segmented() -> None:
    stage = method().eval()
    image = np.random.default_rng(0).integers(0, 256, (45, 71, 3), dtype=np.uint8)
    assert stage.segmenter().segment(image).shape == (45, 71)
    assert Chain(CHAIN).needs == {"foreground"}


def test_a_sheet_shows_both_ways_round() -> None:
    sheet = method().eval().sheet(batch_of(2))
    assert list(sheet) == ["t", "S(t)", "R(S(t))", "S_GT", "R(S_GT)"]
    assert all(picture.dtype == torch.uint8 for picture in sheet.values())
    assert sheet["S(t)"].shape == (2, SIDE, SIDE)
    assert sheet["R(S(t))"].shape == (2, SIDE, SIDE, 3)


def test_a_pool_gives_back_what_it_was_given_then_older_ones() -> None:
    torch.manual_seed(0)
    pool = ImagePool(3)
    images = torch.arange(3.0).view(3, 1, 1, 1)
    assert torch.equal(pool(images), images)
    later = pool(torch.arange(3.0, 43.0).view(40, 1, 1, 1)).flatten()
    older = later[later != torch.arange(3.0, 43.0)]
    assert 8 <= len(older) <= 32
    assert len(set(older.tolist())) == len(older)  # an image leaves the pool once


def test_a_pool_goes_on_from_a_checkpoint() -> None:
    torch.manual_seed(0)
    pool, other = ImagePool(2), ImagePool(2)
    pool(torch.rand(6, 1, 2, 2))
    other.load_state_dict(pool.state_dict())
    for one in (pool, other):
        torch.manual_seed(3)
        one.result = one(torch.ones(5, 1, 2, 2))  # type: ignore[attr-defined]
    assert torch.equal(pool.result, other.result)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"crop_px": 48}, "multiple of 32"),
        ({"accumulate": 3}, "must divide batch=4"),
        ({"sharpening": 0.0}, "above 0"),
        ({"pool": -1}, "0 or more"),
        ({"ema": 1.0}, "ema is below 1"),
        ({"views": 3}, "views and masks are 1 or 2"),
        ({"hint_px": 30}, "hint_px=30 must be odd"),
        ({"hint_rest": -0.1}, "hint_rest=-0.1: 0 or more"),
    ],
)
def test_settings_that_cannot_be(wrong: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        method(**wrong)


def test_brown_nuclei_belong_to_the_first_mask_whatever_there_is_around_them() -> None:
    brown = torch.tensor([-0.1, -0.4, -0.6]).view(1, 3, 1, 1)
    assert brownness(brown) == 1
    assert brownness(-brown) == -1
    assert brownness(torch.zeros(1, 3, 1, 1)) == 0
    found = Ground(method(masks=2)).step(batch_of())
    assert found["loss"] == pytest.approx(found["loss_g"] + found["loss_r"] + found["loss_c"], rel=1e-5)


def test_outside_of_the_priors_region_nothing_is_compared() -> None:
    batch = batch_of()
    batch[Role.PRIOR][Signal.REGION] = torch.zeros(4, SIDE, SIDE, dtype=torch.uint8)
    found = Ground(method()).step(batch)
    for network in ("d_s", "d_r"):  # both are shown the same, which is nothing
        assert found[f"{network}_real"] == pytest.approx(found[f"{network}_fake"])
    everywhere = {Signal.REGION: torch.ones(4, SIDE, SIDE, dtype=torch.uint8), **batch_of()[Role.PRIOR]}
    annotated = Ground(method()).step({**batch_of(), Role.PRIOR: everywhere})
    assert annotated == Ground(method()).step(batch_of())
