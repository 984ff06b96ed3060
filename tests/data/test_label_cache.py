from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from maskless.data import label_cache
from maskless.data.label_cache import cached
from maskless.data.pseudo_labels import MaskLabels
from maskless.errors import UserError
from maskless.signals import Signal

IMAGE, POINTS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3), np.zeros((0, 2), np.float32)
GIVEN = {Signal.IMAGE: IMAGE, Signal.POINTS: POINTS}


@dataclass(frozen=True)
class Counted:
    """A labeller that counts how often it was asked."""

    factor: int = 1

    needs: ClassVar[frozenset[Signal]] = frozenset({Signal.IMAGE, Signal.POINTS})
    makes: ClassVar[frozenset[Signal]] = frozenset({Signal.LABELS, Signal.INSTANCES})
    calls: ClassVar[list[int]] = []

    def __call__(self, signals: Mapping[Signal, Any]) -> dict[Signal, NDArray]:
        self.calls.append(self.factor)
        image = signals[Signal.IMAGE]
        return {
            Signal.LABELS: image[..., :2] * np.uint8(self.factor),
            Signal.INSTANCES: image[..., 0].astype(np.int32) - len(signals[Signal.POINTS]),
        }


@pytest.fixture(autouse=True)
def fresh() -> None:
    Counted.calls.clear()


def assert_alike(one: Mapping[Signal, Any], other: Mapping[Signal, Any]) -> None:
    assert set(one) == set(other)
    for signal, array in one.items():
        np.testing.assert_array_equal(array, other[signal])
        assert array.dtype == other[signal].dtype


def test_what_was_made_once_is_read(tmp_path: Path) -> None:
    first = cached(Counted(), GIVEN, tmp_path)
    assert_alike(first, Counted()(GIVEN))
    Counted.calls.clear()
    again = cached(Counted(), {**GIVEN, Signal.MASK: IMAGE}, tmp_path)  # which it does not need
    assert_alike(again, first)
    assert Counted.calls == []
    again[Signal.LABELS][:] = 9  # whoever changes it changes only their own
    assert_alike(cached(Counted(), GIVEN, tmp_path), first)
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file.suffix == ".npz"


def test_whatever_it_depends_on_makes_another(tmp_path: Path, monkeypatch) -> None:
    cached(Counted(), GIVEN, tmp_path)
    other_image = IMAGE.copy()
    other_image[1, 3, 2] += 1
    cached(Counted(2), GIVEN, tmp_path)
    cached(Counted(), {**GIVEN, Signal.IMAGE: other_image}, tmp_path)
    cached(Counted(), {**GIVEN, Signal.IMAGE: IMAGE.reshape(4, 2, 3)}, tmp_path)
    cached(Counted(), {**GIVEN, Signal.POINTS: np.zeros((1, 2), np.float32)}, tmp_path)
    cached(Counted(), {**GIVEN, Signal.IMAGE: IMAGE.view(np.int8)}, tmp_path)
    monkeypatch.setattr(label_cache, "VERSION", label_cache.VERSION + 1)
    cached(Counted(), GIVEN, tmp_path)
    assert Counted.calls == [1, 2, 1, 1, 1, 1, 1]


def test_the_order_in_memory_is_no_difference(tmp_path: Path) -> None:
    cached(Counted(), GIVEN, tmp_path)
    cached(Counted(), {**GIVEN, Signal.IMAGE: np.asfortranarray(IMAGE)}, tmp_path)
    assert Counted.calls == [1]


def test_labellers_of_one_look_are_told_apart(tmp_path: Path) -> None:
    like = type(
        "MaskLabels", (MaskLabels,), {"__module__": "elsewhere", "__repr__": lambda self: "MaskLabels()"}
    )
    cached(MaskLabels(), {Signal.INSTANCES: IMAGE[..., 0]}, tmp_path)
    cached(like(), {Signal.INSTANCES: IMAGE[..., 0]}, tmp_path)
    assert len(list(tmp_path.rglob("*.npz"))) == 2


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    first = cached(Counted(), GIVEN, tmp_path)
    (file,) = tmp_path.rglob("*.npz")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert_alike(cached(Counted(), GIVEN, tmp_path), first)
    assert Counted.calls == [1, 1]
    assert_alike(cached(Counted(), GIVEN, tmp_path), first)
    assert Counted.calls == [1, 1]


def test_a_file_with_other_arrays_or_a_changed_byte_is_made_anew(tmp_path: Path) -> None:
    first = cached(Counted(), GIVEN, tmp_path)
    (file,) = tmp_path.rglob("*.npz")
    whole = bytearray(file.read_bytes())
    for k in range(0, len(whole), 5):
        changed = whole.copy()
        changed[k] ^= 255
        file.write_bytes(changed)
        assert_alike(cached(Counted(), GIVEN, tmp_path), first)
    np.savez(file, labels=IMAGE)
    assert_alike(cached(Counted(), GIVEN, tmp_path), first)


def test_a_file_that_would_run_code_is_not_read(tmp_path: Path) -> None:
    first = cached(Counted(), GIVEN, tmp_path)
    (file,) = tmp_path.rglob("*.npz")
    np.savez(file, labels=np.array([{"an": "object"}], object), instances=IMAGE)
    assert_alike(cached(Counted(), GIVEN, tmp_path), first)


def test_a_folder_that_cannot_be_written_only_takes_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        assert_alike(cached(Counted(), GIVEN, tmp_path / "file" / "below"), Counted()(GIVEN))
    assert Counted.calls == [1] * 4


def test_the_folder_is_the_environments(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, folder in (("MASKLESS_CACHE", "own"), ("XDG_CACHE_HOME", "shared/maskless")):
        monkeypatch.setenv(name, str(tmp_path / folder.partition("/")[0]))
        cached(Counted(), GIVEN)
        assert list((tmp_path / folder).rglob("*.npz"))
        monkeypatch.delenv(name)
    cached(Counted(), GIVEN)
    assert list((tmp_path / "home/.cache/maskless").rglob("*.npz"))


def test_who_has_no_home_only_waits(monkeypatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    for name in ("MASKLESS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert_alike(cached(Counted(), GIVEN), Counted()(GIVEN))


def test_what_the_labeller_raises_is_passed_on(tmp_path: Path) -> None:
    class Failing(Counted):
        def __call__(self, signals: Mapping[Signal, Any]) -> dict[Signal, NDArray]:
            raise UserError("no")

    with pytest.raises(UserError, match="no"):
        cached(Failing(), GIVEN, tmp_path)
    assert not list(tmp_path.rglob("*.npz"))
