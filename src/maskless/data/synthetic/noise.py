"""Smooth noise on an unbounded plane: a value at any place in µm, the same at any magnification.

Tissue that is a function of position, not of pixels, can be looked at through any window at any power. The
noise is a uniform cubic B-spline (twice continuously differentiable, so no lattice shows) whose coefficients
are hashed from their place in the lattice; nothing is stored, and nothing depends on what was drawn before.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.floating]

# The odd constants of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators",
# OOPSLA 2014), and of the 64-bit golden ratio family for the three coordinates.
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_ROW: Final = np.uint64(0x9E3779B97F4A7C15)
_COLUMN: Final = np.uint64(0xD1B54A32D192ED03)
_CHANNEL: Final = 0xABC98388FB8FAC03

#: A uniform number in (-1, 1) has variance 1/3; what is left of it between the lattice's nodes, on average.
_SPLINE_VARIANCE: Final = (1 / 3) * (151 / 315) ** 2


@dataclass(frozen=True)
class Noise:
    """A smooth random field of mean 0 and standard deviation 1, with features about `spacing_um` wide.

    `key` is any whole number below 2^64; other keys give independent fields.
    """

    key: int
    spacing_um: float

    def __call__(self, rows_um: _Floats, cols_um: _Floats) -> NDArray[np.float32]:
        """The field at places that broadcast like NumPy arrays, float32.

        Rows (H, 1) with columns (1, W) are a window, computed separably; two (N,) are N single places.
        """
        if rows_um.ndim == 2:
            return self._window(rows_um[:, 0], cols_um[0])
        return self._places(rows_um, cols_um)

    def _window(self, rows_um: _Floats, cols_um: _Floats) -> NDArray[np.float32]:
        row, row_weights = _taps(rows_um / self.spacing_um)
        col, col_weights = _taps(cols_um / self.spacing_um)
        first_row, first_col = row.min(), col.min()
        nodes = self._nodes(
            np.arange(first_row, row.max() + 4)[:, None], np.arange(first_col, col.max() + 4)[None, :]
        )
        across = sum(nodes[:, col - first_col + k] * col_weights[k] for k in range(4))
        return sum(across[row - first_row + k] * row_weights[k][:, None] for k in range(4))

    def _places(self, rows_um: _Floats, cols_um: _Floats) -> NDArray[np.float32]:
        row, row_weights = _taps(rows_um / self.spacing_um)
        col, col_weights = _taps(cols_um / self.spacing_um)
        four = np.arange(4)[:, None]
        nodes = self._nodes((row + four)[:, None], (col + four)[None])
        return (nodes * row_weights[:, None] * col_weights[None]).sum((0, 1))

    def _nodes(self, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.float32]:
        uniform = hashed(self.key, rows, cols)
        return ((2 * uniform - 1) / np.sqrt(_SPLINE_VARIANCE)).astype(np.float32)


def hashed(
    key: int, rows: NDArray[np.int64], cols: NDArray[np.int64], channel: int = 0
) -> NDArray[np.float64]:
    """A uniform number in [0, 1), float64, for each place of a lattice; the shapes broadcast."""
    x = np.asarray(rows, np.int64).astype(np.uint64) * _ROW
    x = x ^ (np.asarray(cols, np.int64).astype(np.uint64) * _COLUMN)
    x = _mix(x + np.uint64(_CHANNEL * channel % 2**64))
    x = _mix(x ^ np.uint64(key))
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


def _taps(position: _Floats) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The first of the four lattice nodes that reach each position, and their B-spline weights (4, N)."""
    node = np.floor(position)
    t = position - node
    s = 1 - t
    weights = np.stack([s**3, 4 - 6 * t**2 + 3 * t**3, 4 - 6 * s**2 + 3 * s**3, t**3]) / 6
    return node.astype(np.int64) - 1, weights.astype(np.float32)
