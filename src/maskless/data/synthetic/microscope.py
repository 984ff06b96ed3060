"""From transmitted light to pixels: lamp, lens, sensor, the scanner's sharpening, JPEG."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskless.data.synthetic.noise import Noise

_Map = NDArray[np.float32]


def seen(light: _Map, mpp: float, draw: np.random.Generator) -> NDArray[np.uint8]:
    """What a scanner makes of the transmitted light (H, W, 3), 0 to 1, at `mpp` µm/px: uint8 RGB."""
    height_px, width_px = light.shape[:2]
    white = draw.uniform(236, 253) + draw.uniform(-4, 4, 3)
    lit = light * _lamp(height_px, width_px, draw)[..., None] * white.astype(np.float32)
    image = _focused(lit, mpp, draw)
    # A generator of its own, so that what is drawn after it does not hang on the number of pixels.
    sensor = np.random.default_rng(int(draw.integers(2**63)))
    grain = cv2.GaussianBlur(sensor.standard_normal(lit.shape, dtype=np.float32), (0, 0), 0.55)
    image = _sharpened(image + np.float32(2 * draw.uniform(0.3, 2.5)) * grain, mpp, draw)
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return _compressed(pixels, draw)


def _lamp(height_px: int, width_px: int, draw: np.random.Generator) -> _Map:
    """Uneven light: a slope, and corners a little darker than the middle."""
    down, along, corner = draw.uniform(-0.05, 0.05), draw.uniform(-0.05, 0.05), draw.uniform(0, 0.05)
    row = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None]
    col = np.linspace(-1, 1, width_px, dtype=np.float32)[None]
    return (1 + down * row + along * col - corner * (row**2 + col**2) / 2).astype(np.float32)


def _focused(lit: _Map, mpp: float, draw: np.random.Generator) -> _Map:
    """Through the lens; in some fields parts of the tissue lie out of its plane of focus."""
    lens_um = draw.uniform(0.1, 0.4)
    sharp = _blurred(lit, lens_um / mpp)
    key, uneven, beyond_um = int(draw.integers(2**63)), draw.uniform(0, 1) < 0.3, draw.uniform(0.4, 0.9)
    if not uneven:
        return sharp
    row_um = (np.arange(0.5, lit.shape[0]) * mpp)[:, None]
    col_um = (np.arange(0.5, lit.shape[1]) * mpp)[None]
    out = (0.5 + Noise(key, 40.0)(row_um, col_um)).clip(0, 1)[..., None]
    return sharp * (1 - out) + _blurred(lit, beyond_um / mpp) * out


def _sharpened(image: _Map, mpp: float, draw: np.random.Generator) -> _Map:
    """Unsharp masking, as most scanners do it."""
    amount, radius_um, done = draw.uniform(0.3, 1.8), draw.uniform(0.18, 0.4), draw.uniform(0, 1) < 0.7
    if not done:
        return image
    return image + np.float32(amount) * (image - _blurred(image, radius_um / mpp))


def _compressed(pixels: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Through JPEG and back, as most slides are stored."""
    quality, done = int(draw.integers(55, 96)), draw.uniform(0, 1) < 0.8
    if not done:
        return pixels
    _, jpeg = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded: Any = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(decoded[..., ::-1])


def _blurred(image: _Map, sigma_px: float) -> _Map:
    blurred: Any = cv2.GaussianBlur(image, (0, 0), max(sigma_px, 0.3))
    return blurred
