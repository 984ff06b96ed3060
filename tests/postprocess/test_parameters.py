from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from maskless.errors import UserError
from maskless.postprocess.chain import Chain
from maskless.postprocess.parameters import changed, parameters_of, space_around

SPEC: dict[str, dict[str, Any]] = {
    "mask": {"step": "binarise", "of": "foreground", "above": 0.5},
    "large": {"step": "remove_small", "of": "mask", "min_area_px": 30, "neighbours": 8},
    "filled": {"step": "fill_holes", "of": "large", "max_area_px": None},
    "depth": {"step": "distance", "of": "filled"},
    "markers": {"step": "local_maxima", "of": "depth", "mask": "filled", "radius_px": 2},
    "instances": {"step": "voronoi", "of": "markers", "mask": "filled"},
}
SHIPPED = sorted((Path(__file__).parents[2] / "conf" / "postprocess").glob("*.yaml"))


def test_parameters_are_those_set_and_the_defaults_of_the_others() -> None:
    assert parameters_of(Chain(SPEC)) == {
        "mask.above": 0.5,
        "large.min_area_px": 30,
        "large.neighbours": 8,
        "filled.max_area_px": None,
        "depth.sigma_px": 0.0,
        "markers.radius_px": 2,
    }


def test_a_changed_chain_is_the_same_but_for_what_is_changed() -> None:
    chain = Chain(SPEC)
    values = {"markers.radius_px": 7, "depth.sigma_px": 1.5}
    other = changed(chain, values)
    assert parameters_of(other) == parameters_of(chain) | values
    assert chain.spec == SPEC
    assert changed(other, {"markers.radius_px": 2}).spec == {
        **SPEC,
        "depth": {**SPEC["depth"], "sigma_px": 1.5},
    }


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"marker.radius_px": 3}, "no parameter 'marker.radius_px'; did you mean 'markers.radius_px'"),
        ({"markers.step": "label"}, "no parameter 'markers.step'"),
        ({"depth.of": "large"}, "no parameter 'depth.of'"),
        ({"markers.radius_px": 2.5}, "'markers' has radius_px, which must be a whole number, not 2.5"),
        ({3: 4}, "no parameter 3"),
    ],
)
def test_what_cannot_be_changed_is_said(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        changed(Chain(SPEC), values)


def test_the_space_around_the_numbers_of_a_chain() -> None:
    """Not around what is unset (sigma_px), no number (max_area_px), or a choice (neighbours)."""
    assert space_around(Chain(SPEC)) == {
        "mask.above": [0.3, 0.4, 0.5, 0.6, 0.7],
        "large.min_area_px": [15, 22, 30, 45, 60],
        "markers.radius_px": [1, 2, 3, 4],
    }


@pytest.mark.parametrize(
    ("step", "tried"),
    [
        ({"step": "binarise", "of": "a", "above": 0.9}, [0.7, 0.8, 0.9]),
        ({"step": "binarise", "of": "a", "above": 0.15}, [0.05, 0.15, 0.25, 0.35]),
        ({"step": "binarise", "of": "a", "above": 100}, [50, 75, 100, 150, 200]),
        ({"step": "binarise", "of": "a", "above": -2.0}, [-4, -3, -2, -1.5, -1]),
        ({"step": "distance", "of": "a", "sigma_px": 0}, [0, 1, 2]),
        ({"step": "distance", "of": "a", "sigma_px": 1}, [0.5, 0.75, 1, 1.5, 2]),
        ({"step": "distance", "of": "a", "sigma_px": 1 / 3}, [0.166667, 0.25, 1 / 3, 0.5, 0.666667]),
        ({"step": "erosion", "of": "a", "radius_px": 1}, [0, 1, 2]),
        ({"step": "fill_holes", "of": "a", "max_area_px": 0}, [0, 1, 2]),
    ],
)
def test_numbers_move_as_far_as_their_kind_allows(step: dict[str, Any], tried: list[float]) -> None:
    space = space_around(Chain({"one": step, "instances": {"step": "label", "of": "one"}}))
    assert list(space.values()) == [tried]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_value_around_a_shipped_chain_makes_a_chain(path: Path) -> None:
    chain = Chain(yaml.safe_load(path.read_text(encoding="utf-8")))
    space = space_around(chain)
    assert space
    maps = dict.fromkeys(chain.needs, np.random.default_rng(0).random((40, 50), np.float32))
    for name, values in space.items():
        assert parameters_of(chain)[name] in values
        assert values == sorted(set(values))
        assert changed(chain, {name: values[0]})(maps).shape == (40, 50)
        assert changed(chain, {name: values[-1]})(maps).shape == (40, 50)
