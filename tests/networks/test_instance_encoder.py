import torch

from maskless.networks.instance_encoder import InstanceEncoder
from maskless.networks.resnet_unet import ResNetEncoder


def test_it_has_the_papers_number_of_parameters() -> None:
    assert sum(p.numel() for p in InstanceEncoder(out_channels=16).parameters()) == 24_416_642


def test_it_keeps_the_size_and_learns_everywhere() -> None:
    network = InstanceEncoder(out_channels=5, width=8)
    embedding = network(torch.randn(2, 3, 32, 64))
    assert embedding.shape == (2, 5, 32, 64)
    embedding.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_equal_tissue_at_two_places_is_told_apart() -> None:
    # A U-Net alone gives an image without any structure the same value everywhere, but near its border.
    torch.manual_seed(0)
    network = InstanceEncoder(out_channels=4, width=8).eval()
    images = torch.zeros(1, 3, 512, 512)
    with torch.no_grad():
        told, untold = network(images)[0], network.unet(images)[0]
    a, b = (192, 192), (320, 320)
    torch.testing.assert_close(untold[:, *a], untold[:, *b], rtol=0, atol=1e-6)
    assert (told[:, *a] - told[:, *b]).abs().max() > 1e-4


def test_its_encoder_is_the_one_inside_and_no_second_one() -> None:
    network = InstanceEncoder(width=8)
    assert isinstance(network.encoder, ResNetEncoder)
    names = list(network.state_dict())
    assert len(names) == len(set(names))
    assert {name.partition(".")[0] for name in names} == {"coord_conv", "unet"}
