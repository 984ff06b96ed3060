"""An InstanSeg of a few channels, in TorchScript as it is released, and what it finds without maskless."""

import sys
from types import ModuleType

import numpy as np
import torch
from instanseg import InstanSeg

sys.modules.setdefault("seaborn", ModuleType("seaborn"))  # for plots of a training
from instanseg.utils.loss.instanseg_loss import InstanSeg as Method  # noqa: E402
from instanseg.utils.loss.instanseg_loss import InstanSeg_Torchscript  # noqa: E402
from instanseg.utils.models.InstanSeg_UNet import InstanSeg_UNet  # noqa: E402

image, weights, found = sys.argv[1:4]
torch.manual_seed(3)
network = InstanSeg_UNet(in_channels=3, out_channels=[[2, 2, 1]], layers=[8, 4])
method = Method(n_sigma=2, device="cpu")
network = method.initialize_pixel_classifier(network, MLP_width=4)
sides = torch.tensor([[1.0, 0, 0, 0], [-1, 0, 0, 0], [0, 1, 0, 0], [0, -1, 0, 0]])
with torch.no_grad():  # whatever the network says, a nucleus reaches 6 px along an axis from its seed
    classifier = network.pixel_classifier
    for layer, weight, bias in (
        (classifier.fc1, sides, 0.0),
        (classifier.fc2, torch.eye(4), 0.0),
        (classifier.fc3, torch.full((1, 4), -4.0), 6.0),
    ):
        layer.weight.copy_(weight)
        layer.bias.fill_(bias)
script = InstanSeg_Torchscript(
    network.eval(),
    pixel_size=0.5,
    params={"seed_threshold": 0.0, "mask_threshold": 0.5, "fg_threshold": 0.0, "mean_threshold": -10.0},
)
torch.jit.save(torch.jit.script(script), weights)
model = InstanSeg(torch.jit.load(weights), device="cpu", image_reader="skimage.io", verbosity=0)
labels = model.eval_small_image(np.load(image), pixel_size=0.5, return_image_tensor=False)
np.save(found, labels.cpu().numpy()[0, 0].astype(np.int32))
