"""What the masks of a prior become before a network sees them: nuclei apart, and of one stain or of two."""

import torch
from torch import Tensor


def parted(instances: Tensor) -> Tensor:
    """1 inside of nuclei, 0 outside and where one touches another: uint8 (B, H, W) of ids (B, H, W)."""
    mask = (instances > 0).to(torch.uint8)
    for axis in (-2, -1):
        size = instances.shape[axis] - 1
        one, other = instances.narrow(axis, 0, size), instances.narrow(axis, 1, size)
        apart = (one != other) & (one > 0) & (other > 0)
        mask.narrow(axis, 0, size)[apart] = 0
        mask.narrow(axis, 1, size)[apart] = 0
    return mask


def stained(masks: Tensor, instances: Tensor) -> Tensor:
    """The nuclei dealt out at random to two masks, positive and negative: like `masks`, (B, 2, H, W).

    Of a prior in another stain nobody knows which are positive. Their share is drawn for each image, from 0
    to 2/3. `masks` is (B, H, W), 1 where a nucleus is; `instances` its ids.
    """
    ids = instances.flatten(1).long()
    if int(ids.max()) >= ids.numel():  # the table below would be larger than the images
        ids = torch.unique(ids, return_inverse=True)[1]
    chance = torch.rand(len(ids), int(ids.max()) + 1, device=ids.device)
    share = torch.rand(len(ids), 1, device=ids.device) * 2 / 3
    positive = (chance.gather(1, ids) < share).view_as(masks)
    return torch.stack([masks * positive, masks * ~positive], dim=1)


def union(masks: Tensor) -> Tensor:
    """The nuclei of any stain, float (B, 1, H, W) in [0, 1], of masks (B, C, H, W): 1 - (1 - a)(1 - b)."""
    return masks if masks.shape[1] == 1 else 1 - (1 - masks).prod(1, keepdim=True)
