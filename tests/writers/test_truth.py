import numpy as np

from maskless.writers.overlay import outline_overlay
from maskless.writers.truth import colour_names, truth_overlay

GREY = np.full((40, 50, 3), 120, np.uint8)
GREEN, MAGENTA = (0, 255, 0), (255, 0, 255)


def nuclei() -> np.ndarray:
    labels = np.zeros((40, 50), np.int32)
    labels[5:15, 5:15], labels[5:15, 15:25], labels[25:35, 30:40] = 4, 7, 9
    return labels


def test_outlines_have_the_colour_of_their_class() -> None:
    colours = colour_names(["positive", "negative", "positive"])
    assert colours == {"negative": "green", "positive": "magenta"}
    drawn = truth_overlay(
        GREY, instances=nuclei(), classes={4: "positive", 7: "negative", 9: "positive"}, colours=colours
    )
    rim = (outline_overlay(GREY, nuclei()) != GREY).any(axis=-1)
    for nucleus, colour in ((4, MAGENTA), (7, GREEN), (9, MAGENTA)):
        assert (drawn[rim & (nuclei() == nucleus)] == colour).all()
    assert (drawn[~rim] == 120).all()


def test_a_nucleus_without_a_class_and_all_without_classes_are_green() -> None:
    np.testing.assert_array_equal(truth_overlay(GREY, instances=nuclei()), outline_overlay(GREY, nuclei()))
    drawn = truth_overlay(GREY, instances=nuclei(), classes={4: "a"}, colours={"a": "magenta"})
    assert tuple(drawn[5, 16]) == GREEN
    assert tuple(drawn[5, 6]) == MAGENTA


def test_points_are_dots_at_row_and_column_and_may_lie_at_the_edge() -> None:
    points = np.array([[10.4, 20.0], [0, 49]], np.float32)
    drawn = truth_overlay(
        GREY, points=points, classes={0: "a", 1: "b"}, colours={"a": "green", "b": "magenta"}
    )
    assert tuple(drawn[10, 20]) == GREEN
    assert tuple(drawn[0, 49]) == MAGENTA
    changed = (drawn != GREY).any(axis=-1)
    assert changed.sum() < 100
    assert not changed[20:].any()


def test_instances_go_before_points_and_masks_are_outlined() -> None:
    mask = (nuclei() > 0).astype(np.uint8)
    point = np.array([[37, 3]], np.float32)
    with_both = truth_overlay(GREY, instances=nuclei(), mask=mask, points=point)
    np.testing.assert_array_equal(with_both, outline_overlay(GREY, nuclei()))
    np.testing.assert_array_equal(truth_overlay(GREY, mask=mask), outline_overlay(GREY, mask))


def test_outside_the_region_the_image_fades_and_inside_it_does_not() -> None:
    region = np.zeros((40, 50), np.uint8)
    region[:, :30] = 1
    drawn = truth_overlay(GREY, region=region)
    assert (drawn[:, :30] == 120).all()
    assert (drawn[:, 30:] > 170).all()
    dark_and_bright = np.stack([GREY[:, :1] * 0, GREY[:, :1] * 0 + 255], axis=1)[:, :, 0]
    faded = truth_overlay(dark_and_bright, region=np.zeros((40, 2), np.uint8))
    assert (faded[:, 0] < faded[:, 1]).all()


def test_more_classes_than_colours_begin_anew() -> None:
    names = [f"class{k}" for k in range(8)]
    colours = colour_names(names)
    assert colours["class0"] == colours["class6"] == "green"
    assert len({colours[name] for name in names[:6]}) == 6
