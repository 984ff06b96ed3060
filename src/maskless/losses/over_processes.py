"""Means and sums over what all processes of a training hold together."""

import torch
from torch import Tensor
from torch import distributed as dist


def mean_over_processes(total: Tensor, count: Tensor) -> Tensor:
    """The mean of the elements that all processes hold together, as this process's share of it.

    `total` is a float tensor, the sum of a loss over this process's elements, with a graph; `count` is how
    many elements those are, integer or float, of a shape that broadcasts to that of `total`, on its device.
    The result is total * processes / (count of all processes), shaped as `total`, so that the average over
    the processes, which DDP takes of their gradients, is exactly the mean over the elements of all of them
    (a mean of each process's own mean would give an element of a poorer process more weight). Where no
    process has an element the result is 0, with a graph, and so is its gradient.

    Every process must call it, equally often, also one whose count is 0. On a single process it is the mean.
    """
    everywhere, processes = count.detach().clone(), 1
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(everywhere)
        processes = dist.get_world_size()
    some = everywhere > 0
    return total * (some * processes) / torch.where(some, everywhere, torch.ones_like(everywhere))


def sum_over_processes(total: Tensor) -> Tensor:
    """The sum of what all processes hold, for losses that are no mean: a ratio of two sums, say.

    `total` is a float tensor of any shape with a graph, this process's own part. The result has the same
    value on every process, and a gradient to the own part alone, times the number of processes: so the
    average over the processes, which DDP takes, is the gradient of the loss of them all.

    Every process must call it, equally often. On a single process it is `total`.
    """
    everywhere, processes = total.detach().clone(), 1
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(everywhere)
        processes = dist.get_world_size()
    return everywhere + processes * (total - total.detach())
