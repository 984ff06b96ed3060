"""The tile index of a slide: where on it there is tissue, at several powers, as a Parquet table."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maskless.atomic import atomic, write_atomically
from maskless.data.slide_levels import undecodable
from maskless.data.slide_table import TABLE, SlideFile
from maskless.data.slides import Slide, UnknownSpacing
from maskless.data.tile_picture import tile_picture
from maskless.data.tissue import tissue_mask
from maskless.errors import UserError
from maskless.spacing import same_spacing

SCHEMA = pa.schema(
    [
        ("slide", pa.string()),
        ("level", pa.int16()),  # the stored one that it is read from
        ("x", pa.int32()),  # of the top left corner, px of level 0
        ("y", pa.int32()),
        ("size", pa.int32()),  # of a side, px at the power
        ("power", pa.float32()),
        ("cover", pa.float32()),  # how much of it is tissue, 0 to 1
    ]
)
#: How much a slide may be enlarged to a power: scanners' 40x lie between 0.22 and 0.28 µm/px.
MOST_ENLARGED = 1.15

_MASK_MPP, _MASK_PX = 8.0, (1024, 4096)  # of the picture that tissue is sought on, and its longer side
_HASHED_BYTES = 2**20
_KEY = b"maskless"


@dataclass(frozen=True)
class Tiling:
    """Square tiles of `size_px`, one every `stride_px`, at each of `powers` (10 / power µm/px).

    A tile is kept if `least_cover` of it is tissue. With `verify` each is decoded, and what cannot be is left
    out.
    """

    powers: tuple[float, ...]
    size_px: int
    stride_px: int
    least_cover: float
    verify: bool = False

    def __post_init__(self) -> None:
        if not self.powers or len(set(self.powers)) < len(self.powers) or min(self.powers) <= 0:
            raise UserError(f"powers={list(self.powers)} must be one or more, each once, as in [10,20,40]")
        if self.size_px < 1 or self.stride_px < 1 or not 0 <= self.least_cover <= 1:
            raise UserError(
                f"size_px={self.size_px} and stride_px={self.stride_px} are 1 or more, "
                f"least_cover={self.least_cover} is 0 to 1"
            )


@dataclass(frozen=True)
class Indexed:
    """What became of a slide: tiles by power, and what was left out. `tissue` is a share of its area."""

    name: str
    width_px: int
    height_px: int
    mpp: float
    power: float
    tissue: float
    tiles: dict[str, int]
    left_out: list[str]


def index_slide(slide: SlideFile, tiling: Tiling, folder: Path) -> Indexed:
    """Write NAME.parquet and NAME.png, the slide with its tiles, to a folder; what was done before is kept.

    Raises UserError for a slide that cannot be opened or has none of the powers.
    """
    table, asked = folder / f"{slide.name}.parquet", asked_of(slide, tiling)
    if (about := about_index(table)) and serves(about["asked"], asked):
        return Indexed(**about["found"])
    with opened_slide(slide) as opened:
        left_out: list[str] = []
        thumbnail = _thumbnail(opened, left_out)
        mask = tissue_mask(thumbnail)
        kept = {power: tiles_at(opened, mask, power, tiling) for power in sorted(tiling.powers)}
        if tiling.verify:
            kept = {power: _decoded(opened, tiles, tiling, left_out) for power, tiles in kept.items()}
    found = Indexed(
        slide.name, opened.width_px, opened.height_px, opened.mpp, opened.power, round(float(mask.mean()), 4),
        {f"{power:g}": tiles.num_rows for power, tiles in kept.items()}, left_out,
    )  # fmt: skip
    write_atomically(folder / f"{slide.name}.png", tile_picture(thumbnail, opened, kept))
    rows = pa.concat_tables(kept.values())
    name = pa.array([slide.name] * rows.num_rows, pa.string())
    rows = rows.add_column(0, "slide", name).cast(SCHEMA)
    head = json.dumps({"asked": asked, "found": asdict(found)}, sort_keys=True).encode()
    with atomic(table) as file:
        pq.write_table(rows.replace_schema_metadata({_KEY: head}), file, compression="zstd")
    return found


def serves(had: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether an index made for what was asked then has what is asked now: decoded tiles are tiles, too."""
    verified = had.get("verify", False) or not asked["verify"]
    return verified and {**had, "verify": None} == {**asked, "verify": None}


def opened_slide(slide: SlideFile) -> Slide:
    """The slide, open, by what is said of it. Raises UserError as `Slide.open` does."""
    if slide.if_unstated:
        with suppress(UnknownSpacing):
            return Slide.open(slide.path)
    try:
        return Slide.open(slide.path, slide.mpp, slide.power)
    except UnknownSpacing as error:
        raise UserError(
            f"{slide.path} states neither µm/px nor objective power: give it a row in a {TABLE} beside it "
            "with the columns slide and mpp or power, or dataset.mpp=... for all such slides"
        ) from error


def index_or_why(slide: SlideFile, tiling: Tiling, folder: Path) -> Indexed | str:
    """What `index_slide` gives, or the sentence that it raises."""
    try:
        return index_slide(slide, tiling, folder)
    except UserError as error:
        return str(error)


def about_index(table: Path) -> dict[str, Any] | None:
    """What stands at the head of a slide's index: what was `asked` and `found`; None if there is none."""
    try:
        return dict(json.loads((pq.read_schema(table).metadata or {})[_KEY]))
    except (OSError, KeyError, ValueError, pa.ArrowInvalid):
        return None


def fingerprint(slide: Path) -> str:
    """What tells a slide from another or from a copy that is cut short, without reading it all."""
    digest = hashlib.sha256()
    with slide.open("rb") as file:
        digest.update(str(slide.stat().st_size).encode() + file.read(_HASHED_BYTES))
        file.seek(max(0, slide.stat().st_size - _HASHED_BYTES))
        digest.update(file.read())
    return digest.hexdigest()


def tiles_at(slide: Slide, mask: NDArray[np.bool_], power: float, tiling: Tiling) -> pa.Table:
    """The tiles with enough tissue at a power, row by row: `SCHEMA` without the slide.

    `mask`, bool (H, W), is of the whole slide. A slide that would have to be enlarged has none.
    """
    mpp = slide.stored_mpp(10 / power)
    step = mpp / slide.mpp
    side = tiling.size_px * step  # px of level 0
    offered = step * MOST_ENLARGED >= 1 or same_spacing(step, 1)
    columns, rows = (
        np.rint(
            np.arange(max(0, int((length - side) // (tiling.stride_px * step) + 1))) * tiling.stride_px * step
        )
        if offered and length >= side
        else np.zeros(0)
        for length in (slide.width_px, slide.height_px)
    )
    cover = _means(
        mask, columns / slide.width_px, rows / slide.height_px, side / slide.width_px, side / slide.height_px
    )
    row, column = np.nonzero(cover >= tiling.least_cover)
    return pa.table(
        {
            "level": np.full(len(row), slide.level_at(mpp), np.int16),
            "x": columns[column].astype(np.int32),
            "y": rows[row].astype(np.int32),
            "size": np.full(len(row), tiling.size_px, np.int32),
            "power": np.full(len(row), power, np.float32),
            "cover": cover[row, column].astype(np.float32),
        }
    )


def asked_of(slide: SlideFile, tiling: Tiling) -> dict[str, Any]:
    """What the index of a slide follows from, plain values, for its head."""
    said: dict[str, Any] = {"mpp": slide.mpp, "power": slide.power}
    if slide.if_unstated and (slide.mpp or slide.power):
        said["if_unstated"] = True
    about = {**asdict(tiling), "powers": list(tiling.powers), **said}
    return {**about, "slide": fingerprint(slide.path)}


def _means(
    mask: NDArray[np.bool_], left: NDArray[np.float64], top: NDArray[np.float64], width: float, height: float
) -> NDArray[np.float64]:
    """The mean of a mask in each rectangle of a grid, (rows, columns); all as shares of its sides."""
    sums = cv2.integral(mask.astype(np.uint8), sdepth=cv2.CV_64F)
    rows, columns = mask.shape
    strips = (_between(sums, (top + height) * rows) - _between(sums, top * rows)).T
    covered = _between(strips, (left + width) * columns) - _between(strips, left * columns)
    return np.asarray(covered.T / (width * columns * height * rows))


def _between(table: NDArray[Any], places: NDArray[Any]) -> NDArray[Any]:
    """Rows of a table at places between them, interpolated."""
    places = np.clip(places, 0, len(table) - 1)
    before = np.minimum(places.astype(int), len(table) - 2)
    share = (places - before)[:, None]
    return np.asarray(table[before] * (1 - share) + table[before + 1] * share)


def _thumbnail(slide: Slide, left_out: list[str]) -> NDArray[np.uint8]:
    """A picture of the whole slide, white where it cannot be decoded, of which the first place is said.

    Raises UserError if nothing can be.
    """
    longer = max(slide.width_px, slide.height_px)
    picture, lost = slide.thumbnail_around_damage(int(np.clip(longer * slide.mpp / _MASK_MPP, *_MASK_PX)))
    if lost:
        first = min(lost, key=lambda place: (place.y, place.x))
        left_out.append(undecodable(slide.path, 0, first.x, first.y))
    return picture


def _decoded(slide: Slide, tiles: pa.Table, tiling: Tiling, left_out: list[str]) -> pa.Table:
    """The tiles that can be decoded; the others are said."""
    fine = np.ones(tiles.num_rows, bool)
    places = zip(*(tiles[key].to_pylist() for key in ("x", "y", "power")), strict=True)
    for k, (x, y, power) in enumerate(places):
        try:
            slide.read(x, y, tiling.size_px, tiling.size_px, slide.stored_mpp(10 / power))
        except UserError as error:
            fine[k] = False
            left_out.append(str(error))
    return tiles.filter(pa.array(fine))
