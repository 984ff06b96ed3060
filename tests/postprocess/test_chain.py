import functools
import pickle
import types
import typing
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from maskless.errors import UserError
from maskless.postprocess import chain as module
from maskless.postprocess.chain import Chain
from maskless.postprocess.signature import signature
from maskless.postprocess.steps import STEPS

WATERSHED: dict[str, dict[str, Any]] = {
    "mask": {"step": "binarise", "of": "foreground", "above": 0.5},
    "depth": {"step": "distance", "of": "mask"},
    "relief": {"step": "negative", "of": "depth"},
    "markers": {"step": "local_maxima", "of": "depth", "mask": "mask", "radius_px": 5},
    "instances": {"step": "watershed", "of": "relief", "markers": "markers", "mask": "mask"},
}


def two_touching_disks() -> np.ndarray:
    rows, columns = np.indices((40, 60))
    left = np.hypot(rows - 20, columns - 20) <= 10
    right = np.hypot(rows - 20, columns - 38) <= 10
    return (left | right).astype(np.float16)


def changed(output: str, **values: Any) -> dict[str, dict[str, Any]]:
    return {**WATERSHED, output: {**WATERSHED.get(output, {}), **values}}


def test_a_chain_parts_touching_disks() -> None:
    instances = Chain(WATERSHED)({"foreground": two_touching_disks()})
    assert instances.dtype == np.int32
    assert instances[20, 20] == 1
    assert instances[20, 38] == 2
    np.testing.assert_array_equal(instances > 0, two_touching_disks() > 0)
    assert set(np.unique(instances[:, :28])) == {0, 1}
    assert set(np.unique(instances[:, 31:])) == {0, 2}


def test_a_value_changed_by_its_name_changes_the_result() -> None:
    rows, columns = np.indices((40, 60))
    large = np.hypot(rows - 20, columns - 18) <= 14
    small = np.hypot(rows - 20, columns - 38) <= 9
    maps = {"foreground": (large | small).astype(np.float32)}
    assert Chain(changed("markers", radius_px=5))(maps).max() == 2
    assert Chain(changed("markers", radius_px=25))(maps).max() == 1


def test_needs_are_the_maps_and_results_are_everything_else() -> None:
    chain = Chain(changed("relief", step="difference", of="boundary", minus="depth"))
    assert chain.needs == {"foreground", "boundary"}
    maps = {name: two_touching_disks() for name in ("foreground", "boundary", "unused")}
    results = chain.results(maps)
    assert list(results) == list(WATERSHED)
    assert results["mask"].dtype == bool
    np.testing.assert_array_equal(results["instances"], chain(maps))


def test_what_is_kept_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(step)
        def call(*arrays: Any, **parameters: Any) -> Any:
            ran.append(step.__name__)
            return step(*arrays, **parameters)

        return call

    monkeypatch.setattr(module, "STEPS", {name: counted(step) for name, step in STEPS.items()})
    maps = {"foreground": two_touching_disks()}
    kept: dict[str, np.ndarray] = {}
    for radius_px in (5, 25, 5):
        chain = Chain(changed("markers", radius_px=radius_px))
        results = chain.results(maps, kept)
        np.testing.assert_array_equal(results["instances"], chain(maps))
        ran_last, ran[:] = ran[: len(ran) - 5], []  # without those of the chain by itself
        if radius_px == 25:
            assert ran_last == ["local_maxima", "watershed"]
    assert ran_last == []
    Chain(changed("mask", above=0.4)).results(maps, kept)
    assert len(ran) == 5, "the same steps of another mask are something else"


def test_a_result_is_let_go_after_its_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}
    there: dict[str, set[str]] = {}

    def watched(step: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(step)
        def call(*arrays: Any, **parameters: Any) -> Any:
            there[step.__name__] = {name for name, array in made.items() if array() is not None}
            result = step(*arrays, **parameters)
            made[step.__name__] = weakref.ref(result)
            return result

        return call

    monkeypatch.setattr(module, "STEPS", {name: watched(step) for name, step in STEPS.items()})
    Chain(WATERSHED)({"foreground": two_touching_disks()})
    assert there["local_maxima"] == {"binarise", "distance", "negative"}
    assert there["watershed"] == {"binarise", "negative", "local_maxima"}


def test_what_is_kept_longest_is_what_other_chains_share() -> None:
    kept: dict[str, np.ndarray] = {}
    first = Chain(WATERSHED).results({"foreground": two_touching_disks()}, kept)
    second = Chain(changed("markers", radius_px=25)).results({"foreground": two_touching_disks()}, kept)
    assert len(kept) == 7
    oldest_first = list(kept.values())
    assert oldest_first[0] is first["instances"]
    assert oldest_first[1] is first["markers"]
    assert oldest_first[-1] is first["mask"] is second["mask"]


def test_the_spec_makes_the_chain_again_and_cannot_be_changed_from_outside() -> None:
    given = {name: dict(step) for name, step in WATERSHED.items()}
    chain = Chain(given)
    given["mask"]["above"] = 0.9
    chain.spec["mask"]["above"] = 0.9
    assert chain.spec == WATERSHED
    maps = {"foreground": two_touching_disks()}
    for again in (Chain(chain.spec), pickle.loads(pickle.dumps(chain))):
        np.testing.assert_array_equal(again(maps), chain(maps))


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (
            changed("mask", step="binarize"),
            "'mask' names the unknown step 'binarize'; did you mean 'binarise'",
        ),
        (changed("mask", step=["binarise"]), "'mask' names the unknown step"),
        (changed("markers", radius=3), "unknown 'radius'; did you mean 'radius_px'"),
        (changed("mask", values="foreground"), "'mask' gives binarise an unknown 'values'"),
        (changed("mask", of=0.5), "'mask' takes as of the name of a map or an earlier result, not 0.5"),
        (changed("mask", above="half"), "'mask' has above, which must be a number, not 'half'"),
        (changed("mask", above=float("nan")), "must be finite"),
        (changed("markers", radius_px=2.5), "must be a whole number, not 2.5"),
        (changed("markers", radius_px=-1), "must be 0 or more, not -1"),
        (changed("markers", radius_px=True), "must be a whole number, not True"),
        (changed("instances", step="label", of="mask", neighbours=6), "must be 4 or 8, not 6"),
        (changed("mask", step="fill_holes", max_area_px="all"), "must be a whole number or null, not 'all'"),
        (changed("depth", of="relief"), "'depth' takes 'relief', which is not made before it"),
        (changed("mask", of="mask"), "'mask' takes 'mask', which is not made before it"),
        ({"mask": WATERSHED["mask"]}, "no step gives 'instances'"),
        (
            {**WATERSHED, "mask": {"step": "binarise", "of": "foreground"}},
            "lacks 'above', which binarise needs",
        ),
        ({**WATERSHED, "mask": {"step": "binarise", "above": 0.5}}, "lacks 'of', which binarise needs"),
        ({**WATERSHED, "mask": {"of": "foreground"}}, "'mask' must name its step"),
        ({**WATERSHED, "mask": None}, "'mask' must name its step"),
    ],
)
def test_what_does_not_fit_is_one_sentence(steps: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        Chain(steps)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(UserError, match=r"2 problems: 'mask' names .*; 'markers' gives"):
        Chain({**changed("mask", step="nothing"), "markers": changed("markers", radius=1)["markers"]})


def test_a_good_value_of_each_kind_is_taken() -> None:
    Chain(changed("mask", above=1))
    Chain({**WATERSHED, "mask": {"step": "fill_holes", "of": "foreground", "max_area_px": None}})
    Chain({"instances": {"step": "label", "of": "mask", "neighbours": 8}})


def test_a_missing_map_is_named_with_the_near_ones() -> None:
    with pytest.raises(UserError, match="needs a map 'foreground'; did you mean 'foregruond'"):
        Chain(WATERSHED)({"foregruond": two_touching_disks()})


def test_a_mask_is_not_instances() -> None:
    chain = Chain({"instances": WATERSHED["mask"]})
    with pytest.raises(UserError, match="gives bool instead of one number a nucleus"):
        chain({"foreground": two_touching_disks()})


def test_every_step_can_be_named_and_configured() -> None:
    """A step without an array to go by `of`, or with a parameter that cannot be written, is useless."""
    written = {int, float, bool, str, types.NoneType}
    for name, step in STEPS.items():
        takes = signature(step)
        assert name == step.__name__
        assert takes.arrays
        assert step.__doc__
        for annotation in takes.parameters.values():
            options = typing.get_args(annotation) or (annotation,)
            assert all(option in written or type(option) in written for option in options)
