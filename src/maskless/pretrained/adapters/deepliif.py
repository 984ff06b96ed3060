"""DeepLIIF (Ghahremani et al. 2022; deepliif 1.2): IHC to immunofluorescence to cells."""

import sys
from collections.abc import Callable
from types import ModuleType

import numpy as np

#: Readers of slides that the package imports, that need Java, and that no one calls here.
_JAVA = ("bioformats", "bioformats.omexml", "javabridge")


def load(
    weights: str, device: str, tile_px: int = 512, seg_thresh: int = 120, noise_thresh: int = 4
) -> Callable[[np.ndarray], np.ndarray]:
    """The folder of a serialised model, with train_opt.txt or test_opt.txt and a file .pt a network.

    The network's map of positive and negative cells is thresholded, cleaned and freed of what is too small as
    the package does it, at the resolution 40x; a cell is what then hangs together.
    """
    for name in _JAVA:
        sys.modules.setdefault(name, ModuleType(name))
    from deepliif.models import inference
    from deepliif.postprocessing import LABEL_BACKGROUND, get_cells_info
    from PIL import Image
    from scipy.ndimage import generate_binary_structure, label

    def segment(image: np.ndarray) -> np.ndarray:
        images = inference(Image.fromarray(image), tile_px, tile_px // 16, weights, seg_only=True)
        mask, _, defaults = get_cells_info(images["Seg"], None, "40x", noise_thresh, seg_thresh, None)
        labels, _ = label(mask != LABEL_BACKGROUND, generate_binary_structure(2, 2))
        least_px = max(noise_thresh, defaults["size_thresh"])
        small = np.bincount(labels.ravel()) <= least_px
        labels[small[labels]] = 0
        return labels

    return segment
