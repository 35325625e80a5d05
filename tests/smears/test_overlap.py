"""Maps whose scores are known: perfect, inverted, flat, noise, plateaus; and a worked example."""

import numpy as np
import pytest

from smears.explain import overlap

MEASURES = ("pointing", "mass", "rank", "iou", "dice")


@pytest.fixture
def mask():
    """A nucleus of 8 x 10 in a cell of 16 x 16, picture 40 x 50."""
    mask = np.zeros((40, 50), np.uint8)
    mask[12:28, 20:36] = 128
    mask[15:23, 22:32] = 255
    return mask


@pytest.fixture
def nucleus(mask):
    return mask == 255


def test_a_perfect_map_has_one_in_every_measure(mask, nucleus):
    found = overlap.scores(nucleus.astype(np.float32), mask)
    assert {found[f"{name} nucleus"] for name in MEASURES} == {1.0}
    found = overlap.scores((mask > 0).astype(np.float32), mask)
    assert {found[f"{name} cell"] for name in MEASURES} == {1.0}


def test_an_inverted_map_has_zero_in_every_measure(mask, nucleus):
    found = overlap.scores(1 - nucleus.astype(np.float32), mask)
    assert {found[f"{name} nucleus"] for name in MEASURES} == {0.0}


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_flat_map_is_the_guess_that_it_is(value, nucleus):
    map, share = np.full(nucleus.shape, value, np.float32), nucleus.mean()
    assert overlap.pointing_game(map, nucleus) == pytest.approx(share)
    assert overlap.mass_accuracy(map, nucleus) == pytest.approx(share, rel=1e-6)
    assert overlap.rank_accuracy(map, nucleus) == pytest.approx(share)
    assert overlap.iou(overlap.at_half(map), nucleus) == pytest.approx(share)
    assert overlap.dice(overlap.at_half(map), nucleus) == pytest.approx(2 * share / (1 + share))


def test_noise_scores_as_much_as_a_flat_map_on_average(nucleus):
    rng = np.random.default_rng(0)
    maps = rng.random((400, *nucleus.shape))
    share = nucleus.mean()
    mass = [overlap.mass_accuracy(map, nucleus) for map in maps]
    rank = [overlap.rank_accuracy(map, nucleus) for map in maps]
    pointing = [overlap.pointing_game(map, nucleus) for map in maps]
    assert np.mean(mass) == pytest.approx(share, abs=0.001)
    assert np.mean(rank) == pytest.approx(share, abs=0.006)
    assert set(pointing) == {0.0, 1.0}
    assert np.mean(pointing) == pytest.approx(share, abs=0.03)


def test_a_worked_example():
    map = np.array([[0.0, 0.2, 1.0], [0.6, 0.4, 0.0]])
    mask = np.array([[0, 1, 1], [0, 1, 0]], bool)
    assert overlap.at_half(map).tolist() == [[False, False, True], [True, False, False]]
    assert overlap.iou(overlap.at_half(map), mask) == pytest.approx(1 / 4)
    assert overlap.dice(overlap.at_half(map), mask) == pytest.approx(2 / 5)
    assert overlap.pointing_game(map, mask) == 1
    assert overlap.mass_accuracy(map, mask) == pytest.approx(1.6 / 2.2)
    assert overlap.rank_accuracy(map, mask) == pytest.approx(2 / 3)


def test_ties_are_worth_their_expectation_wherever_they_lie(nucleus):
    rng = np.random.default_rng(0)
    plateaus = np.round(rng.random(nucleus.shape) * 4) / 4
    shaken = [plateaus + rng.random(nucleus.shape) * 1e-6 for _ in range(500)]
    for measure in (overlap.rank_accuracy, overlap.pointing_game):
        mean = np.mean([measure(map, nucleus) for map in shaken])
        assert measure(plateaus, nucleus) == pytest.approx(mean, abs=0.02)
    turned = measure(plateaus[::-1, ::-1], nucleus[::-1, ::-1])
    assert turned == measure(plateaus, nucleus)


def test_rank_accuracy_is_dice_at_the_masks_own_area(nucleus):
    map = np.random.default_rng(1).random(nucleus.shape)
    highest = map >= np.sort(map, axis=None)[-nucleus.sum()]
    assert overlap.rank_accuracy(map, nucleus) == overlap.dice(highest, nucleus)


@pytest.mark.parametrize("full", [False, True])
def test_where_nothing_can_be_wrong_there_is_no_score(full, nucleus):
    mask = np.full(nucleus.shape, full)
    map = np.random.default_rng(0).random(nucleus.shape)
    for measure in (overlap.pointing_game, overlap.mass_accuracy, overlap.rank_accuracy):
        assert np.isnan(measure(map, mask))
    for measure in (overlap.iou, overlap.dice):
        assert np.isnan(measure(overlap.at_half(map), mask))


def test_without_cytoplasm_the_cell_is_not_known(mask):
    found = overlap.scores(
        np.random.default_rng(0).random(mask.shape), np.where(mask == 255, mask, 0)
    )
    assert np.isfinite([found[f"{name} nucleus"] for name in MEASURES]).all()
    assert np.isnan([found[f"{name} cell"] for name in MEASURES]).all()


def test_negative_relevance_has_no_mass(nucleus):
    with pytest.raises(ValueError, match="negative"):
        overlap.mass_accuracy(np.linspace(-1, 1, nucleus.size).reshape(nucleus.shape), nucleus)
