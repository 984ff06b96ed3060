import json
from pathlib import Path

import numpy as np
import pytest
from own_model import OWN, add_own_models

from maskless.data.label_images import read_labels
from maskless.data.readers.synthetic import Synthetic
from maskless.errors import UserError
from maskless.hardware import Hardware
from maskless.loading import as_segmenter, load
from maskless.methods.pretrained import Pretrained
from maskless.pretrained import catalogue
from maskless.report.results import read_result
from maskless.resizing import resized_labels
from maskless.runs import Run
from maskless.segmenter import Segmenter
from maskless.signals import Annotation, Signal

TISSUE = ("dataset=synthetic", "dataset.size_px=96", "dataset.tiles={test: 2}", "progress=false")


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    return add_own_models(monkeypatch, tmp_path / "own")


def segmenter(tmp_path: Path, name: str = "own", mpp: float | None = 0.5, **settings: object) -> Segmenter:
    settings = {"below": 140, **settings}
    stage = Pretrained(name, mpp, weights=str(tmp_path / "own" / "weights.bin"), settings=settings)
    return as_segmenter(stage, Hardware(), None)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * ((a > 0) & (b > 0)).sum() / ((a > 0).sum() + (b > 0).sum()))


def _median_area_px(labels: np.ndarray) -> float:
    """Of what is no speck."""
    areas = np.bincount(labels.ravel())[1:]
    return float(np.median(areas[areas > 0.1 * areas.max()]))


def test_the_same_tissue_at_three_scales_has_the_same_nuclei(tmp_path: Path) -> None:
    source = Synthetic(size_px=256, tiles={"test": 1})
    (item,) = source.items("test")
    scales = source.read(item, [Signal.SCALES])[Signal.SCALES]
    segment = segmenter(tmp_path).segment
    found = {power: segment(scales[power], mpp=10 / power) for power in (40.0, 20.0, 10.0)}
    assert all(found[power].shape == scales[power].shape[:2] for power in found)
    assert found[20.0].max() > 10
    on_one_grid = [resized_labels(labels, scales[20.0].shape[:2]) for labels in found.values()]
    assert dice(on_one_grid[0], on_one_grid[1]) > 0.85
    assert dice(on_one_grid[2], on_one_grid[1]) > 0.7  # enlarged from a quarter of the pixels
    area_um2 = [_median_area_px(labels) * (10 / power) ** 2 for power, labels in found.items()]
    assert max(area_um2) < 1.5 * min(area_um2)  # a wrong scale would make it 4


def test_at_its_own_scale_the_labels_are_the_models(tmp_path: Path) -> None:
    source = Synthetic(size_px=96, tiles={"test": 1}, power=20)
    image = source.read(source.items("test")[0], [Signal.IMAGE])[Signal.IMAGE]
    found = segmenter(tmp_path).segment(image, mpp=0.5)
    dark = image.mean(axis=-1) < 140
    np.testing.assert_array_equal(found > 0, dark)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(segmenter(tmp_path).segment(image), found)  # an unknown spacing: as it is
    np.testing.assert_array_equal(segmenter(tmp_path, mpp=None).segment(image, mpp=0.1), found)


def test_a_nucleus_at_a_seam_is_one(tmp_path: Path) -> None:
    image = np.full((96, 96, 3), 255, np.uint8)
    image[40:56, 40:56] = 0
    weights = str(tmp_path / "own" / "weights.bin")
    stage = Pretrained("own", None, weights=weights, window_px=64, overlap_px=32)
    found = as_segmenter(stage, Hardware(), None).segment(image)
    np.testing.assert_array_equal(found, (image[..., 0] == 0).astype(np.int32))


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        (
            "import",
            "own cannot be loaded: ModuleNotFoundError: No module named 'a_package_that_is_not_there'",
        ),
        ("crash", "own cannot be loaded: its process has ended with 3, Illegal instruction"),
        ("image", "own has failed at an image: ValueError: a shape that does not fit"),
        ("crash at an image", "own has failed at an image: its process has ended with 9, without a word"),
    ],
)
def test_what_goes_wrong_in_the_other_process_is_one_sentence(tmp_path: Path, fails: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        segmenter(tmp_path, fails=fails).segment(np.zeros((8, 8, 3), np.uint8))
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_after_an_image_that_failed_the_next_is_segmented(tmp_path: Path) -> None:
    stage = Pretrained("own", None, weights=str(tmp_path / "own" / "weights.bin"))
    with pytest.raises(UserError, match="has failed at an image"):
        stage.segmented(np.zeros((8, 8), np.uint8))  # which has no colours
    assert stage.segmented(np.zeros((8, 8, 3), np.uint8)).max() == 1


def test_what_is_missing_is_said_with_what_to_do(own: str, refusal, monkeypatch, tmp_path: Path) -> None:
    words = ["evaluate", own, "method=own", *TISSUE]
    missing = tmp_path / "nowhere"
    assert refusal(*words, f"method.weights={missing}") == (
        f"own needs its weights, and there is no file {missing}: make it and put it there"
    )
    monkeypatch.setattr(type(OWN.environment), "installed", False)
    sentence = "the packages of own are not installed: maskless pretrained install=own"
    assert refusal(*words) == sentence
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"")
    assert refusal("predict", own, "method=own", f"input={tmp_path / 'in'}", "output=out") == sentence


def test_a_folder_of_weights_must_hold_its_parts(tmp_path: Path) -> None:
    stardist = catalogue.model("stardist")
    (tmp_path / "config.json").write_text("{}")
    assert stardist.lacks(tmp_path) == str(tmp_path / "weights_best.h5")
    for part in stardist.parts:
        (tmp_path / part).write_text("")
    assert stardist.lacks(tmp_path) == ""


def test_it_is_evaluated_loaded_and_compared_like_any_method(own: str, cli, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("evaluate", own, "method=own", *TISSUE)
    assert done.code == 0, done.err
    (path,) = (tmp_path / "runs" / "default").iterdir()
    run = Run.open(path)
    assert run.config["mpp"] == 0.5  # the model's, not the source's
    result = read_result(run)
    assert result.trained_on == {"monuseg"}
    assert result.annotation is Annotation.MASKS
    scores = {row["value"] for row in run.scores if row["metric"] == "dice"}
    assert min(map(float, scores)) > 0.3
    item = Synthetic(size_px=96).items("test")[0]
    image = Synthetic(size_px=96).read(item, [Signal.IMAGE])[Signal.IMAGE]
    with pytest.raises(UserError, match="which another package would read, and weights can hold code"):
        load(path)
    assert load(path, ["pretrained"]).segment(image, mpp=0.25).max() > 0
    assert cli("compare", f"runs={path}").code == 0


def test_masks_of_another_stain_are_what_it_costs_on_another_stain(
    own: str, cli, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("evaluate", own, "method=own", *TISSUE, "dataset.stain=ki67").code == 0
    (path,) = (tmp_path / "runs" / "default").iterdir()
    assert json.loads((path / "run.json").read_text())["annotation"] == "masks of another stain"


def test_predict_takes_it_and_other_weights_are_another_model(own: str, cli, tmp_path, monkeypatch) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    source = Synthetic(size_px=96)
    image = source.read(source.items("test")[0], [Signal.IMAGE])[Signal.IMAGE]
    (tmp_path / "in").mkdir()
    Image.fromarray(image).save(tmp_path / "in" / "a.png")
    words = ["predict", own, "method=own", "input=in", "output=out", "mpp=0.25", "progress=false"]
    assert cli(*words).code == 0
    labels = tmp_path / "out" / "a.tif"
    before = labels.stat().st_mtime_ns
    assert cli(*words).code == 0
    assert labels.stat().st_mtime_ns == before
    (tmp_path / "own" / "weights.bin").write_bytes(b"others")
    assert cli(*words).code == 0
    assert labels.stat().st_mtime_ns > before


# -- a model that needs clicks -----------------------------------------------------------------------------


def test_clicks_follow_the_image_to_the_models_scale(tmp_path: Path) -> None:
    image = np.full((64, 64, 3), 255, np.uint8)
    image[8:16, 8:16] = image[40:60, 40:60] = 0
    clicks = np.array([[11.0, 11.0], [50.0, 50.0], [30.0, 2.0]], np.float32)  # the third in the background
    found = segmenter(tmp_path, "clicked").segment_clicked(image, clicks, mpp=0.25)  # type: ignore[attr-defined]
    assert set(np.unique(found[8:16, 8:16])) == {1}
    assert set(np.unique(found[40:60, 40:60])) == {2}
    assert (found > 0).sum() == 8 * 8 + 20 * 20


def test_without_points_nothing_is_found(tmp_path: Path) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    clicked = segmenter(tmp_path, "clicked")
    assert clicked.segment_clicked(image, np.zeros((0, 2), np.float32)).max() == 0  # type: ignore[attr-defined]
    with pytest.raises(UserError, match="needs a click in each nucleus"):
        clicked.segment(image)


def test_evaluate_clicks_with_the_points_of_the_truth(own: str, cli, refusal, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("evaluate", own, "method=clicked", *TISSUE).code == 0
    (path,) = (tmp_path / "runs" / "default").iterdir()
    source = Synthetic(size_px=96, tiles={"test": 2})
    for item in source.items("test"):
        (file,) = path.glob(f"predictions/*/test/{item.id}.png")
        found = read_labels(file)
        assert 0 < found.max() <= len(source.read(item, [Signal.POINTS])[Signal.POINTS])
