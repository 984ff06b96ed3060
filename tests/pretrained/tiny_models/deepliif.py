"""A DeepLIIF of a few channels, serialised as the package does it, and the sizes of the cells that it finds.

They are those of the package's own cell data, without maskless.
"""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from PIL import Image

for name in ("bioformats", "bioformats.omexml", "javabridge"):  # readers of slides, which need Java
    sys.modules.setdefault(name, ModuleType(name))
from deepliif.models import infer_modalities  # noqa: E402
from deepliif.models.networks import define_G  # noqa: E402
from deepliif.postprocessing import compute_cell_results  # noqa: E402

image, weights, found = sys.argv[1:4]
folder = Path(weights)
folder.mkdir()
(folder / "train_opt.txt").write_text(
    "model: DeepLIIF\nmodalities_no: 4\nseg_gen: True\nnorm: batch\ngpu_ids: ()\nscale_size: 512\n"
)
torch.manual_seed(3)
sample = torch.zeros(1, 3, 512, 512)
for name in ("G1", "G2", "G3", "G4", "G51", "G52", "G53", "G54", "G55"):
    network = define_G(3, 3, 2, "resnet_6blocks", "batch", False, "normal", 0.5, [], "reflect").eval()
    last = [part for part in network.modules() if isinstance(part, torch.nn.Conv2d)][-1]
    with torch.no_grad():  # red or blue in places, and not green
        last.weight *= 3
        last.bias.copy_(torch.tensor([-0.7, -3.0, -0.7]))
    torch.jit.trace(network, sample).save(str(folder / f"{name}.pt"))
picture = Image.fromarray(np.load(image))
images, _ = infer_modalities(picture, 512, weights)
cells = compute_cell_results(images["Seg"], None, "40x")
least = cells["settings"]["default_size_thresh"]
sizes = [cell["size"] for cell in cells["cells"] if cell["size"] > least]
np.save(found, np.array(sizes))
