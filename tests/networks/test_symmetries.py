"""The symmetries of the square: what each does, and that it undoes it."""

import pytest
import torch

from maskless.networks.symmetries import SYMMETRIES

#: What each makes of [[1, 2], [3, 4]], by hand.
OF_FOUR = [
    [[2, 1], [4, 3]],  # flip x
    [[3, 4], [1, 2]],  # flip y
    [[1, 3], [2, 4]],  # transpose
    [[2, 4], [1, 3]],  # rot 90
    [[4, 3], [2, 1]],
    [[3, 1], [4, 2]],
]


@pytest.mark.parametrize(("symmetry", "expected"), list(zip(SYMMETRIES, OF_FOUR, strict=True)))
def test_each_moves_pixels_as_it_says(symmetry, expected: list[list[int]]) -> None:
    assert symmetry.apply(torch.tensor([[1, 2], [3, 4]])).tolist() == expected


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("shape", [(3, 4, 7), (2, 3, 5, 5), (6, 2)])
def test_each_undoes_itself_on_images_of_any_shape(symmetry, shape: tuple[int, ...]) -> None:
    values = torch.arange(float(torch.tensor(shape).prod())).view(shape)
    assert torch.equal(symmetry.undo(symmetry.apply(values)), values)
    assert not torch.equal(symmetry.apply(values), values)
