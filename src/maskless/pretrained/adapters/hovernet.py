"""HoVer-Net (Graham et al. 2019; tiatoolbox 2.1): nuclei from the distances to their middles."""

from collections.abc import Callable

import numpy as np


def load(weights: str, device: str, name: str, batch: int = 8) -> Callable[[np.ndarray], np.ndarray]:
    """A file of weights of one of TIAToolbox's models; `name` is what TIAToolbox calls it.

    The network gives the middle of each patch it is shown, `batch` patches at a time; the image is padded by
    reflection, so that these middles cover it.
    """
    import torch
    from tiatoolbox.models.architecture import get_pretrained_model

    model, settings = get_pretrained_model(name, pretrained_weights=weights)
    model = model.to(device)
    side, core = settings.patch_input_shape[0], settings.patch_output_shape[0]

    def segment(image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        rows, cols = -(-height // core), -(-width // core)
        margin = (side - core) // 2
        after = [(margin, side - core - margin + count * core - length)
                 for count, length in ((rows, height), (cols, width))]  # fmt: skip
        padded = np.pad(image, (*after, (0, 0)), mode="reflect")
        starts = [(row * core, col * core) for row in range(rows) for col in range(cols)]
        patches = [padded[row : row + side, col : col + side] for row, col in starts]
        maps = [np.zeros((rows * core, cols * core, channels), np.float32) for channels in (1, 2)]
        for k in range(0, len(patches), batch):
            given = torch.from_numpy(np.stack(patches[k : k + batch]))
            found = model.infer_batch(model, given, device=device)
            for whole, parts in zip(maps, found, strict=False):  # of types there may be a third
                for (row, col), part in zip(starts[k : k + batch], parts, strict=True):
                    whole[row : row + core, col : col + core] = part
        nuclei = model.postproc([whole[:height, :width] for whole in maps])[0]
        return np.asarray(nuclei["predictions"])

    return segment
