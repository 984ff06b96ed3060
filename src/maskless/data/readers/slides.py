"""Whole slides: tiles of tissue at several powers, read where they are."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from maskless.data.checks import problem_of
from maskless.data.slide_table import SlideFile, slide_files
from maskless.data.slides import Slide
from maskless.data.source import Source, Split, Undecodable
from maskless.data.tile_index import Tiling, about_index, asked_of, opened_slide, serves
from maskless.data.tiles import OpenSlides, Tiles, place_of, read_tiles
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal
from maskless.spacing import spacing_of

#: Patients, as in TCGA barcodes, that Sahasrabudhe et al. (MICCAI 2020) learn from, and choose on.
_TRAIN_19 = (
    "38-6178 CH-5767 21-5786 49-4488 E2-A14V A7-A13F NH-A8F7 G9-6362 B0-5698 G2-A2EK HE-7130 21-5784 AR-A1AS "
    "G9-6336 KB-A93J HE-7129 G9-6348 HE-7128 AR-A1AK"
)
_VAL_11 = "AY-A8YK 18-5592 B0-5710 50-5931 RD-A8N9 G9-6356 G9-6363 B0-5711 DK-A2I6 E2-A1B5 A7-A13E"
SPLIT_19_11 = "tcga_19_11"


class Slides(Source):
    """Whole slides of your own, or of TCGA, cut into tiles that are never copied.

    What: files that OpenSlide opens, OME-TIFFs and tiled TIFFs, straight in a folder. `maskless prepare`
    writes an index, a Parquet table a slide, into `index` (INDEX of the folder itself if not given):
    the tiles with enough tissue at each of `powers`. Training reads tiles through it.

    `powers`, `size_px`, `stride_px`, `least_cover` and `verify` are as in `Tiling`; by default those of
    Sahasrabudhe et al. (MICCAI 2020), whose tiles are 224 px apart and overlap by 16.

    µm/px and power are what a slide states, or what a table says of it: `table`, or slides.csv in the folder,
    with the columns slide, mpp, power, split, group, of which all but the first may be missing. `mpp` and
    `power` are those of slides of which neither says either. A TCGA barcode in a name says which patient
    and tissue a slide shows; group, where the table has it, is the patient.

    It offers `scales`: a tile at each of the powers, each of a place of its own; and `image`: the tiles of
    the highest power.

    Splits: 'official' is the table's column split (train, val, test), and every slide is learnt from if there
    is none. 'tcga_19_11' has the 19 patients that the paper learns from and the 11 that it chooses on.

    Licence: that of your slides, or what `licence` says. How to get: they are yours; those of the paper are
    diagnostic slides of https://portal.gdc.cancer.gov. Citation: none.
    """

    name: ClassVar[str] = "slides"
    may_offer: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.SCALES})
    licence: ClassVar[str] = "that of your slides"
    how_to_get: ClassVar[str] = (
        "Put your slides in a folder, and a slides.csv beside them for those that do not state their µm/px."
    )
    #: Tiles are far more than memory holds.
    kept_decoded = False

    def __init__(
        self,
        path: str | Path | None = None,
        data_root: str | Path | None = None,
        split: str = "official",
        index: str | Path | None = None,
        table: str | Path | None = None,
        powers: Sequence[float] = (10, 20, 40),
        size_px: int = 240,
        stride_px: int = 224,
        least_cover: float = 0.7,
        verify: bool = False,
        mpp: float | None = None,
        power: float | None = None,
        licence: str | None = None,
    ) -> None:
        super().__init__(path, data_root, split)
        spacing_of(mpp, power)
        self.tiling = Tiling(tuple(map(float, powers)), size_px, stride_px, least_cover, verify)
        self.index = Path(index) if index else self.path / "index"
        self._table, self._given = Path(table) if table else None, (mpp, power)
        self.power = max(self.tiling.powers)
        self.mpp = 10 / self.power
        self._open = OpenSlides(self._opened)
        if licence:
            vars(self).update(licence=licence)

    @cached_property
    def slides(self) -> dict[str, SlideFile]:
        """The slides by name. Raises UserError for a folder that is not there or holds none."""
        if not self.path.is_dir():
            raise UserError(self.no_folder)
        found = slide_files(self.path, self._table, *self._given)
        if not found:
            raise UserError(f"{self.path} holds no slides. {self.how_to_get}")
        return {slide.name: slide for slide in found}

    def table_of(self, name: str) -> Path:
        """The index of a slide."""
        return self.index / f"{name}.parquet"

    def splits(self) -> Mapping[str, Split]:
        """Of slides, as far as they are in the index."""
        slides = [slide for slide in self.slides.values() if slide.name in self._indexed]
        official: dict[str, Any] = {"train": [], "val": [], "test": []}
        by_paper: dict[str, Any] = {"train": [], "val": [], "test": []}
        told = any(slide.part for slide in slides)
        for slide in slides:
            part = slide.part if told else "train"
            if part:
                official[part].append(slide.item)
            for part, patients in (("train", _TRAIN_19), ("val", _VAL_11)):
                if (slide.item.case or "")[5:12] in patients.split():
                    by_paper[part].append(slide.item)
        splits = {"official": official, SPLIT_19_11: by_paper}
        return {
            name: Split({part: tuple(items) for part, items in parts.items()})
            for name, parts in splits.items()
            if any(parts.values())
        }

    def items(self, part: str) -> Sequence[Item]:
        """The tiles at the highest power of the slides of a part."""
        return self.items_at(part, max(self.tiling.powers))

    def items_at(self, part: str, power: float) -> Sequence[Item]:
        """The tiles at a power of the slides of a part. Raises UserError for one that was not indexed."""
        if power not in self.tiling.powers:
            raise UserError(
                f"{self.name} has no tiles at {power:g}x, only at "
                f"{', '.join(f'{one:g}x' for one in self.tiling.powers)}: set dataset.powers, and prepare"
            )
        of_slides = super().items(part)
        if part not in self._tiles:
            tables = {item: self.table_of(item.id) for item in of_slides}
            self._tiles[part] = read_tiles(tables, self.tiling.powers)
        return self._tiles[part][power]

    def where_else(self) -> str:
        """See `Source`: slides that were scanned at less than a power have no tiles at it."""
        powers = [f"{power:g}x" for power in self.tiling.powers if self.items_at("train", power)]
        if not powers:
            return super().where_else()
        return (
            f": those slides have tiles at {', '.join(powers)} alone; set method.powers, or dataset.powers "
            "for a method that has none, to some of these"
        )

    def read(self, item: Item, signals: Collection[Signal]) -> Sample:
        """A tile, uint8 (size_px, size_px, 3), at its power. Raises Undecodable for a damaged place."""
        name, power, x, y = place_of(item)
        sample = Sample(item, mpp=10 / power, power=power)
        if not {Signal.IMAGE, Signal.SCALES} & set(signals):
            return sample
        slide, side = self._open[name], self.tiling.size_px
        try:
            image = slide.read(x, y, side, side, slide.stored_mpp(10 / power))
        except UserError as error:
            raise Undecodable(str(error)) from error
        both = {Signal.IMAGE: image, Signal.SCALES: {power: image}}
        sample.signals.update({signal: both[signal] for signal in both if signal in signals})
        return sample

    def problems(self) -> list[str]:
        """A folder, table or index that is not there, and slides that changed after they were indexed."""
        if found := problem_of(lambda: self._indexed):
            return found
        return [
            f"{self.slides[name].path} has changed since it was indexed, or was indexed with other numbers: "
            "maskless prepare again"
            for name, about in self._indexed.items()
            if not serves(about["asked"], {**asked_of(self.slides[name], self.tiling), "verify": False})
        ]

    def extra(self) -> list[str]:
        """Slides that are not in the index, and what was left out of those that are."""
        found = [f"{s.path} is not in the index" for s in self.slides.values() if s.name not in self._indexed]
        return found + [said for about in self._indexed.values() for said in about["found"]["left_out"]]

    def files(self, item: Item) -> list[Path]:
        """The index of a slide, which tells it from others; of a tile, that of its slide."""
        name = item.id if item.id in self.slides else place_of(item)[0]
        return [self.table_of(name)]

    @cached_property
    def _indexed(self) -> dict[str, dict[str, Any]]:
        """What stands at the head of the index of each slide that has one."""
        found = {name: about_index(self.table_of(name)) for name in self.slides}
        indexed = {name: about for name, about in found.items() if about}
        if not indexed:
            raise UserError(
                f"{self.index} holds no tile index of the slides in {self.path}: maskless prepare "
                f"dataset=slides dataset.path={self.path} makes it (dataset.index=FOLDER puts it elsewhere)"
            )
        return indexed

    @cached_property
    def _tiles(self) -> dict[str, dict[float, Tiles]]:
        return {}

    def _opened(self, name: str) -> Slide:
        return opened_slide(self.slides[name])
