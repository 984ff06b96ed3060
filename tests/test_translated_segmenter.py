"""A segmenter of one stain for images of another; and translation in windows, against that of the whole."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage

from maskless import segmenter as segmenter_module
from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.methods.cyclegan import CycleGAN
from maskless.methods.translation import Translation
from maskless.methods.ugatit import UGATIT
from maskless.postprocess.chain import Chain
from maskless.segmenter import MapSegmenter, Segmenter
from maskless.signals import Signal
from maskless.translated import Translated
from maskless.windows import Tiling

CHAIN = {
    "mask": {"step": "binarise", "of": "darkness", "above": 0.5},
    "instances": {"step": "label", "of": "mask"},
}
PLAIN = {"mean": (0, 0, 0), "std": (1, 1, 1), "window_px": 64, "overlap_px": 16, "multiple_px": 4}


def negative(batch: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"translated": 1 - batch}


def translator(predict=negative, **settings) -> MapSegmenter:
    return MapSegmenter(predict=predict, chain=lambda maps: None, **{**PLAIN, **settings})


class Seeing:
    """A segmenter of what is bright in red, which keeps the images that its network is given."""

    def __init__(self, **settings) -> None:
        self.seen: list[tuple[int, ...]] = []
        chain = {
            "mask": {"step": "binarise", "of": "foreground", "above": 0.5},
            "instances": {"step": "label", "of": "mask"},
        }
        self.segmenter = MapSegmenter(predict=self._maps, chain=Chain(chain), **{**PLAIN, **settings})

    def _maps(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        self.seen.append(tuple(batch.shape[2:]))
        return {"foreground": batch[:, 0]}


def discs(shape: tuple[int, int] = (50, 70)) -> tuple[np.ndarray, np.ndarray]:
    """Three dark discs on white, RGB uint8, and where they are."""
    rows, cols = np.indices(shape)
    where = np.zeros(shape, bool)
    for row, col in ((15, 15), (30, 40), (12, 55)):
        where |= np.hypot(rows - row, cols - col) < 7
    return np.where(where[..., None], 20, 230).astype(np.uint8).repeat(3, axis=2), where


def test_what_the_translation_shows_is_segmented_pixel_for_pixel() -> None:
    image, where = discs()
    made = Translated(translator(), Seeing().segmenter)
    assert isinstance(made, Segmenter)
    labels = made.segment(image)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, ndimage.label(where, np.ones((3, 3)))[0])
    np.testing.assert_array_equal(made.translate(image), 255 - image)
    assert Seeing().segmenter.segment(image)[15, 15] == 0  # not so in the image itself


@pytest.mark.parametrize(
    ("mpp", "translates", "segments"), [(0.3, (60, 84), (120, 168)), (0.5, (100, 140), (200, 280))]
)
def test_each_part_works_at_its_own_spacing(mpp, translates, segments) -> None:
    image, where = discs((100, 140))
    given, seeing = [], Seeing(mpp=0.25, window_px=1024)

    def predict(batch: torch.Tensor) -> dict[str, torch.Tensor]:
        given.append(tuple(batch.shape[2:]))
        return negative(batch)

    made = Translated(translator(predict, mpp=0.5, window_px=1024), seeing.segmenter)
    labels = made.segment(image, mpp=mpp)
    assert (given, seeing.seen) == ([translates], [segments])
    assert labels.shape == (100, 140)
    assert labels.max() == 3
    assert ((labels > 0) & where).sum() / ((labels > 0) | where).sum() > 0.9
    assert made.translate(image, mpp=mpp).shape == image.shape
    maps = made.maps(image, mpp=mpp)
    assert list(maps) == ["translated", "foreground"]
    assert (maps["translated"].shape, maps["foreground"].shape) == ((3, 100, 140), (100, 140))
    assert made.mpp == 0.5


def test_an_image_without_a_spacing_is_taken_for_one_of_the_translators() -> None:
    image, _ = discs()
    seeing = Seeing(mpp=0.25, window_px=1024)
    made = Translated(translator(mpp=0.5), seeing.segmenter)
    np.testing.assert_array_equal(made.segment(image), made.segment(image, mpp=0.5))
    assert seeing.seen == [(100, 140)] * 2


def test_a_translator_without_a_spacing_leaves_the_images_to_the_segmenter() -> None:
    image, _ = discs()
    seeing = Seeing(mpp=0.25, window_px=1024)
    Translated(translator(), seeing.segmenter).segment(image, mpp=0.5)
    Translated(translator(), seeing.segmenter).segment(image)
    assert seeing.seen == [(100, 140), (52, 72)]


@pytest.mark.parametrize(("direct", "found"), [(0.0, True), (0.3, True), (0.45, True), (0.6, False)])
def test_maps_of_the_image_itself_are_averaged_in(direct: float, found: bool) -> None:
    image, _ = discs()  # 20 / 255 within the discs, 235 / 255 there in the translation
    made = Translated(translator(), Seeing().segmenter, direct)
    assert bool(made.segment(image)[15, 15]) is found
    assert bool(made.segment(image)[45, 5]) is not found
    weights = [1 - direct, direct]
    seeing = Seeing().segmenter
    expected = seeing.find(seeing.look_at_mean(weights, [255 - image, image]))
    np.testing.assert_array_equal(made.segment(image), expected)


def test_the_mean_of_one_image_is_that_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 101, 3), dtype=np.uint8)
    one = Seeing().segmenter
    for seen in (one.look_at_mean([2.0, 2.0], [image, image]), one.look_at_mean([3.0], [image], mpp=0.5)):
        np.testing.assert_array_equal(one.find(seen), one.segment(image))


def test_steps_begin_with_the_translation() -> None:
    image, where = discs()
    steps = Translated(translator(), Seeing().segmenter).steps(image)
    assert list(steps) == ["translated", "foreground", "mask", "instances"]
    np.testing.assert_allclose(steps["translated"], np.moveaxis(255 - image, -1, 0) / 255, atol=1e-6)
    np.testing.assert_array_equal(steps["mask"], where)


def test_maps_and_steps_are_those_that_lead_to_the_nuclei() -> None:
    image, _ = discs()
    for direct in (0.0, 0.4, 0.6):
        made = Translated(translator(), Seeing().segmenter, direct)
        found, steps = made.segment(image) > 0, made.steps(image)
        np.testing.assert_array_equal(steps["instances"] > 0, found)
        np.testing.assert_array_equal(made.maps(image)["foreground"] > 0.5, found)
        np.testing.assert_array_equal(made.maps(image)["foreground"], steps["foreground"])


class OfTheWhole:
    """Colours that depend on the whole that an image is a part of."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        return image

    def like(self, squares: np.ndarray) -> "OfTheWhole":
        return self


def test_colours_of_a_slide_are_of_one_stain() -> None:
    squares, _ = discs((64, 64))
    then = Seeing(colour=OfTheWhole()).segmenter
    with Translated(translator(), then).knowing(squares[None]):
        pass
    with pytest.raises(UserError, match="knows the colours of one"):
        Translated(translator(), then, 0.5).knowing(squares[None]).__enter__()


def test_what_cannot_be_averaged_or_shown(mock_segmenter) -> None:
    image, _ = discs((64, 64))
    with pytest.raises(UserError, match="direct=1"):
        Translated(translator(), Seeing().segmenter, 1)
    with pytest.raises(UserError, match="has none of the whole image"):
        Translated(translator(), mock_segmenter, 0.5)
    with pytest.raises(UserError, match="has none of the whole image"):
        Translated(translator(), Seeing(join="own").segmenter, 0.5)
    wrapped = Translated(translator(), mock_segmenter)
    assert wrapped.segment(image).max() == 7
    with pytest.raises(UserError, match="no post-processing chain of ours"):
        wrapped.steps(image)
    own = MapSegmenter(predict=negative, chain=lambda maps: None, **PLAIN, join="own")
    with pytest.raises(UserError, match="join='blend' alone"):
        own.look_at_mean([1.0], [image])


# -- translation in windows ----------------------------------------------------------------------------------


GANS = {
    "cyclegan": lambda: CycleGAN(filters=4, blocks=4, filters_d=1),
    "light": lambda: UGATIT(filters=4, blocks=2, filters_d=1, light=True),
    "whole": lambda: UGATIT(filters=4, blocks=2, filters_d=1, size_px=128),
}
WINDOW_PX, OVERLAP_PX = 128, 64


@pytest.fixture(scope="module")
def tissue() -> np.ndarray:
    source = Synthetic(size_px=300, tiles={"test": 1}, stain="ki67")
    return source.read(source.items("test")[0], [Signal.IMAGE])[Signal.IMAGE]


def of_random_weights(gan: str) -> Translation:
    torch.manual_seed(0)
    half = [0.5] * 3
    made = Translation(
        GANS[gan](), lr=1e-4, chain=CHAIN, epochs=1, steps=1, batch=1, crop_px=128, mean=half, std=half,
        window_px=WINDOW_PX, overlap_px=OVERLAP_PX,
    )  # fmt: skip
    return made.eval()


def translated(stage: Translation, image: np.ndarray, window_px: int, prepared: bool = True) -> np.ndarray:
    """uint8 values as int (3, H, W)."""
    segmenter = stage.segmenter()
    segmenter.tiling = Tiling(window_px, OVERLAP_PX, 4)
    if not prepared:
        segmenter.prepare = None
    return np.rint(255 * segmenter.maps(image)["translated"]).astype(int)


def seam_error(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Median and 99th percentile of the differences in grey levels."""
    median, high = np.percentile(np.abs(one - other), (50, 99))
    return float(median), float(high)


@pytest.mark.parametrize("gan", sorted(GANS))
def test_in_windows_the_translation_is_that_of_the_whole(gan: str, tissue: np.ndarray) -> None:
    stage = of_random_weights(gan)
    whole = translated(stage, tissue, 4096)
    assert whole.std() > 5
    median, high = seam_error(translated(stage, tissue, WINDOW_PX), whole)
    print(f"{gan}: seam error {median:g} in the median, {high:g} in the 99th percentile")
    assert median < 1
    assert high < 4
    if gan == "whole":  # it is never unprepared
        return
    plain_median, plain_high = seam_error(translated(stage, tissue, WINDOW_PX, prepared=False), whole)
    print(f"{gan}: each window by itself {plain_median:g} and {plain_high:g}")
    assert plain_median >= 2
    assert plain_high > 2 * high + 4


def test_what_is_known_by_squares_has_no_seams_either(tissue: np.ndarray, monkeypatch) -> None:
    monkeypatch.setattr(segmenter_module, "SAMPLES", 4)
    monkeypatch.setattr(segmenter_module, "SAMPLE_PX", 64)
    stage = of_random_weights("cyclegan")
    in_windows = translated(stage, tissue, WINDOW_PX)
    squares = torch.from_numpy(segmenter_module._spread_squares(tissue, 64))
    with torch.inference_mode(), stage._holding(stage.normalise(squares)):
        whole = stage.maps(stage.normalise(torch.from_numpy(tissue[None])))["translated"][0]
    median, high = seam_error(in_windows, np.rint(255 * whole.numpy()).astype(int))
    print(f"by squares: seam error {median:g} in the median, {high:g} in the 99th percentile")
    assert median < 1
    assert high < 4


def test_both_halves_are_the_whole_and_parts_of_a_slide_are_translated_alike(mock_segmenter) -> None:
    image, _ = discs((70, 80))
    for then, direct in ((Seeing().segmenter, 0.0), (Seeing().segmenter, 0.3), (mock_segmenter, 0.0)):
        made = Translated(translator(), then, direct)
        np.testing.assert_array_equal(made.find(made.look(image)), made.segment(image))
    known: list[int] = []

    class Whole:
        """A change of colours by the whole: darker by what it is given."""

        def __call__(self, pixels: np.ndarray) -> np.ndarray:
            return self.like(pixels)(pixels)

        def like(self, whole: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
            known.append(int(whole.max()))
            return lambda pixels: pixels

    then = MapSegmenter(predict=negative, chain=lambda maps: None, **PLAIN, colour=Whole())
    made = Translated(translator(), then)
    squares = np.full((3, made.square_px, made.square_px, 3), 55, np.uint8)
    with made.knowing(squares):
        made.look(image)
    assert known == [200], "what is wrapped knows the translated squares, once"
