import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskless.errors import UserError
from maskless.spacing import is_plausible, spacing_of


def test_neither_is_not_known() -> None:
    assert spacing_of() is None
    assert spacing_of(None, None) is None


@pytest.mark.parametrize(
    ("mpp", "power", "expected"),
    [
        (0.25, None, 0.25),
        (None, 40, 0.25),
        (None, 20.0, 0.5),
        (None, 1.25, 8.0),
        (2, None, 2.0),
        (0.2, 40, 0.2),
        (0.33, 40, 0.33),
        (0.19, 40, 0.19),
        (np.float32(0.5), None, 0.5),
        (0.02, None, 0.02),
        (15.0, None, 15.0),
    ],
)
def test_a_spacing_in_um(mpp: float | None, power: float | None, expected: float) -> None:
    found = spacing_of(mpp, power)
    assert found == expected
    assert type(found) is float


@pytest.mark.parametrize(
    ("mpp", "said"),
    [
        (0, "leave it out if it is not known"),
        (0.0, "leave it out"),
        (-0.25, "20x is 0.5$"),
        (float("nan"), "20x is 0.5$"),
        (float("inf"), "20x is 0.5$"),
        (True, "20x is 0.5$"),
        ("0.25", "20x is 0.5$"),
        ("40x", "20x is 0.5$"),
        (250, "looks like nm: 0.25 µm/px is meant"),
        (500.0, "looks like nm: 0.5 µm/px is meant"),
        (0.00025, "looks like mm: 0.25 µm/px is meant"),
        (2.5e-7, "looks like m: 0.25 µm/px is meant"),
        (40, "if 40x is meant, say power=40$"),
        (20, "if 20x is meant, say power=20$"),
        (10.0, "if 10x is meant, say power=10$"),
        pytest.param(10**400, "20x is 0.5$", id="enormous"),
        (0.019, "20x is 0.5$"),
        (20.1, "20x is 0.5$"),
    ],
)
def test_what_is_no_spacing_is_refused_with_what_was_meant(mpp: float, said: str) -> None:
    with pytest.raises(UserError, match=rf"^mpp=\S+ is no pixel spacing in µm: 40x is 0\.25, .*{said}"):
        spacing_of(mpp=mpp)
    assert not is_plausible(mpp)


@pytest.mark.parametrize(
    ("power", "said"),
    [
        (0, "leave it out"),
        (-40, "20 is 20x$"),
        (float("nan"), "20 is 20x$"),
        (True, "20 is 20x$"),
        ("40x", "20 is 20x$"),
        (0.25, "if 0.25 µm/px is meant, say mpp=0.25$"),
        (0.5, "say mpp=0.5$"),
        (1, "say mpp=1$"),
        (400, "if the eyepiece is counted in, power=40 is meant$"),
        (1e6, "20 is 20x$"),
    ],
)
def test_what_is_no_power_is_refused_with_what_was_meant(power: float, said: str) -> None:
    with pytest.raises(UserError, match=rf"^power=\S+ is no objective's power: 40 is 40x, .*{said}"):
        spacing_of(power=power)


@pytest.mark.parametrize(("mpp", "power"), [(0.5, 40), (0.18, 40), (0.25, 20), (0.34, 40)])
def test_a_contradiction_is_refused(mpp: float, power: float) -> None:
    with pytest.raises(UserError, match=rf"mpp={mpp} and power={power} contradict .* {10 / power:g} µm/px"):
        spacing_of(mpp=mpp, power=power)


@pytest.mark.parametrize(("mpp", "power"), [(250, 40), (0.25, 0.25)])
def test_both_must_be_plausible(mpp: float, power: float) -> None:
    with pytest.raises(UserError, match="is no "):
        spacing_of(mpp=mpp, power=power)


numbers = st.floats() | st.integers() | st.floats(0.1, 50) | st.integers(1, 100)


@given(mpp=st.none() | numbers, power=numbers)
def test_whatever_passes_is_plausible_and_passes_again(mpp: float | None, power: float) -> None:
    try:
        found = spacing_of(mpp, power)
    except UserError:
        return
    assert spacing_of(found) == found
    assert is_plausible(found)
    assert mpp is None or found == mpp
    assert 3 / 4 - 1e-9 <= found * power / 10 <= 4 / 3 + 1e-9
