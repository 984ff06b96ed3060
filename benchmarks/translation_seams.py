"""Grey levels by which a trained translation in windows is off that of the whole image in one window.

On rendered tissue of growing size, at the translator's own spacing: with what all windows know of the image,
as every command translates, and each window by itself, as if nothing were held.

    python benchmarks/translation_seams.py RUN [stain]
"""

import sys

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from maskless.data.readers.synthetic import Synthetic
from maskless.loading import load
from maskless.segmenter import MapSegmenter
from maskless.signals import Signal
from maskless.translated import TRANSLATED, Translated
from maskless.windows import Tiling

SIDES_PX = (512, 768, 1024, 1400, 2000)


def main(run: str, stain: str) -> None:
    segmenter = load(run)
    translator = segmenter.translator if isinstance(segmenter, Translated) else segmenter
    assert isinstance(translator, MapSegmenter)
    in_windows, prepare = translator.tiling, translator.prepare
    table = Table("px", "median", "99th percentile", "by itself: median", "99th percentile")
    for side in track(SIDES_PX, "translating"):
        source = Synthetic(stain, 10 / (translator.mpp or 0.5), side, {"test": 1})
        image = source.read(source.items("test")[0], [Signal.IMAGE])[Signal.IMAGE]
        translator.tiling = Tiling(side, in_windows.overlap_px, in_windows.multiple_px)
        whole = translator.maps(image)[TRANSLATED]
        translator.tiling = in_windows
        row = []
        for translator.prepare in (prepare, None):
            off = 255 * np.abs(translator.maps(image)[TRANSLATED] - whole)
            row += [f"{value:.1f}" for value in np.percentile(off, (50, 99))]
        translator.prepare = prepare
        table.add_row(str(side), *row)
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "ki67")
