"""The sine cosine selector follows Eq. 14-15, finds planted features, and keeps subjects apart."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from cotconet import selection
from cotconet.selection import SineCosineSelector
from cotconet.selection_rivals import RandomSelector, RankingSelector
from cotconet.wrapper import inner_split

QUICK = {"population": 4, "iterations": 3, "local_iterations": 2, "random_state": 0}


def planted(seed, n=150, features=30, told=4):
    """Samples whose first `told` features tell the class; the others are noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, features))
    X[:, :told] += 1.2 * y[:, None]
    return X, y


@parametrize_with_checks([SineCosineSelector(**QUICK)])
def test_it_is_a_scikit_learn_selector(estimator, check):
    check(estimator)


def test_equation_15_by_hand():
    assert [selection.amplitude(t, 4, 2.0) for t in (0, 1, 3, 4)] == [2, 1.5, 0.5, 0]


def test_equation_14_agrees_with_plain_loops():
    positions = np.random.default_rng(0).uniform(-6, 6, (3, 5))
    best, r1 = np.random.default_rng(1).uniform(-6, 6, 5), 0.7
    moved = selection.step(positions, best, r1, np.random.default_rng(2))
    rng = np.random.default_rng(2)
    r2, r3, r4 = rng.uniform(0, 2 * np.pi, (3, 5)), rng.uniform(0, 2, (3, 5)), rng.random((3, 5))
    assert (r4 < 0.5).any()
    assert (r4 >= 0.5).any()
    for i in range(3):
        for j in range(5):
            wave = np.sin if r4[i, j] < 0.5 else np.cos
            way = abs(r3[i, j] * best[j] - positions[i, j])
            expected = positions[i, j] + r1 * wave(r2[i, j]) * way
            assert moved[i, j] == pytest.approx(min(max(expected, -6), 6))


def test_transfer_functions():
    rng = np.random.default_rng(0)
    positions = np.array([[-6.0, -1, 0, 1, 6]]).repeat(4000, 0)
    share = selection.bits(positions, "s-shaped", rng).mean(0)
    np.testing.assert_allclose(share, 1 / (1 + np.exp(-positions[0])), atol=0.03)
    assert selection.bits(positions[:1], "threshold", rng).tolist() == [[0, 0, 0, 1, 1]]
    # None would be on: the one nearest to it is.
    assert selection.bits(np.array([[-3.0, -1, -2]]), "threshold", rng).tolist() == [[0, 1, 0]]


@pytest.mark.parametrize("local_search", ["adaptive", "legacy", None])
@pytest.mark.parametrize("transfer", ["s-shaped", "threshold"])
def test_attributes_tell_what_happened(transfer, local_search):
    X, y = planted(0)
    settings = {"population": 5, "iterations": 6, "local_iterations": 3, "random_state": 1}
    selector = SineCosineSelector(transfer=transfer, local_search=local_search, **settings)
    selector.fit(X, y)
    local = 3 if local_search else 0
    assert selector.n_evaluations_ == 6 * (5 + local) == len(selector.convergence_curve_)
    history = selector.history_
    assert history["local"].sum() == 6 * local
    assert (np.diff(selector.convergence_curve_) <= 0).all()
    # The support is the set of the least fitness, judged again here without our neighbours.
    mask, train, valid = selector.support_, selector.inner_train_, selector.inner_valid_
    own = KNeighborsClassifier(5).fit(X[train][:, mask], y[train])
    fitness = 0.99 * np.mean(own.predict(X[valid][:, mask]) != y[valid]) + 0.01 * mask.mean()
    assert selector.convergence_curve_[-1] == pytest.approx(fitness)
    assert history["fitness"].min() == pytest.approx(fitness)
    np.testing.assert_allclose(
        history["fitness"], 0.99 * history["error"] + 0.01 * history["kept"] / 30
    )


def test_a_seed_makes_it_exact_and_another_differs():
    X, y = planted(0)
    runs = [SineCosineSelector(**QUICK | {"random_state": s}).fit(X, y) for s in (3, 3, 4)]
    np.testing.assert_array_equal(runs[0].support_, runs[1].support_)
    assert runs[0].history_.equals(runs[1].history_)
    assert not runs[0].history_.equals(runs[2].history_)


def test_planted_features_are_found_and_local_search_helps():
    told, noise, alone = [], [], []
    for seed in range(20):
        X, y = planted(seed, features=60, n=300)
        settings = {"population": 10, "random_state": seed}
        found = SineCosineSelector(iterations=40, **settings).fit(X, y)
        told.append(found.support_[:4].mean())
        noise.append(found.support_[4:].mean())
        without = SineCosineSelector(iterations=80, local_search=None, **settings).fit(X, y)
        assert without.n_evaluations_ == found.n_evaluations_
        alone.append(without.convergence_curve_[-1] - found.convergence_curve_[-1])
    assert np.mean(told) > 0.9
    assert np.mean(noise) < np.mean(told) / 2
    assert np.median(alone) > 0.01


@pytest.mark.parametrize("seed", range(10))
def test_one_noise_feature_goes(seed):
    rng = np.random.default_rng(seed)
    y = np.arange(200) % 2
    X = np.stack([y + 0.1 * rng.normal(size=200), 20 * rng.normal(size=200)], axis=1)
    selector = SineCosineSelector(population=4, iterations=5, random_state=seed).fit(X, y)
    assert selector.support_.tolist() == [True, False]


def test_any_classifier_can_judge():
    X, y = planted(0, n=90, features=12)
    selector = SineCosineSelector(estimator="svc", **QUICK).fit(X, y)
    same = SineCosineSelector(estimator=SVC(), **QUICK).fit(X, y)
    assert np.array_equal(same.convergence_curve_, selector.convergence_curve_)
    mask, train, valid = selector.support_, selector.inner_train_, selector.inner_valid_
    error = np.mean(SVC().fit(X[train][:, mask], y[train]).predict(X[valid][:, mask]) != y[valid])
    assert selector.convergence_curve_[-1] == pytest.approx(0.99 * error + 0.01 * mask.mean())
    with pytest.raises(ValueError, match="give 'knn', 'svc' or a classifier"):
        SineCosineSelector(estimator="svm", **QUICK).fit(X, y)


def test_it_stands_in_a_pipeline_with_groups():
    X, y = planted(0)
    groups = np.array([f"s{i // 10}" for i in range(150)])
    pipeline = make_pipeline(StandardScaler(), SineCosineSelector(**QUICK), SVC())
    pipeline.fit(X, y, sinecosineselector__groups=groups)
    kept = pipeline[:-1].transform(X).shape[1]
    assert kept == pipeline[1].support_.sum() > 0
    assert pipeline.score(X, y) > 0.8
    assert clone(pipeline).get_params()["sinecosineselector__population"] == 4


@pytest.mark.parametrize("seed", range(5))
def test_no_subject_teaches_and_judges(seed):
    X, y = planted(seed, n=240)
    groups = np.array([f"s{i // 12}" for i in range(240)], dtype=object)
    groups[:24] = ""  # unknown: each on its own
    y = (np.arange(240) // 12) % 2  # a subject has one class
    selector = SineCosineSelector(**QUICK | {"random_state": seed}).fit(X, y, groups)
    train, valid = set(groups[selector.inner_train_]), set(groups[selector.inner_valid_])
    assert not (train & valid) - {""}
    assert not set(selector.inner_train_) & set(selector.inner_valid_)
    assert 0.2 < len(selector.inner_valid_) / 240 < 0.45
    for part in (selector.inner_train_, selector.inner_valid_):
        assert set(y[part]) == {0, 1}


def test_samples_that_may_not_judge_teach():
    X, y = planted(0, n=120)
    judges = np.arange(120) % 4 > 0
    groups = np.array([f"s{i // 6}" for i in range(120)])
    for known in (None, groups):
        selector = SineCosineSelector(**QUICK).fit(X, y, known, judges)
        assert judges[selector.inner_valid_].all()
        # Those of a person who judges, changed copies say, do neither.
        idle = ~judges & np.isin(groups, groups[selector.inner_valid_]) & (known is not None)
        assert set(np.flatnonzero(~judges & ~idle)) <= set(selector.inner_train_)
        assert len(selector.inner_train_) + len(selector.inner_valid_) == 120 - idle.sum()
        assert idle.any() == (known is not None)


def test_only_so_many_samples_are_drawn_each_class_in_proportion():
    X, y = planted(0, n=900)
    y = (np.arange(900) % 10 == 0).astype(int)
    selector = SineCosineSelector(**QUICK, max_samples=(100, 40)).fit(X, y)
    assert (len(selector.inner_train_), len(selector.inner_valid_)) == (100, 40)
    assert y[selector.inner_train_].sum() == 10
    assert y[selector.inner_valid_].sum() == 4
    assert not set(selector.inner_train_) & set(selector.inner_valid_)


def test_constant_features_and_half_precision_files(tmp_path):
    X, y = planted(0)
    X[:, 20:] = 3.0
    np.save(tmp_path / "x.npy", X.astype(np.float16))
    opened = np.load(tmp_path / "x.npy", mmap_mode="r")
    selector = SineCosineSelector(**QUICK).fit(opened, y)
    assert 0 < selector.support_.sum() <= 30
    assert selector.transform(opened).dtype == np.float16
    same = SineCosineSelector(**QUICK).fit(np.full((12, 3), 1.0), np.arange(12) % 2)
    assert same.support_.sum() > 0


@pytest.mark.parametrize(
    ("y", "groups", "words"),
    [
        (np.zeros(12), None, "one class"),
        ([0] * 11 + [1], None, "class 1 has one sample"),
        ([0, 1] * 6, ["a"] * 12, "two subjects"),
        ([0] * 6 + [1] * 6, ["a", "b", "c"] * 2 + ["d"] * 6, "two subjects"),
        ([0, 1] * 6, ["a"] * 11, "groups has the shape"),
    ],
)
def test_what_cannot_be_split_is_said(y, groups, words):
    X = np.random.default_rng(0).normal(size=(12, 3))
    with pytest.raises(ValueError, match=words):
        SineCosineSelector(**QUICK).fit(X, np.asarray(y), groups)


@pytest.mark.parametrize("count", [45, 30])
def test_subjects_are_as_many_as_samples_where_some_judge_too(count):
    X, y = planted(0)
    groups = np.arange(count).astype(str)
    with pytest.raises(ValueError, match="groups has the shape"):
        SineCosineSelector(**QUICK).fit(X, y, groups, judges=np.arange(len(y)) < 40)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_samples_of_a_missing_subject_are_not_one_person_s(missing):
    X, y = planted(0)
    SineCosineSelector(**QUICK).fit(X, y, [missing] * len(y))
    SineCosineSelector(**QUICK).fit(X, y, [missing] * len(y), judges=np.ones(len(y), bool))


def test_nan_is_refused():
    X, y = planted(0)
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        SineCosineSelector(**QUICK).fit(X, y)


@pytest.mark.parametrize("settings", [{"transfer": "v"}, {"local_search": "tabu"}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValueError, match="give one of"):
        SineCosineSelector(**QUICK, **settings).fit(*planted(0))


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (SineCosineSelector(population=0), "population=0: must be 1 or more"),
        (SineCosineSelector(iterations=0), "iterations=0"),
        (SineCosineSelector(n_neighbors=0), "n_neighbors=0"),
        (SineCosineSelector(max_samples=(100, 1)), "must be 2 or more, one of each class"),
        (SineCosineSelector(max_samples=10), "max_samples=10: must be two whole numbers"),
        (SineCosineSelector(max_samples=(10,)), r"max_samples=\(10,\): must be two"),
        (SineCosineSelector(population=2.5), "population=2.5: must be .* a whole number"),
        (SineCosineSelector(local_iterations=-1), "local_iterations=-1: must be 0 or more"),
        (SineCosineSelector(power=0), "power=0: must be a number above 0"),
        (SineCosineSelector(a=np.nan), "a=nan: must be a number, 0 or more"),
        (SineCosineSelector(beta=(0.1,)), r"beta=\(0.1,\): must be two numbers from 0 to 1"),
        (SineCosineSelector(beta=(0.2, 0.1)), "the least and the largest"),
        (SineCosineSelector(beta=0.1), "beta=0.1: must be two"),
        (SineCosineSelector(weight=5), "weight=5: must be a number from 0 to 1"),
        (SineCosineSelector(weight="all"), "weight='all'"),
        (SineCosineSelector(threads=0), "threads=0: must be 1 or more"),
        (RandomSelector(weight=-0.1), "weight=-0.1"),
        (RandomSelector(evaluations=0), "evaluations=0"),
        (RankingSelector(evaluations=0), "evaluations=0"),
    ],
)
def test_settings_out_of_their_range_are_refused(selector, words):
    with pytest.raises(ValueError, match=words):
        selector.fit(*planted(0))


def test_a_local_search_of_no_iterations_is_none():
    settings = {"population": 4, "iterations": 3, "random_state": 0}
    none = SineCosineSelector(**settings, local_iterations=0).fit(*planted(0))
    assert none.n_evaluations_ == 12
    same = SineCosineSelector(**settings, local_search=None).fit(*planted(0))
    assert (none.support_ == same.support_).all()


def test_judges_must_be_told_of_each_sample_and_some_must_judge():
    X, y = planted(0)
    with pytest.raises(ValueError, match="judges has the shape"):
        SineCosineSelector(**QUICK).fit(X, y, judges=np.ones(len(y) - 1, bool))
    with pytest.raises(ValueError, match="some must judge"):
        SineCosineSelector(**QUICK).fit(X, y, judges=np.zeros(len(y), bool))


def test_an_interrupted_search_keeps_what_it_found():
    X, y = planted(0)

    class Stops(KNeighborsClassifier):
        count = 0

        def predict(self, X):
            Stops.count += 1
            if Stops.count > 7:
                raise KeyboardInterrupt
            return super().predict(X)

    selector = SineCosineSelector(estimator=Stops(), **QUICK)
    with pytest.raises(KeyboardInterrupt):
        selector.fit(X, y)
    assert selector.n_evaluations_ == 7
    assert selector.transform(X).shape[1] == selector.support_.sum() > 0


def test_tiny_classes_still_stand_on_both_sides():
    y = np.array(["a", "a", "b", "b", "c", "c"])
    train, valid = inner_split(y, None, np.random.default_rng(0))
    assert set(y[train]) == set(y[valid]) == {"a", "b", "c"}
    people = np.array(["p", "q", "r", "s"])
    train, valid = inner_split(y[:4], people, np.random.default_rng(0))
    assert set(y[train]) == set(y[valid]) == {"a", "b"}


def test_agents_move_round_the_best_set_that_local_search_ends_with(monkeypatch):
    climb, step = selection.climb, selection.step
    ends, places, asked = [], [], []

    def climbed(mask, fitness, evaluate, rng, **settings):
        found = climb(mask, fitness, evaluate, rng, **settings)
        asked.append(settings)
        ends.append(found[0].tolist())
        return found

    def stepped(positions, place, *more):
        places.append((place > 0).tolist())
        return step(positions, place, *more)

    monkeypatch.setattr(selection, "climb", climbed)
    monkeypatch.setattr(selection, "step", stepped)
    settings = {"local_iterations": 5, "power": 3, "beta": (0.002, 0.02)}
    SineCosineSelector(population=5, iterations=8, random_state=0, **settings).fit(*planted(0))
    assert len(places) == 8
    assert places == ends
    known = {"iterations": 5, "power": 3, "beta": (0.002, 0.02), "legacy": False}
    assert asked == [known] * 8
