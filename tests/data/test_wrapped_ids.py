"""Label images that lost ids to 8 bits, and those that did not."""

import os
from pathlib import Path

import numpy as np
import pytest
from layouts import write_folder
from numpy.typing import NDArray
from PIL import Image

from maskless.data.label_images import read_labels
from maskless.data.polygons import rasterise
from maskless.data.readers.deepliif import DeepLIIF
from maskless.data.readers.folder import Folder
from maskless.data.readers.multiorgan import MultiOrgan
from maskless.data.readers.tnbc import TNBC
from maskless.data.wrapped_ids import ids_of_several_nuclei, squeezed_into_8_bits
from maskless.errors import UserError
from maskless.signals import Signal

REAL = Path(os.environ.get("MASKLESS_DATA", "nowhere"))


def squares(n: int, shuffled: bool = False) -> NDArray[np.int64]:
    """`n` nuclei of 4 x 4 px on a grid of 20 columns, numbered by row or at random."""
    numbers = np.arange(1, n + 1)
    if shuffled:
        numbers = np.random.default_rng(0).permutation(numbers)
    labels = np.zeros((8 * -(-n // 20), 160), np.int64)
    for k, number in enumerate(numbers):
        row, column = divmod(k, 20)
        labels[8 * row + 2 : 8 * row + 6, 8 * column + 2 : 8 * column + 6] = number
    return labels


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("n", [257, 300, 700, 1100])
def test_ids_that_wrapped_are_found(n: int, shuffled: bool) -> None:
    assert "as if 257 had become 1" in squeezed_into_8_bits(squares(n, shuffled) & 255)


@pytest.mark.parametrize("n", [258, 300, 700])
def test_ids_that_were_cut_off_are_found(n: int) -> None:
    said = squeezed_into_8_bits(np.minimum(squares(n), 255))
    assert said.startswith(f"its id 255 lies in {n - 254} places")


def test_whole_ids_in_pieces_or_given_twice_by_mistake_are_no_reason() -> None:
    exactly, few, many = squares(255), squares(120), squares(700)
    assert squeezed_into_8_bits(exactly) == ""
    assert squeezed_into_8_bits(np.where(few == 120, 255, few)) == ""
    assert squeezed_into_8_bits(many) == ""
    for number in (40, 77, 130, 200, 254):
        twice = exactly.copy()
        twice[twice == number] = 19  # which is elsewhere, too
        assert squeezed_into_8_bits(twice) == ""
    cut = exactly.copy()
    cut[4::8] = 0  # a line through each nucleus, which lies in two pieces side by side
    assert squeezed_into_8_bits(cut) == ""
    assert squeezed_into_8_bits(np.zeros((5, 5), int)) == ""


def test_a_file_of_such_ids_is_refused_in_a_sentence(tmp_path) -> None:
    file = tmp_path / "a.png"
    Image.fromarray(squares(300).astype(np.uint8)).save(file)
    with pytest.raises(UserError, match=r"a\.png has lost ids: 44 of its 255 ids, .* with 16 bits or more"):
        read_labels(file)
    Image.fromarray(squares(300).astype(np.uint16)).save(file)
    np.testing.assert_array_equal(read_labels(file), squares(300))


def test_a_crop_of_ids_that_wrapped_is_worth_a_look(tmp_path) -> None:
    """Too few ids to be sure, of which some lie in two places."""
    wrapped = (squares(700, shuffled=True) & 255)[:56].astype(np.uint8)
    folder = write_folder(tmp_path / "set", ["a"])
    Image.fromarray(np.zeros((*wrapped.shape, 3), np.uint8)).save(folder / "images" / "a.png")
    (file,) = (folder / "labels").iterdir()
    Image.fromarray(wrapped).save(file)
    source = Folder(folder)
    assert source.problems() == []
    ids = np.unique(wrapped[wrapped > 0])
    found = ids_of_several_nuclei(wrapped)
    assert 15 < len(found) < len(ids) < 140
    assert all(np.count_nonzero(wrapped == k) == 16 * n for k, n in found.items())
    most = max(found, key=lambda k: found[k])
    (said,) = source.extra()
    assert said == (
        f"{file}: {len(found)} of its {len(ids)} ids lie in several nuclei each, far apart (id {most} in "
        f"{found[most]} places): they may have wrapped in 8 bits (257 became 1), been given twice, or be "
        "classes; an id is one nucleus"
    )


def test_ids_broken_by_what_lies_across_them_and_specks_are_one_nucleus() -> None:
    long = np.array([(10.0, 30.0), (90.0, 30.0), (90.0, 38.0), (10.0, 38.0)])
    across = np.array([(35.0, 5.0), (65.0, 5.0), (65.0, 60.0), (35.0, 60.0)])
    others = [np.array([(x, 70.0), (x + 25, 70.0), (x + 25, 95.0), (x, 95.0)]) for x in (5, 37, 69)]
    labels = rasterise([across, long, *others], (100, 100))
    assert (labels == 2).any(axis=0).sum() == 50, "in two pieces"
    assert ids_of_several_nuclei(labels) == {}
    labels[0, 0] = labels[60:62, 1] = 5  # slips of a brush
    assert ids_of_several_nuclei(labels) == {}
    labels[0:20, 0:20] = 5
    assert ids_of_several_nuclei(labels) == {5: 2}
    assert ids_of_several_nuclei(np.where(labels == 1, 256, labels)) == {}, "so 8 bits are not the reason"
    assert ids_of_several_nuclei(np.zeros((5, 5), np.uint8)) == {}


@pytest.mark.skipif(not REAL.is_dir(), reason="MASKLESS_DATA has not the real sets")
@pytest.mark.parametrize("kind", [MultiOrgan, TNBC, DeepLIIF])
def test_real_ids_in_8_bits_are_one_nucleus_each(kind) -> None:
    source = kind(data_root=REAL)
    for item in source.items("test")[:3]:
        labels = source.read(item, {Signal.INSTANCES})[Signal.INSTANCES]
        for crop in (labels[:400, :400], labels[-256:, -256:]):
            in_8_bits = np.unique(crop, return_inverse=True)[1].reshape(crop.shape).astype(np.uint8)
            assert ids_of_several_nuclei(in_8_bits) == {}
