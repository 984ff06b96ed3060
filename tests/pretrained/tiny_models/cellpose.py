"""A Cellpose-SAM with random weights, as Cellpose keeps it, and what it finds without maskless."""

import sys

import numpy as np
import torch
from cellpose.models import CellposeModel
from cellpose.vit import CPSAM

image, weights, found = sys.argv[1:4]
torch.manual_seed(3)
torch.save(CPSAM(dtype=torch.float32).state_dict(), weights)
model = CellposeModel(pretrained_model=weights, device=torch.device("cpu"), use_bfloat16=False)
labels, _, _ = model.eval(np.load(image), channel_axis=-1, flow_threshold=0.0, cellprob_threshold=-0.2)
np.save(found, labels)
