"""A panel for print: what stands in it, where, and what cannot be drawn."""

import io

import numpy as np
import pytest
from PIL import Image

from maskless.report.drawings.figures import png
from maskless.report.drawings.panel import PanelRow, panel


def plain(colour: tuple[int, int, int], height: int = 512, width: int = 512) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def drawn(*rows: PanelRow) -> np.ndarray:
    """The pixels of a panel of 300 dots an inch."""
    with Image.open(io.BytesIO(png(panel(rows), 300))) as image:
        return np.asarray(image.convert("RGB"))


def extent(pixels: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Top, left, height and width of what has a colour, px."""
    rows, columns = np.nonzero((pixels == colour).all(-1))
    return rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1


def test_images_stand_below_each_other_and_methods_side_by_side() -> None:
    pixels = drawn(
        PanelRow("a", "1", {"image": plain(RED), "ours": plain(GREEN)}),
        PanelRow("b", "2", {"image": plain(BLUE)}),
    )
    red, green, blue = (extent(pixels, colour) for colour in (RED, GREEN, BLUE))
    assert red[0] == green[0] < red[0] + red[2] <= blue[0]
    assert red[1] == blue[1] < red[1] + red[3] <= green[1]
    for one in (red, green, blue):  # pixel by pixel, but for a line of antialiasing
        assert one[2:] == pytest.approx((512, 512), abs=2)
    blank = pixels[blue[0] : blue[0] + blue[2], green[1] : green[1] + green[3]]
    assert (blank == 255).all()


def test_a_wide_image_has_a_low_row() -> None:
    pixels = drawn(PanelRow("a", "1", {"image": plain(RED, 256, 512)}))
    assert extent(pixels, RED)[2:] == pytest.approx((256, 512), abs=2)


def test_titles_and_names_are_told_as_they_are_however_long() -> None:
    name = "TCGA-21-5784-01Z-00-DX1 and a good many other letters beside it"
    row = PanelRow("multiorgan", "x" * 90, {"image": plain(RED), name: plain(RED), "$a_b$": plain(RED)})
    figure = panel([row])
    texts = [text.get_text() for text in figure.texts]
    assert name in [text.replace("\n", " ") for text in texts]
    assert "$a_b$" in texts
    assert "multiorgan" in texts
    (cut,) = (text for text in texts if text.startswith("xxx"))
    assert len(cut) < 40
    assert "…" in cut


@pytest.mark.parametrize("rows", [[], [PanelRow("a", "1", {})]])
def test_of_nothing_there_is_no_panel(rows: list[PanelRow]) -> None:
    with pytest.raises(ValueError, match="needs rows"):
        panel(rows)
