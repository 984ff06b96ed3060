"""Predict slides of 1, 4 and 16 times an area, and print the peak of the memory after each, MiB; a script."""

import resource
import sys
from pathlib import Path

import numpy as np
from seen_slides import DIAMETER_UM, MPP, dark_spots, spread_centres
from slide_files import disc_image

from maskless.data.slides import Place, Slide
from maskless.inference.analysis import Analysis
from maskless.inference.slide.analysis import analysed_slide
from maskless.inference.slide.outputs import SLIDE_FORMATS
from maskless.inference.slide.watcher import Silent

SIDE_PX, CORE_PX = 512, 256


class Repeated:
    """A slide without a file: the same square again and again, so that reading it takes no memory."""

    mpp = MPP

    def __init__(self, times: int) -> None:
        self.height_px = self.width_px = times * SIDE_PX
        self._square = disc_image(SIDE_PX, SIDE_PX, MPP, spread_centres(SIDE_PX, SIDE_PX), DIAMETER_UM)

    def read(self, x: float, y: float, width_px: int, height_px: int, mpp: float | None = None) -> np.ndarray:
        rows, cols = np.arange(int(y), int(y) + height_px), np.arange(int(x), int(x) + width_px)
        return self._square[rows[:, None] % SIDE_PX, cols % SIDE_PX]

    def stored_mpp(self, mpp: float) -> float:
        return mpp

    def thumbnail_around_damage(self, max_px: int) -> tuple[np.ndarray, set[Place]]:
        places = np.arange(0, self.width_px, 16) % SIDE_PX
        return self._square[places[:, None], places], set()

    def around_damage(self) -> tuple["Repeated", set[Place]]:
        return self, set()

    def __enter__(self) -> "Repeated":
        return self

    def __exit__(self, *error: object) -> None:
        return


def main() -> None:
    folder = Path(sys.argv[1])
    for times in (1, 2, 4):
        blocks, files = folder / f"{times}.blocks", folder / f"{times}"
        blocks.mkdir(), files.mkdir()
        Slide.open = lambda path, mpp=None, times=times: Repeated(times)
        found = analysed_slide(Analysis(dark_spots()), Path("a.svs"), blocks, Silent(), core_px=CORE_PX)
        _, (row,) = found.write(files, "a", list(SLIDE_FORMATS))
        assert row["nuclei"] == times**2 * len(spread_centres(SIDE_PX, SIDE_PX))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
