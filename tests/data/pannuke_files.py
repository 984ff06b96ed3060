"""A tiny PanNuke in the published layout, written for a test."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TISSUES = ("Breast", "Adrenal_gland", "HeadNeck")


def fold_images(fold: int, tiles: int) -> NDArray[np.float64]:
    """Noise of 0 to 255, float64 (tiles, 256, 256, 3), other for each fold and tile."""
    return np.random.default_rng(fold).integers(0, 256, (tiles, 256, 256, 3)).astype(np.float64)


def fold_masks(fold: int, tiles: int) -> NDArray[np.float64]:
    """Ids, float64 (tiles, 256, 256, 6), with nuclei of three classes in every tile.

    Id `fold` stands in channel 0 (rows 0 to 9) and again in channel 4 (rows 5 to 14), both in columns 0 to
    9, so they overlap in five rows; id 7 + tile in channel 1, 4 x 4 px at row and column 100.
    """
    masks = np.zeros((tiles, 256, 256, 6))
    masks[:, 0:10, 0:10, 0] = fold
    masks[:, 5:15, 0:10, 4] = fold
    masks[:, 100:104, 100:104, 1] = 7 + np.arange(tiles)[:, None, None]
    masks[..., 5] = (masks[..., :5] == 0).all(-1)
    return masks


def write_pannuke(folder: Path, tiles: tuple[int, ...] = (2, 1, 1), of_type: type = np.float64) -> Path:
    """Fold 1, Fold 2, ... with so many tiles each, as the published archives unpack."""
    for fold, count in enumerate(tiles, start=1):
        images = folder / f"Fold {fold}" / "images" / f"fold{fold}"
        masks = folder / f"Fold {fold}" / "masks" / f"fold{fold}"
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        np.save(images / "images.npy", fold_images(fold, count).astype(of_type))
        np.save(images / "types.npy", np.array([TISSUES[k % len(TISSUES)] for k in range(count)]))
        np.save(masks / "masks.npy", fold_masks(fold, count).astype(of_type))
    return folder
