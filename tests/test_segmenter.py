from contextlib import contextmanager

import numpy as np
import pytest
import torch
from mock_segmenter import BOW_TIE, EDGE, HOLE, PIXEL, MockSegmenter, awkward_nuclei
from scipy import ndimage
from torch import nn
from torch.nn import functional as F

from maskless import segmenter as segmenter_module
from maskless.data import tiff
from maskless.errors import UserError
from maskless.reinhard import Reinhard
from maskless.segmenter import MapSegmenter, Segmenter
from maskless.white_balance import WhiteBalance

MEAN, STD = (0.6, 0.5, 0.4), (0.2, 0.3, 0.25)


class Small(nn.Module):
    """A network of receptive radius 4 px: a map without and one with channels."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 5, padding=2), nn.Tanh(), nn.Conv2d(4, 3, 5, padding=2))

    def forward(self, batch):
        out = self.layers(batch)
        return {"foreground": out[:, 0].sigmoid(), "embedding": out[:, 1:]}


class Halving(nn.Module):
    """A network that halves its input twice: its answer depends on where a window begins. Radius 14 px."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, batch):
        deep = F.max_pool2d(F.relu(self.first(F.max_pool2d(batch, 2))), 2)
        return {"foreground": F.interpolate(self.second(deep), scale_factor=4)[:, 0]}


def threshold(maps):
    return ndimage.label(maps["foreground"] > 0.5, np.ones((3, 3)))[0]


def segmenter(predict, chain=threshold, **settings):
    return MapSegmenter(predict=predict, chain=chain, **{"mean": MEAN, "std": STD, **settings})


def field(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def drawn(labels):
    """An image that shows nuclei as white, and the network that sees them."""
    image = np.where(labels[..., None] > 0, 255, 0).astype(np.uint8).repeat(3, axis=2)
    return image, {"predict": lambda batch: {"foreground": batch[:, 0]}, "mean": (0, 0, 0), "std": (1, 1, 1)}


def in_one_piece(network, image, multiple_px):
    """The maps from one pass over the whole image, written without windows."""
    height, width = image.shape[:2]
    pad = ((0, -height % multiple_px), (0, -width % multiple_px), (0, 0))
    pixels = (np.pad(image, pad, mode="reflect") / 255 - MEAN) / STD
    with torch.no_grad():
        maps = network(torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32))
    return {name: values[0, ..., :height, :width].numpy() for name, values in maps.items()}


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (37, 53), (64, 64), (65, 97), (131, 70)])
@pytest.mark.parametrize(("window_px", "batch"), [(32, 1), (48, 3), (100, 2), (1024, 1)])
def test_maps_do_not_depend_on_the_windows(shape, window_px, batch):
    image = field(shape)
    result = segmenter(Small(), window_px=window_px, overlap_px=16, multiple_px=8, batch=batch).maps(image)
    expected = in_one_piece(Small(), image, 8)
    assert result.keys() == expected.keys()
    assert result["foreground"].shape == shape
    assert result["embedding"].shape == (2, *shape)
    for name in expected:
        assert result[name].dtype == np.float32
        np.testing.assert_allclose(result[name], expected[name], atol=1e-5)


@pytest.mark.parametrize("window_px", [224, 300, 512])
def test_maps_of_a_network_that_halves_do_not_depend_on_the_windows(window_px):
    image = field((1000, 700))
    result = segmenter(Halving(), window_px=window_px, overlap_px=64, multiple_px=4).maps(image)
    np.testing.assert_allclose(
        result["foreground"], in_one_piece(Halving(), image, 4)["foreground"], atol=1e-5
    )


def test_overlap_smaller_than_the_network_needs_does_change_the_maps():
    image = field((64, 200))
    result = segmenter(Small(), window_px=64, overlap_px=0, multiple_px=8).maps(image)["foreground"]
    assert np.abs(result - in_one_piece(Small(), image, 8)["foreground"]).max() > 1e-3


@pytest.mark.parametrize("channels_last", [False, True])
def test_network_gets_normalised_batches_of_allowed_windows(channels_last):
    batches = []

    def predict(batch):
        assert torch.is_inference_mode_enabled()
        layout = torch.channels_last if channels_last else torch.contiguous_format
        assert batch.is_contiguous(memory_format=layout)
        batches.append(batch)
        return {"foreground": batch[:, 1]}

    image = field((150, 210))
    settings = {
        "window_px": 96,
        "overlap_px": 32,
        "multiple_px": 16,
        "batch": 4,
        "channels_last": channels_last,
    }
    maps = segmenter(predict, **settings).maps(image)
    np.testing.assert_allclose(maps["foreground"], (image[..., 1] / 255 - MEAN[1]) / STD[1], atol=1e-5)
    assert {b.dtype for b in batches} == {torch.float32}
    assert len({b.shape[1:] for b in batches}) == 1
    assert [len(b) for b in batches] == [4, 2]
    assert batches[0].shape[1:] == (3, 96, 96)
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize(("average", "views"), [("flips", 4), ("dihedral", 8)])
def test_averaging_makes_maps_turn_with_the_image(average, views):
    image = field((45, 70))
    calls = []

    def predict(batch):
        calls.append(len(batch))
        return Small()(batch)

    settings = {"window_px": 48, "overlap_px": 16, "multiple_px": 8}
    averaged = segmenter(predict, average=average, **settings)
    maps = averaged.maps(image)
    assert sum(calls) == views * 2
    turns = [lambda a: a[::-1], lambda a: a[:, ::-1], lambda a: a[::-1, ::-1]]
    if average == "dihedral":
        turns += [lambda a: a.swapaxes(0, 1), np.rot90, lambda a: np.rot90(a, 3)]
    for turn in turns:
        turned = averaged.maps(np.ascontiguousarray(turn(image)))
        np.testing.assert_allclose(turned["foreground"], turn(maps["foreground"]), atol=1e-5)
        np.testing.assert_allclose(turned["embedding"][1], turn(maps["embedding"][1]), atol=1e-5)
    plain = segmenter(predict, **settings).maps(image)["foreground"]
    assert np.abs(plain - maps["foreground"]).max() > 1e-3


def test_averaging_is_the_mean_over_the_four_flips():
    image = field((33, 50))
    maps = segmenter(Small(), average="flips", multiple_px=8).maps(image)["foreground"]
    flips = [(), (0,), (1,), (0, 1)]
    each = [np.flip(in_one_piece(Small(), np.flip(image, f), 8)["foreground"], f) for f in flips]
    np.testing.assert_allclose(maps, np.mean(each, axis=0), atol=1e-5)


@pytest.mark.parametrize("join", ["blend", "own"])
def test_nuclei_at_seams_are_whole_and_single(join):
    truth = awkward_nuclei((150, 170)) > 0
    truth[60:130, 45:75] = True  # larger than the overlap, on a corner of four windows
    expected = ndimage.label(truth, np.ones((3, 3)))[0]
    image, seeing = drawn(truth)
    result = segmenter(**seeing, join=join, window_px=64, overlap_px=32, multiple_px=16, batch=2).segment(
        image
    )
    assert result.dtype == np.int32
    pairs = np.unique(np.stack([expected.ravel(), result.ravel()]), axis=1)
    assert pairs.shape[1] == expected.max() + 1 == result.max() + 1
    assert pairs[:, 0].tolist() == [0, 0]


def test_own_runs_the_chain_in_each_window_and_blend_once():
    image, seeing = drawn(awkward_nuclei((100, 150)))
    shapes = []

    def chain(maps):
        shapes.append(maps["foreground"].shape)
        return threshold(maps)

    settings = {"window_px": 64, "overlap_px": 32, "multiple_px": 16, **seeing}
    segmenter(chain=chain, join="blend", **settings).segment(image)
    assert shapes == [(100, 150)]
    shapes.clear()
    segmenter(chain=chain, join="own", **settings).segment(image)
    # 100 rows are padded to 112, 150 columns to 160: the chain sees none of the padding.
    assert len(shapes) == 12
    assert set(shapes) == {(64, 64), (52, 64), (64, 54), (52, 54)}


def test_own_takes_each_pixel_of_a_map_from_one_window():
    windows = iter(range(1, 100))
    image = field((64, 160))
    settings = {"window_px": 64, "overlap_px": 32, "multiple_px": 32, "join": "own"}
    numbered = segmenter(lambda b: {"code": torch.full(b[:, 0].shape, float(next(windows)))}, **settings)
    codes = numbered.maps(image)["code"]
    np.testing.assert_array_equal(codes, np.repeat([1.0, 2, 3, 4], [48, 32, 32, 48])[None].repeat(64, axis=0))


@pytest.mark.parametrize("join", ["blend", "own"])
@pytest.mark.parametrize(
    ("mpp", "network_shape"), [(0.5, (180, 260)), (0.125, (45, 65)), (0.2501, (90, 130))]
)
def test_image_is_brought_to_the_trained_spacing_and_labels_back(join, mpp, network_shape):
    rows, cols = np.indices((90, 130))
    truth = np.hypot(rows - 40, cols - 50) < 20
    image, seeing = drawn(truth)
    seen = []

    def chain(maps):
        seen.append(maps["foreground"].shape)
        return threshold(maps) * 7

    scaled = segmenter(chain=chain, join=join, mpp=0.25, **seeing)
    result = scaled.segment(image, mpp=mpp)
    assert seen == [network_shape]
    assert result.shape == truth.shape
    assert set(np.unique(result)) == {0, 1}
    assert ((result > 0) & truth).sum() / ((result > 0) | truth).sum() > 0.93
    maps = scaled.maps(image, mpp=mpp)["foreground"]
    assert maps.shape == truth.shape
    assert np.abs(maps - truth).mean() < 0.03


def test_an_image_that_becomes_too_large_is_refused_before_it_is_made():
    image = np.zeros((1000, 600, 3), np.uint8)
    with pytest.raises(
        UserError,
        match=r"600 x 1000 px at 4 µm/px, becomes 9600 x 16000 px at the model's 0.25 µm/px, .* 150 ",
    ):
        segmenter(Small(), mpp=0.25).segment(image, mpp=4)


def test_as_many_pixels_are_segmented_as_are_read():
    assert segmenter_module.MAX_PIXELS == tiff.MAX_PIXELS


@pytest.mark.parametrize(("trained", "given"), [(None, 0.5), (0.25, None), (0.25, 0.2524)])
def test_unknown_and_equal_spacings_leave_the_image_as_it_is(trained, given):
    image = field((20, 30))
    expected = segmenter(Small()).maps(image)
    result = segmenter(Small(), mpp=trained).maps(image, mpp=given)
    np.testing.assert_array_equal(result["embedding"], expected["embedding"])


def test_shrinking_takes_means_and_enlarging_interpolates():
    checks = np.indices((40, 60)).sum(axis=0) % 2
    image, seeing = drawn(checks)
    levels = []

    def chain(maps):
        levels.append(np.unique((maps["foreground"] * 255).round()))
        return np.zeros(maps["foreground"].shape, int)

    network = segmenter(chain=chain, mpp=0.5, **seeing)
    network.segment(image, mpp=0.25)
    assert levels[0].min() >= 127
    assert levels[0].max() <= 128
    network.segment(image, mpp=1.0)
    assert len(levels[1]) > 2


def brought_back(labels, shape, ratio):
    """Labels that a chain found at the trained spacing, brought back to an image of `ratio` times that."""
    return segmenter(Small(), lambda maps: labels, mpp=0.25).segment(field(shape), mpp=0.25 * ratio)


@pytest.mark.parametrize("ratio", [1.6, 2, 3])
def test_nuclei_come_back_from_an_enlargement_where_they_are(ratio):
    """Discs 11 px across, numbered, against the same discs drawn on the small grid."""
    rng, shape = np.random.default_rng(0), (600, 480)  # more rows than are done at once
    large = tuple(round(side * ratio) for side in shape)
    places = np.stack(np.meshgrid(np.arange(20, 590, 20), np.arange(20, 470, 20), indexing="ij"), -1)
    centres = rng.permutation(places.reshape(-1, 2) + rng.uniform(-1, 1, (places.size // 2, 2)))

    def discs(size, scale):
        labels = np.zeros(size, np.int32)
        rows, cols = ((np.arange(side) + 0.5) / scale for side in size)
        for k, (row, col) in enumerate(centres, start=1):
            box = np.ix_(np.abs(rows - row) < 6, np.abs(cols - col) < 6)
            distance = np.hypot(rows[box[0]] - row, cols[box[1]] - col)
            labels[box] = np.where(distance < 5.5, k, labels[box])
        return labels

    back, truth = brought_back(discs(large, ratio), shape, ratio), discs(shape, 1)
    ids = np.arange(1, len(centres) + 1)
    assert back.max() == len(centres)
    shift = np.subtract(ndimage.center_of_mass(back > 0, back, ids), centres - 0.5)
    assert (np.abs(shift.mean(axis=0)) < 0.05).all()
    both = np.bincount(truth[truth == back], minlength=len(ids) + 1)[1:]
    either = np.bincount(truth.ravel())[1:] + np.bincount(back.ravel())[1:] - both
    assert (both / either).mean() >= (0.97 if ratio == 2 else 0.94)


@pytest.mark.parametrize("ratio", [1.6, 2, 2.5, 3, 4])
def test_labels_come_back_alike_from_all_directions(ratio):
    large = tuple(round(side * ratio) for side in (20, 30))
    labels = np.random.default_rng(0).integers(0, 4, large)
    result = brought_back(labels, (20, 30), ratio)
    assert set(np.unique(result)) == {0, 1, 2, 3}
    for turn in (np.flipud, np.fliplr, np.transpose):
        turned = brought_back(turn(labels), turn(result).shape, ratio)
        np.testing.assert_array_equal(turned, turn(result))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 1, 1, 2, 2, 2], [1, 2, 2]),
        ([2, 2, 2, 1, 1, 1], [2, 2, 1]),
        ([0, 0, 0, 1, 1, 1], [0, 1, 1]),
        ([1, 1, 1, 2, 3, 3], [1, 1, 2]),  # in the middle 1 has 3, 2 has 2; ids are numbered anew
        ([1, 2, 3, 3, 2, 1], [1, 2, 1]),  # at the ends the last counts for the one beyond it
        ([1, 1, 0, 0, 1, 1], [1, 0, 1]),  # 4 to 2
    ],
)
def test_a_centre_between_pixels_goes_by_the_four_around_it(labels, expected):
    across = np.array([labels] * 4)
    assert brought_back(across, (2, 3), 2).tolist() == [expected] * 2
    np.testing.assert_array_equal(brought_back(across.T, (3, 2), 2).T, [expected] * 2)


def test_labels_of_a_reduced_image_come_back_from_the_pixel_that_holds_the_centre():
    labels = np.arange(1, 16).reshape(3, 5)
    result = brought_back(labels, (6, 10), 0.5)
    np.testing.assert_array_equal(result, labels.repeat(2, axis=0).repeat(2, axis=1))


def test_labels_of_an_image_at_the_trained_spacing_are_left_as_they_are():
    labels = ndimage.label(np.random.default_rng(0).random((20, 30)) > 0.7)[0]
    np.testing.assert_array_equal(brought_back(labels, labels.shape, 1), labels)


@pytest.mark.parametrize("average", ["none", "dihedral"])
def test_maps_of_resampled_images_keep_channels(average):
    maps = segmenter(Small(), mpp=0.5, average=average).maps(field((41, 30)), mpp=0.25)
    assert maps["embedding"].shape == (2, 41, 30)


def test_autocast_reaches_the_network_and_maps_are_float32():
    maps = segmenter(Small(), autocast=torch.bfloat16).maps(field((40, 40)))
    plain = segmenter(Small()).maps(field((40, 40)))
    assert maps["embedding"].dtype == np.float32
    difference = np.abs(maps["embedding"] - plain["embedding"]).max()
    assert 1e-5 < difference < 0.1


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((5, 5, 3)), r"float64 \(5, 5, 3\)"),
        (np.zeros((5, 5), np.uint8), r"uint8 \(5, 5\)"),
        (np.zeros((5, 5, 4), np.uint8), r"\(5, 5, 4\)"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        ([[0]], "list"),
    ],
)
def test_what_is_no_rgb_image_is_refused(image, said):
    for ask in (segmenter(Small()).segment, segmenter(Small()).maps):
        with pytest.raises(UserError, match=said):
            ask(image)


@pytest.mark.parametrize(
    ("mpp", "said"),
    [
        (0, "mpp=0 "),
        (-0.5, "mpp=-0.5"),
        (float("nan"), "mpp=nan"),
        (250, "250 µm/px.*0.25 µm/px"),
        (4.5, "4.5 µm/px, but the model was trained at 0.25 µm/px"),
    ],
)
def test_impossible_spacings_are_refused(mpp, said):
    with pytest.raises(UserError, match=said):
        segmenter(Small(), mpp=0.25).segment(field((8, 8)), mpp=mpp)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"join": "glue"}, "join='glue'"),
        ({"average": "all"}, "none, flips, dihedral"),
        ({"join": "own", "average": "flips"}, "join='blend'"),
        ({"batch": 0}, "batch=0"),
        ({"mpp": 0.0}, "mpp=0"),
        ({"window_px": 128, "overlap_px": 128}, "at least 160"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        segmenter(Small(), **settings)


@pytest.mark.parametrize(
    "chain",
    [
        lambda maps: maps["foreground"] > 0.5,
        lambda maps: np.zeros((3, 3), np.int32),
        lambda maps: np.full(maps["foreground"].shape, -1),
    ],
    ids=["bool", "shape", "negative"],
)
def test_chains_that_do_not_end_in_labels_are_refused(chain):
    with pytest.raises(UserError, match="chain"):
        segmenter(Small(), chain).segment(field((40, 40)))


@pytest.mark.parametrize("give", [lambda b: b[:, 0, ::2], lambda b: b[0, 0], lambda b: b[:1, 0]])
def test_maps_of_another_size_than_the_window_are_refused(give):
    with pytest.raises(UserError, match="map 'foreground' has the shape"):
        segmenter(lambda batch: {"foreground": give(batch)}, batch=2, window_px=192).maps(field((40, 300)))


def test_mock_segmenter_gives_the_same_awkward_nuclei(mock_segmenter):
    assert isinstance(mock_segmenter, Segmenter)
    assert isinstance(segmenter(Small()), Segmenter)
    labels = mock_segmenter.segment(field((96, 128)))
    np.testing.assert_array_equal(labels, MockSegmenter().segment(field((96, 128), seed=1)))
    np.testing.assert_array_equal(labels > 0, mock_segmenter.maps(field((96, 128)))["foreground"] > 0.5)
    assert labels.max() == 7
    assert ndimage.label(labels == BOW_TIE)[1] == 2  # by edges; one by corners
    assert [ndimage.label(labels == i, np.ones((3, 3)))[1] for i in range(1, 8)] == [1] * 7
    assert (ndimage.binary_fill_holes(labels == HOLE) & (labels == 0)).any()
    assert (labels[0] == EDGE).any()
    assert labels[-1, -1] > 0
    assert (labels == PIXEL).sum() == 1


def test_colours_are_changed_once_for_the_whole_image_before_windows_and_resampling():
    seen = []

    def relative(image):
        """Of which every window by itself would make something else."""
        seen.append(image.copy())
        return (image - image.min()).astype(np.uint8)

    image = np.clip(field((90, 130)) // 2 + np.linspace(40, 120, 130, dtype=np.uint8)[None, :, None], 0, 255)
    image = image.astype(np.uint8)
    settings = {"window_px": 48, "overlap_px": 16, "multiple_px": 8, "mpp": 0.5}
    for mpp in (0.5, 0.25):
        seen.clear()
        changed = segmenter(Small(), colour=relative, **settings).maps(image, mpp=mpp)
        (whole,) = seen
        np.testing.assert_array_equal(whole, image)
        expected = segmenter(Small(), **settings).maps(relative(image), mpp=mpp)
        np.testing.assert_array_equal(changed["foreground"], expected["foreground"])


def test_nuclei_are_found_in_the_changed_colours():
    image, sees_white = drawn(np.pad(np.ones((20, 20), int), 20))
    assert segmenter(**sees_white).segment(image).max() == 1
    inverted = segmenter(**sees_white, colour=lambda pixels: 255 - pixels).segment(image)
    assert inverted[0, 0] == 1
    assert inverted[30, 30] == 0


class Known:
    """Keeps what it is given to prepare, and whether that holds while `predict` is asked."""

    def __init__(self):
        self.given, self.holds, self.held = [], False, []

    @contextmanager
    def prepare(self, batch):
        self.given.append(batch.clone())
        self.holds = True
        try:
            yield
        finally:
            self.holds = False

    def predict(self, batch):
        self.held.append(self.holds)
        return {"foreground": batch[:, 0]}

    def segmenter(self, **settings):
        plain = {"window_px": 48, "overlap_px": 16, "multiple_px": 8, "mean": (0, 0, 0), "std": (1, 1, 1)}
        return segmenter(self.predict, prepare=self.prepare, **plain, **settings)


def pixels_of(batch):
    return np.rint(255 * batch.permute(0, 2, 3, 1).numpy())


def test_an_image_of_several_windows_is_known_as_a_whole_while_they_are_predicted():
    known, image = Known(), field((90, 101))
    known.segmenter().maps(image)
    (batch,) = known.given
    np.testing.assert_array_equal(
        pixels_of(batch)[0], np.pad(image, ((0, 6), (0, 3), (0, 0)), mode="reflect")
    )
    assert all(known.held)
    assert len(known.held) > 4
    assert not known.holds


def test_an_averaged_image_is_known_anew_each_way_that_it_is_turned():
    known, image = Known(), field((90, 101))
    known.segmenter(average="flips").maps(image)
    turned = [image[::rows, ::cols] for rows in (1, -1) for cols in (1, -1)]
    assert len(known.given) == 4
    for batch, one in zip(known.given, turned, strict=True):
        np.testing.assert_array_equal(
            pixels_of(batch)[0], np.pad(one, ((0, 6), (0, 3), (0, 0)), mode="reflect")
        )
    assert all(known.held)


@pytest.mark.parametrize("shape", [(48, 48), (30, 41)])
def test_what_fits_into_one_window_is_the_whole(shape):
    known = Known()
    known.segmenter().maps(field(shape))
    assert not known.given
    assert known.held == [False]


@pytest.mark.parametrize("shape", [(90, 400), (300, 299), (40, 1000), (3, 5000), (1000, 40), (5000, 20)])
def test_a_large_image_is_known_by_squares_from_edge_to_edge(monkeypatch, shape):
    monkeypatch.setattr(segmenter_module, "SAMPLES", 9)
    monkeypatch.setattr(segmenter_module, "SAMPLE_PX", 32)
    known, image = Known(), field(shape)
    known.segmenter().maps(image)
    (batch,) = known.given
    side = max(min(32, min(shape) // 8 * 8), 8)
    assert batch.shape[1:] == (3, side, side)
    assert 4 <= len(batch) <= 9
    image = np.pad(image, ((0, max(0, side - shape[0])), (0, 0), (0, 0)), mode="reflect")
    # A single row of squares, or a single column, is in the middle of the image.
    ends = [length - side for length in image.shape[:2]]
    long = [4 * a <= b for a, b in (image.shape[:2], image.shape[1::-1])]
    first = [end // 2 if alone else 0 for end, alone in zip(ends, long, strict=True)]
    last = [end // 2 if alone else end for end, alone in zip(ends, long, strict=True)]
    for square, (row, col) in zip(pixels_of(batch)[[0, -1]], (first, last), strict=True):
        np.testing.assert_array_equal(square, image[row : row + side, col : col + side])


@pytest.mark.parametrize("shape", [(40, 40), (32, 32), (20, 90), (130, 70)])
def test_a_network_of_one_size_is_always_prepared_by_squares_of_that_size(shape):
    known = Known()
    known.segmenter(prepare_px=40).maps(field(shape))
    (batch,) = known.given
    assert batch.shape[1:] == (3, 40, 40)
    assert all(known.held)


@pytest.mark.parametrize("join", ["blend", "own"])
@pytest.mark.parametrize("mpp", [None, 1.0])
def test_both_halves_are_the_whole_and_the_first_leaves_nothing_to_the_network(join, mpp):
    asked = []

    def predict(batch):
        asked.append(len(batch))
        return Small()(batch)

    image = field((90, 130))
    settings = {"window_px": 48, "overlap_px": 16, "multiple_px": 8, "mpp": 0.5, "join": join}
    halves = segmenter(predict, **settings)
    seen = halves.look(image, mpp)
    before = len(asked)
    found = halves.find(seen)
    assert len(asked) == before > 4
    np.testing.assert_array_equal(found, segmenter(Small(), **settings).segment(image, mpp))
    np.testing.assert_array_equal(halves.find(seen), found)


def test_averaged_parts_of_one_whole_are_known_by_its_squares_as_they_are_turned():
    squares = np.stack([field((64, 64)), field((64, 64))[::-1]])
    known = Known()
    averaged = known.segmenter(average="dihedral")
    with averaged.knowing(squares):
        averaged.maps(squares[0])
    assert all(known.held)
    turned = [
        s[:, ::rows, ::cols]
        for s in (squares, squares.swapaxes(1, 2))
        for rows in (1, -1)
        for cols in (1, -1)
    ]
    for batch, one in zip(known.given, turned, strict=True):
        np.testing.assert_array_equal(pixels_of(batch), one)


@pytest.mark.parametrize("colour", [WhiteBalance(), Reinhard((70, 10, -5), (15, 8, 4))])
def test_parts_of_one_whole_are_treated_alike(colour):
    whole = field((64, 256)) // 3 * 2 + np.linspace(0, 80, 256).astype(np.uint8)[None, :, None]
    squares = np.stack([whole[:, left : left + 64] for left in range(0, 256, 64)])
    known = Known()
    knowing = known.segmenter(colour=colour)
    assert knowing.square_px % 8 == 0
    expected = colour(whole)
    with knowing.knowing(squares):
        parts = [knowing.maps(square)["foreground"] for square in squares]
        knowing.maps(whole)  # of several windows, but known already
    np.testing.assert_allclose(np.concatenate(parts, axis=1) * 255, expected[..., 0], atol=1e-3)
    (batch,) = known.given
    assert batch.shape == (4, 3, 64, 64)
    assert all(known.held)
    alone = knowing.maps(squares[0])["foreground"]
    np.testing.assert_allclose(alone * 255, colour(squares[0])[..., 0], atol=1e-3)
    assert not np.allclose(alone, parts[0])
