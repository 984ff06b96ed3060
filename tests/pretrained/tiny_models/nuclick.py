"""TIAToolbox's NuClick with random weights, and what it finds at one click without maskless.

The image is as large as the patch that the network is shown.
"""

import sys

import numpy as np
import torch
from tiatoolbox.models.architecture.nuclick import NuClick

image, weights, found, points = sys.argv[1:5]
torch.manual_seed(3)
model = NuClick(num_input_channels=5, num_output_channels=1)
pixels = np.load(image)[:128, :128]
click, *others = np.load(points).astype(int)
signals = np.zeros((2, 128, 128), np.float32)
signals[0][tuple(click)] = 1
for other in others:
    signals[1][tuple(other)] = 1
given = np.concatenate([np.moveaxis(pixels.astype(np.float32) / 255, -1, 0), signals])[None]
probability = model.infer_batch(model, torch.from_numpy(given), device="cpu")
with torch.no_grad():  # half of the pixels are above one half
    model.conv_block_3.conv_bn_relu[0].bias -= float(np.median(np.log(probability / (1 - probability))))
torch.save(model.state_dict(), weights)
probability = model.infer_batch(model, torch.from_numpy(given), device="cpu")
masks = model.postproc(probability, thresh=0.5, do_reconstruction=True, nuc_points=signals[:1])
np.save(found, masks[0].astype(np.int32))
