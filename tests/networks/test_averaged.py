"""The moving average of a network."""

import torch
from torch import nn

from maskless.networks.averaged import Averaged


def test_it_follows_fast_at_first_and_then_by_its_decay() -> None:
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.zero_()
    averaged = Averaged(network, decay=0.5)
    network.weight.data.fill_(1.0)
    found = []
    for _ in range(3):
        averaged.update(network)
        found.append(float(averaged.network.weight))
    kept = [1 / 10, 2 / 11, 3 / 12]  # (1 + n) / (10 + n), until that is more than the decay
    expected, value = [], 0.0
    for k in kept:
        value = k * value + (1 - k)
        expected.append(value)
    assert torch.allclose(torch.tensor(found), torch.tensor(expected))


def test_running_statistics_are_averaged_too_and_it_never_trains() -> None:
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5))
    averaged = Averaged(network, decay=0.99)
    network.train()
    network(torch.randn(4, 1, 8, 8) + 5)
    averaged.update(network)
    assert 0 < float(averaged.network[0].running_mean) < float(network[0].running_mean)
    averaged.train()
    assert not averaged.network[1].training
    assert not any(parameter.requires_grad for parameter in averaged.parameters())
    before = averaged.network[0].running_mean.clone()
    averaged(torch.randn(4, 1, 8, 8))
    assert torch.equal(averaged.network[0].running_mean, before)


def test_its_state_is_whole_in_a_state_dict() -> None:
    network = nn.Linear(2, 2)
    averaged = Averaged(network, 0.9)
    averaged.update(network)
    other = Averaged(nn.Linear(2, 2), 0.9)
    other.load_state_dict(averaged.state_dict())
    assert int(other.steps) == 1
    assert torch.equal(other.network.weight, averaged.network.weight)
