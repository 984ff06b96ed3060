"""A sheet of pictures: samples below each other, what was made of each beside it, titles over the columns."""

import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_GAP_PX = 4
_TITLE_PX = 24
#: Titles are written as large as their column allows, between these.
_FONT_PX = range(14, 6, -1)


def sheet_png(columns: Mapping[str, npt.NDArray[np.uint8]]) -> bytes:
    """The pictures of `columns`, each uint8 (B, H, W) or (B, H, W, 3), RGB, as the bytes of a PNG.

    A row for each of the B samples and a column for each title, with white gaps of 4 px. Raises ValueError if
    there is no column, or if B, H and W are not the same in all of them.
    """
    shapes = {pictures.shape[:3] for pictures in columns.values()}
    if len(shapes) != 1:
        raise ValueError(f"the columns of a sheet are of one shape (B, H, W), not {sorted(shapes)}")
    ((rows, height, width),) = shapes
    down, right = height + _GAP_PX, width + _GAP_PX
    size = (rows * down - _GAP_PX + _TITLE_PX, len(columns) * right - _GAP_PX, 3)
    canvas = np.full(size, 255, np.uint8)
    for column, pictures in enumerate(columns.values()):
        coloured = pictures if pictures.ndim == 4 else pictures[..., None]
        for row, picture in enumerate(coloured):
            top, left = _TITLE_PX + row * down, column * right
            canvas[top : top + height, left : left + width] = picture
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for column, title in enumerate(columns):
        middle = (column * right + width / 2, _TITLE_PX / 2)
        draw.text(middle, title, fill=0, font=_font(draw, title, width), anchor="mm")
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def _font(
    draw: ImageDraw.ImageDraw, title: str, width_px: int
) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The largest in which the title fits above its column, else the smallest."""
    fonts = [ImageFont.load_default(size) for size in _FONT_PX]
    return next((font for font in fonts if draw.textlength(title, font=font) <= width_px), fonts[-1])
