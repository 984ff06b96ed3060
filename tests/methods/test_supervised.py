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
    image = render(0, 3, size_px=700).image  # more of the tissue that it has learnt from
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


def test_nothing_is_learnt_outside_the_annotated_region() -> None:
    method = stage(epochs=1, steps=1)
    method.log = lambda *_, **__: None  # type: ignore[method-assign]
    method.eval()  # no dropout, so that equal batches give equal losses

    def loss_and_gradient(instances: torch.Tensor, region: torch.Tensor | None) -> tuple[float, torch.Tensor]:
        main = {**batch_of(3)[Role.MAIN], Signal.INSTANCES: instances}
        method.zero_grad()
        batch = {Role.MAIN: main if region is None else {**main, Signal.REGION: region}}
        loss = method.training_step(batch, 0)
        loss.backward()
        return loss.item(), method.network.head.weight.grad.clone()

    whole = torch.zeros(1, 96, 96, dtype=torch.int32)
    whole[:, 10:30, 10:30], whole[:, 40:60, 60:85] = 1, 2
    region = torch.zeros_like(whole)
    region[:, :, :48] = 1
    inside = whole * region
    one, other = (loss_and_gradient(instances, region) for instances in (whole, inside))
    assert one[0] == other[0]
    assert torch.equal(one[1], other[1])
    assert loss_and_gradient(whole, None)[0] != loss_and_gradient(inside, None)[0]
    everywhere = torch.ones_like(whole)
    assert loss_and_gradient(whole, everywhere)[0] == loss_and_gradient(whole, None)[0]
