"""A source of points, classes and a region, without instances, where the rest of the framework takes it."""

from pathlib import Path

import numpy as np
import pytest
from ihc_layouts import write_ki67_breast

from maskless.data.datamodule import DataModule
from maskless.data.fingerprint import describe
from maskless.data.readers.ki67_breast import Ki67Breast
from maskless.errors import UserError
from maskless.signals import Need, Role, Signal


@pytest.fixture
def source(tmp_path: Path) -> Ki67Breast:
    return Ki67Breast(write_ki67_breast(tmp_path / "ki67_breast", {3: 1, 4: 1, 5: 1, 6: 1, 14: 0.5}))


def module(source: Ki67Breast, *signals: Signal) -> DataModule:
    needs = [Need(signal) for signal in signals]
    return DataModule({Role.MAIN: source}, needs, stage="s", seed=0, augment={}, crop_px=16, batch=2, steps=3)


def test_images_and_regions_are_cropped_together(source: Ki67Breast) -> None:
    """The tissue is noise, so each crop lies at one place only, and its region must be that of the place."""
    data = module(source, Signal.IMAGE, Signal.REGION)
    whole = {
        item.id: source.read(item, (Signal.IMAGE, Signal.REGION)).signals for item in source.items("train")
    }
    n_mixed = 0
    for batch in data.train_dataloader():
        drawn = batch[Role.MAIN]
        assert set(drawn) == {Signal.IMAGE, Signal.REGION}
        for image, region in zip(drawn[Signal.IMAGE].numpy(), drawn[Signal.REGION].numpy(), strict=True):
            places = [
                (name, row, column)
                for name, signals in whole.items()
                for row, column in np.argwhere((signals[Signal.IMAGE][:25, :33] == image[0, 0]).all(-1))
                if np.array_equal(signals[Signal.IMAGE][row : row + 16, column : column + 16], image)
            ]
            ((name, row, column),) = places
            expected = whole[name][Signal.REGION][row : row + 16, column : column + 16]
            np.testing.assert_array_equal(region, expected)
            n_mixed += 0 < expected.mean() < 1
    assert n_mixed > 0


def test_nothing_is_validated_where_there_is_nothing_to_score_against(source: Ki67Breast) -> None:
    assert source.items("val")
    assert list(module(source, Signal.IMAGE).val_dataloader()) == []


def test_what_crops_cannot_carry_is_refused_in_a_sentence(source: Ki67Breast) -> None:
    with pytest.raises(UserError, match="training crops cannot carry points"):
        module(source, Signal.IMAGE, Signal.POINTS)


def test_its_fingerprint_knows_each_field_by_its_image(source: Ki67Breast) -> None:
    described = describe(source)
    assert described["parts"] == {
        "train": ["field_4", "field_6"],
        "val": ["field_5"],
        "test": ["field_3", "field_14"],
    }
    assert len(set(described["cases"].values())) == 5
    assert described["licence"].startswith("none stated")
