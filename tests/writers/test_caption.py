import numpy as np

from maskless.writers.caption import captioned

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 300, 3), dtype=np.uint8)


def test_lines_stand_below_the_picture_with_their_colours() -> None:
    found = captioned(PICTURE, [("12 nuclei", None), ("7 positive", (255, 0, 255))])
    assert found.shape == (40 + 2 * 18, 300, 3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[:40], PICTURE)
    first, second = found[40:58], found[58:]
    for line in (first, second):
        assert (line == 0).all(axis=2).any(), "something is written"
    assert not (first == (255, 0, 255)).all(axis=2).any()
    assert (second == (255, 0, 255)).all(axis=2).sum() >= 64


def test_a_narrow_picture_is_continued_in_white_and_no_lines_change_nothing() -> None:
    found = captioned(PICTURE[:, :20], [("1,234 epithelial nuclei", None)])
    assert found.shape[1] > 120
    np.testing.assert_array_equal(found[:40, :20], PICTURE[:, :20])
    assert (found[:40, 20:] == 255).all()
    np.testing.assert_array_equal(captioned(PICTURE, []), PICTURE)
