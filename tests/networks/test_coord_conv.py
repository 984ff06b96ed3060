import pytest
import torch

from maskless.networks.coord_conv import CoordConv, coordinates


def test_coordinates_of_three_by_three() -> None:
    rows = torch.tensor([[-1.0, -1, -1], [0, 0, 0], [1, 1, 1]])
    torch.testing.assert_close(coordinates(3, 3), torch.stack([rows, rows.T]))


def test_y_is_before_x() -> None:
    y, x = coordinates(2, 5)
    assert y.tolist() == [[-1.0] * 5, [1.0] * 5]
    assert x.tolist() == [[-1, -0.5, 0, 0.5, 1]] * 2


def test_a_single_row_or_column_is_zero() -> None:
    y, x = coordinates(1, 3)
    assert y.tolist() == [[0, 0, 0]]
    assert x.tolist() == [[-1, 0, 1]]
    assert coordinates(1, 1).tolist() == [[[0.0]], [[0.0]]]


def test_the_type_is_the_asked_one() -> None:
    assert coordinates(4, 4).dtype == torch.float32
    assert coordinates(4, 4, dtype=torch.float64).dtype == torch.float64


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layer_is_linear_in_coordinates_then_channels(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    layer = CoordConv(3, 3).double()
    images = torch.randn(2, 3, 5, 7, dtype=torch.float64).to(memory_format=layout)
    weight, bias = layer.conv.weight[:, :, 0, 0], layer.conv.bias
    result = layer(images)
    for r, c in ((0, 0), (4, 6), (2, 3), (1, 5)):
        where = torch.tensor([r / 2 - 1, c / 3 - 1], dtype=torch.float64)
        told = torch.cat([where.expand(2, 2), images[:, :, r, c]], dim=1)
        torch.testing.assert_close(result[:, :, r, c], told @ weight.T + bias)
    assert result.is_contiguous(memory_format=layout)
