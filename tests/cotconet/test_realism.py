"""The realism report on planted cases: real against real, noise, copies, a collapsed generator."""

import numpy as np
import pytest
from scipy import stats

from cotconet import realism
from smears import InputError


def cells(count, seed, side=32):
    """Discs of random place, size and colour on black: uint8 (count, side, side, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    made = np.zeros((count, side, side, 3), np.uint8)
    for picture in made:
        y, x = rng.uniform(0.4, 0.6, 2) * side
        disc = np.hypot(rows - y, columns - x) < rng.uniform(0.2, 0.4) * side
        picture[disc] = rng.integers(60, 200, 3) + rng.integers(-20, 20, (disc.sum(), 3))
    return made


@pytest.fixture(scope="module", autouse=True)
def told_apart_once():
    """As many permutations as p below 0.01 needs, and none again for the same two sets."""
    known, told_apart = {}, realism.told_apart

    def quick(first, second, seed=0, permutations=100):
        key = first.tobytes(), second.tobytes(), seed, permutations
        if key not in known:
            known[key] = told_apart(first, second, seed, permutations)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(realism, "told_apart", quick)
        yield


@pytest.fixture(scope="module")
def of_each_kind():
    train, held_out = cells(60, 0), cells(60, 1)
    noise = np.random.default_rng(2).integers(0, 256, (40, 32, 32, 3), np.uint8)
    planted = {
        "real": cells(40, 3),
        "noise": noise,
        "copies": train[:40],
        "collapsed": np.repeat(train[:1], 40, axis=0),
    }
    return {name: realism.report(train, held_out, made) for name, made in planted.items()}


def test_real_pictures_are_not_told_apart(of_each_kind):
    found = of_each_kind["real"]
    assert all(p > 0.05 for _, p in found["told_apart"].values())
    for _, low, high in found["kernel_distance"].values():
        assert low < 0 < high
    assert 0.8 < found["memorised"]["ratio"] < 1.25
    assert 0.8 < found["variety"] < 1.25
    assert not found["memorised"]["copied"]


@pytest.mark.slow
def test_p_values_of_real_against_real_are_spread_out():
    x = np.random.default_rng(0).normal(size=(20, 40, 4))
    p = [realism.told_apart(a[:20], a[20:], permutations=50)[1] for a in x]
    assert np.mean(np.array(p) > 0.05) >= 0.8
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_noise_is_told_apart(of_each_kind):
    found = of_each_kind["noise"]
    for pair in ("synthetic, held-out", "synthetic, train"):
        accuracy, p = found["told_apart"][pair]
        assert accuracy > 0.95
        assert p < 0.01
        value, low, _ = found["kernel_distance"][pair]
        assert low > found["kernel_distance"]["train, held-out"][2]
        assert low < value
    assert not found["memorised"]["copied"]


def test_copies_are_called_copies_although_no_classifier_tells_them(of_each_kind):
    found = of_each_kind["copies"]
    assert found["told_apart"]["synthetic, held-out"][1] > 0.05
    copied = found["memorised"]
    assert copied["copied"]
    assert copied["ratio"] < 1e-6
    assert copied["train_share"] == 1
    assert copied["expected_share"] == 0.5
    assert copied["nearest"].tolist() == list(range(40))


def test_a_collapsed_generator_lacks_variety(of_each_kind):
    assert of_each_kind["collapsed"]["variety"] < 0.01
    assert "Mode collapse" in realism.table(of_each_kind["collapsed"])[1][-1]
    assert "Mode collapse" not in " ".join(realism.table(of_each_kind["real"])[1])


def test_copies_are_found_among_few_held_out_pictures(monkeypatch):
    monkeypatch.setattr(realism, "told_apart", lambda *_: (0.5, 1.0))  # not what is asked here
    train = cells(60, 0)
    found = realism.report(train, cells(15, 1), train[20:50])["memorised"]
    assert found["expected_share"] == 0.8
    assert found["copied"]


def test_the_kernel_distance_is_that_of_plain_loops():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(1, 2, size=(7, 3))

    def k(a, b):
        return (sum(a[i] * b[i] for i in range(3)) / 3 + 1) ** 3

    own = sum(k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / (5 * 4)
    other = sum(k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / (7 * 6)
    cross = sum(k(a, b) for a in x for b in y) / (5 * 7)
    assert np.isclose(realism.kernel_interval(x, y)[0], own + other - 2 * cross)


def test_the_kernel_distance_is_zero_on_average_for_one_kind():
    rng = np.random.default_rng(1)
    pairs = rng.normal(size=(300, 2, 20, 3))
    values = [realism.kernel_interval(*pair, subsets=1)[0] for pair in pairs]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(300)


def test_distances_and_shares_by_hand():
    train, held_out = np.array([[0.0], [10.0], [14.0]]), np.array([[1.0], [30.0], [40.0]])
    synthetic = np.array([[0.4], [11.0], [29.0]])
    found = realism.memorised(train, held_out, synthetic)
    # To train 0.4, 1, 15; to held-out 0.6, 10, 1. Among train: 10, 4, 4.
    assert np.isclose(found["ratio"], 1 / 1)
    assert np.isclose(found["train_share"], 2 / 3)
    assert np.isclose(found["own_ratio"], 1 / 4)
    # Two or three of three, each with chance one half.
    assert np.isclose(found["share_p"], 0.5)
    assert found["nearest"].tolist() == [0, 1, 2]
    assert not found["copied"]


def test_features_are_fixed_and_another_function_may_give_them(monkeypatch):
    monkeypatch.setattr(realism, "told_apart", lambda *_: (0.5, 1.0))  # not what is asked here
    pictures = cells(12, 0)
    found = realism.fixed_features(pictures)
    assert found.shape == (12, 64)
    assert found.dtype == np.float32
    assert np.allclose(realism.fixed_features(pictures[3:5]), found[3:5], atol=1e-6)
    seen = []

    def means(p):
        seen.append(len(p))
        return p.mean((1, 2))

    realism.report(pictures, cells(11, 1), cells(10, 2), features=means)
    assert seen == [12, 11, 10]


def test_gradients_of_eight_directions_are_counted_apart():
    y, x = np.mgrid[:32, :32].astype(float)
    found = []
    for direction in range(-180, 180, 45):
        angle = np.deg2rad(direction + 10)
        ramp = np.cos(angle) * x + np.sin(angle) * y
        found.append(realism._gradients(ramp[None]).reshape(4, 4, 8)[1:3, 1:3].sum((0, 1)))
    assert np.argmax(found, axis=1).tolist() == [4, 5, 6, 7, 0, 1, 2, 3]
    assert (np.array(found) > 0).sum() == 8


def test_few_pictures_are_refused_in_words():
    with pytest.raises(InputError, match="9 held-out pictures"):
        realism.report(cells(12, 0), cells(9, 1), cells(12, 2))


def test_the_table_and_the_figure_show_what_was_found(of_each_kind):
    rows, lines = realism.table(of_each_kind["copies"])
    assert rows["Value"].iloc[-2] == "1.00"
    assert "Copies of training pictures: yes" in lines[-1]
    assert "not shown" in realism.table(of_each_kind["real"])[1][-1]
    nearest = of_each_kind["copies"]["memorised"]["nearest"]
    drawn = realism.figure(cells(60, 0), cells(60, 1), cells(60, 0)[:40], nearest, count=8)
    held_out, made, near = (axis.images[0].get_array() for axis in drawn.axes)
    assert np.array_equal(made, near)
    assert not np.array_equal(made, held_out)
