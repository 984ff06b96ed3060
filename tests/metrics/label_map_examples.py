"""Label maps to test metrics with, and the slowest way to read them: objects as sets of pixels."""

import numpy as np
from hypothesis import strategies as st

TOLERANCE = 1e-9


def scene_q() -> tuple[np.ndarray, np.ndarray]:
    """20x20; one nucleus shifted by a row, one split in two, one missed, and one predicted where none is."""
    true, pred = np.zeros((20, 20), np.int32), np.zeros((20, 20), np.int32)
    true[2:8, 2:8], true[2:8, 10:16], true[12:16, 2:6] = 1, 2, 3
    pred[3:9, 2:8], pred[2:8, 10:13], pred[2:8, 13:16], pred[12:16, 12:16] = 1, 2, 3, 4
    return true, pred


@st.composite
def label_maps(draw, shape):
    """Rectangles drawn over each other: empty, touching, nested, split, cut, single-pixel, ids up to huge."""
    dtype, largest = draw(
        st.sampled_from(
            [
                (np.uint8, 255),
                (np.uint16, 65535),
                (np.int32, 2**31 - 1),
                (np.int64, 2**62),
                (np.uint64, 2**64 - 1),
            ]
        )
    )
    # Few ids for many rectangles, so that an id comes in several pieces, too; 0 cuts holes.
    ids = st.sampled_from([0, 1, 2, 3, 4, 5, 9, 200, largest - 1, largest])
    labels = np.zeros(shape, dtype)
    for _ in range(draw(st.integers(0, 9))):
        row, column = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
        height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
        labels[row : row + height, column : column + width] = draw(ids)
    return labels


@st.composite
def pairs(draw):
    """A truth and a prediction of one shape."""
    shape = draw(st.tuples(st.integers(1, 13), st.integers(1, 13)))
    return draw(label_maps(shape)), draw(label_maps(shape))


@st.composite
def pairs_with_region(draw):
    """A truth, a prediction, and a region: a rectangle, its complement, or None."""
    true, pred = draw(pairs())
    kind = draw(st.sampled_from(["everywhere", "rectangle", "complement"]))
    if kind == "everywhere":
        return true, pred, None
    region = np.zeros(true.shape, np.uint8)
    rows = sorted(draw(st.tuples(st.integers(0, 13), st.integers(0, 13))))
    columns = sorted(draw(st.tuples(st.integers(0, 13), st.integers(0, 13))))
    region[rows[0] : rows[1], columns[0] : columns[1]] = 1
    return true, pred, region if kind == "rectangle" else 1 - region


def objects(labels, region=None) -> dict[int, set[tuple[int, int]]]:
    """The pixels of each id, after the region has had its way."""
    found: dict[int, set[tuple[int, int]]] = {}
    for (row, column), value in np.ndenumerate(labels):
        if value:
            found.setdefault(int(value), set()).add((row, column))
    if region is None:
        return found
    kept = {}
    for number, pixels in found.items():
        # The pixel in which the mean falls: half-way rounds up, in whole numbers.
        row = (2 * sum(r for r, _ in pixels) + len(pixels)) // (2 * len(pixels))
        column = (2 * sum(c for _, c in pixels) + len(pixels)) // (2 * len(pixels))
        inside = {p for p in pixels if region[p]}
        if region[row, column] and inside:
            kept[number] = inside
    return kept


#: To the neighbours of a pixel, by how many it has.
STEPS = {
    4: [(0, 1), (1, 0), (0, -1), (-1, 0)],
    8: [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)],
}


def components(values, neighbours):
    """The connected pieces of equal values, each flooded from its first pixel in reading order."""
    numbers = np.zeros(values.shape, np.int32)
    height, width = values.shape
    for start in np.ndindex(values.shape):
        if values[start] and not numbers[start]:
            number, front = numbers.max() + 1, [start]
            while front:
                pixel = front.pop()
                if values[pixel] == values[start] and not numbers[pixel]:
                    numbers[pixel] = number
                    around = [(pixel[0] + r, pixel[1] + c) for r, c in STEPS[neighbours]]
                    front += [(r, c) for r, c in around if 0 <= r < height and 0 <= c < width]
    return numbers
