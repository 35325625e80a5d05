"""Fast hold-out neighbours predict what scikit-learn predicts, for any mask, in any order."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.neighbors import KNeighborsClassifier

from cotconet import neighbours
from cotconet.neighbours import HoldoutNeighbours


def _data(classes=2, n=120, features=30, scale=1.0, seed=0):
    X, y = make_classification(
        n, features, n_informative=8, n_classes=classes, class_sep=0.5, random_state=seed
    )
    X = X * scale + 5
    part = 2 * n // 3
    return X[:part], y[:part], X[part:], y[part:]


def _masks(features, count, seed=0):
    """Fresh masks and walks of a few bits by turns, single features and all of them too."""
    rng = np.random.default_rng(seed)
    mask = np.ones(features, bool)
    yield mask
    yield np.arange(features) == 3
    for i in range(count):
        near = mask ^ (rng.random(features) < 2 / features)
        mask = near if i % 3 else rng.random(features) < rng.random()
        mask[rng.integers(features)] = True
        yield mask.copy()


@pytest.mark.parametrize("k", [1, 4, 5])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions_are_those_of_scikit_learn(k, classes, dtype):
    X_train, y_train, X_valid, y_valid = _data(classes)
    X_train, X_valid = X_train.astype(dtype), X_valid.astype(dtype)
    names = np.array(["b", "a", "c"])  # votes are tied at k = 4: the smallest label wins
    model = HoldoutNeighbours(X_train, names[y_train], X_valid, names[y_valid], k)
    for mask in _masks(30, 30):
        own = KNeighborsClassifier(k).fit(X_train[:, mask], names[y_train])
        expected = own.predict(X_valid[:, mask])
        np.testing.assert_array_equal(model.predict(mask), expected)
        assert model.errors([mask])[0] == pytest.approx(np.mean(expected != names[y_valid]))


def test_a_class_that_was_not_taught_counts_as_wrong():
    X_train, y_train, X_valid, y_valid = _data()
    model = HoldoutNeighbours(X_train, y_train, X_valid, np.full(len(y_valid), 7))
    assert model.errors([np.ones(30, bool)]).tolist() == [1.0]


@pytest.mark.parametrize("memory", [1, 10_000_000])
def test_the_order_of_masks_and_the_memory_change_nothing(memory):
    parts = _data(features=50)
    masks = list(_masks(50, 80))
    one = HoldoutNeighbours(*parts, memory=memory)
    forward = one.errors(masks)
    assert one.slots == (1 if memory == 1 else neighbours.MOST_KEPT)
    backward = HoldoutNeighbours(*parts).errors(masks[::-1])[::-1]
    np.testing.assert_array_equal(forward, backward)


def test_the_next_mask_costs_only_what_differs():
    model = HoldoutNeighbours(*_data(features=64))
    mask = np.arange(64) % 2 == 0
    model.errors([mask])
    assert model.columns == 32
    mask[:3] ^= True
    model.errors([mask, mask])
    assert model.columns == 35


def _near(rng, mask, count, most):
    """Masks that differ from one in up to so many features; the second one in none."""
    found = np.repeat(mask[None], count, 0)
    for row in range(count):
        if row != 1:
            found[row, rng.integers(len(mask), size=rng.integers(1, most + 1))] ^= True
    return found


@pytest.mark.parametrize("k", [1, 3, 4, 5])
@pytest.mark.parametrize("kinds", [2, 3])
@pytest.mark.parametrize("most", [4, 30])
def test_masks_near_another_one_predict_the_same(k, kinds, most, monkeypatch):
    """A local search: now and then a mask is taken, and those after it are not asked for."""
    X_train, y_train, X_valid, y_valid = _data(kinds, n=600, features=96)
    model = HoldoutNeighbours(X_train, y_train, X_valid, y_valid, k)
    glances, glance = [], model._glance
    monkeypatch.setattr(model, "_glance", lambda *a: glances.append(len(a[1])) or glance(*a))
    rng = np.random.default_rng(3)
    mask = rng.random(96) < 0.5
    for taken in (0, 3, 17, 1, 6):
        found = _near(rng, mask, 40, most)
        errors = model.near(mask, found)
        for i in range(taken + 1):
            own = KNeighborsClassifier(k).fit(X_train[:, found[i]], y_train)
            model.truth = own.predict(X_valid[:, found[i]])  # then there is no error
            assert next(errors) == 0
        mask = found[taken]
    assert bool(glances) == (kinds == 2 and k % 2 == 1)


def test_a_search_looks_ahead_as_far_as_it_got_last_time(monkeypatch):
    model, rng = HoldoutNeighbours(*_data(features=96)), np.random.default_rng(3)
    glances, glance = [], model._glance
    monkeypatch.setattr(model, "_glance", lambda *a: glances.append(len(a[1])) or glance(*a))
    mask = rng.random(96) < 0.5
    found = _near(rng, mask, 40, 3)

    def looked(asked):
        glances.clear()
        for _ in zip(range(asked), model.near(mask, found), strict=False):
            pass
        return list(glances)

    assert looked(40) == [1, 2, 4, 8, 16, 9]
    assert looked(5) == [16]
    assert looked(20) == [5, 10, 16]
    # The start's distances were made once.
    changed = (found != mask).sum(1)
    assert model.columns == mask.sum() + changed.sum() + changed[:16].sum() + changed[:31].sum()
    found = rng.random((40, 96)) < 0.5  # far away
    assert looked(40) == []


def test_of_masks_looked_at_together_none_may_be_empty():
    model, one = HoldoutNeighbours(*_data()), np.arange(30) == 3
    model.ahead = 2
    with pytest.raises(ValueError, match="selects no feature"):
        next(model.near(one, np.stack([one, ~one & False])))


def test_a_mask_changed_in_place_between_calls():
    X_train, y_train, X_valid, y_valid = _data(n=300, features=64)
    model, rng = HoldoutNeighbours(X_train, y_train, X_valid, y_valid), np.random.default_rng(4)
    mask = rng.random(64) < 0.5
    step = []
    for i in range(40):
        own = KNeighborsClassifier(5).fit(X_train[:, mask], y_train)
        np.testing.assert_array_equal(model.predict(mask), own.predict(X_valid[:, mask]))
        step = step if i % 3 == 2 else rng.integers(64, size=2)  # and back again
        mask[step] ^= True


def test_a_glance_that_finds_hundreds_of_nearer_samples():
    """The winner's samples go far away, so all of the other class's, 256, 257, ..., are nearer."""
    for count in (255, 256, 257, 258, 259, 511, 512, 514, 2040, 2041):
        rng = np.random.default_rng(count)
        X_train = rng.normal(size=(count + 5, 40)).astype(np.float32)
        y_train = np.repeat([0, 1], [5, count])
        X_train[:5] *= 0.01
        X_train[:5, 7] = 1000
        X_valid = rng.normal(size=(9, 40)).astype(np.float32) * 0.01
        model = HoldoutNeighbours(X_train, y_train, X_valid, np.zeros(9, int))
        mask = np.arange(40) != 7
        assert list(model.near(mask, np.stack([mask, np.ones(40, bool), mask]))) == [0, 1, 0]


def test_drift_is_bounded_and_known():
    model = HoldoutNeighbours(*_data(features=40, scale=100.0), memory=1)
    rng = np.random.default_rng(1)
    mask, worst = rng.random(40) < 0.5, 0
    for _ in range(400):
        mask = mask ^ (np.arange(40) == rng.integers(40))
        model.predict(mask)
        (kept,) = model.kept
        assert kept.terms <= neighbours.RENEWAL * 40
        bound = neighbours.ROUNDING * kept.terms**0.5 * model.largest
        middle = model.X_train.mean(0)
        valid, train = (
            (x[:, kept.mask] - middle[kept.mask]) * model.scale
            for x in (model.X_valid, model.X_train)
        )
        exact = np.square(train).sum(1) - 2 * valid @ train.T
        found = kept.distances[:, model.columns_of].astype(float) - model.offset
        worst = max(worst, np.abs(found - exact).max() / bound)
    assert 0 < worst < 1


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("features", [6, 48])
def test_near_ties_are_settled_by_exact_distances(features, k, classes):
    """Distances that float32 cannot tell apart decide the class."""
    rng = np.random.default_rng(2)
    y_train = np.arange(20) % classes
    y_train = np.concatenate([y_train, (y_train + 1) % classes])  # twins are of different classes
    X_train = rng.normal(size=(40, features)) * 1000
    X_train[20:] = X_train[:20] + rng.normal(size=(20, features)) * 1e-6
    X_valid = rng.normal(size=(30, features)) * 1000
    model = HoldoutNeighbours(X_train, y_train, X_valid, np.zeros(30), k)
    for mask in _masks(features, 2 * features):
        exact = np.square(X_valid[:, None, mask] - X_train[:, mask]).sum(2)
        nearest = y_train[np.argsort(exact, axis=1, kind="stable")[:, :k]]
        votes = (nearest[:, :, None] == np.arange(classes)).sum(1)
        np.testing.assert_array_equal(model.predict(mask), votes.argmax(1))
        before = mask ^ (np.arange(features) == rng.integers(features))
        if before.any():
            model.truth = votes.argmax(1)
            assert list(model.near(before, mask[None])) == [0]
    assert model.settled >= 30


def test_of_equally_distant_samples_the_first_counts():
    X_train, y_train = np.array([[1.0], [-1], [1], [-1], [1]]), np.array([0, 1, 1, 1, 1])
    model = HoldoutNeighbours(X_train, y_train, np.zeros((1, 1)), [0], 1)
    assert model.predict([True]).tolist() == [0]


@pytest.mark.parametrize("y_train", [[0, 1, 1], [0, 1, 2]])
def test_with_fewer_samples_than_k_all_vote(y_train):
    model = HoldoutNeighbours(np.array([[0.0], [1], [2]]), y_train, np.zeros((2, 1)), [0, 0], 5)
    assert model.predict([True]).tolist() == ([1, 1] if y_train == [0, 1, 1] else [0, 0])


def test_copies_of_a_training_sample_are_nearest_though_rounding_may_go_below_zero():
    X_train, y_train, _, _ = _data(features=40, scale=1000.0)
    model = HoldoutNeighbours(X_train, y_train, X_train, y_train, 1)
    assert model.errors(_masks(40, 30)).max() == 0
    assert min(kept.distances.min() for kept in model.kept) >= 0


@pytest.mark.parametrize("large", [1, 30])
@pytest.mark.parametrize("scale", [1e-200, 1e-25, 1e19, 1e20, 1e200])
def test_features_whose_squares_are_no_float32(scale, large):
    X_train, y_train, X_valid, y_valid = _data()
    X_train[:, :large] *= scale
    X_valid[:, :large] *= scale
    model = HoldoutNeighbours(X_train, y_train, X_valid, y_valid)
    for mask in _masks(30, 15):
        most = np.abs(X_train[:, mask]).max()
        exact = np.square((X_valid[:, None, mask] - X_train[:, mask]) / most).sum(2)
        votes = y_train[np.argsort(exact, axis=1, kind="stable")[:, :5]]
        np.testing.assert_array_equal(model.predict(mask), votes.mean(1) > 0.5)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e308])
def test_features_that_are_not_finite_are_refused(wrong):
    X_train, y_train, X_valid, y_valid = _data()
    X_train[:5, 3] = wrong
    with pytest.raises(ValueError, match=r"neighbours need finite numbers.* Standardise"):
        HoldoutNeighbours(X_train, y_train, X_valid, y_valid)


def test_an_empty_mask_is_an_error():
    with pytest.raises(ValueError, match="selects no feature"):
        HoldoutNeighbours(*_data()).predict(np.zeros(30, bool))
