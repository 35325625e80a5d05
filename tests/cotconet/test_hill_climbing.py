"""Adaptive beta-hill climbing follows Eq. 16 and 17, and never ends worse than it began."""

import numpy as np
import pytest

from cotconet import hill_climbing


def test_equations_16_and_17_by_hand():
    assert hill_climbing.neighbourhood(1, 10, power=1) == pytest.approx(0.9)
    assert hill_climbing.neighbourhood(4, 16, power=2) == pytest.approx(0.5)
    assert hill_climbing.neighbourhood(10, 10, power=3) == 0
    assert hill_climbing.exploration(0, 10, (0.001, 0.01)) == 0.001
    assert hill_climbing.exploration(5, 10, (0.001, 0.01)) == pytest.approx(0.0055)
    assert hill_climbing.exploration(10, 10, (0.001, 0.01)) == pytest.approx(0.01)


def _neighbour(mask, changes):
    kept, turned = changes
    return (mask & kept) ^ turned


def _looped(mask, n, beta, draws):
    """The same move, bit by bit, on the same random numbers."""
    flips, fresh, coins = draws
    result, coins = [], iter(coins)
    for bit in range(len(mask)):
        value = bool(mask[bit])
        if flips[bit] < n * hill_climbing.REACH:
            value = not value
        if fresh[bit] < beta:
            value = next(coins) < 0.5
        result.append(value)
    return result


@pytest.mark.parametrize(("n", "beta"), [(0.9, 0.2), (0.4, 0.01), (1.0, 1.0)])
def test_a_neighbour_agrees_with_plain_loops(n, beta):
    mask = np.random.default_rng(0).random(300) < 0.5
    found = _neighbour(mask, hill_climbing.change(300, n, beta, np.random.default_rng(5)))
    rng = np.random.default_rng(5)
    draws = [rng.random(300) for _ in range(3)]
    assert (draws[0] < n * hill_climbing.REACH).any()
    assert found.tolist() == _looped(mask, n, beta, draws)


def test_without_reach_one_bit_flips():
    mask = np.zeros(50, bool)
    found = _neighbour(mask, hill_climbing.change(50, 0.0, 0.0, np.random.default_rng(0)))
    assert found.sum() == 1


def test_the_legacy_form_restores_all_bits_at_beta_one_and_flips_up_to_a_third():
    mask = np.random.default_rng(0).random(100) < 0.5
    rng = np.random.default_rng(1)
    assert (_neighbour(mask, hill_climbing.legacy_change(100, 1.0, rng)) == mask).all()
    changes = [hill_climbing.legacy_change(100, 0.0, rng) for _ in range(300)]
    moved = [(_neighbour(mask, change) ^ mask).sum() for change in changes]
    assert min(moved) == 1
    assert max(moved) == 30


@pytest.mark.parametrize("legacy", [False, True])
def test_climbing_accepts_what_is_not_worse_and_asks_once_an_iteration(legacy):
    target = np.random.default_rng(0).random(40) < 0.5
    start, asked = np.ones(40, bool), []

    def distance(mask):
        asked.append(mask.copy())
        return int((mask ^ target).sum())

    def near(mask, masks):
        assert (mask == taken[-1]).all()
        for found in masks:
            value = distance(found)
            if value <= distance(taken[-1]):
                taken.append(found)
            asked.pop()
            yield value

    taken, value = [start], distance(start)
    mask, fitness = hill_climbing.climb(
        start, value, near, np.random.default_rng(1), iterations=200, legacy=legacy
    )
    assert len(asked) == 201
    assert (mask == taken[-1]).all()
    assert len(taken) > 5
    assert fitness == (mask ^ target).sum() < (start ^ target).sum() / 2
    assert start.all()


def test_climbing_never_asks_for_an_empty_set():
    start = np.arange(4) == 0
    sizes = []
    hill_climbing.climb(
        start, 1.0, lambda _, masks: sizes.extend(masks.sum(1)) or masks.sum(1),
        np.random.default_rng(0), iterations=100,
    )  # fmt: skip
    assert min(sizes) == 1


def test_a_neighbour_that_is_as_good_takes_the_place():
    start = np.ones(40, bool)
    mask, fitness = hill_climbing.climb(
        start, 1.0, lambda _, masks: [1.0] * len(masks), np.random.default_rng(0), iterations=3
    )
    assert fitness == 1.0
    assert (mask != start).any()


@pytest.mark.parametrize(
    ("legacy", "expected"),
    [
        (False, [(0.75, 0.1), (0.5, 0.2), (0.25, 0.3), (0, 0.4)]),
        (True, [(0.325,), (0.55,), (0.775,), (1.0,)]),
    ],
)
def test_each_iteration_has_its_own_reach_and_beta(monkeypatch, legacy, expected):
    seen = []

    def change(size, *numbers):
        seen.append(numbers[:-1])
        return np.ones(size, bool), np.zeros(size, bool)

    monkeypatch.setattr(hill_climbing, "legacy_change" if legacy else "change", change)
    hill_climbing.climb(
        np.ones(4, bool), 1.0, lambda _, masks: [1.0] * len(masks), np.random.default_rng(0),
        iterations=4, power=1, beta=(0.0, 0.4), legacy=legacy,
    )  # fmt: skip
    assert np.array(seen) == pytest.approx(np.array(expected))
