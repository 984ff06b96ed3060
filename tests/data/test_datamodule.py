from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from maskless.data.datamodule import DataModule
from maskless.data.readers.synthetic import Synthetic
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
    for whole, even, odd in zip(one, *ranks, strict=True):
        assert torch.equal(whole[0::2], even)
        assert torch.equal(whole[1::2], odd)


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
