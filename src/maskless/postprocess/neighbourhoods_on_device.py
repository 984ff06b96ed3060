"""Means over balls where torch computes them: a GPU asks every point, and is quicker so."""

import torch
from numpy.typing import NDArray

#: Pairs of a place and a point that are looked at together: bounds the memory, to 512 MiB.
_PAIRS = 1 << 26


class NeighbourhoodsOnDevice:
    """As `Neighbourhoods`, on a torch `device`; in double precision, which no setting of torch shortens."""

    def __init__(self, points: NDArray, radius: float, device: str) -> None:
        self.radius = radius
        self.points = torch.from_numpy(points).to(device, torch.float64)
        self._half = self.points.square().sum(1) / 2
        self._summed = torch.cat([self.points, torch.ones_like(self.points[:, :1])], 1)

    def means(self, places: NDArray) -> tuple[NDArray, NDArray]:
        """As `Neighbourhoods.means`."""
        there = torch.from_numpy(places).to(self.points)
        sums = torch.cat([self._sums(block) for block in there.split(max(1, _PAIRS // len(self.points)))])
        number = sums[:, -1:]
        means = torch.where(number > 0, sums[:, :-1] / number, there)
        return means.cpu().numpy().astype(places.dtype), number[:, 0].cpu().numpy().astype(places.dtype)

    def _sums(self, places: torch.Tensor) -> torch.Tensor:
        reach = (places.square().sum(1) - self.radius**2 * (1 + 1e-9)) / 2
        product = torch.addmm(-self._half, places, self.points.T).sub_(reach[:, None])
        return product.ge_(0) @ self._summed
