"""Ids that were squeezed into 8 bits: 256 became 0 and 257 became 1, or all above 255 became 255.

Nearly all ids that there are prove it; a few that lie in several nuclei are worth a look.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

_TOP = 255
#: A map that counted past 255 has used all of the ids before, but for a few that others hide.
_LEAST_IDS = 240
#: Ids that wrapped are 1, 2, 3, ... without a gap; of as many of the lowest ids this share is twice there.
_LEAST_SHARE = 0.75
#: One nucleus may be in two pieces where another lies across it; an id in more has been used for many.
_PIECES_OF_ONE = 3
#: Two places are far apart if there is room for a third nucleus between them.
_FAR = 3
#: What has less than this share of the usual nucleus' pixels is a speck of one.
_SPECK = 0.25


def squeezed_into_8_bits(labels: NDArray[Any]) -> str:
    """What gives away that ids above 255 were lost, for a sentence; empty if nothing does.

    `labels` are ids (H, W), integers, 0 or more. It is told from maps that end at 255 and use nearly all ids
    up to it. Ids that wrapped lie in places far apart (over more than three times the widest of their
    pieces), and they are the lowest ones. Of ids that were cut off, 255 alone lies in many such places. So a
    nucleus in two pieces, or an id that was given twice by mistake, is no reason.
    """
    if labels.max() != _TOP:
        return ""
    ids = np.unique(labels)
    ids = ids[ids > 0]
    if len(ids) < _LEAST_IDS:
        return ""
    pieces, apart = _pieces_and_spread(labels)
    n_apart = int(np.count_nonzero(apart))
    if n_apart == 1 and apart[_TOP]:
        many = pieces[_TOP] >= _PIECES_OF_ONE
        return f"its id 255 lies in {pieces[_TOP]} places, as if all above it were cut to it" if many else ""
    if n_apart == 0 or apart[ids[:n_apart]].mean() < _LEAST_SHARE:
        return ""
    return (
        f"{n_apart} of its {len(ids)} ids, the lowest ones and none above 255, each lie in places far apart, "
        "as if 257 had become 1 in 8 bits"
    )


def ids_of_several_nuclei(labels: NDArray[Any]) -> dict[int, int]:
    """The ids that each lie in objects of a nucleus' size in several places, far apart; in how many places.

    `labels` are ids (H, W), integers, 0 or more; nothing is looked for where one is above 255. So ids are
    that wrapped in 8 bits, of which a crop shows too few for `squeezed_into_8_bits`; or ids that were given
    twice, or that stand for classes. A nucleus in pieces is none, for these lie side by side: there is no
    such id in 88 label images of MultiOrgan, TNBC, DeepLIIF and MoNuSeg, nor in crops of 128 to 400 px.
    """
    if labels.max() > _TOP or not labels.any():
        return {}
    parts = label(labels.astype(np.uint8), background=0, connectivity=2)
    area = np.bincount(parts.ravel())
    area[0] = 0
    largest = np.zeros(_TOP + 1, np.int64)
    np.maximum.at(largest, labels.ravel(), area[parts].ravel())
    nuclei = np.where(area[parts] < _SPECK * np.median(largest[largest > 0]), 0, labels)
    _, apart = _pieces_and_spread(nuclei)
    # One nucleus can lie across the middle of a long one: then all three hang together.
    clumps = label(labels > 0, connectivity=2)
    clumps_of = {int(k): len(np.unique(clumps[nuclei == k])) for k in np.flatnonzero(apart)}
    return {identity: n for identity, n in clumps_of.items() if n > 1}


def _pieces_and_spread(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """In how many pieces each id lies, and whether in places far apart, (256,) each."""
    parts = label(labels.astype(np.uint8), background=0, connectivity=2)
    rows, columns = np.nonzero(parts)
    part, ids = parts[rows, columns] - 1, labels[rows, columns].astype(np.int64)
    id_of = np.zeros(part.max() + 1, np.int64)
    id_of[part] = ids
    apart = np.zeros(_TOP + 1, bool)
    for place in (rows, columns):
        widest = np.zeros(_TOP + 1, np.int64)
        np.maximum.at(widest, id_of, _extent(part, place, len(id_of)))
        apart |= _extent(ids, place, _TOP + 1) > _FAR * widest
    return np.bincount(id_of, minlength=_TOP + 1), apart


def _extent(of: NDArray[np.int64], place: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """How many rows or columns each of `count` things reaches over, given which one each pixel is `of`."""
    first, last = np.full(count, place.max() + 1), np.full(count, -1)
    np.minimum.at(first, of, place)
    np.maximum.at(last, of, place)
    return np.maximum(last - first + 1, 0)
