"""Randomness has an address: every draw is a pure function of where it is used, never of when.

A sample is drawn from a generator keyed by (seed, stage, role, n), a training step's own draws (dropout)
from (seed, stage, step, rank). So the number of loader workers, the number of processes and a killed run
that is resumed change nothing.
"""

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

#: Orders of a pass that are remembered: of each role and power one, and the next one's.
_ORDERS = 8


def _key(*parts: int | str) -> list[int]:
    """Whole numbers that name an address; words become their CRC-32."""
    return [zlib.crc32(part.encode()) if isinstance(part, str) else int(part) for part in parts]


def generator(*address: int | str) -> np.random.Generator:
    """A NumPy generator for an address such as (seed, stage, role, n)."""
    return np.random.default_rng(np.random.SeedSequence(_key(*address)))


def seed_of(*address: int | str) -> int:
    """A seed below 2^63 for an address, for torch's generators."""
    return int(np.random.SeedSequence(_key(*address)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def item_of(n: int, count: int, *address: int | str) -> int:
    """Which of `count` items sample `n` shows: passes without replacement, shuffled anew each pass."""
    return int(_order(count, *address, "order", n // count)[n % count])


@lru_cache(_ORDERS)
def _order(count: int, *address: int | str) -> NDArray[np.uint32]:
    """A pass of `count` items. There may be millions of them, and a sample wants one."""
    return generator(*address).permutation(count).astype(np.uint32)
