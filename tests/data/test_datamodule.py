from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from disc_source import RADIUS_UM, Discs

from maskless.data.datamodule import DataModule
from maskless.data.readers.synthetic import Synthetic
from maskless.data.source import Source
from maskless.errors import UserError
from maskless.methods.supervised import Supervised
from maskless.signals import Need, Role, Signal

AUGMENT = {"dihedral": {"step": "D4", "p": 1.0}, "stain": {"step": "StainJitter", "factor": 0.2, "p": 0.7}}


def data(tiles: int = 5, **arguments) -> DataModule:
    source = Synthetic(size_px=96, tiles={"train": tiles, "val": 3, "test": 0})
    settings = {
        "stage": "s",
        "seed": 3,
        "augment": dict.fromkeys(Role, AUGMENT),
        "crop_px": 64,
        "batch": 2,
        "steps": 4,
        **arguments,
    }
    return DataModule({Role.MAIN: source}, Supervised.needs, **settings)


def on_rank(module: DataModule, rank: int, world: int) -> DataModule:
    module.trainer = SimpleNamespace(global_rank=rank, world_size=world)  # type: ignore[assignment]
    return module


def images(module: DataModule) -> list[torch.Tensor]:
    return [batch[Role.MAIN][Signal.IMAGE] for batch in module.train_dataloader()]


@pytest.mark.parametrize("workers", [1, 2])
def test_loader_workers_change_no_pixel(workers: int) -> None:
    for here, there in zip(data().train_dataloader(), data(workers=workers).train_dataloader(), strict=True):
        for signal, values in here[Role.MAIN].items():
            assert torch.equal(values, there[Role.MAIN][signal])


def test_two_processes_see_what_one_sees_with_twice_the_batch() -> None:
    one = images(data(batch=4))
    ranks = [images(on_rank(data(batch=2), rank, 2)) for rank in (0, 1)]
    for whole, first, second in zip(one, *ranks, strict=True):
        assert torch.equal(whole, torch.cat([first, second]))


def test_it_goes_on_in_the_middle_of_an_epoch() -> None:
    whole = images(data())
    resumed = data()
    resumed.load_state_dict({"step": 1})
    for left, right in zip(whole[1:], images(resumed), strict=True):
        assert torch.equal(left, right)


def test_epochs_go_on_and_do_not_repeat() -> None:
    first, second = data(), data()
    second.load_state_dict({"step": 4})
    assert len(images(second)) == 4
    assert not torch.equal(images(first)[0], images(second)[0])


def test_seed_stage_and_role_are_parts_of_the_address() -> None:
    reference = images(data())[0]
    assert not torch.equal(reference, images(data(seed=4))[0])
    assert not torch.equal(reference, images(data(stage="t"))[0])
    needs = {Need(Signal.IMAGE), Need(Signal.IMAGE, Role.TARGET)}
    source = Synthetic(size_px=96, tiles={"train": 5})
    module = DataModule(
        {Role.MAIN: source, Role.TARGET: source},
        needs, stage="s", seed=3, augment=dict.fromkeys(Role, AUGMENT), crop_px=64, batch=2, steps=4,
    )  # fmt: skip
    batch = next(iter(module.train_dataloader()))
    assert torch.equal(batch[Role.MAIN][Signal.IMAGE], reference)
    assert not torch.equal(batch[Role.TARGET][Signal.IMAGE], reference)


def test_each_pass_shows_every_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = data(tiles=6, batch=3, steps=4)
    seen: list[str] = []
    original = module.training._read
    monkeypatch.setattr(
        module.training,
        "_read",
        lambda role, item, scale: seen.append(item.id) or original(role, item, scale),
    )
    list(islice(module.train_dataloader(), 4))
    assert len(seen) == 12
    assert set(seen[:6]) == set(seen[6:]) == {f"train-{k:04d}" for k in range(6)}
    assert seen[:6] != seen[6:]


class Blind(Synthetic):
    """A source whose instances must not be read."""

    def read(self, item, signals):
        assert Signal.INSTANCES not in signals, "the truth was read"
        sample = super().read(item, signals)
        assert Signal.INSTANCES not in sample.signals
        return sample


def test_training_reads_only_what_the_method_needs() -> None:
    module = DataModule(
        {Role.MAIN: Blind(size_px=96, tiles={"train": 3, "val": 1})},
        {Need(Signal.IMAGE)}, stage="s", seed=0, augment={}, crop_px=64, batch=2, steps=3,
    )  # fmt: skip
    for batch in module.train_dataloader():
        assert set(batch[Role.MAIN]) == {Signal.IMAGE}
    with pytest.raises(AssertionError, match="the truth was read"):
        next(iter(module.val_dataloader()))  # validation may, and does


def test_validation_images_are_divided_and_whole() -> None:
    parts = [list(on_rank(data(), rank, 2).val_dataloader()) for rank in (0, 1)]
    assert [[sample.item.id for sample in part] for part in parts] == [["val-0000", "val-0002"], ["val-0001"]]
    assert parts[0][0][Signal.INSTANCES].shape == (96, 96)
    assert parts[0][0][Signal.INSTANCES].dtype == np.int32


def test_no_process_is_without_a_validation_image() -> None:
    parts = [list(on_rank(data(), rank, 5).val_dataloader()) for rank in range(5)]
    seen = [[sample.item.id for sample in part] for part in parts]
    assert seen == [["val-0000"], ["val-0001"], ["val-0002"], ["val-0000"], ["val-0000"]]


def test_a_role_without_training_images_is_named() -> None:
    with pytest.raises(
        UserError, match="synthetic has no training images in split 'official', which the main role"
    ):
        data(tiles=0)


def test_annotation_comes_with_the_region_in_which_it_is_complete() -> None:
    class LeftHalf(Synthetic):
        def read(self, item, signals):
            sample = super().read(item, signals)
            if Signal.REGION in sample.signals:
                sample.signals[Signal.REGION][:, :32] = 0
            return sample

    module = DataModule(
        {Role.MAIN: LeftHalf(size_px=64, tiles={"train": 2})},
        Supervised.needs,
        stage="s",
        seed=0,
        augment={},
        crop_px=64,
        batch=1,
        steps=1,
    )
    drawn = module.training[0][Role.MAIN]
    assert set(drawn) == {Signal.IMAGE, Signal.INSTANCES, Signal.REGION}
    assert not drawn[Signal.REGION][:, :32].any()
    assert drawn[Signal.REGION][:, 32:].all()


def scales(source: Source | None = None, powers: tuple[float, ...] = (10, 20, 40), **arguments) -> DataModule:
    source = source or Synthetic(size_px=64, tiles={"train": 4})
    settings = {"stage": "s", "seed": 3, "augment": {}, "crop_px": 16, "batch": 6, "steps": 2, **arguments}
    return DataModule({Role.MAIN: source}, {Need(Signal.SCALES)}, powers=powers, **settings)


def batches(module: DataModule) -> list[dict[Signal, torch.Tensor]]:
    return [batch[Role.MAIN] for batch in module.train_dataloader()]


@pytest.mark.parametrize(("powers", "batch"), [((10, 20, 40), 6), ((10, 40), 4)])
def test_a_batch_has_as_many_images_of_each_power(powers: tuple[float, ...], batch: int) -> None:
    for drawn in batches(scales(powers=powers, batch=batch)):
        assert set(drawn) == {Signal.IMAGE, Signal.SCALES}
        assert drawn[Signal.IMAGE].shape == (batch, 16, 16, 3)
        assert drawn[Signal.SCALES].tolist() == [n % len(powers) for n in range(batch)]


def test_each_image_is_of_the_power_that_it_is_said_to_be() -> None:
    """Discs of 12 µm, whole in the crop: at each power they cover as many pixels as they should."""
    drawn = batches(scales(Discs({"a": 0.25, "b": 0.25}), crop_px=240, steps=1))[0]
    for image, power in zip(drawn[Signal.IMAGE], drawn[Signal.SCALES].tolist(), strict=True):
        middle = image[:, 120, 0] < 128  # smaller fields are continued by reflection
        runs = np.diff(np.flatnonzero(np.diff(middle.int().numpy(), prepend=0, append=0)))[::2]
        assert np.abs(runs - 2 * RADIUS_UM / (10 / [10, 20, 40][power])).min() <= 1


def test_the_same_tissue_is_shown_at_each_power_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    module, seen = scales(batch=6, steps=4), []
    original = module.training._read
    monkeypatch.setattr(
        module.training,
        "_read",
        lambda role, item, scale: seen.append((item.id, scale)) or original(role, item, scale),
    )
    batches(module)
    assert [scale for _, scale in seen] == [0, 1, 2] * 8
    items = [item for item, _ in seen]
    assert items[0::3] == items[1::3] == items[2::3]
    assert len(set(items[:12])) == 4


def test_scales_do_not_depend_on_loader_workers_or_processes() -> None:
    one = batches(scales(augment=dict.fromkeys(Role, AUGMENT)))
    for module in (scales(augment=dict.fromkeys(Role, AUGMENT), workers=2),):
        for here, there in zip(one, batches(module), strict=True):
            assert all(torch.equal(here[signal], there[signal]) for signal in here)
    ranks = [
        batches(on_rank(scales(augment=dict.fromkeys(Role, AUGMENT), batch=3), rank, 2)) for rank in (0, 1)
    ]
    for whole, first, second in zip(one, *ranks, strict=True):
        for signal, values in whole.items():
            assert torch.equal(values, torch.cat([first[signal], second[signal]]))


@pytest.mark.parametrize("world", [1, 2, 3])
def test_each_process_has_as_many_images_of_every_power(world: int) -> None:
    for rank in range(world):
        for batch in batches(on_rank(scales(augment=dict.fromkeys(Role, AUGMENT), batch=3), rank, world)):
            assert batch[Signal.SCALES].sort().values.tolist() == [0, 1, 2]


def test_stored_scales_reach_the_crops_and_are_trained_at_the_finest() -> None:
    source = Synthetic(size_px=32, tiles={"train": 1})
    module = scales(source, crop_px=8)
    assert module.training.mpp == 0.25
    stored = source.read(source.items("train")[0], [Signal.SCALES])[Signal.SCALES]
    for n, power in enumerate((10.0, 20.0, 40.0)):
        crop = module.training[n][Role.MAIN][Signal.IMAGE].numpy()
        windows = np.lib.stride_tricks.sliding_window_view(stored[power], (8, 8, 3))
        assert (windows == crop).all(axis=(-3, -2, -1)).any()


def test_neither_truth_nor_anything_else_is_read_for_scales() -> None:
    source = Blind(size_px=64, tiles={"train": 2, "val": 1})
    assert len(batches(scales(source))) == 2


@pytest.mark.parametrize("source", [Synthetic(size_px=64, tiles={"train": 2}), Discs({"a": 0.25})])
def test_colours_of_whole_images_are_changed_once_at_every_power(source: Source) -> None:
    seen = []

    def inverted(image: np.ndarray) -> np.ndarray:
        seen.append(image.shape)
        return 255 - image

    for plain, changed in zip(batches(scales(source)), batches(scales(source, colour=inverted)), strict=True):
        apart = (255 - plain[Signal.IMAGE].int() - changed[Signal.IMAGE].int()).abs()
        assert apart.max() <= 1  # area means are rounded
    assert min(min(shape[:2]) for shape in seen) >= 16  # whole images, not crops


def test_scales_that_cannot_be_are_refused_before_training() -> None:
    with pytest.raises(UserError, match="a states neither µm/px nor power"):
        scales(Discs({"a": None}))
    with pytest.raises(UserError, match="would be made up"):
        scales(Discs({"a": 0.5}))
    with pytest.raises(UserError, match="does not go with the powers"):
        scales(mpp=1.0)
