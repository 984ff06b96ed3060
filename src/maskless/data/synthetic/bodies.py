"""Rounded bodies in tissue: candidates on a plane, thinned to those that fit, drawn into one window.

A body is an ellipse whose outline is rippled by a few harmonics. Everything is in µm, and what becomes of a
body depends on its neighbours alone, so a window shows the same bodies whatever lies outside it.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.spatial import cKDTree

_Floats = NDArray[np.floating]

#: How far around a body, in its own radii, the drawing reaches: the pale halo outside its membrane.
REACH: Final = 1.35
#: Harmonics of the outline, from the oval's own (2) up.
HARMONICS: Final = (2, 3, 4, 5)

_MAX_RIPPLE: Final = 0.3
_SMALLEST_PX: Final = 4
_ROUNDS: Final = 3


@dataclass(frozen=True)
class Bodies:
    """N bodies, an array (N,) each. `angle` is that of the long axis, in radians from columns to rows."""

    rows_um: _Floats
    cols_um: _Floats
    long_um: _Floats  #: half of the long axis
    short_um: _Floats  #: half of the short axis
    angle: _Floats
    ripples: NDArray[np.complex64]  #: (N, len(HARMONICS)), relative to the radius
    kind: NDArray[np.int64]
    priority: _Floats  #: of two that do not fit beside each other the greater stays
    chance: _Floats  #: (N, K), uniform in [0, 1): what else of a body is left to chance

    def __len__(self) -> int:
        return len(self.rows_um)

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Bodies":
        return Bodies(**{name: values[which] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Drawing:
    """Bodies in a window: for each pixel the nearest body and where in it the pixel lies."""

    owner: NDArray[np.int32]  #: (H, W), index of the body, -1 where none is within REACH
    radius: NDArray[np.float32]  #: (H, W), 0 at the owner's centre, 1 on its outline, at most REACH


def joined(parts: list[Bodies]) -> Bodies:
    """All bodies of several sets."""
    return Bodies(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def thinned(bodies: Bodies, closeness: float) -> Bodies:
    """Those that fit: no two nearer than `closeness` times the distance at which their ellipses touch.

    Random sequential placement in order of priority (Widom, J. Chem. Phys. 44, 1966), carried out in a fixed
    number of rounds, each of which looks at neighbours only; what is undecided after them is left out.
    """
    if len(bodies) < 2:
        return bodies
    first, second = _in_conflict(bodies, closeness)
    kept = np.zeros(len(bodies), bool)
    open_ = np.ones(len(bodies), bool)
    loser = np.where(bodies.priority[first] < bodies.priority[second], first, second)
    for _ in range(_ROUNDS):
        live = open_[first] & open_[second]
        top = open_.copy()
        top[loser[live]] = False
        kept |= top
        open_ &= ~top
        open_[second[kept[first]]] = False
        open_[first[kept[second]]] = False
    return bodies[kept]


def _in_conflict(bodies: Bodies, closeness: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    places = np.stack([bodies.rows_um, bodies.cols_um], 1)
    pairs = cKDTree(places).query_pairs(2 * float(bodies.long_um.max()) * closeness, output_type="ndarray")
    first, second = pairs[:, 0], pairs[:, 1]
    step = places[second] - places[first]
    distance_um = np.hypot(step[:, 0], step[:, 1])
    direction = np.arctan2(step[:, 0], step[:, 1])
    touch_um = _reach_um(bodies, first, direction) + _reach_um(bodies, second, direction)
    near = distance_um < closeness * touch_um
    return first[near], second[near]


def _reach_um(bodies: Bodies, which: NDArray[np.int64], direction: _Floats) -> _Floats:
    """Radius of an ellipse along a direction: the mean of its radius and its support, which between them
    bracket how near another body can come from there."""
    turned = direction - bodies.angle[which]
    a, b = bodies.long_um[which], bodies.short_um[which]
    return (_radius_um(bodies, which, turned) + np.hypot(a * np.cos(turned), b * np.sin(turned))) / 2


def _radius_um(bodies: Bodies, which: NDArray[np.int64], turned: _Floats) -> _Floats:
    """Radius of an ellipse along a direction, counted from its long axis."""
    a, b = bodies.long_um[which], bodies.short_um[which]
    return a * b / np.hypot(b * np.cos(turned), a * np.sin(turned))


def inside(spaces: Bodies, rows_um: _Floats, cols_um: _Floats, beyond_um: _Floats) -> NDArray[np.bool_]:
    """Which places (N,) lie in the ellipse of a space, or no further than `beyond_um` (N,) outside it."""
    found = np.zeros(len(rows_um), bool)
    for i in range(len(spaces)):
        down_um, along_um = rows_um - spaces.rows_um[i], cols_um - spaces.cols_um[i]
        turned = np.arctan2(down_um, along_um) - spaces.angle[i]
        found |= np.hypot(down_um, along_um) < _radius_um(spaces, np.array([i]), turned) + beyond_um
    return found


def drawn(bodies: Bodies, height_px: int, width_px: int, mpp: float) -> Drawing:
    """Draw bodies into the window whose top left corner is the plane's origin.

    Where bodies meet, a pixel belongs to the one it lies deeper in, so they touch and never overlap.
    """
    owner = np.full((height_px, width_px), -1, np.int32)
    nearest = np.full((height_px, width_px), REACH, np.float32)
    extent_um = bodies.long_um * (1 + _MAX_RIPPLE) * REACH
    top, left = (np.floor((at - extent_um) / mpp).astype(int) for at in (bodies.rows_um, bodies.cols_um))
    bottom, right = (np.ceil((at + extent_um) / mpp).astype(int) for at in (bodies.rows_um, bodies.cols_um))
    inside = (bottom > 0) & (right > 0) & (top < height_px) & (left < width_px)
    for i in np.flatnonzero(inside).tolist():
        box = np.s_[max(top[i], 0) : bottom[i], max(left[i], 0) : right[i]]
        old = nearest[box]
        down = (np.arange(old.shape[0]) + max(top[i], 0) + 0.5) * mpp - bodies.rows_um[i]
        along = (np.arange(old.shape[1]) + max(left[i], 0) + 0.5) * mpp - bodies.cols_um[i]
        new = _radius(bodies, i, down[:, None], along[None])
        closer = new < old
        old[closer] = new[closer]
        owner[box][closer] = i
    return Drawing(owner, nearest)


def _radius(bodies: Bodies, i: int, down_um: _Floats, along_um: _Floats) -> NDArray[np.float32]:
    cos, sin = np.cos(bodies.angle[i]), np.sin(bodies.angle[i])
    place = (along_um * cos + down_um * sin) / bodies.long_um[i] + 1j * (
        (down_um * cos - along_um * sin) / bodies.short_um[i]
    )
    place = place.astype(np.complex64)
    distance = np.abs(place) + np.float32(1e-6)
    unit = place / distance
    power, outline = unit, np.ones_like(distance)
    for ripple in bodies.ripples[i]:
        power = power * unit
        outline += (power * ripple).real
    return distance / outline


def instances(drawing: Drawing, labelled: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Ids 1..N of the bodies that are `labelled` (N,), int32 (H, W), and the body behind each id, (N,).

    Every id is one 4-connected piece of at least 4 px: the largest, where a neighbour or the window's edge
    cuts a body into several.
    """
    owner = np.where((drawing.radius < 1) & np.append(labelled, False)[drawing.owner], drawing.owner, -1)
    ids = np.zeros(owner.shape, np.int32)
    behind = []
    for i, box in enumerate(find_objects(owner + 1)):
        if box is None:
            continue
        _, pieces, stats, _ = cv2.connectedComponentsWithStats(
            (owner[box] == i).view(np.uint8), connectivity=4
        )
        largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        if stats[largest, cv2.CC_STAT_AREA] >= _SMALLEST_PX:
            behind.append(i)
            ids[box][pieces == largest] = len(behind)
    return ids, np.array(behind, np.int64)
