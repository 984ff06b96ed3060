"""Label images that lost ids to 8 bits, and those that did not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from maskless.data.label_images import read_labels
from maskless.data.wrapped_ids import squeezed_into_8_bits
from maskless.errors import UserError


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
