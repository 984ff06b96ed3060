from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from maskless.data.synthetic import render
from maskless.methods.supervised import Supervised
from maskless.segmenter import MapSegmenter
from maskless.signals import Role, Signal

CONF = Path(__file__).parents[2] / "conf"


def stage(**changed) -> Supervised:
    """The method as configured, but narrow."""
    torch.manual_seed(0)
    spec = yaml.safe_load((CONF / "method" / "supervised.yaml").read_text())
    arguments = {key: value for key, value in spec.items() if key not in ("_target_", "defaults")}
    chain = yaml.safe_load((CONF / "postprocess" / "boundary.yaml").read_text())
    return Supervised(**{**arguments, "chain": chain, "width": 8, **changed})


def batch_of(index: int, size_px: int = 96) -> dict:
    tissue = render(0, index, size_px=size_px)
    image, instances = torch.from_numpy(tissue.image)[None], torch.from_numpy(tissue.instances)[None]
    return {Role.MAIN: {Signal.IMAGE: image, Signal.INSTANCES: instances}}


@pytest.fixture(scope="module")
def trained() -> tuple[Supervised, list[float]]:
    """The method after a moment with two tiles, in evaluation mode, and its losses."""
    method = stage(epochs=1, steps=120, lr=5e-3, norm_momentum=0.1)
    method.log = lambda *_, **__: None  # type: ignore[method-assign]
    parts = method.configure_optimizers()
    optimizer, schedule = parts["optimizer"], parts["lr_scheduler"]["scheduler"]
    batches, losses = [batch_of(index) for index in (3, 4)], []
    for step in range(120):
        loss = method.training_step(batches[step % 2], step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return method.eval(), losses


def test_it_learns(trained: tuple[Supervised, list[float]]) -> None:
    _, losses = trained
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:10])


def test_its_maps_are_probabilities_and_boundary_is_part_of_foreground() -> None:
    maps = stage().eval().maps(torch.randn(2, 3, 64, 64))
    assert set(maps) == set(Supervised.gives)
    foreground, boundary = maps["foreground"], maps["boundary"]
    assert foreground.shape == boundary.shape == (2, 64, 64)
    assert (boundary >= 0).all()
    assert (boundary <= foreground + 1e-6).all()
    assert (foreground <= 1).all()


def test_windows_change_its_maps_within_the_stated_tolerance(trained: tuple[Supervised, list[float]]) -> None:
    method, _ = trained
    image = render(1, 0, size_px=700).image
    whole, windows = (
        MapSegmenter(
            predict=method.maps, chain=method.chain, mean=method.mean, std=method.std,
            window_px=window_px, overlap_px=128, multiple_px=32,
        ).maps(image)["foreground"]
        for window_px in (1024, 384)
    )  # fmt: skip
    difference = np.abs(whole - windows)
    assert whole.std() > 0.1
    assert difference.mean() < 0.005
    assert np.quantile(difference, 0.99) < 0.05
