import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from maskless.data.derive import complete, mask, points, to_read
from maskless.errors import UserError
from maskless.signals import Item, Sample, Signal

IDS = st.sampled_from([0, 0, 0, 1, 2, 3, 17, 70_000, 2**31 - 1])
MAPS = arrays(np.int32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=IDS)


def slow_points(instances: np.ndarray) -> list[tuple[int, int]]:
    """Straight from the definition, one nucleus after the other."""
    found = []
    for value in sorted(set(instances[instances > 0].tolist())):
        rows, columns = np.where(instances == value)
        found.append(((rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2))
    return found


@given(MAPS)
@settings(deadline=None)
def test_points_are_the_centres_of_the_bounding_boxes_in_the_order_of_the_ids(instances: np.ndarray) -> None:
    found = points(instances)
    assert found.dtype == np.float32
    assert found.shape == (len(slow_points(instances)), 2)
    assert list(map(tuple, found.tolist())) == slow_points(instances)


def test_points_of_a_known_map() -> None:
    instances = np.zeros((10, 12), np.int32)
    instances[0:2, 0:4] = 9  # rows 0 to 1, columns 0 to 3: halves go down
    instances[5, 5] = 4
    instances[0, 11] = instances[9, 7] = 6  # two pieces, one point, in neither
    assert points(instances).tolist() == [[5, 5], [4, 9], [0, 1]]
    assert points(np.zeros((3, 4), np.int32)).shape == (0, 2)


@given(MAPS)
def test_the_mask_is_where_the_nuclei_are(instances: np.ndarray) -> None:
    assert mask(instances).dtype == np.uint8
    np.testing.assert_array_equal(mask(instances), np.where(instances > 0, 1, 0))


def sample(**signals: np.ndarray) -> Sample:
    return Sample(Item("field", "patient"), {Signal(k): v for k, v in signals.items()}, mpp=0.25, power=40)


def test_complete_gives_exactly_what_is_wanted_and_keeps_the_scale() -> None:
    instances = np.zeros((4, 6), np.int32)
    instances[1, 2:5] = 3
    image = np.zeros((4, 6, 3), np.uint8)
    given_ = sample(image=image, instances=instances)
    done = complete(given_, {Signal.IMAGE, Signal.POINTS, Signal.MASK, Signal.REGION})
    assert set(done.signals) == {Signal.IMAGE, Signal.POINTS, Signal.MASK, Signal.REGION}
    assert done[Signal.IMAGE] is image
    assert done[Signal.POINTS].tolist() == [[1, 3]]
    assert done[Signal.MASK].sum() == 3
    assert done[Signal.REGION].dtype == np.uint8
    np.testing.assert_array_equal(done[Signal.REGION], np.ones((4, 6)))
    assert (done.item, done.mpp, done.power) == (given_.item, 0.25, 40)
    assert set(given_.signals) == {Signal.IMAGE, Signal.INSTANCES}  # untouched
    assert complete(done, set(done.signals)) == done


def test_complete_does_not_replace_what_was_read() -> None:
    region = np.zeros((4, 6), np.uint8)
    drawn = np.array([[0.5, 1.5]], np.float32)
    read = sample(instances=np.ones((4, 6), np.int32), region=region, points=drawn)
    done = complete(read, {Signal.REGION, Signal.POINTS})
    assert done[Signal.REGION] is region
    assert done[Signal.POINTS] is drawn


def test_complete_names_what_does_not_follow() -> None:
    with pytest.raises(UserError, match="field has no points"):
        complete(sample(image=np.zeros((4, 6, 3), np.uint8)), {Signal.IMAGE, Signal.POINTS})
    with pytest.raises(UserError, match="field has no image"):
        complete(sample(), {Signal.REGION})


def test_only_what_is_stored_and_needed_is_read() -> None:
    stored = {Signal.IMAGE, Signal.INSTANCES}
    assert to_read({Signal.IMAGE}, stored) == {Signal.IMAGE}
    assert to_read({Signal.POINTS, Signal.MASK}, stored) == {Signal.INSTANCES}
    assert to_read({Signal.POINTS}, {Signal.POINTS, Signal.INSTANCES}) == {Signal.POINTS}
    assert to_read({Signal.REGION}, stored) == {Signal.IMAGE}
    assert to_read({Signal.REGION, Signal.MASK}, stored) == {Signal.INSTANCES}
    assert to_read({Signal.CLASSES}, stored) == set()
