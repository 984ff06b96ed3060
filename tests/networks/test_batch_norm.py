"""A batch norm that takes the statistics of the batch, and is then as it was."""

import pytest
import torch
from torch import nn

from maskless.networks.batch_norm import batch_statistics


def network() -> nn.Sequential:
    made = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Sequential(nn.BatchNorm2d(3)))
    made(torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)))  # averages of something
    return made.eval()


def test_the_batch_is_normalised_by_itself() -> None:
    asked = network()
    images = 7 + 3 * torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    assert asked(images).mean() > 1  # by the averages
    with batch_statistics(asked):
        found = asked(images)  # and Dropout stays in evaluation mode
    spread, mean = torch.var_mean(images, (0, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(found, (images - mean) / spread.sqrt(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", [True, False])
def test_nothing_of_it_is_left(mode: bool) -> None:
    asked = network().train(mode)
    asked[0].track_running_stats = False
    before = {name: value.clone() for name, value in asked.state_dict().items()}
    with batch_statistics(asked):
        asked(torch.randn(4, 3, 5, 5))
    with pytest.raises(RuntimeError), batch_statistics(asked):
        asked(torch.randn(4, 2, 5, 5))  # the wrong channels
    assert all(torch.equal(value, before[name]) for name, value in asked.state_dict().items())
    assert [part.training for part in asked.modules()] == [mode] * 5
    assert [asked[0].track_running_stats, asked[2][0].track_running_stats] == [False, True]
