"""One slide, analysed: all its blocks done, and then its files written."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskless.data.annotations import Region, read_regions, refuse_outside
from maskless.data.slides import Slide
from maskless.data.tiff import damaged
from maskless.errors import UserError
from maskless.inference.analysis import Analysis, labels_of, limited
from maskless.inference.slide.assemble import assembled
from maskless.inference.slide.nuclei import Done, done
from maskless.inference.slide.outputs import SlideFiles
from maskless.inference.slide.plan import Plan, squares
from maskless.inference.slide.unreadable import Unreadable
from maskless.inference.slide.watcher import Watcher
from maskless.inference.slide.work import BlockWork, part_path
from maskless.inference.summary import Row, Tally
from maskless.seams import compact
from maskless.segmenter import MapSegmenter
from maskless.translated import Translated

_ALL = 1 - 1e-6  # of the tissue, for all that adding up parts of it may lose


@dataclass(frozen=True)
class SlideFound:
    """What was found on the slide called `name`: each block of `work` has its file in `folder`.

    `size_px` is (H, W) of level 0, `mpp` its spacing in µm/px. `done` is of all blocks, `lost` what of the
    slide could not be decoded. `mpp_is_stated`, `regions` and `notes` are as in `Analysed`. `slide` says,
    once it is written, what the table of slides says of it.
    """

    name: str
    work: BlockWork
    folder: Path
    size_px: tuple[int, int]
    mpp: float
    mpp_is_stated: bool
    done: Done
    lost: Unreadable
    regions: Sequence[Region] = ()
    notes: Sequence[str] = ()
    slide: dict[str, Any] = field(default_factory=dict)

    @property
    def unreadable(self) -> str | None:
        """A sentence on what could not be decoded, if there is any."""
        return self.lost.sentence(self.name, self.mpp) if self.lost.places else None

    @property
    def tissue_mm2(self) -> float:
        """The tissue that was looked at, mm²."""
        plan = self.work.plan
        return plan.tissue_mm2 - plan.tissue_in(self.lost.places)

    def write(self, folder: Path, stem: str, formats: Sequence[str]) -> tuple[dict[str, Path], list[Row]]:
        """Write its files into `folder`; the file of each format, and the rows of the summary."""
        start, tally = perf_counter(), Tally(self.regions)
        with SlideFiles(folder, stem, self.work.plan, formats) as files:
            for nuclei, labels, corner in self._numbered():
                tally.add(nuclei)
                files.add(nuclei, labels, corner)
        total = Done(seconds={"wall": 0.0, "write": perf_counter() - start}) + self.done
        tissue_mm2 = self.tissue_mm2
        self.slide.update(
            why=self.unreadable,
            nuclei=tally.nuclei,
            blocks=total.blocks,
            tissue_mm2=round(tissue_mm2, 4),
            unreadable_mm2=round(self.lost.mm2(self.mpp), 4),
            seconds=round(total.seconds["wall"] + total.seconds["write"], 1),
            stages=total.seconds,
        )
        tissue_px = tissue_mm2 * 1e6 / self.mpp**2
        return files.written, tally.rows(self.name, self.size_px, tissue_px, self.mpp, self.lost.outline)

    def _numbered(self) -> Iterator[tuple[pd.DataFrame, NDArray[np.int32], tuple[int, int]]]:
        """The nuclei of the regions, or all, with ids from 1 on; first of all none, but with all columns."""
        count = 0
        for owned in assembled(self.work, self.folder):
            nuclei, labels = owned.table, owned.labels
            nuclei.insert(0, "id", np.arange(1, len(nuclei) + 1))
            if self.regions:
                nuclei = limited(nuclei, self.regions)
                labels = compact(labels_of(labels, nuclei["id"].to_numpy()))
            nuclei["id"] = np.arange(count + 1, count + len(nuclei) + 1)
            yield nuclei, np.where(labels > 0, labels + count, 0), owned.corner
            count += len(nuclei)


def analysed_slide(
    analysis: Analysis,
    path: Path,
    folder: Path,
    watcher: Watcher,
    regions_path: Path | None = None,
    core_px: int | None = None,
) -> SlideFound:
    """Find the nuclei of all blocks of a slide, those that have no file in `folder` yet.

    With `regions_path`, of those blocks that have to do with the regions of that GeoJSON file. `core_px` is
    the side of a block's core, px, in place of what goes best with the segmenter. What cannot be decoded is
    white, and as if it were no tissue. Raises UserError for files that cannot be read, for a slide without a
    scale, or of whose tissue nothing can be decoded, and for a region outside of it.
    """
    with Slide.open(path, mpp=analysis.mpp) as slide:
        size_px = slide.height_px, slide.width_px
        notes: list[str] = []
        regions = read_regions(regions_path, notes) if regions_path else []
        if regions_path:
            refuse_outside(regions_path, regions, *size_px)
        plan = Plan.of(slide, analysis.segmenter, regions, core_px)
        work = BlockWork(slide, plan, analysis.segmenter, analysis.classifier, analysis.vectors)
        before = {block: said for block in plan.blocks if (said := done(part_path(folder, block)))}
        total = sum(before.values(), Done(lost=plan.lost))
        watcher.begins(path, plan, total)
        try:
            with _knowing(slide, plan, analysis):
                for one in work.blocks([block for block in plan.blocks if block not in before], folder):
                    watcher.block(one)
                    total += one
        except UserError as error:  # which knows the block, but not the file
            raise error if str(path) in str(error) else UserError(f"{path}: {error}") from error
        watcher.ends()
        lost = Unreadable.of(total.lost, regions)
        if lost.places and plan.tissue_in(lost.places) >= plan.tissue_mm2 * _ALL:
            raise UserError(damaged(path))
        stated = analysis.mpp is None
        return SlideFound(path.name, work, folder, size_px, slide.mpp, stated, total, lost, regions, notes)


def _knowing(slide: Slide, plan: Plan, analysis: Analysis) -> AbstractContextManager[None]:
    """Inside, all blocks are treated as parts of one slide, if that makes a difference."""
    segmenter = analysis.segmenter
    if not plan.blocks or not isinstance(segmenter, MapSegmenter | Translated):
        return nullcontext()
    return segmenter.knowing(squares(slide, plan, segmenter.square_px))
