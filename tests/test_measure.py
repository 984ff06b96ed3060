import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mock_segmenter import awkward_nuclei
from scipy.spatial import ConvexHull
from skimage.measure import regionprops

from maskless import measure, nucleus_pixels
from maskless.errors import UserError
from maskless.measure import STAINS, measured
from maskless.nucleus_pixels import NucleusPixels
from maskless.stain import recombine, stains


def grey(shape: tuple[int, int]) -> np.ndarray:
    return np.full((*shape, 3), 128, np.uint8)


def noise(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)


def disc(radius: float, size: int = 64) -> np.ndarray:
    rows, cols = np.indices((size, size))
    return (np.hypot(rows - size // 2, cols - size // 2) <= radius).astype(np.int32)


def hull_area(mask: np.ndarray) -> float:
    """By another library, of the corners of every pixel."""
    corners = [(r + i, c + j) for r, c in np.argwhere(mask) for i in (0, 1) for j in (0, 1)]
    return ConvexHull(corners).volume


def slowly(image: np.ndarray, instances: np.ndarray, vectors: str) -> pd.DataFrame:
    """One nucleus after another, by scikit-image and loops."""
    rows = []
    amounts = stains(image, vectors)
    for nucleus in regionprops(instances):
        mask = instances == nucleus.label
        perimeter = nucleus.perimeter_crofton
        row = {
            "id": nucleus.label,
            "row": nucleus.centroid[0],
            "col": nucleus.centroid[1],
            "area_px": int(nucleus.area),
            "perimeter_px": perimeter,
            "major_px": nucleus.axis_major_length,
            "minor_px": nucleus.axis_minor_length,
            "eccentricity": nucleus.eccentricity,
            "solidity": nucleus.area / hull_area(mask),
            "circularity": min(1, 4 * math.pi * nucleus.area / perimeter**2),
        }
        for k, name in enumerate(STAINS[vectors]):
            row[name] = amounts[mask][:, k].astype(float).mean()
        rows.append(row)
    return pd.DataFrame(rows)


def assert_same(table: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(table) == list(expected)
    # The minor axis of a line is the root of a difference that rounding leaves near 0.
    np.testing.assert_allclose(table.to_numpy(float), expected.to_numpy(float), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("vectors", STAINS)
def test_awkward_nuclei_are_as_one_by_one(vectors):
    instances = awkward_nuclei()
    image = noise(instances.shape)
    assert_same(measured(image, instances, vectors=vectors), slowly(image, instances, vectors))


@settings(max_examples=60, deadline=None)
@given(
    instances=arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 4))
)
def test_any_label_map_is_as_one_by_one(instances):
    """Touching nuclei, nuclei in pieces, ids that are left out, and the edge of the image."""
    if instances.any():
        image = noise(instances.shape)
        assert_same(measured(image, instances), slowly(image, instances, "H-E-DAB"))


@pytest.mark.parametrize("chunk_px", [1, 7, 50])
def test_it_makes_no_difference_how_much_is_looked_at_together(monkeypatch, chunk_px):
    instances = awkward_nuclei()
    image = noise(instances.shape)
    whole = measured(image, instances)
    monkeypatch.setattr(measure, "BAND_PX", chunk_px)
    monkeypatch.setattr(nucleus_pixels, "CHUNK_PX", chunk_px)
    assert_same(measured(image, instances), whole)


def test_a_rectangle():
    instances = np.zeros((30, 40), np.uint16)
    instances[5:15, 10:30] = 70
    (row,) = measured(grey(instances.shape), instances, mpp=0.5).to_dict("records")
    assert row["id"] == 70
    assert (row["row"], row["col"]) == (9.5, 19.5)
    assert (row["area_px"], row["area_um2"]) == (200, 50.0)
    along_the_axes, across = 2 * 10 + 2 * 20, 2 * 2 * (10 + 20 - 1)  # crossings of lines with the outline
    assert row["perimeter_px"] == pytest.approx(math.pi / 8 * (along_the_axes + across / math.sqrt(2)))
    assert row["solidity"] == 1
    assert row["major_px"] == pytest.approx(4 * math.sqrt((20**2 - 1) / 12))
    assert row["minor_px"] == pytest.approx(4 * math.sqrt((10**2 - 1) / 12))
    assert row["circularity"] == pytest.approx(4 * math.pi * 200 / row["perimeter_px"] ** 2)


def test_a_disc_is_round_and_a_line_is_none():
    (row,) = measured(grey((64, 64)), disc(20)).to_dict("records")
    assert row["circularity"] > 0.95
    assert row["eccentricity"] < 0.02
    assert row["major_px"] == pytest.approx(40, rel=0.02)
    assert row["perimeter_px"] == pytest.approx(2 * math.pi * 20, rel=0.02)
    line = np.zeros((5, 20), np.int32)
    line[2, 3:13] = 1
    (row,) = measured(grey(line.shape), line).to_dict("records")
    assert (row["eccentricity"], row["minor_px"], row["solidity"]) == (1, 0, 1)


def test_one_pixel_has_a_place_and_an_area_and_no_nan():
    instances = np.zeros((3, 3), np.int32)
    instances[1, 2] = 1
    (row,) = measured(grey(instances.shape), instances).to_dict("records")
    assert (row["row"], row["col"], row["area_px"]) == (1, 2, 1)
    assert (row["eccentricity"], row["solidity"], row["circularity"]) == (0, 1, 1)
    assert not any(math.isnan(value) for value in row.values())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.int64])
def test_ids_of_any_type_and_size(dtype):
    instances = np.zeros((8, 8), dtype)
    largest = np.iinfo(dtype).max
    instances[1:3, 1:3], instances[5:8, 5:8] = largest, 3
    table = measured(grey(instances.shape), instances)
    assert table["id"].tolist() == [3, largest]
    assert table["area_px"].tolist() == [9, 4]


def test_no_nuclei_is_a_table_of_the_same_columns():
    empty = measured(grey((20, 30)), np.zeros((20, 30), np.int32), mpp=0.25)
    full = measured(grey((64, 64)), disc(5), mpp=0.25)
    assert len(empty) == 0
    assert list(empty) == list(full)
    assert (empty.dtypes == full.dtypes).all()


def test_the_area_in_um2_stands_only_where_the_spacing_is_known():
    assert "area_um2" not in measured(grey((64, 64)), disc(5))


@pytest.mark.parametrize("vectors", STAINS)
def test_a_nucleus_of_one_stain_holds_that_stain(vectors):
    """Light that passed 0.5 of the second stain, and nothing else, but for the rounding to grey levels."""
    amounts = np.zeros((64, 64, 3), np.float32)
    amounts[disc(12) > 0, 1] = 0.5
    (row,) = measured(recombine(amounts, vectors), disc(12), vectors=vectors).to_dict("records")
    found = [row[name] for name in STAINS[vectors]]
    assert found == pytest.approx([0, 0.5, 0][: len(found)], abs=0.01)


def test_measures_move_with_the_image():
    instances = awkward_nuclei()
    image = noise(instances.shape)
    down, right = 3, 11
    moved = measured(
        np.pad(image, ((down, 2), (right, 1), (0, 0))), np.pad(instances, ((down, 2), (right, 1)))
    )
    still = measured(image, instances)
    assert_same(moved.assign(row=moved["row"] - down, col=moved["col"] - right), still)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="the image is"):
        measured(grey((10, 11)), np.ones((11, 10), np.int32))
    with pytest.raises(ValueError, match="a label map is"):
        measured(grey((10, 11)), np.ones((10, 11)))
    with pytest.raises(UserError, match="stains=HE are no stains that are known; did you mean 'H-E'"):
        measured(grey((10, 11)), np.ones((10, 11), np.int32), vectors="HE")
    with pytest.raises(ValueError, match="a label map is"):
        NucleusPixels(np.ones((3, 3, 3), np.int32))


def test_stains_of_your_own_have_columns_of_their_names() -> None:
    image = np.full((8, 8, 3), (120, 60, 140), np.uint8)
    own = {"alkaline phosphatase": [0.1, 0.9, 0.3], "blue": [0.7, 0.6, 0.2]}
    table = measured(image, np.ones((8, 8), np.int32), vectors=own)
    assert list(table)[-2:] == ["alkaline phosphatase_mean", "blue_mean"]
    assert table.iloc[0, -2:].tolist() == pytest.approx(stains(image, own)[0, 0, :2].tolist(), abs=1e-5)
