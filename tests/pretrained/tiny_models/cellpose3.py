"""A U-Net of Cellpose 3 with random weights, as Cellpose keeps it, and what it finds without maskless."""

import sys

import numpy as np
import torch
from cellpose.models import CellposeModel
from cellpose.resnet_torch import CPnet

image, weights, found = sys.argv[1:4]
torch.manual_seed(3)
network = CPnet([2, 32, 64, 128, 256], 3, sz=3, max_pool=True, diam_mean=17.0)
with torch.no_grad():
    network.output[2].weight *= 30  # flows and probabilities that differ from place to place
torch.save(network.state_dict(), weights)
model = CellposeModel(pretrained_model=weights, device=torch.device("cpu"))
grey = np.load(image).mean(axis=-1)
labels, _, _ = model.eval(
    grey, channels=[0, 0], diameter=17.0, invert=True, flow_threshold=0.0, cellprob_threshold=0.0
)
np.save(found, labels)
