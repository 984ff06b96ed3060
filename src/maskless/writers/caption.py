"""A few lines of text below a picture."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from maskless.writers.overlay import Colour

_FONT_PX, _LINE_PX, _MARGIN_PX, _SWATCH_PX = 13, 18, 4, 10


def captioned(
    picture: npt.NDArray[np.uint8], lines: Sequence[tuple[str, Colour | None]]
) -> npt.NDArray[np.uint8]:
    """The picture, uint8 (H, W, 3), RGB, with a line below it for each text, 18 px high, black on white.

    A text with a colour has a square of it before it. A picture that is narrower than its longest line is
    continued in white to the right.
    """
    font = ImageFont.load_default(_FONT_PX)
    height, width, _ = picture.shape
    left = _MARGIN_PX + _SWATCH_PX + _MARGIN_PX
    longest = max((font.getlength(text) for text, _ in lines), default=0)
    size = (height + _LINE_PX * len(lines), max(width, left + int(longest) + 1 + _MARGIN_PX), 3)
    canvas = np.full(size, 255, np.uint8)
    canvas[:height, :width] = picture
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for k, (text, colour) in enumerate(lines):
        middle = height + _LINE_PX * k + _LINE_PX // 2
        if colour is not None:
            top = middle - _SWATCH_PX // 2
            box = (_MARGIN_PX, top, _MARGIN_PX + _SWATCH_PX, top + _SWATCH_PX)
            draw.rectangle(box, fill=colour, outline=(0, 0, 0))
        draw.text((left, middle), text, fill=(0, 0, 0), font=font, anchor="lm")
    return np.asarray(image)
