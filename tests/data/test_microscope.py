"""From light to pixels: the same draws give the same pixels, and only what is drawn changes."""

import numpy as np

from maskless.data.synthetic.microscope import seen


def test_white_stays_nearly_white_and_dark_dark():
    light = np.ones((64, 64, 3), np.float32)
    light[16:48, 16:48] = 0.2
    for seed in range(20):
        image = seen(light, 0.25, np.random.default_rng(seed))
        assert image.dtype == np.uint8
        assert image.shape == light.shape
        assert image[:8].mean() > 210
        assert image[24:40, 24:40].mean() < 75


def test_a_field_is_seen_the_same_twice_and_otherwise_through_another_instrument():
    light = np.random.default_rng(0).uniform(0.2, 1, (48, 48, 3)).astype(np.float32)
    one, again, other = (seen(light, 0.25, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_what_is_drawn_after_the_noise_does_not_hang_on_the_size():
    """A generator is left in the same state by a small field and a large one."""
    small, large = np.random.default_rng(3), np.random.default_rng(3)
    seen(np.ones((16, 16, 3), np.float32), 0.5, small)
    seen(np.ones((40, 24, 3), np.float32), 0.25, large)
    assert small.uniform() == large.uniform()


def test_some_instruments_sharpen():
    """Beside an edge, unsharp masking leaves a rim brighter than white and darker than dark."""
    light = np.full((64, 64, 3), 0.8, np.float32)
    light[:, 32:] = 0.3
    overshoot = []
    for seed in range(30):
        image = seen(light, 0.25, np.random.default_rng(seed)).astype(float).mean((0, 2))
        overshoot.append(image[26:31].max() - image[8:20].mean())
    assert np.mean(np.array(overshoot) > 5) > 0.3
    assert np.mean(np.array(overshoot) < 3) > 0.1
