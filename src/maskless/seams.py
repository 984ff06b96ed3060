"""One owner a nucleus: the labels of overlapping windows become the labels of the image.

What two windows found in the area that both see is compared. Where they found the same nucleus, the window
that sees it whole and from furthest inside gives its pixels; where they disagree, the window that sees the
place from further inside decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

#: An object that comes this near to an inner side of its window counts as cut by it, because chains often
#: clear or erode the outermost pixel.
CUT_PX = 2


@dataclass(frozen=True)
class LabelledWindow:
    """The labels int (h, w), 0 = background, of the part of an image that begins at (`row`, `col`)."""

    row: int
    col: int
    labels: np.ndarray


def stitch(windows: Sequence[LabelledWindow], shape: tuple[int, int]) -> np.ndarray:
    """Join overlapping windows, which together cover `shape` = (H, W) px, into one label image.

    Two objects are the same nucleus if, inside the area that both windows see, their intersection over
    union is above 0.5; or if both lie wholly in it and overlap each other, and nothing else there, by more
    than half of the smaller. Of the objects of a nucleus, a whole one (see CUT_PX) that is furthest from
    its window's inner sides gives the pixels; if none is whole, because the nucleus is larger than the
    overlap, all of them together do. They are painted in order of that distance, never over painted pixels;
    an object with no more than half of its pixels left was a second opinion about painted nuclei, and is
    dropped. So is an object that another window sees from further inside, and mostly as background.

    Returns int32 (H, W), ids 1..N, the same for the same windows in the same order.
    """
    found = _Objects.of(windows, shape)
    if not len(found.area):
        return np.zeros(shape, np.int32)
    first, second, denied = _compare(found)
    agree = ~denied[first] & ~denied[second]
    ones = np.ones(np.count_nonzero(agree), np.int8)
    graph = coo_array((ones, (first[agree], second[agree])), shape=(len(denied), len(denied)))
    nucleus = connected_components(graph, directed=False)[1]

    result = np.zeros(shape, np.int32)
    painted = 0
    for objects in _owners(found, nucleus, ~denied):
        # All are judged before any is painted: the pieces of one nucleus overlap each other.
        pieces = [piece for index in objects if (piece := _unpainted(found, index, result))]
        painted += bool(pieces)
        for place, free in pieces:
            place[free] = painted
    return result


def compact(labels: np.ndarray) -> np.ndarray:
    """The same labels as int32 with ids 1..N in the order of the given ones; 0 stays 0."""
    highest = int(labels.max(initial=0))
    if highest <= max(4 * labels.size, 1 << 16):
        used = np.bincount(labels.ravel(), minlength=1) > 0
        used[0] = False
        return (np.cumsum(used, dtype=np.int32) * used)[labels].astype(np.int32, copy=False)
    ids, codes = np.unique(labels, return_inverse=True)
    return (codes.reshape(labels.shape) + (0 if ids[0] == 0 else 1)).astype(np.int32)


@dataclass(frozen=True)
class _Objects:
    """Every object of every window, in one table. Boxes are (row, col, end row, end col) in the image, px."""

    windows: list[LabelledWindow]  # with compact ids
    frames: np.ndarray  # int64 (windows, 4), the box of each window
    inner: np.ndarray  # bool (windows, 4), which of its sides do not lie on the image's border
    first: np.ndarray  # int64 (windows + 1,), the index of each window's object 1
    window: np.ndarray  # int64 (N,)
    area: np.ndarray  # int64 (N,), px
    box: np.ndarray  # int64 (N, 4)
    depth: np.ndarray  # float64 (N, 2), px, see _depth, in its own window

    @classmethod
    def of(cls, windows: Sequence[LabelledWindow], shape: tuple[int, int]) -> "_Objects":
        windows = [LabelledWindow(w.row, w.col, compact(w.labels)) for w in windows]
        frames = np.array(
            [(w.row, w.col, w.row + w.labels.shape[0], w.col + w.labels.shape[1]) for w in windows]
        )
        inner = frames != (0, 0, *shape)
        areas = [np.bincount(w.labels.ravel())[1:] for w in windows]
        first = np.concatenate([[0], np.cumsum([len(a) for a in areas])])
        boxes = [
            (rows.start + w.row, cols.start + w.col, rows.stop + w.row, cols.stop + w.col)
            for w in windows
            for rows, cols in ndimage.find_objects(w.labels)
        ]
        box = np.array(boxes, np.int64).reshape(-1, 4)
        window = np.repeat(np.arange(len(windows)), np.diff(first))
        depth = _depth(box, frames[window], inner[window])
        return cls(windows, frames, inner, first, window, np.concatenate(areas), box, depth)

    def mask(self, index: int) -> np.ndarray:
        """Bool, the pixels of one object within its box."""
        window = self.windows[self.window[index]]
        r0, c0, r1, c1 = self.box[index] - (window.row, window.col, window.row, window.col)
        return window.labels[r0:r1, c0:c1] == index - self.first[self.window[index]] + 1


def _depth(box: np.ndarray, frame: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """How far boxes (N, 4) lie from the inner sides of windows (N, 4) along the nearer and the other axis.

    float64 (N, 2), px, ascending; below 0 where they stick out, infinite where there is no inner side.
    """
    gaps = np.where(inner, (box - frame) * (1, 1, -1, -1), np.inf)
    return np.sort(np.minimum(gaps[:, :2], gaps[:, 2:]), axis=1)


def _compare(found: _Objects) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of objects that are the same nucleus, as two index arrays; and bool (N,), what is denied.

    An object is denied by a window that sees its box from further inside, and more than half of it as
    background.
    """
    firsts, seconds = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    denied = np.zeros(len(found.area), bool)
    for i, j, labels_i, labels_j in _overlaps(found):
        a, b, common = _contingency(labels_i, labels_j)
        area_i = np.bincount(labels_i.ravel(), minlength=found.first[i + 1] - found.first[i] + 1)
        area_j = np.bincount(labels_j.ravel(), minlength=found.first[j + 1] - found.first[j] + 1)
        p, q = found.first[i] + a - 1, found.first[j] + b - 1
        same = (3 * common > area_i[a] + area_j[b]) | _only_partners(
            found, p, q, common, area_i[a], area_j[b]
        )
        # What ends well inside one window, but runs out of it according to the other, is not the same.
        same &= ~(_whole(found, p) & _leaves(found, q, i)) & ~(_whole(found, q) & _leaves(found, p, j))
        denied_i = _denied(found, i, j, area_i - np.bincount(a, common, len(area_i)))
        denied_j = _denied(found, j, i, area_j - np.bincount(b, common, len(area_j)))
        # Near the middle of the overlap each may deny what the other sees displaced: one of them is meant.
        mutual = denied_i[a] & denied_j[b]
        denied_i[a[mutual]] = denied_j[b[mutual]] = False
        same |= mutual
        firsts.append(p[same])
        seconds.append(q[same])
        denied[found.first[i] : found.first[i + 1]] |= denied_i[1:]
        denied[found.first[j] : found.first[j + 1]] |= denied_j[1:]
    return np.concatenate(firsts), np.concatenate(seconds), denied


def _overlaps(found: _Objects) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Pairs of windows that share an area, with the labels of either in it."""
    frames = found.frames
    low = np.maximum(frames[:, None, :2], frames[None, :, :2])
    high = np.minimum(frames[:, None, 2:], frames[None, :, 2:])
    for i, j in np.argwhere(np.triu((low < high).all(axis=2), k=1)):
        (r0, c0), (r1, c1) = low[i, j], high[i, j]
        a, b = found.windows[i], found.windows[j]
        yield (
            int(i),
            int(j),
            a.labels[r0 - a.row : r1 - a.row, c0 - a.col : c1 - a.col],
            b.labels[r0 - b.row : r1 - b.row, c0 - b.col : c1 - b.col],
        )


def _contingency(labels_a: np.ndarray, labels_b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of ids (a, b) that share pixels, and how many pixels each pair shares."""
    both = (labels_a > 0) & (labels_b > 0)
    base = int(labels_b.max(initial=0)) + 1
    codes, common = np.unique(labels_a[both].astype(np.int64) * base + labels_b[both], return_counts=True)
    return codes // base, codes % base, common


def _only_partners(
    found: _Objects, p: np.ndarray, q: np.ndarray, common: np.ndarray, area_p: np.ndarray, area_q: np.ndarray
) -> np.ndarray:
    """Bool, a pair each: both lie wholly in the shared area, and each overlaps only the other by much.

    `area_p` and `area_q` are those inside the shared area. Small nuclei need this: a disc of radius 3 px
    whose outline moves by one pixel in two windows has an intersection over union below 0.5 with itself.
    """
    much = 2 * common > np.minimum(area_p, area_q)
    partners = np.bincount(np.concatenate([p[much], q[much]]), minlength=len(found.area))
    wholly = (area_p == found.area[p]) & (area_q == found.area[q])
    return much & wholly & (partners[p] == 1) & (partners[q] == 1)


def _whole(found: _Objects, objects: np.ndarray) -> np.ndarray:
    return found.depth[objects, 0] >= CUT_PX


def _leaves(found: _Objects, objects: np.ndarray, window: int) -> np.ndarray:
    return _depth(found.box[objects], found.frames[window], found.inner[window])[:, 0] < 0


def _denied(found: _Objects, own: int, other: int, background: np.ndarray) -> np.ndarray:
    """Bool by local id, which objects of window `own` are denied by `other`, with `background` px of each."""
    objects = np.arange(found.first[own], found.first[own + 1])
    here = found.depth[objects]
    there = _depth(found.box[objects], found.frames[other], found.inner[other])
    further = (there[:, 0] > here[:, 0]) | ((there[:, 0] == here[:, 0]) & (there[:, 1] > here[:, 1]))
    mostly = 2 * background[1:] > found.area[objects]
    return np.append(False, (there[:, 0] >= 0) & further & mostly)


def _owners(found: _Objects, nucleus: np.ndarray, stands: np.ndarray) -> list[np.ndarray]:
    """The objects that give the pixels of each nucleus, in the order of painting: deepest, then largest."""
    depth = np.where(found.depth[:, 0] < CUT_PX, 0, found.depth[:, 0])
    order = np.lexsort((-found.area, -depth))
    order = order[stands[order]]
    # Grouped by nucleus, each group still in that order.
    order = order[np.argsort(nucleus[order], kind="stable")]
    if not len(order):
        return []
    groups = np.split(order, np.flatnonzero(np.diff(nucleus[order])) + 1)
    owners = [group[:1] if depth[group[0]] else group for group in groups]
    deepest = np.array([objects[0] for objects in owners])
    return [owners[k] for k in np.lexsort((-found.area[deepest], -depth[deepest]))]


def _unpainted(found: _Objects, index: int, result: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The box of an object in `result`, and which of its pixels are free; None unless over half are."""
    r0, c0, r1, c1 = found.box[index]
    place = result[r0:r1, c0:c1]
    free = found.mask(index) & (place == 0)
    return (place, free) if 2 * np.count_nonzero(free) > found.area[index] else None
