"""A HoVer-Net of TIAToolbox with random weights, and what it finds in one patch without maskless.

The image is as large as what the network gives of a patch, so that no way of cutting it plays a part.
"""

import sys

import numpy as np
import torch
from tiatoolbox.models.architecture.hovernet import HoVerNet

image, weights, found, mode = sys.argv[1:5]
types, side, core = {"fast": (6, 256, 164), "original": (5, 270, 80)}[mode]
torch.manual_seed(1)
model = HoVerNet(num_types=types, mode=mode)
margin = (side - core) // 2
pixels = np.load(image)[:core, :core]
patch = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
patch = torch.from_numpy(patch[None])
(nucleus, *_) = model.infer_batch(model, patch, device="cpu")
with torch.no_grad():  # most pixels are of nuclei
    model.decoder["np"][3].conv.bias[1] -= float(np.percentile(np.log(nucleus / (1 - nucleus)), 10))
torch.save(model.state_dict(), weights)
maps = model.infer_batch(model, patch, device="cpu")
np.save(found, model.postproc([one[0] for one in maps])[0]["predictions"])
