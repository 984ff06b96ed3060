"""Draws rendered.jpg beside this file: rendered tissue, a row a stain."""

from pathlib import Path

import numpy as np
from PIL import Image

from maskless.data.synthetic import render

INDICES, SIDE_PX = (80, 42, 83, 47, 90), 320

rows = [
    np.concatenate([render(7, k, size_px=SIDE_PX, stain=s).image for k in INDICES], 1)
    for s in ("he", "ki67", "her2")
]
Image.fromarray(np.concatenate(rows)).save(Path(__file__).with_suffix(".jpg"), quality=88)
