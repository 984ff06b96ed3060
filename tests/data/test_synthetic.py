import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from maskless.address import generator
from maskless.build import build
from maskless.data.readers.synthetic import Synthetic
from maskless.data.synthetic import Tissue, render
from maskless.data.synthetic.architecture import architecture
from maskless.data.synthetic.bodies import Bodies, drawn, instances, thinned
from maskless.data.synthetic.growth import grown
from maskless.data.synthetic.noise import Noise
from maskless.data.synthetic.rendering import transmitted
from maskless.data.synthetic.stain import amounts, positive, vectors
from maskless.data.synthetic.texture import textured
from maskless.errors import UserError
from maskless.signals import Item, Signal
from maskless.stain import optical_density, stains

FIELDS = st.integers(0, 2**31), st.integers(0, 2**21)


def digest(tissue: Tissue) -> str:
    parts = (tissue.image.tobytes(), tissue.instances.tobytes(), tissue.points.tobytes())
    return hashlib.sha256(b"".join((*parts, repr(sorted(tissue.classes.items())).encode()))).hexdigest()


def fields(count: int, stain: str = "he", **kwargs: float) -> list[Tissue]:
    return [render(7, index, size_px=128, stain=stain, **kwargs) for index in range(count)]


def whole(tissue: Tissue) -> list[int]:
    """Ids of the nuclei that the field's edge does not cut."""
    ids = tissue.instances
    cut = np.unique(np.concatenate([ids[0], ids[-1], ids[:, 0], ids[:, -1]]))
    return [i for i in tissue.classes if i not in cut]


# --- the renderer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stain", ["he", "ki67"])
def test_a_field_has_the_same_bytes_in_another_process_whatever_was_drawn_before(stain: str) -> None:
    here = digest(render(3, 5, stain=stain, power=20))
    render(3, 6)
    assert digest(render(3, 5, stain=stain, power=20)) == here
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy; numpy.random.seed(99)\n"
        "from test_synthetic import digest; from maskless.data.synthetic import render\n"
        f"print(digest(render(3, 5, stain={stain!r}, power=20)))"
    )
    env = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "17"}
    command = [sys.executable, "-c", code, str(Path(__file__).parent)]
    assert subprocess.run(command, env=env, capture_output=True, text=True).stdout.strip() == here


def test_other_seeds_and_indices_are_other_fields() -> None:
    drawn_fields = {digest(render(seed, index, size_px=64)) for seed in range(3) for index in range(3)}
    assert len(drawn_fields) == 9


@settings(max_examples=25, deadline=None)
@given(*FIELDS, st.sampled_from([5.0, 10, 20, 33.3, 40, 80]), st.sampled_from(["he", "ki67"]))
def test_instances_points_and_classes_are_exact(seed: int, index: int, power: float, stain: str) -> None:
    tissue = render(seed, index, size_px=128, power=power, stain=stain)
    ids = tissue.instances
    count = int(ids.max())
    assert tissue.image.shape == (128, 128, 3)
    assert tissue.image.dtype == np.uint8
    assert ids.dtype == np.int32
    assert list(tissue.classes) == list(range(1, count + 1))
    assert set(tissue.classes.values()) <= (
        {"epithelial", "lymphocyte", "stromal"} if stain == "he" else {"positive", "negative"}
    )
    assert tissue.points.dtype == np.float32
    assert tissue.points.shape == (count, 2)
    for i in range(1, count + 1):
        row, col = np.nonzero(ids == i)
        assert len(row) >= 4
        assert ndimage.label(ids == i)[1] == 1
        assert tissue.points[i - 1].tolist() == [(row.min() + row.max()) // 2, (col.min() + col.max()) // 2]


def test_another_power_shows_the_same_nuclei_with_the_same_areas() -> None:
    compared = 0
    for index in range(6):
        fine, coarse = render(1, index, power=40), render(1, index, size_px=128, power=20)
        assert (fine.mpp, coarse.mpp) == (0.25, 0.5)
        for i in whole(fine):
            row, col = fine.points[i - 1]
            j = coarse.instances[int(row) // 2, int(col) // 2]
            fine_um2 = (fine.instances == i).sum() * fine.mpp**2
            if fine_um2 <= 8 or not j:
                continue
            assert (coarse.instances == j).sum() * coarse.mpp**2 == pytest.approx(fine_um2, rel=0.12)
            assert coarse.classes[int(j)] == fine.classes[i]
            compared += 1
    assert compared > 100


def test_the_image_at_another_power_is_the_same_picture_smaller() -> None:
    for index in range(4):
        fine = render(2, index, power=40).image.astype(float)
        averaged = fine.reshape(64, 4, 64, 4, 3).mean((1, 3))
        coarse = render(2, index, size_px=64, power=10).image.astype(float)
        assert np.corrcoef(averaged.ravel(), coarse.ravel())[0, 1] > 0.9


def test_a_larger_field_shows_the_same_tissue_and_more_of_it() -> None:
    for index in range(5):
        small, large = render(4, index, size_px=128), render(4, index, size_px=256)
        inside = np.s_[4:120, 4:120]
        np.testing.assert_array_equal(small.instances[inside] > 0, large.instances[:128, :128][inside] > 0)
        assert len(large.classes) > len(small.classes)


def test_the_two_stains_show_the_same_nuclei() -> None:
    for he, ki67 in zip(fields(4), fields(4, "ki67"), strict=True):
        np.testing.assert_array_equal(he.instances, ki67.instances)


def test_her2_is_brown_on_the_borders_of_epithelium_and_nowhere_else() -> None:
    """Where there is any, the brown lies between nuclei; nuclei stay blue."""
    between, within = [], []
    for index in range(16):
        tissue = render(6, index, stain="her2")
        dab = stains(tissue.image, "H-DAB")[..., 1]
        outside = tissue.instances == 0
        between.append(np.percentile(dab[outside], 98))
        within.append(np.median(dab[~outside]) if (~outside).any() else 0.0)
        assert set(tissue.classes.values()) <= {"epithelial", "lymphocyte", "stromal"}
    strong = np.array(between) > 0.25
    assert 3 < strong.sum() < 14  # some tissues are negative
    assert (np.array(between)[strong] > np.array(within)[strong] + 0.1).all()


def test_of_a_pair_of_powers_each_tile_draws_its_own_and_states_the_middle() -> None:
    source = Synthetic(power=[25, 64], size_px=64, tiles={"val": 40})
    assert (source.power, source.mpp) == (40.0, 0.25)
    items = source.items("val")
    powers = [source.power_of(item) for item in items]
    assert 25 <= min(powers) < 28
    assert 57 < max(powers) <= 64
    sample = source.read(items[3], [Signal.IMAGE])
    assert (sample.power, sample.mpp) == (40.0, 0.25)
    expected = render(0, 2**20 + 3, size_px=64, power=powers[3]).image
    np.testing.assert_array_equal(sample[Signal.IMAGE], expected)


@pytest.mark.parametrize("power", [[40, 20], [20, 30, 40], [], [20, "x"]])
def test_a_pair_of_powers_that_cannot_be_is_refused(power: list) -> None:
    with pytest.raises(UserError, match="power"):
        Synthetic(power=power)


def test_nuclei_are_of_plausible_size_and_some_touch() -> None:
    diameters, areas, touching = [], [], 0
    for index in range(12):
        tissue = render(5, index)
        ids = tissue.instances
        areas.append((ids > 0).mean())
        sizes_px = np.bincount(ids.ravel(), minlength=len(tissue.classes) + 1)
        diameters += [2 * np.sqrt(sizes_px[i] / np.pi) * tissue.mpp for i in whole(tissue)]
        beside = (ids[1:] != ids[:-1]) & (ids[1:] > 0) & (ids[:-1] > 0)
        touching += int(beside.any())
    assert 4.5 < np.median(diameters) < 9
    assert max(diameters) < 17
    assert 0.1 < np.mean(areas) < 0.5
    assert touching >= 6


def test_transmission_is_beers_and_lamberts() -> None:
    vectors = np.array([[0.6, 0.7, 0.4], [0.1, 0.9, 0.4]])
    amount = np.array([[[0, 0], [1, 0], [0, 2], [1, 2]]], np.float32)
    expected = [
        [1, 1, 1],
        10.0 ** -vectors[0],
        10.0 ** (-2 * vectors[1]),
        10.0 ** -(vectors[0] + 2 * vectors[1]),
    ]
    np.testing.assert_allclose(transmitted(amount, vectors)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("stain", ["he", "ki67", "her2"])
def test_light_is_taken_up_along_two_stain_vectors_and_by_nothing_else(stain: str) -> None:
    for index in range(3):
        tissue = architecture(generator(9, index, "architecture"))
        growth = grown(tissue, 40.0, 40.0)
        drawing = drawn(growth.bodies, 160, 160, 0.25)
        texture = textured(tissue, growth, drawing, 0.25, generator(9, index, "texture"))
        staining = generator(9, index, "stain", stain)
        held = positive(growth.bodies, staining)
        density = amounts(stain, texture, growth.bodies, drawing, held, staining)
        of_slide = vectors(stain, staining)
        taken_up = -np.log10(transmitted(density, of_slide)).reshape(-1, 3)
        assert (density >= 0).all()
        np.testing.assert_allclose(taken_up, density.reshape(-1, 2) @ of_slide, atol=1e-4)
        _, strength, axes = np.linalg.svd(taken_up, full_matrices=False)
        assert strength[2] < 1e-4 * strength[0]
        assert strength[1] > 1e-2 * strength[0]
        assert np.abs(axes[0]).min() > 0.02  # no stain is without effect on a colour


def test_positive_nuclei_are_brown_and_negative_ones_blue() -> None:
    blue_over_red: dict[str, list[float]] = {"positive": [], "negative": []}
    for index in range(12):
        tissue = render(11, index, stain="ki67")
        density = optical_density(tissue.image)
        for i in tissue.classes:
            red, _, blue = np.median(density[tissue.instances == i], axis=0)
            blue_over_red[tissue.classes[i]].append(blue / red)
    assert min(map(len, blue_over_red.values())) > 20
    # But for a few that are pale, or out of focus.
    assert np.percentile(blue_over_red["positive"], 4) > 0.8 > np.percentile(blue_over_red["negative"], 96)


@pytest.mark.parametrize("stain", ["he", "ki67"])
def test_nuclei_are_darker_than_what_is_around_them(stain: str) -> None:
    for tissue in fields(8, stain):
        grey = tissue.image.mean(-1)
        assert grey[tissue.instances > 0].mean() < grey[tissue.instances == 0].mean() - 10


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"stain": "ki-67"}, "did you mean 'ki67'"),
        ({"power": 0}, "power 0"),
        ({"power": float("nan")}, "power nan"),
        ({"power": "40x"}, "power '40x'"),
        ({"size_px": 0}, "size_px 0"),
        ({"size_px": 25.5}, "size_px 25.5"),
    ],
)
def test_what_cannot_be_rendered_is_said(kwargs: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        render(0, 0, **kwargs)
    with pytest.raises(UserError, match=said):
        Synthetic(**kwargs)


# --- its parts ------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**63), st.floats(0.3, 50), st.floats(-500, 500), st.floats(0.1, 4))
def test_noise_in_a_window_is_noise_at_its_places(
    key: int, spacing: float, start: float, step: float
) -> None:
    noise = Noise(key, spacing)
    row, col = start + step * np.arange(9), -start + step * np.arange(7)
    window = noise(row[:, None], col[None])
    places = noise(np.repeat(row, 7), np.tile(col, 9)).reshape(9, 7)
    np.testing.assert_allclose(window, places, atol=2e-5)


def test_noise_is_smooth_and_standardised() -> None:
    place = np.random.default_rng(0).uniform(0, 5000, 400)
    values = Noise(12, 2.0)(np.sort(place)[:, None], np.sort(place)[None])
    assert abs(values.mean()) < 0.05
    assert values.std() == pytest.approx(1, abs=0.05)
    line = Noise(12, 2.0)(np.arange(0, 20, 0.01)[:, None], np.zeros((1, 1)))[:, 0]
    assert np.abs(np.diff(line)).max() < 0.05


def ellipses(rows: list[float], cols: list[float], priority: list[float], radius: float = 3.0) -> Bodies:
    n = len(rows)
    same = np.full(n, radius)
    return Bodies(
        np.array(rows), np.array(cols), same, same, np.zeros(n), np.zeros((n, 4), np.complex64),
        np.zeros(n, int), np.array(priority), np.zeros((n, 8)),
    )  # fmt: skip


def test_a_circle_has_its_area_at_any_spacing() -> None:
    for mpp in (0.1, 0.25, 0.5):
        drawing = drawn(ellipses([10.0], [10.0], [0.0]), int(20 / mpp), int(20 / mpp), mpp)
        assert (drawing.radius < 1).sum() * mpp**2 == pytest.approx(np.pi * 9, rel=0.02)


def test_thinning_is_placement_in_order_of_priority() -> None:
    draw = np.random.default_rng(3)
    bodies = ellipses(*(draw.uniform(0, 60, 60).tolist() for _ in range(2)), draw.uniform(size=60).tolist())
    at = np.stack([bodies.rows_um, bodies.cols_um], 1)
    expected: list[int] = []
    for i in np.argsort(-bodies.priority):
        if all(np.hypot(*(at[i] - at[j])) >= 6 for j in expected):
            expected.append(int(i))
    kept = thinned(bodies, 1.0)
    assert set(kept.priority) <= set(bodies.priority[expected])
    assert len(kept) >= 0.9 * len(expected)


def test_bodies_that_overlap_share_their_ground_and_stay_in_one_piece() -> None:
    bodies = ellipses([10.0, 10.0, 10.0], [8.0, 12.0, 30.0], [0, 0, 0])
    ids, behind = instances(drawn(bodies, 80, 160, 0.25), np.array([True, True, False]))
    assert behind.tolist() == [0, 1]
    assert ids[40, :40].any()
    # Equal circles meet half way between their centres.
    np.testing.assert_array_equal(np.unique(ids[:, :40]), [0, 1])
    np.testing.assert_array_equal(np.unique(ids[:, 40:]), [0, 2])


# --- the source -----------------------------------------------------------------------------------------


def test_every_offered_signal_can_be_read_and_nothing_else_comes() -> None:
    source = Synthetic(size_px=96, tiles={"train": 2})
    item = source.items("train")[1]
    assert {Signal.IMAGE, Signal.INSTANCES, Signal.MASK, Signal.POINTS, Signal.CLASSES} <= source.offers
    sample = source.read(item, source.offers)
    assert set(sample.signals) == source.offers
    assert (sample.mpp, sample.power) == (source.mpp, source.power) == (0.25, 40)
    tissue = render(0, 1, size_px=96)
    np.testing.assert_array_equal(sample[Signal.IMAGE], tissue.image)
    np.testing.assert_array_equal(sample[Signal.MASK], tissue.instances > 0)
    assert sample[Signal.MASK].dtype == sample[Signal.REGION].dtype == np.uint8
    assert sample[Signal.REGION].all()
    assert sample[Signal.CLASSES] == tissue.classes
    assert set(source.read(item, {Signal.MASK}).signals) == {Signal.MASK}


def test_scales_are_the_own_field_at_other_powers() -> None:
    source = Synthetic(size_px=64, power=20)
    scales = source.read(source.items("val")[0], {Signal.SCALES})[Signal.SCALES]
    assert {power: image.shape for power, image in scales.items()} == {
        40: (128, 128, 3),
        20: (64, 64, 3),
        10: (32, 32, 3),
    }
    np.testing.assert_array_equal(
        scales[20], source.read(source.items("val")[0], {Signal.IMAGE})[Signal.IMAGE]
    )


def test_changing_what_was_read_changes_nothing_in_the_source() -> None:
    source = Synthetic(size_px=64)
    item = source.items("test")[0]
    first = source.read(item, source.offers)
    before = first[Signal.IMAGE].copy()
    first[Signal.IMAGE][:] = 0
    first[Signal.SCALES][40.0][:] = 0
    first[Signal.CLASSES].clear()
    again = source.read(item, source.offers)
    np.testing.assert_array_equal(again[Signal.IMAGE], before)
    np.testing.assert_array_equal(again[Signal.SCALES][40.0], before)
    assert again[Signal.CLASSES]


def test_parts_are_disjoint_tissue_and_each_tile_a_patient() -> None:
    source = Synthetic(size_px=48, tiles={"train": 3, "val": 2, "test": 2})
    split = source.splits()["official"]
    assert {part: len(items) for part, items in split.parts.items()} == {"train": 3, "val": 2, "test": 2}
    assert not split.leaky
    items = [item for part in ("train", "val", "test") for item in source.items(part)]
    assert len({item.group for item in items}) == len({item.id for item in items}) == 7
    assert items[0] == Item("train-0000", "train-0000")
    images = {source.read(item, {Signal.IMAGE})[Signal.IMAGE].tobytes() for item in items}
    assert len(images) == 7


def test_a_tile_stays_the_same_when_others_are_added() -> None:
    few, many = Synthetic(size_px=48, tiles={"val": 1}), Synthetic(size_px=48, tiles={"train": 500, "val": 9})
    item = few.items("val")[0]
    one, other = (source.read(item, {Signal.IMAGE})[Signal.IMAGE] for source in (few, many))
    np.testing.assert_array_equal(one, other)


def test_there_are_no_files_and_nothing_is_wrong_with_them() -> None:
    source = Synthetic()
    assert source.files(source.items("train")[0]) == []
    assert source.problems() == []
    assert "Apache-2.0" in source.licence
    assert repr(source) != repr(Synthetic(seed=1))


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"tiles": {"trian": 3}}, "did you mean 'train'"),
        ({"tiles": {"train": -1}}, "tiles.train=-1"),
        ({"split": "fold0"}, "no split 'fold0'"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_arguments_that_cannot_be_are_refused_at_once(kwargs: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Synthetic(**kwargs)


@pytest.mark.parametrize("name", ["train-0064", "train-64", "nowhere-0000", "train", "val-0000x"])
def test_a_tile_of_another_source_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=name):
        Synthetic().read(Item(name, name), {Signal.IMAGE})


def test_the_configuration_builds_the_defaults() -> None:
    text = (Path(__file__).parents[2] / "conf/dataset/synthetic.yaml").read_text()
    assert repr(build(yaml.safe_load(text))) == repr(Synthetic())
