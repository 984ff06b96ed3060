"""A Segmenter that finds the same awkward nuclei in every image, for tests of what stands behind one."""

import numpy as np

#: The ids of the nuclei, by what is awkward about them.
BOW_TIE, HOLE, EDGE, CORNER, PIXEL, LINE, DISC = range(1, 8)


def awkward_nuclei(shape: tuple[int, int] = (96, 128)) -> np.ndarray:
    """Seven nuclei, int32 (H, W) of at least 64x64 px, ids 1..7 as named above.

    The bow-tie is two triangles that touch at a corner only: one object for 8-connectivity, and a polygon
    that meets itself. The disc touches the ring around the hole.
    """
    height, width = shape
    if height < 64 or width < 64:
        raise ValueError(f"the awkward nuclei need 64x64 px, not {height}x{width}")
    labels = np.zeros(shape, np.int32)
    rows, cols = np.indices(shape)
    labels[(np.abs(rows - 12) <= 15 - cols) & (cols >= 8) & (cols <= 15)] = BOW_TIE
    labels[(np.abs(rows - 13) <= cols - 16) & (cols >= 16) & (cols <= 23)] = BOW_TIE
    radius = np.hypot(rows - 36, cols - 14)
    labels[(radius <= 9) & (radius > 4)] = HOLE
    labels[(np.hypot(rows - 36, cols - 31) <= 8) & (labels == 0)] = DISC
    labels[np.hypot(rows, cols - 44) <= 7] = EDGE
    labels[np.hypot(rows - height + 1, cols - width + 1) <= 10] = CORNER
    labels[20, 56] = PIXEL
    labels[52, 6:40] = LINE
    return labels


class MockSegmenter:
    """Finds `awkward_nuclei` in any image of at least 64x64 px, whatever it shows."""

    def segment(self, image: np.ndarray, mpp: float | None = None) -> np.ndarray:
        """The awkward nuclei, int32 (H, W)."""
        return awkward_nuclei(image.shape[:2])

    def maps(self, image: np.ndarray, mpp: float | None = None) -> dict[str, np.ndarray]:
        """'foreground', float32 (H, W): 0.9 on the nuclei, 0.1 elsewhere."""
        return {"foreground": np.where(awkward_nuclei(image.shape[:2]) > 0, 0.9, 0.1).astype(np.float32)}
