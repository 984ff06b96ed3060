from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from maskless.data.synthetic import render
from maskless.data.transforms import Pipeline
from maskless.errors import UserError
from maskless.methods.supervised_pix2pix import SupervisedPix2Pix
from maskless.networks.h_dab import colour_augmented
from maskless.signals import Role, Signal

CONF = Path(__file__).parents[2] / "conf"


def stage(**changed) -> SupervisedPix2Pix:
    """The method as configured, but narrow and shallow."""
    torch.manual_seed(0)
    spec = yaml.safe_load((CONF / "method" / "supervised_pix2pix.yaml").read_text())
    arguments = {key: value for key, value in spec.items() if key not in ("_target_", "defaults")}
    chain = yaml.safe_load((CONF / "postprocess" / "spatial_prior.yaml").read_text())
    small = {"filters": 4, "depth": 5, "crop_px": 64}
    method = SupervisedPix2Pix(**{**arguments, "chain": chain, **small, **changed})
    method.logged = {}
    method.log_dict = lambda values, **_: method.logged.update(values)  # type: ignore[method-assign]
    return method


def batch_of(*indices: int, size_px: int = 64) -> dict:
    tissue = [render(0, index, size_px=size_px, stain="ki67") for index in indices]
    image = torch.from_numpy(np.stack([one.image for one in tissue]))
    mask = torch.from_numpy(np.stack([(one.instances > 0).astype(np.uint8) for one in tissue]))
    return {Role.MAIN: {Signal.IMAGE: image, Signal.MASK: mask}}


def slow_loss(method: SupervisedPix2Pix, main: dict, draws: Tensor) -> tuple[float, float]:
    """Dice and consistency, image by image, pixel by pixel of what the network gives in evaluation mode."""
    with torch.no_grad():
        pixels = main[Signal.IMAGE].movedim(-1, 1) / 255
        one = torch.sigmoid(method.network((pixels - 0.5) / 0.5)).numpy()[:, 0].astype(float)
        other = torch.sigmoid(method.network((colour_augmented(pixels, 1 + 0.75 * draws) - 0.5) / 0.5))
    overlap = total = apart = 0.0
    for b, r, c in np.ndindex(one.shape):
        if Signal.REGION in main and not main[Signal.REGION][b, r, c]:
            continue
        apart += abs(one[b, r, c] - float(other[b, 0, r, c]))
        truth = int(main[Signal.MASK][b, r, c])
        overlap += one[b, r, c] * truth
        total += one[b, r, c] + truth
    return 1 - (2 * overlap + 1) / (total + 1), apart / one.size


@pytest.mark.parametrize("with_region", [False, True])
def test_its_loss_is_the_papers(with_region: bool) -> None:
    method = stage().eval()  # no dropout
    batch = batch_of(3, 4)
    if with_region:
        batch[Role.MAIN][Signal.REGION] = (torch.arange(64) < 40).byte().expand(2, 64, 64)
    torch.manual_seed(7)
    draws = torch.randn(2, 3)
    dice, consistency = slow_loss(method, batch[Role.MAIN], draws)
    torch.manual_seed(7)
    loss = method.training_step(batch, 0)
    assert method.logged["loss_dice"].item() == pytest.approx(dice, abs=1e-5)
    assert method.logged["loss_c"].item() == pytest.approx(consistency, abs=1e-5)
    assert loss.item() == pytest.approx(dice + consistency, abs=1e-5)
    assert consistency > 1e-4


def test_a_mask_counts_inside_its_region_alone() -> None:
    method, batch = stage().eval(), batch_of(4)
    region = (torch.arange(64) < 40).byte().expand(1, 64, 64)
    emptied = {**batch[Role.MAIN], Signal.REGION: region}
    emptied[Signal.MASK] = emptied[Signal.MASK] * region
    losses = []
    for main in ({**batch[Role.MAIN], Signal.REGION: region}, emptied, batch[Role.MAIN]):
        torch.manual_seed(7)
        losses.append(method.training_step({Role.MAIN: main}, 0).item())
    assert losses[0] == losses[1] != losses[2]


def test_it_learns() -> None:
    method = stage(lr=5e-3)
    optimizer, losses, batch = method.configure_optimizers()["optimizer"], [], batch_of(4, 5, 6)
    for step in range(40):
        loss = method.training_step(batch, step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-8:]) < 0.85 * np.mean(losses[:8])


def test_its_map_is_a_probability_without_sharpening() -> None:
    method, images = stage().eval(), torch.randn(2, 3, 64, 64)
    maps = method.maps(images)
    assert set(maps) == set(SupervisedPix2Pix.gives)
    torch.testing.assert_close(maps["foreground"], torch.sigmoid(method.network(images))[:, 0])


def test_its_optimiser_is_the_papers() -> None:
    parts = stage(lr=3e-4, weight_decay=1e-5).configure_optimizers()
    assert set(parts) == {"optimizer"}, "the rate is constant"
    (group,) = parts["optimizer"].param_groups
    assert type(parts["optimizer"]) is torch.optim.Adam
    assert (group["lr"], group["weight_decay"], group["betas"]) == (3e-4, 1e-5, (0.9, 0.999))


def test_crops_come_from_the_whole_field_at_its_own_power() -> None:
    spec = yaml.safe_load((CONF / "augment" / "le_bescond_2022.yaml").read_text())
    own = yaml.safe_load((CONF / "method" / "supervised_pix2pix.yaml").read_text())["augment"]
    pipeline = Pipeline({name: {**step, **own.get(name, {})} for name, step in spec.items()}, crop_px=32)
    rows, columns = np.indices((64, 64))
    ids = (64 * rows + columns).astype(np.int32)
    seen = np.zeros(64 * 64, bool)
    for seed in range(200):
        crop = pipeline({Signal.INSTANCES: ids}, np.random.default_rng(seed))[Signal.INSTANCES]
        steps = {abs(int(d)) for d in np.diff(crop, axis=0).ravel()} | {abs(int(crop[0, 1] - crop[0, 0]))}
        assert steps == {1, 64}, "neighbours stay neighbours: nothing is resized"
        seen[crop.ravel()] = True
    assert seen.mean() > 0.98, "the border too"


@pytest.mark.parametrize("wrong", [{"lr": 0.0}, {"weight_decay": -1.0}, {"crop_px": 48}])
def test_what_cannot_learn_is_refused(wrong: dict) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        stage(**wrong)
