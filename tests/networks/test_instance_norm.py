import pytest
import torch
import torch.nn.functional as F

from maskless.networks.instance_norm import InstanceNorm

SHAPES = [(1, 1, 1, 2), (2, 5, 9, 7), (3, 16, 8, 8)]
CHANNELS_LAST, PLANES = torch.channels_last, torch.contiguous_format


def passed(norm, x, of_y):
    """The result, and the gradient of the input, of one way of computing the norm."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    y = norm(x)
    y.backward(of_y)
    return y.detach(), x.grad


@pytest.mark.parametrize("layout", [CHANNELS_LAST, PLANES])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_instance_norm_of_torch_and_so_is_its_gradient(shape, layout):
    torch.manual_seed(0)
    x = (5 + 3 * torch.randn(shape)).contiguous(memory_format=layout)
    of_y = torch.randn(shape).contiguous(memory_format=layout)
    ours = passed(InstanceNorm(shape[1]), x, of_y)
    torchs = passed(F.instance_norm, x.contiguous(), of_y.contiguous())
    for own, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)


def test_the_gradient_is_that_of_the_definition():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.double).contiguous(memory_format=CHANNELS_LAST)
    assert torch.autograd.gradcheck(InstanceNorm(3), x.requires_grad_())


def test_channels_last_comes_out_as_it_went_in():
    """Else every convolution behind a norm copies its image, which costs more than the norm."""
    x = torch.randn(2, 8, 6, 6).contiguous(memory_format=CHANNELS_LAST).requires_grad_()
    y = InstanceNorm(8)(x)
    y.backward(torch.randn_like(y))
    assert y.is_contiguous(memory_format=CHANNELS_LAST)
    assert x.grad.is_contiguous(memory_format=CHANNELS_LAST)


def test_what_follows_may_change_the_result_in_place():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5, dtype=torch.double).contiguous(memory_format=CHANNELS_LAST)
    layers = torch.nn.Sequential(InstanceNorm(3), torch.nn.ReLU(inplace=True))
    assert torch.autograd.gradcheck(layers, x.requires_grad_())


def test_statistics_of_half_precision_are_those_of_float32():
    torch.manual_seed(0)
    x = (200 + torch.randn(2, 4, 32, 32)).to(torch.bfloat16).contiguous(memory_format=CHANNELS_LAST)
    of_y = torch.randn(2, 4, 32, 32).to(torch.bfloat16).contiguous(memory_format=CHANNELS_LAST)
    y, of_x = passed(InstanceNorm(4), x, of_y)
    expected, expected_of_x = passed(F.instance_norm, x.float().contiguous(), of_y.float().contiguous())
    assert y.dtype == of_x.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), expected, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(of_x.float(), expected_of_x, rtol=2e-2, atol=2e-2)
