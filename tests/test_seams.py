import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mock_segmenter import awkward_nuclei
from scipy import ndimage
from skimage.measure import label

from maskless.seams import LabelledWindow, compact, stitch
from maskless.windows import Tiling


def ellipse(truth, row, col, radius_row, radius_col, angle=0.0):
    """Draw an ellipse with the next id; what is there already stays."""
    rows, cols = np.indices(truth.shape, sparse=True)
    y, x = rows - row, cols - col
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = (u / radius_col) ** 2 + (v / radius_row) ** 2 <= 1
    truth[inside & (truth == 0)] = truth.max() + 1
    return truth


def tissue(shape, count, radii, seed, gap=0):
    """At most `count` ellipses at random places, apart by at least `gap` px; ids 1..N, each in one part."""
    rng = np.random.default_rng(seed)
    truth = np.zeros(shape, np.int32)
    for _ in range(count):
        row, col = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        radius = rng.uniform(*radii)
        reach = int(1.5 * radius) + 2 + gap
        box = np.s_[max(row - reach, 0) : row + reach + 1, max(col - reach, 0) : col + reach + 1]
        centre = (min(row, reach), min(col, reach))
        drawn = np.zeros(truth[box].shape, np.int32)
        ellipse(drawn, *centre, radius, radius * rng.uniform(1, 1.5), rng.uniform(0, 3))
        near = ndimage.maximum_filter(drawn, 2 * gap + 1)
        if not ((near > 0) & (truth[box] > 0)).any():
            truth[box][drawn > 0] = truth.max() + 1
    return truth


def look(truth, tiling, seed=0, noise=None):
    """Each window of the truth, its ids shuffled; `noise` changes what it sees of the boundaries."""
    rng = np.random.default_rng(seed)
    rows, cols = tiling.along(truth.shape[0]), tiling.along(truth.shape[1])
    windows = []
    for row in rows.starts_px:
        for col in cols.starts_px:
            seen = truth[row : row + rows.side_px, col : col + cols.side_px]
            if noise is not None:
                seen = noise(seen, rng)
            ids = np.unique(seen[seen > 0])
            new = np.zeros(truth.max() + 1, np.int32)
            new[ids] = rng.permutation(len(ids)) + 1
            windows.append(LabelledWindow(row, col, new[seen]))
    return windows


def assert_same_partition(result, truth):
    """Equal up to the names of the ids, which are 1..N."""
    assert result.dtype == np.int32
    pairs = np.unique(np.stack([truth.ravel(), result.ravel()]), axis=1)
    count = len(np.unique(truth[truth > 0]))
    assert pairs.shape[1] == count + (truth == 0).any()
    assert sorted(np.unique(result[result > 0])) == list(range(1, count + 1))
    assert ((pairs[0] == 0) == (pairs[1] == 0)).all()


TILING = Tiling(window_px=64, overlap_px=16, multiple_px=8)  # on 160 px: windows at 0, 48, 96


def test_nucleus_on_the_corner_of_four_windows():
    truth = np.zeros((112, 112), np.int32)
    tiling = TILING.along(112)
    assert (tiling.starts_px, tiling.side_px) == ((0, 48), 64)
    for centre in (48, 56, 63):
        truth[:] = 0
        assert_same_partition(stitch(look(ellipse(truth, centre, centre, 6, 6), TILING), truth.shape), truth)


@pytest.mark.parametrize("angle", [0, 0.4, np.pi / 2, 2.5])
def test_nucleus_larger_than_the_overlap_and_over_three_windows(angle):
    truth = ellipse(np.zeros((160, 160), np.int32), 80, 80, 22, 76, angle)
    truth = ellipse(ellipse(truth, 30, 150, 8, 8), 130, 10, 8, 8)
    assert_same_partition(stitch(look(truth, TILING), truth.shape), truth)


def test_nucleus_that_holds_whole_windows():
    truth = np.ones((200, 200), np.int32)
    truth[0, :] = truth[:, 0] = truth[-1, -1] = 0
    assert_same_partition(stitch(look(truth, TILING), truth.shape), truth)


def test_nucleus_in_a_ring_larger_than_the_overlap():
    truth = ellipse(np.zeros((160, 160), np.int32), 80, 80, 20, 20)
    truth = ellipse(truth, 80, 80, 45, 50)
    assert_same_partition(stitch(look(truth, TILING), truth.shape), truth)


def test_awkward_nuclei_and_single_pixels_at_every_seam():
    truth = np.pad(awkward_nuclei((96, 128)), ((30, 34), (30, 22)))
    for at in (0, 47, 48, 63, 64, 95, 96, 111, 112, 159):
        for row, col in ((at, 150), (150, at), (at, at)):
            if truth[row, col] == 0:
                truth[row, col] = truth.max() + 1
    assert_same_partition(stitch(look(truth, TILING), truth.shape), truth)


def test_every_pixel_a_nucleus():
    truth = np.arange(1, 61 * 67 + 1, dtype=np.int32).reshape(61, 67)
    assert_same_partition(stitch(look(truth, Tiling(16, 4, 4)), truth.shape), truth)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 170), st.integers(1, 170)),
    window=st.integers(3, 12),
    overlap=st.integers(4, 16),
)
def test_truth_seen_through_windows_is_put_together_again(seed, shape, window, overlap):
    truth = tissue(shape, count=60, radii=(0.5, 14), seed=seed)
    for row, col in np.random.default_rng(seed).uniform(0, shape, (6, 2)):  # neighbours that touch
        ellipse(truth, row, col, 5, 7)
    truth = label(truth, connectivity=2)  # a nucleus that another one parts is two
    tiling = Tiling(window * 4 + overlap, overlap, 4)
    assert_same_partition(stitch(look(truth, tiling, seed), shape), truth)


def eroded(seen, rng):
    # The sides of the window count as background, as a chain that clears them would have it.
    inner = ndimage.minimum_filter(seen, 3, mode="constant") == ndimage.maximum_filter(
        seen, 3, mode="constant"
    )
    return seen * inner


def dilated(seen, rng):
    return np.where(seen == 0, ndimage.maximum_filter(seen, 3), seen)


def shifted(seen, rng):
    return ndimage.shift(seen, rng.integers(-1, 2, 2), order=0)


def any_of_them(seen, rng):
    return rng.choice([eroded, dilated, shifted, lambda seen, rng: seen])(seen, rng)


@pytest.mark.parametrize("noise", [eroded, dilated, shifted, any_of_them])
@pytest.mark.parametrize("radii", [(3, 6), (6, 14), (15, 40)], ids=["small", "usual", "large"])
def test_windows_that_disagree_about_boundaries_double_and_cut_nothing(noise, radii):
    for seed in range(4):
        truth = tissue((330, 290), count=250, radii=radii, seed=seed, gap=1)
        sure = eroded(truth, None)
        truth = compact(truth * np.isin(truth, sure[sure > 0]))  # less the slivers at the image's border
        result = stitch(look(truth, Tiling(112, 32, 16), seed, noise), truth.shape)
        assert_one_for_one(result, truth)


def assert_one_for_one(result, truth):
    """Each nucleus lost and won at most a pixel along its boundary, to one id."""
    assert result.max() == truth.max()
    sure, outer = compact(eroded(truth, None)), ndimage.maximum_filter(truth, 3)
    owner = ndimage.maximum(result, sure, np.arange(1, truth.max() + 1)).astype(int)
    assert (np.sort(owner) == np.arange(1, truth.max() + 1)).all()
    np.testing.assert_array_equal(np.append(0, owner)[sure][sure > 0], result[sure > 0])
    # A pixel may also lie beside another nucleus, whose id the maximum shows.
    name = np.append(0, np.argsort(owner) + 1)[result]
    inner = -ndimage.maximum_filter(np.where(truth > 0, -truth, -truth.max() - 1), 3)
    assert ((name == 0) | (name == outer) | (name == inner)).all()
    counts = np.zeros((truth.max() + 1, truth.max() + 1))
    np.add.at(counts, (truth.ravel(), name.ravel()), 1)
    iou = np.diag(counts) / (counts.sum(0) + counts.sum(1) - np.diag(counts))
    large = np.bincount(truth.ravel()) > 300  # where a pixel along the boundary is little
    assert (iou[large] > 0.7).all()


def beside(*boxes):
    """Two windows of 64 px, the second 48 px to the right of the first, and the image of both.

    A box is (window, id, rows, cols) in the image; later ones are drawn over earlier ones.
    """
    left, right, shape = np.zeros((64, 112), np.int32), np.zeros((64, 112), np.int32), (64, 112)
    for window, name, rows, cols in boxes:
        (left, right)[window][slice(*rows), slice(*cols)] = name
    return stitch([LabelledWindow(0, 0, left[:, :64]), LabelledWindow(0, 48, right[:, 48:])], shape)


def expect(result, *boxes):
    """The result is these boxes (rows, cols), later ones over earlier ones, up to the names of the ids."""
    truth = np.zeros(result.shape, np.int32)
    for k, (rows, cols) in enumerate(boxes):
        truth[slice(*rows), slice(*cols)] = k + 1
    assert_same_partition(result, truth)


def test_whole_nucleus_is_taken_from_the_window_that_sees_it_from_furthest_inside():
    result = beside((0, 7, (20, 30), (50, 58)), (1, 9, (20, 30), (50, 59)))  # 6 and 2 px inside
    expect(result, ((20, 30), (50, 58)))


def test_what_is_seen_from_further_inside_as_background_is_dropped():
    stands = (0, 1, (20, 26), (50, 56))  # 8 px inside the left window, 2 px inside the right one
    denied = (1, 1, (40, 46), (51, 57))  # 3 px inside its own window, 7 px inside the left one
    cut = (1, 2, (50, 52), (48, 50))
    expect(beside(stands, denied, cut), ((20, 26), (50, 56)))


def test_sliver_is_dropped_that_the_window_beside_sees_as_background_though_both_are_cut_below():
    shape, windows = (112, 112), []
    for row, col in ((0, 0), (0, 48), (48, 0), (48, 48)):
        labels = np.zeros((64, 64), np.int32)
        if (row, col) == (0, 0):
            labels[40:64, 60:64] = 1
        windows.append(LabelledWindow(row, col, labels))
    assert not stitch(windows, shape).any()


def test_two_nuclei_that_one_window_merges_remain_two():
    halves = (1, 1, (20, 26), (53, 61)), (1, 2, (26, 32), (53, 61))  # 5 px inside
    result = beside((0, 1, (20, 32), (53, 61)), *halves)  # 3 px inside
    expect(result, ((20, 26), (53, 61)), ((26, 32), (53, 61)))


def test_nucleus_that_one_window_merges_with_one_beyond_the_other_remains_two():
    result = beside((0, 1, (20, 30), (50, 59)), (1, 1, (20, 30), (50, 90)))
    expect(result, ((20, 30), (50, 90)), ((20, 30), (50, 59)))


def test_neighbour_that_only_one_window_sees_is_kept():
    result = beside((0, 1, (20, 30), (20, 57)), (1, 1, (20, 30), (52, 63)))
    expect(result, ((20, 30), (52, 63)), ((20, 30), (20, 57)))


def test_large_nuclei_that_agree_on_a_third_of_the_shared_area_remain_two():
    result = beside((0, 1, (10, 20), (20, 64)), (1, 1, (14, 30), (48, 100)))
    expect(result, ((10, 20), (20, 64)), ((14, 30), (48, 100)))


def test_piece_of_a_large_nucleus_that_one_window_splits_off_at_its_side_is_joined_again():
    split = (0, 2, (10, 50), (20, 64)), (0, 1, (25, 30), (60, 63))
    expect(beside(*split, (1, 1, (10, 50), (48, 100))), ((10, 50), (20, 100)))


def test_no_objects_and_one_window():
    empty = np.zeros((20, 30), np.int32)
    np.testing.assert_array_equal(stitch([LabelledWindow(0, 0, empty)], (20, 30)), empty)
    truth = awkward_nuclei()
    assert_same_partition(stitch([LabelledWindow(0, 0, truth)], truth.shape), truth)


def test_same_windows_give_the_same_ids():
    truth = tissue((200, 200), 80, (3, 9), seed=5)
    first, second = (stitch(look(truth, TILING, 3), truth.shape) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.int64])
def test_compact_keeps_order_and_background(dtype):
    labels = np.array([[0, 40, 7], [40, 0, 30000]], dtype)
    np.testing.assert_array_equal(compact(labels), [[0, 2, 1], [2, 0, 3]])
    assert compact(labels).dtype == np.int32


@pytest.mark.parametrize(
    ("labels", "expected"), [([5, 2**31 - 1], [1, 2]), ([2**31 - 1, 0, 3], [2, 0, 1]), ([], [])]
)
def test_compact_of_huge_ids(labels, expected):
    np.testing.assert_array_equal(compact(np.array(labels, np.int32)), expected)


def test_a_field_of_seven_hundred_nuclei_is_stitched_in_well_under_a_second():
    truth = np.zeros((1000, 1000), np.int32)
    rows, cols = np.indices((36, 36)) - 17.5
    disc = np.hypot(rows, cols) <= 15
    for k in range(729):
        row, col = divmod(k, 27)
        truth[row * 37 : row * 37 + 36, col * 37 : col * 37 + 36][disc] = k + 1
    windows = look(truth, Tiling(256, 64, 32))
    began = time.process_time()
    result = stitch(windows, truth.shape)
    assert time.process_time() - began < 1
    assert_same_partition(result, truth)
