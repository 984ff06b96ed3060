import numpy as np
import pytest

from maskless.address import generator
from maskless.data.transforms import HEDJitter, Pipeline, hed_jittered
from maskless.errors import UserError
from maskless.signals import Signal

TISSUE = {
    "affine": {"step": "Affine", "scale": [0.75, 1.35], "rotate": [-90, 90], "shear": [-8, 8], "p": 1.0},
    "dihedral": {"step": "D4", "p": 1.0},
    "stain": {"step": "StainJitter", "factor": 0.15, "p": 1.0},
}


def field(side: int = 120, ids: tuple[int, ...] = (1, 300, 70_000, 2**24 + 1, 2**31 - 1)) -> dict:
    """Squares of nuclei with small and huge ids, drawn dark into the image."""
    instances = np.zeros((side, side), np.int32)
    for k, label in enumerate(ids):
        instances[10 + 20 * k : 24 + 20 * k, 20:100] = label
    image = np.where(instances[..., None] > 0, [90, 60, 140], [230, 190, 220]).astype(np.uint8)
    return {Signal.IMAGE: image, Signal.INSTANCES: instances}


def test_label_ids_pass_unchanged_and_stay_on_their_nuclei() -> None:
    arrays = field()
    pipeline = Pipeline(TISSUE, 96)
    for n in range(10):
        drawn = pipeline(arrays, generator(0, "s", "main", n))
        instances = drawn[Signal.INSTANCES]
        assert instances.dtype == np.int32
        assert set(np.unique(instances)) <= set(np.unique(arrays[Signal.INSTANCES]))
        # Nuclei are dark: label and image went the same way, up to interpolated edges.
        dark = drawn[Signal.IMAGE].astype(int).sum(-1) < 450
        assert (dark == (instances > 0)).mean() > 0.95


def test_a_sample_is_a_pure_function_of_its_address() -> None:
    arrays, pipeline = field(), Pipeline(TISSUE, 64)
    first = [pipeline(arrays, generator(7, "s", "main", n)) for n in range(6)]
    again = {n: pipeline(arrays, generator(7, "s", "main", n)) for n in (5, 0, 3, 1, 4, 2)}
    for n, drawn in enumerate(first):
        for signal, array in drawn.items():
            np.testing.assert_array_equal(array, again[n][signal])
    assert any((first[0][Signal.IMAGE] != one[Signal.IMAGE]).any() for one in first[1:])


@pytest.mark.parametrize("side", [1, 40, 64, 90])
def test_an_image_smaller_than_the_crop_is_continued(side: int) -> None:
    arrays = {
        Signal.IMAGE: np.full((side, side, 3), 200, np.uint8),
        Signal.INSTANCES: np.ones((side, side), np.int32),
    }
    drawn = Pipeline(TISSUE, 64)(arrays, generator(0))
    assert drawn[Signal.IMAGE].shape == (64, 64, 3)
    assert (drawn[Signal.INSTANCES] == 1).all()


def test_stain_jitter_leaves_glass_clear_and_changes_stain() -> None:
    jitter = {"stain": {"step": "StainJitter", "factor": 0.3, "p": 1.0}}
    image = np.full((32, 32, 3), 255, np.uint8)
    image[:, :16] = (120, 80, 160)
    drawn = Pipeline(jitter, 32)({Signal.IMAGE: image}, generator(3))[Signal.IMAGE]
    assert (drawn[:, 16:] == 255).all()
    assert (drawn[:, :16] != image[:, :16]).any()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"a": {"step": "Afine"}}, "there is no 'Afine'; did you mean 'Affine'"),
        ({"a": {"step": "Affine", "scales": [1, 2]}}, "Affine has no 'scales'; did you mean 'scale'"),
        ({"a": {"step": "GaussNoise", "std_range": [3, 5]}}, "cannot be built"),
    ],
)
def test_a_step_that_cannot_be_built_is_named(spec: dict, words: str) -> None:
    with pytest.raises(UserError, match="augment step 'a'") as error:
        Pipeline(spec, 64)
    assert words in str(error.value)


@pytest.mark.parametrize(("side", "halves"), [(64, False), (100, False), (128, True)])
def test_a_field_is_halved_only_where_the_crop_stays_full(side: int, halves: bool) -> None:
    """A field of numbers that no pixel has twice: reflection and halving would both show."""
    numbers = np.arange(side * side, dtype=np.int32).reshape(side, side) + 1
    image = np.zeros((side, side, 3), np.uint8)
    pipeline = Pipeline({"power": {"step": "CropOrHalve", "halve": 1.0}}, 64)
    drawn = pipeline({Signal.IMAGE: image, Signal.INSTANCES: numbers}, generator(0))[Signal.INSTANCES]
    assert drawn.shape == (64, 64)
    assert len(np.unique(drawn)) == 64 * 64
    assert (drawn[0, 1] - drawn[0, 0] > 1) == halves


def test_hed_jitter_as_printed() -> None:
    factors = np.full(3, 1.03)
    found = hed_jittered(np.array([0.5, 0.3, 0.6]), factors)
    np.testing.assert_allclose(found, [0.569675, 0.358195, 0.675608], atol=1e-6)
    colour = np.rint(255 * np.array([0.5, 0.3, 0.6])).astype(np.uint8).reshape(1, 1, 3)
    by_density = HEDJitter(formula="density").apply(colour, factors.astype(np.float32))
    np.testing.assert_allclose(by_density[0, 0] / 255, [0.489710, 0.289358, 0.590875], atol=0.004)
    np.testing.assert_array_equal(by_density, np.rint(255 * (colour / 255) ** 1.03))


@pytest.mark.parametrize("formula", ["shifted", "density"])
def test_hed_jitter_takes_each_stain_by_itself(formula: str) -> None:
    colour = np.full((1, 1, 3), 140, np.uint8)
    jitter = HEDJitter(formula=formula)
    factors = np.eye(3, dtype=np.float32) * 0.1 + 1
    changes = [jitter.apply(colour, one)[0, 0].astype(int) - 140 for one in factors]
    assert np.linalg.matrix_rank(np.array(changes)) == 3
    np.testing.assert_array_equal(jitter.apply(colour, np.ones(3, np.float32)), colour)


def test_white_is_moved_by_the_shifted_formula_alone() -> None:
    white = np.full((32, 32, 3), 255, np.uint8)

    def drawn(formula: str) -> np.ndarray:
        pipeline = Pipeline({"hed": {"step": "HEDJitter", "sigma": 0.03, "formula": formula}}, 32)
        found = [pipeline({Signal.IMAGE: white}, generator(n))[Signal.IMAGE] for n in range(20)]
        return np.stack(found)[:, 0, 0] / 255

    assert (drawn("density") == 1).all()
    shifted = drawn("shifted")
    assert 0.02 < shifted.std() < 0.1
    assert len(np.unique(shifted, axis=0)) > 10  # another draw for each tile


@pytest.mark.parametrize("wrong", [{"sigma": -0.1}, {"formula": "hsv"}])
def test_a_hed_jitter_that_cannot_be_is_named(wrong: dict) -> None:
    with pytest.raises(UserError, match="augment step 'hed' cannot be built: sigma="):
        Pipeline({"hed": {"step": "HEDJitter", **wrong}}, 32)


@pytest.mark.parametrize("step", [None, "D4", {}, {"p": 1.0}, {"step": 3}, {"step": "D4", None: 1.0}, ["D4"]])
def test_a_step_that_is_none_is_said_in_a_sentence(step):
    with pytest.raises(UserError, match=r"augment step 'dihedral' must name its step"):
        Pipeline({"dihedral": step}, 32)
