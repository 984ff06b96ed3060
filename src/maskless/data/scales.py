"""The same tissue at several objective powers: as a source has it, or a field of view made smaller."""

from collections.abc import Collection, Sequence

import numpy as np

from maskless.data.scale import at_spacing
from maskless.data.source import Source
from maskless.errors import UserError
from maskless.signals import Sample, Signal
from maskless.spacing import same_spacing, spacing_of


def read_for_scales(source: Source) -> Signal:
    """What is to be read of a source for `at_power`: its own scales where it stores them, else its image."""
    return Signal.SCALES if Signal.SCALES in source.may_offer else Signal.IMAGE


def at_power(sample: Sample, power: float) -> Sample:
    """The image of a sample at `power`, which is 10 / power µm/px, and says so.

    That of its scales, if it has any; else its image by area means, never enlarged. An object has the same
    size in µm at every power. Raises UserError if its scales are of other powers, or if the spacing of its
    image is unknown or coarser than that.
    """
    wanted = finest([power])
    if Signal.SCALES in sample.signals:
        return Sample(sample.item, {Signal.IMAGE: _of_scales(sample, power)}, mpp=wanted, power=power)
    own = _spacing(sample, power)
    image = Sample(sample.item, {Signal.IMAGE: sample[Signal.IMAGE]}, mpp=own)
    scaled = at_spacing(image, wanted)
    return Sample(sample.item, scaled.signals, mpp=wanted, power=power)


def finest(powers: Collection[float]) -> float:
    """The pixel spacing of the highest of these powers, in µm/px."""
    return 10 / max(powers)


def refuse_without_powers(source: Source, powers: Sequence[float], mpp: float | None) -> None:
    """Raise UserError for powers that `source` does not have, or that do not go with a given `mpp`.

    Each image is asked for its spacing, for sets can be mixed; of a source with scales of its own, the first
    for its powers.
    """
    if mpp is not None and not same_spacing(mpp, finest(powers)):
        raise UserError(
            f"mpp={mpp:g} does not go with the powers {list(powers)}, the highest of which is "
            f"{finest(powers):g} µm/px: leave mpp= out, and set method.powers"
        )
    if read_for_scales(source) is Signal.SCALES:
        for power in powers:
            for item in source.items_at("train", power)[:1]:
                _of_scales(source.read(item, [Signal.SCALES]), power)
        return
    for item in source.items("train"):
        _spacing(source.read(item, ()), max(powers))


def _of_scales(sample: Sample, power: float) -> np.ndarray:
    """The image uint8 (H, W, 3) at `power` among the scales of a sample, or a UserError if there is none."""
    scales = sample[Signal.SCALES]
    if power not in scales:
        has = ", ".join(f"{one:g}x" for one in sorted(scales))
        raise UserError(
            f"{sample.item.id} has no image at {power:g}x, only at {has}: choose of these, as in "
            "method.powers=[10,20]"
        )
    image: np.ndarray = scales[power]
    return image


def _spacing(sample: Sample, power: float) -> float:
    """The spacing of a sample, in µm/px, if it can be shown at `power`. Raises UserError if not."""
    own = spacing_of(sample.mpp, sample.power)
    if own is None:
        raise UserError(
            f"{sample.item.id} states neither µm/px nor power, so it cannot be shown at several powers: give "
            "dataset.mpp=... or dataset.power=..."
        )
    wanted = finest([power])
    if own > wanted and not same_spacing(own, wanted):
        raise UserError(
            f"{sample.item.id} has {own:g} µm/px, about {10 / own:.3g}x, so {power:g}x of it would be made "
            "up: give lower powers, as in method.powers=[5,10,20]"
        )
    return own
