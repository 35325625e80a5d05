"""GraFR agrees with plain loops, keeps subjects and test samples apart, and names bad input."""

import numpy as np
import pytest

from cotconet.grafr import GraFR, floored, readings
from smears import InputError


def _looped(nodes, queries, allowed, k, epsilon=1e-6, blend=False):
    """Eq. 10, 11 and 13, one sample at a time in float64. `allowed[u][v]`: v may be used for u."""
    mean, deviation = nodes.mean(0), nodes.std(0)
    nodes, queries = (nodes - mean) / deviation, (queries - mean) / deviation
    result = np.zeros_like(queries)
    for u in range(len(queries)):
        similar = []
        for v in range(len(nodes)):
            distance = sum((queries[u][i] - nodes[v][i]) ** 2 for i in range(nodes.shape[1])) ** 0.5
            if allowed[u][v]:
                similar.append((1 / max(distance, epsilon), v))
        similar = sorted(similar, reverse=True)[:k]
        total = sum(weight for weight, _ in similar)
        result[u] = sum(weight * nodes[v] for weight, v in similar) / total
    return (result + queries) / 2 if blend else result


@pytest.fixture
def data():
    """Features (40, 7), their subjects ("" among them), and other features (9, 7)."""
    rng = np.random.default_rng(0)
    subjects = np.array(["a", "b", "c", "", ""])[np.arange(40) % 5]
    X = rng.normal(size=(40, 7)) * [1, 2, 3, 4, 5, 6, 7] + 3
    return X, subjects, rng.normal(size=(9, 7)) * 4


@pytest.mark.parametrize("rows", [5, 40, 1000])
@pytest.mark.parametrize(
    ("settings", "k", "blend"),
    [({"k": 3}, 3, False), ({"scope": "all"}, 40, False), ({"k": 4, "blend": True}, 4, True)],
)
def test_every_reading_agrees_with_plain_loops(data, rows, settings, k, blend):
    X, subjects, test = data
    other = ~np.eye(40, dtype=bool)
    graph = GraFR(rows=rows, **settings)
    train = graph.fit_transform(X)
    np.testing.assert_allclose(train, _looped(X, X, other, k, blend=blend), atol=1e-4)
    every = np.ones((9, 40))
    rebuilt = graph.transform(test)
    np.testing.assert_allclose(rebuilt, _looped(X, test, every, k, blend=blend), atol=1e-4)
    apart = other & ~((subjects[:, None] == subjects) & (subjects != ""))
    train = graph.fit_transform(X, subjects)
    np.testing.assert_allclose(train, _looped(X, X, apart, k, blend=blend), atol=1e-4)


def test_a_mean_by_hand():
    # Distances from 0 to 1 and to 3: weights 1 and 1/3.
    graph = GraFR(k=2, standardise=False).fit([[1.0], [3.0], [9.0]])
    assert graph.transform([[0.0]]).item() == pytest.approx((1 * 1 + 3 / 3) / (1 + 1 / 3))
    nearest = GraFR(k=1, standardise=False).fit_transform([[1.0], [3.0], [9.0]])
    np.testing.assert_allclose(nearest, [[3], [1], [3]], rtol=1e-6)


def test_a_test_sample_is_rebuilt_from_training_samples_alone(data):
    X, subjects, test = data
    graph = GraFR(k=3).fit(X, subjects)
    together = graph.transform(test)
    np.testing.assert_allclose(together[:1], graph.transform(test[:1]), atol=1e-6)
    # A training sample given to transform is its own nearest node; in fit_transform it never is.
    own = (X[:1] - graph.mean_) / graph.scale_
    np.testing.assert_allclose(graph.transform(X[:1]), own, atol=1e-4)
    assert np.abs(graph.fit_transform(X)[:1] - own).max() > 0.1


def test_no_sample_is_rebuilt_from_its_own_subject():
    rng = np.random.default_rng(1)
    subjects = np.repeat(["a", "b", "c"], 20)
    mark = np.repeat(np.eye(3) * 100, 20, axis=0)  # each subject's own, unmistakable feature
    X = np.concatenate([mark + rng.normal(size=(60, 3)), rng.normal(size=(60, 4))], axis=1)
    graph = GraFR(k=5, standardise=False)
    assert np.abs(graph.fit_transform(X, subjects)[:, :3][mark > 0]).max() < 10
    assert np.abs(graph.fit_transform(X)[:, :3][mark > 0]).min() > 90
    # transform with groups keeps a known subject's training samples out as well.
    again = graph.fit(X, subjects).transform(X[::-1], subjects[::-1])[::-1]
    assert np.abs(again[:, :3][mark > 0]).max() < 10


@pytest.mark.parametrize("missing", [None, np.nan])
def test_samples_of_a_missing_subject_are_neighbours(data, missing):
    nodes, groups, _ = data
    absent = [name or missing for name in groups]
    expected = GraFR(k=4).fit_transform(nodes, groups)
    assert np.array_equal(GraFR(k=4).fit_transform(nodes, absent), expected)


def test_as_printed_it_is_the_identity_and_without_itself_nearly_the_mean():
    X = np.random.default_rng(2).normal(size=(300, 2000))
    literal = GraFR(literal=True, standardise=False)
    np.testing.assert_allclose(literal.fit_transform(X), X, atol=1e-3)
    np.testing.assert_allclose(literal.transform(X[:7] + 0.5), X[:7] + 0.5, atol=1e-3)
    table = readings(X)
    assert table.loc["as printed", "from itself"] < 1e-3
    assert table.loc["A: all but itself", "from the mean"] < 0.01
    assert table.loc["B: 10 nearest", "from the mean"] > 0.2
    assert 0.4 < table.loc["C: half itself, half 10 nearest", "from itself"] < 0.6


def test_a_duplicate_outweighs_every_other_neighbour(data):
    X = np.concatenate([data[0], data[0][:1]])
    for settings in ({"k": 5}, {"scope": "all"}):
        graph = GraFR(**settings)
        rebuilt = graph.fit_transform(X)[0]
        np.testing.assert_allclose(rebuilt, (X[0] - graph.mean_) / graph.scale_, atol=1e-3)
    # Another subject's copy is used, the own subject's is not.
    groups = ["s"] + [""] * 39 + ["s"]
    assert np.abs(GraFR(k=5).fit_transform(X, groups)[0] - rebuilt).max() > 0.1


def test_a_float16_file_goes_in_and_out(tmp_path, data):
    X = data[0].astype(np.float16)
    np.save(tmp_path / "x.npy", X)
    opened = np.load(tmp_path / "x.npy", mmap_mode="r")
    written = GraFR(k=3, rows=7).fit_transform(opened, out=tmp_path / "sub" / "y.npy")
    assert written.dtype == np.float16
    np.testing.assert_allclose(written, GraFR(k=3).fit_transform(X), atol=2e-3)
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["y.npy"]


def test_constant_features_become_zero_whatever_their_value(data):
    X = np.concatenate([data[0], np.full((40, 2), 0.1) * [1, 1e6]], axis=1)
    rebuilt = GraFR(k=3).fit_transform(X)
    assert (rebuilt[:, 7:] == 0).all()
    np.testing.assert_allclose(rebuilt[:, :7], GraFR(k=3).fit_transform(data[0]), atol=1e-5)
    assert (GraFR(k=3).fit_transform(np.ones((6, 4))) == 0).all()


def test_a_unit_that_fired_once_does_not_count_for_thousands_of_deviations(data):
    once = np.zeros((40, 1))
    once[3] = 0.001
    grafr = GraFR(k=3).fit(np.concatenate([data[0], once], axis=1))
    assert grafr.scale_[:7] == pytest.approx(data[0].std(0), rel=1e-5)
    assert grafr.scale_[7] == pytest.approx(0.01 * np.median([*data[0].std(0), once.std()]))
    assert floored(np.zeros(3)).tolist() == [1, 1, 1]


def test_fewer_samples_than_k_are_all_neighbours(data):
    X = data[0][:5]
    np.testing.assert_allclose(
        GraFR(k=10).fit_transform(X), GraFR(scope="all").fit_transform(X), atol=1e-5
    )


@pytest.mark.parametrize("settings", [{}, {"scope": "all"}])
def test_a_sample_without_neighbours_is_an_error(data, settings):
    graph = GraFR(**settings)
    with pytest.raises(InputError, match="sample 0 has no neighbour"):
        graph.fit_transform(data[0][:1])
    with pytest.raises(InputError, match="two subjects"):
        graph.fit_transform(data[0], ["one"] * 40)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_named(data, value):
    X = data[0].copy()
    X[3, 5] = value
    with pytest.raises(InputError, match="sample 3, feature 5"):
        GraFR(rows=2).fit(X)
    with pytest.raises(InputError, match="sample 3, feature 5"):
        GraFR().fit(data[0]).transform(X)


@pytest.mark.parametrize(
    ("X", "groups"), [(np.zeros(4), None), (np.zeros((0, 4)), None), (np.zeros((3, 2)), ["a"])]
)
def test_wrong_shapes_are_named(X, groups):
    with pytest.raises(InputError, match="shape"):
        GraFR().fit(X, groups)


def test_other_features_than_fitted_on_are_named(data):
    with pytest.raises(InputError, match="has 6 features, but GraFR was fitted on 7"):
        GraFR().fit(data[0]).transform(data[2][:, :6])


@pytest.mark.parametrize("settings", [{"scope": "some"}, {"k": 0}, {"epsilon": 0}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValueError, match=r"give|above 0"):
        GraFR(**settings)
