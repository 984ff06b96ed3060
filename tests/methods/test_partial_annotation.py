"""Annotation outside the region changes no loss and no gradient, of any method that learns from it."""

from collections.abc import Callable

import pytest
import torch
from ground import Ground
from torch import Tensor

from maskless.data.pseudo_instances import PseudoInstances
from maskless.data.pseudo_labels import PointLabels
from maskless.methods.ien import IEN
from maskless.methods.spatial_prior import SpatialPrior
from maskless.methods.spn import SPN
from maskless.methods.stage import Stage
from maskless.methods.supervised import Supervised
from maskless.methods.supervised_pix2pix import SupervisedPix2Pix
from maskless.signals import IGNORE, Role, Signal

SIDE, INSIDE = 64, 40
PLAIN = {
    "chain": {"instances": {"step": "binarise", "of": "foreground", "above": 0.5}},
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
    "epochs": 1,
    "steps": 4,
    "batch": 2,
    "crop_px": SIDE,
}
UNET = {**PLAIN, "lr": 1e-3, "weight_decay": 0.0, "width": 4, "norm_momentum": 0.1}
PIX = {**PLAIN, "lr": 1e-3, "filters": 4, "depth": 5, "dropout": 0.0}


def spn(**options) -> SPN:
    return SPN(labels=PointLabels(), **{**UNET, **options})


def refreshing() -> SPN:
    stage = spn(ema=0.5, refresh=0.0, sure=0.5)
    with torch.no_grad():  # sure of something everywhere
        stage.averaged.network.head.bias.copy_(torch.tensor([0.0, 3.0]))
    return stage


STAGES: dict[str, Callable[[], Stage]] = {
    "supervised": lambda: Supervised(boundary_px=2, boundary_weight=3.0, **UNET),
    "supervised_pix2pix": lambda: SupervisedPix2Pix(**PIX),
    "spn": spn,
    "spn refreshed": refreshing,
    "spn with points": lambda: spn(point_weight=1.0),
    "ien": lambda: IEN(spn=spn(), labels=PseudoInstances(), dimensions=3, **UNET),
    "ien with classes": lambda: IEN(
        spn=spn(), labels=PseudoInstances(), dimensions=3, classes_weight=1.0, **UNET
    ),
}


def annotated(outside: int) -> dict[Signal, Tensor]:
    """Images with all that can be drawn on them, up to column INSIDE; beyond it `outside` says what."""
    image = torch.randint(0, 256, (2, SIDE, SIDE, 3), generator=torch.Generator().manual_seed(1)).byte()
    instances = torch.zeros(2, SIDE, SIDE, dtype=torch.int32)
    instances[:, 8:20, 6:20], instances[:, 24:40, 30:60], instances[:, 8:20, 20:30] = 1, 2, 3
    region = (torch.arange(SIDE) < INSIDE).byte().expand(2, SIDE, SIDE).clone()
    beyond = region == 0
    instances[beyond] = [0, 2, 9][outside]
    labels = torch.stack([(instances > 0).byte(), (instances == 1).byte()], dim=-1)
    labels[:, 50:] = IGNORE
    return {
        Signal.IMAGE: image,
        Signal.INSTANCES: instances,
        Signal.MASK: (instances > 0).byte(),
        Signal.LABELS: labels,
        Signal.REGION: region,
    }


def of_training(main: dict[Signal, Tensor]) -> dict[Signal, Tensor]:
    """As a labeller's target reaches a stage: nothing is said outside the region."""
    beyond = main[Signal.REGION] == 0
    labels, instances = main[Signal.LABELS].clone(), main[Signal.INSTANCES].clone()
    labels[beyond], instances[beyond] = IGNORE, 0
    return {**main, Signal.LABELS: labels, Signal.INSTANCES: instances}


def loss_and_gradient(make: Callable[[], Stage], main: dict[Signal, Tensor]) -> tuple[float, list[Tensor]]:
    torch.manual_seed(0)
    stage = make()
    stage.log = lambda *_, **__: None  # type: ignore[method-assign]
    stage.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    torch.manual_seed(5)
    loss = stage.training_step({Role.MAIN: main}, 0)
    loss.backward()
    return float(loss), [p.grad for p in stage.parameters() if p.grad is not None]


@pytest.mark.parametrize("name", STAGES)
def test_annotation_outside_changes_no_loss_and_no_gradient(name: str) -> None:
    first, *others = (
        main if name.startswith("supervised") else of_training(main) for main in map(annotated, range(3))
    )
    loss, gradient = loss_and_gradient(STAGES[name], first)
    assert loss > 0
    assert any(part.abs().max() > 0 for part in gradient)
    for other in others:
        again, same = loss_and_gradient(STAGES[name], other)
        assert again == loss
        assert all(torch.equal(one, two) for one, two in zip(gradient, same, strict=True))


class Heads(torch.nn.Module):
    """Maps that are weights, so that a gradient is one of a pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        random = torch.randn(2, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
        self.map = torch.nn.Parameter(random)

    def forward(self, images: Tensor) -> Tensor:
        return self.map


@pytest.mark.parametrize("name", STAGES)
def test_no_pixel_outside_is_learnt(name: str) -> None:
    stage = STAGES[name]()
    channels = {"supervised": 3, "supervised_pix2pix": 1, "spn with points": 3}.get(name, 2)
    channels = {"ien": 3, "ien with classes": 6}.get(name, channels)
    stage.network = Heads(channels)
    stage.log = lambda *_, **__: None  # type: ignore[method-assign]
    stage.log_dict = lambda *_, **__: None  # type: ignore[method-assign]
    main = annotated(1) if name.startswith("supervised") else of_training(annotated(1))
    stage.training_step({Role.MAIN: main}, 0).backward()
    gradient = stage.network.map.grad.abs().sum(1)
    assert gradient[:, :, :INSIDE].max() > 0
    assert gradient[:, :, INSIDE:].max() == 0


@pytest.mark.parametrize("parted", [False, True])
def test_a_prior_outside_its_region_changes_nothing(parted: bool) -> None:
    def found(outside: int) -> dict[str, float]:
        torch.manual_seed(0)
        stage = SpatialPrior(**{**PIX, "filters_d": 4}, parted=parted)
        main = annotated(0)
        kept = (Signal.INSTANCES, Signal.MASK, Signal.REGION)
        prior = {signal: value for signal, value in annotated(outside).items() if signal in kept}
        if not parted:
            del prior[Signal.INSTANCES]
        return Ground(stage).step({Role.MAIN: {Signal.IMAGE: main[Signal.IMAGE]}, Role.PRIOR: prior})

    assert found(0) == found(1) == found(2)
