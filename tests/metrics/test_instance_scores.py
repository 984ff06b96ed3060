"""The metric on one process and on two real ones (gloo): every image counts once."""

import math
import os
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from maskless.metrics import STANDARD, all_scores
from maskless.metrics.instance_scores import InstanceScores

random = np.random.default_rng(3)
TRUE = np.kron(random.permutation(np.arange(16)).reshape(4, 4), np.ones((5, 5), int))
#: Five predictions, each a little worse; the last finds nothing.
PREDICTIONS = {str(k): np.where(np.indices(TRUE.shape)[0] < 20 - 4 * k, TRUE, 0) for k in range(4)}
PREDICTIONS["nothing"] = np.zeros_like(TRUE)


def means_of(images: list[str]) -> dict[str, float]:
    metric = InstanceScores()
    for image in images:
        metric.update(TRUE, PREDICTIONS[image], image)
    return {name: float(value) for name, value in metric.compute().items()}


def test_means_over_images_that_define_a_score():
    found = means_of(list(PREDICTIONS))
    for metric, definition in STANDARD.items():
        values = [all_scores(TRUE, pred)[metric, definition] for pred in PREDICTIONS.values()]
        defined = [value for value in values if not math.isnan(value)]
        assert found[metric] == pytest.approx(sum(defined) / len(defined), abs=1e-12)


def test_an_image_that_comes_twice_counts_once():
    images = list(PREDICTIONS)
    assert means_of([*images, images[0], images[3]]) == means_of(images)


def test_a_score_that_no_image_defines_is_undefined():
    assert math.isnan(means_of(["nothing"])["average_hausdorff"])


def test_reset_forgets():
    metric = InstanceScores()
    metric.update(TRUE, PREDICTIONS["nothing"], "nothing")
    metric.reset()
    metric.update(TRUE, TRUE, "itself")
    assert metric.compute()["aji"] == 1


def score_shard(rank: int, shards: list[list[str]], port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=len(shards))
    torch.save(means_of(shards[rank]), Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize(
    "shards",
    [
        pytest.param([["0", "2", "nothing"], ["1", "3"]], id="uneven"),
        pytest.param([["0", "2", "nothing"], ["1", "3", "0"]], id="filled up by the sampler"),
        pytest.param([["0", "1", "2", "3", "nothing"], []], id="one process without an image"),
    ],
)
def test_two_processes_give_exactly_what_one_gives(shards: list[list[str]], tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(score_shard, args=(shards, port, str(tmp_path)), nprocs=2)
    alone = means_of(list(PREDICTIONS))
    for rank in range(2):
        assert torch.load(tmp_path / f"{rank}.pt") == alone
