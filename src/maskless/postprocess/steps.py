"""The steps that a chain can name, by the name of the function.

A step takes arrays as positional parameters and everything else by keyword only, with a type of int, float,
bool, str, None, a Literal or a union of these: `Chain` reads this from the signature.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from maskless.postprocess.arithmetic import difference, negative
from maskless.postprocess.binary import as_labels, binarise, fill_holes, hysteresis, label, remove_small
from maskless.postprocess.distance import distance
from maskless.postprocess.embeddings import drop_scattered, group
from maskless.postprocess.filters import gaussian, median, otsu
from maskless.postprocess.h_maxima import h_maxima
from maskless.postprocess.markers import local_maxima, mark_unmarked
from maskless.postprocess.morphology import closing, erosion, open_close, opening
from maskless.postprocess.pieces import absorb_small, pieces
from maskless.postprocess.voronoi import voronoi
from maskless.postprocess.watershed import watershed

STEPS: Final[Mapping[str, Callable[..., Any]]] = {
    step.__name__: step
    for step in (
        absorb_small,
        as_labels,
        binarise,
        closing,
        difference,
        distance,
        drop_scattered,
        erosion,
        fill_holes,
        gaussian,
        group,
        h_maxima,
        hysteresis,
        label,
        local_maxima,
        mark_unmarked,
        median,
        negative,
        open_close,
        opening,
        otsu,
        pieces,
        remove_small,
        voronoi,
        watershed,
    )
}
