"""The plausible pixel spacing: µm/px, said outright or as an objective's power."""

from numbers import Real
from typing import TypeGuard

from maskless.errors import UserError

#: Spacings in µm/px at which somebody may want to find nuclei. Beyond, the number is in another unit.
PLAUSIBLE_MPP = (0.02, 20.0)
#: Powers of objectives. Below stands a spacing, above the power of the whole microscope, eyepiece included.
PLAUSIBLE_POWER = (1.25, 160.0)

_SAME = 0.01  # relative to each other: measured twice
_MPP_TIMES_POWER = 10.0  # a scanner's 40x has about 0.25 µm/px
_MOST_DISAGREEMENT = 4 / 3  # cameras differ: scanners' 40x lie between 0.22 and 0.28 µm/px
_READ_AS_POWER = (10.0, 20.0)  # at 10 µm/px a nucleus is a pixel
_USUAL_MPP = (0.05, 2.0)
_OTHER_UNITS = {"nm": 1e-3, "mm": 1e3, "m": 1e6}  # in µm


def spacing_of(mpp: float | None = None, power: float | None = None) -> float | None:
    """The pixel spacing in µm/px, itself or from the objective's power (10 / power); None if both are None.

    Where both are given they may disagree by a third, and the spacing, being the more exact, holds. Raises
    UserError for what is no plausible number, with what was probably meant: 0, 'nan', mpp=250 (nm), mpp=40 (a
    power; so are 10 and 20), power=0.25 (a spacing), power=400 (the eyepiece counted in); and for two that
    disagree by more.
    """
    if mpp is not None and not is_plausible(mpp):
        raise UserError(f"mpp={mpp} is no pixel spacing in µm: 40x is 0.25, 20x is 0.5{_meant_by_mpp(mpp)}")
    if power is not None and not (_is_number(power) and PLAUSIBLE_POWER[0] <= power <= PLAUSIBLE_POWER[1]):
        raise UserError(
            f"power={power} is no objective's power: 40 is 40x, 20 is 20x{_meant_by_power(power)}"
        )
    if power is None:
        return None if mpp is None else float(mpp)
    from_power = _MPP_TIMES_POWER / float(power)
    if mpp is None:
        return from_power
    if max(mpp / from_power, from_power / mpp) > _MOST_DISAGREEMENT:
        raise UserError(
            f"mpp={mpp} and power={power} contradict each other: {power}x is about {from_power:.3g} µm/px; "
            "give the one that you are sure of"
        )
    return float(mpp)


def same_spacing(mpp: float, other_mpp: float) -> bool:
    """Whether two spacings differ by 1 % at most, and are the same one, measured twice."""
    return abs(mpp / other_mpp - 1) <= _SAME


def is_plausible(mpp: object) -> TypeGuard[float]:
    """Whether it is a number and a spacing in µm/px at which nuclei can be looked for."""
    low, high = PLAUSIBLE_MPP
    return _is_number(mpp) and low <= mpp <= high and mpp not in _READ_AS_POWER


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)


def _meant_by_mpp(mpp: object) -> str:
    if not _is_number(mpp):
        return ""
    if mpp == 0:
        return "; leave it out if it is not known"
    if _READ_AS_POWER[0] <= mpp <= 100 and mpp % 1 == 0:
        return f"; if {mpp:g}x is meant, say power={mpp:g}"
    for unit, um in _OTHER_UNITS.items():
        if _USUAL_MPP[0] / um <= mpp <= _USUAL_MPP[1] / um:
            return f"; {mpp:g} µm/px looks like {unit}: {mpp * um:g} µm/px is meant"
    return ""


def _meant_by_power(power: object) -> str:
    if not _is_number(power):
        return ""
    if power == 0:
        return "; leave it out if it is not known"
    if _USUAL_MPP[0] <= power < PLAUSIBLE_POWER[0]:
        return f"; if {power:g} µm/px is meant, say mpp={power:g}"
    if PLAUSIBLE_POWER[1] < power <= 1000:
        return f"; if the eyepiece is counted in, power={power / 10:g} is meant"
    return ""
