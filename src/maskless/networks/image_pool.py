"""Images that a generator made some steps ago, shown to the discriminator in place of new ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, distributed


class ImagePool:
    """Keeps up to `size` images; `pool(images)` is as many, some of them older.

    After Shrivastava et al. (CVPR 2017). While it fills, an image is kept and given back. Then it is, with
    probability 1/2, exchanged for one drawn from the pool. Draws are torch's, so a seeded step draws the same
    again. Of size 0 it does nothing.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def __call__(self, images: Tensor) -> Tensor:
        return torch.stack([self._exchanged(image) for image in images.detach()]) if self.size else images

    def _exchanged(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image.clone())
            return image
        if torch.rand(()) < 0.5:
            return image
        place = int(torch.randint(self.size, ()))
        older, self.images[place] = self.images[place], image.clone()
        return older.to(image)

    def state_dict(self) -> dict[str, Any]:
        """What goes into a checkpoint: (N, C, H, W), or nothing."""
        return {"images": torch.stack(self.images).cpu()} if self.images else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what a checkpoint holds; on the first exchange an image goes back to its device."""
        self.images = list(state["images"]) if "images" in state else []


def take_up(pools: Mapping[str, ImagePool], states: Sequence[Mapping[str, Any]], rank: int) -> None:
    """Give the pools of the process `rank` what `states_of_all` has stored, of however many processes."""
    for name, pool in pools.items():
        pool.load_state_dict(states[rank % len(states)][name])


def states_of_all(pools: Mapping[str, ImagePool]) -> list[dict[str, Any]]:
    """What goes into a checkpoint of the pools of each process, in the order of the ranks."""
    own = {name: pool.state_dict() for name, pool in pools.items()}
    if not distributed.is_initialized():
        return [own]
    states: list[dict[str, Any]] = [{} for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(states, own)
    return states
