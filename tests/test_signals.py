import pytest

from maskless.signals import Annotation, Need, Role, Signal, annotation_of


@pytest.mark.parametrize(
    ("needs", "cost"),
    [
        ([], Annotation.NONE),
        ([Need(Signal.IMAGE), Need(Signal.SCALES)], Annotation.NONE),
        ([Need(Signal.IMAGE), Need(Signal.IMAGE, Role.TARGET)], Annotation.NONE),
        ([Need(Signal.IMAGE), Need(Signal.MASK, Role.PRIOR)], Annotation.OTHER_STAIN),
        ([Need(Signal.IMAGE), Need(Signal.POINTS)], Annotation.POINTS),
        ([Need(Signal.POINTS), Need(Signal.INSTANCES)], Annotation.MASKS),
        ([Need(Signal.MASK)], Annotation.MASKS),
    ],
)
def test_a_method_costs_what_its_dearest_need_does(needs, cost):
    assert annotation_of(needs) is cost
