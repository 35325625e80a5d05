"""Changes of a map under noise, and how alike maps are, on cases with known answers."""

import numpy as np
import pytest
from scipy import ndimage

from smears.explain import robustness


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [rng.integers(20, 230, (24, 20, 3), dtype=np.uint8) for _ in range(3)]


def _grey(pictures):
    return [picture.mean(-1) / 255 for picture in pictures]


def test_a_map_that_does_not_look_at_the_picture_has_no_sensitivity(pictures):
    same = [np.ones((24, 20)) for _ in pictures]
    found = robustness.max_sensitivity(lambda shown: same[: len(shown)], pictures, same)
    assert found.tolist() == [0, 0, 0]


def test_the_sensitivity_of_a_linear_map_follows_from_the_noise(pictures):
    """The mean of three values, uniform in -r..r: variance r (r + 1) / 9 at each pixel."""
    maps = _grey(pictures)
    found = robustness.max_sensitivity(_grey, pictures, maps, radius=8, samples=1)
    expected = [np.sqrt(8 * 9 / 9 * map.size) / 255 / np.linalg.norm(map) for map in maps]
    assert found == pytest.approx(expected, rel=0.1)
    more = robustness.max_sensitivity(_grey, pictures, maps, radius=8, samples=6)
    assert (more >= found).all()
    assert (more > found).any()
    wider = robustness.max_sensitivity(_grey, pictures, maps, radius=16, samples=1)
    assert wider == pytest.approx(found * np.sqrt(16 * 17 / 72), rel=0.1)


def test_the_noise_is_the_seeds_alone_and_pictures_stay_pictures(pictures):
    maps, dark = _grey(pictures), [np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)]
    first = robustness.max_sensitivity(_grey, pictures, maps, seed=3)
    assert (first == robustness.max_sensitivity(_grey, pictures, maps, seed=3)).all()
    assert (first != robustness.max_sensitivity(_grey, pictures, maps, seed=4)).all()
    seen = []

    def explain(shown):
        seen.extend(shown)
        return _grey(shown)

    robustness.max_sensitivity(explain, dark, _grey(dark), radius=5, samples=2)
    assert all(picture.dtype == np.uint8 for picture in seen)
    assert all(picture.max() <= 5 or picture.min() >= 250 for picture in seen)


def test_a_zero_map_that_noise_wakes_has_no_relative_change(pictures):
    zero = [np.zeros((24, 20)) for _ in pictures]
    assert np.isnan(robustness.max_sensitivity(_grey, pictures, zero)).all()


def test_rank_correlation_of_equal_inverted_unrelated_and_flat_maps():
    rng = np.random.default_rng(0)
    map, flat = rng.random((40, 40)), np.full((40, 40), 0.2)
    assert robustness.rank_correlation(map, map**3) == pytest.approx(1)
    assert robustness.rank_correlation(map, 1 - map) == pytest.approx(-1)
    assert robustness.rank_correlation(map, rng.random((40, 40))) == pytest.approx(0, abs=0.08)
    assert robustness.rank_correlation(map, flat) == 0
    assert robustness.rank_correlation(flat, np.zeros((40, 40))) == 1


def test_structural_similarity_of_equal_inverted_and_unrelated_maps():
    rng = np.random.default_rng(0)
    map = ndimage.gaussian_filter(rng.random((40, 40)), 2)
    map = (map - map.min()) / np.ptp(map)
    assert robustness.structural_similarity(map, map) == pytest.approx(1)
    assert robustness.structural_similarity(map, 1 - map) < 0
    assert abs(robustness.structural_similarity(map, rng.random((40, 40)))) < 0.15


def test_stability_is_one_for_equal_maps_and_zero_for_noise():
    rng = np.random.default_rng(0)
    map = rng.random((30, 30))
    assert robustness.stability([map, map, map]) == pytest.approx(1)
    assert robustness.stability(rng.random((4, 30, 30))) == pytest.approx(0, abs=0.05)
    mean = robustness.rank_correlation(map, 1 - map)
    assert robustness.stability([map, map, 1 - map]) == pytest.approx((1 + 2 * mean) / 3)


def test_noise_reaches_as_far_down_as_up(pictures):
    seen = []

    def explain(shown):
        seen.extend(shown)
        return _grey(shown)

    robustness.max_sensitivity(explain, pictures, _grey(pictures), radius=5, samples=1)
    apart = np.stack(seen).astype(int) - np.stack(pictures)
    assert (apart.min(), apart.max()) == (-5, 5)
