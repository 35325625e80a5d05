"""CoTCoNet's Figure 6 draws what the searches found, at equal evaluations."""

from types import SimpleNamespace

import numpy as np
import pytest

from cotconet import figures, fitting
from cotconet.stability import jaccard, stability
from smears import InputError
from smears.reports import pyplot


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    y = np.arange(150) % 2
    X = rng.normal(size=(150, 60))
    X[:, :5] += y[:, None]
    groups = np.array([f"s{i // 6}" for i in range(150)])
    small = {"population": 5, "iterations": 8, "local_iterations": 5}
    return figures.searches(X, y, groups, seeds=range(3), **small)


def test_no_search_judges_more_sets_than_another(found):
    counts = {name: {s.n_evaluations_ for s in fitted} for name, fitted in found.items()}
    assert counts.pop("mutual information") == counts.pop("L1 path") == {60}  # 60 of 60 features
    assert set(counts) == {"SCA + adaptive β-hill climbing", "SCA alone", "random sets"}
    assert all(count == {80} for count in counts.values())


def test_seeds_share_their_inner_split_over_selectors(found):
    for seed in range(3):
        splits = {tuple(fitted[seed].inner_valid_) for fitted in found.values()}
        assert len(splits) == 1


def test_synthetic_samples_judge_in_no_search():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(60, 8)), np.arange(60) % 2
    judges = np.arange(60) < 40
    small = {"population": 4, "iterations": 2, "local_iterations": 2}
    for fitted in figures.searches(X, y, None, judges, seeds=range(2), **small).values():
        for selector in fitted:
            assert judges[selector.inner_valid_].all()
            assert set(range(40, 60)) <= set(selector.inner_train_)


def test_curves_numbers_and_stability_are_drawn(found):
    figure, lines = figures.draw_searches(found)
    figure.canvas.draw()
    curves, kept, stable = figure.axes
    for line, (name, fitted) in zip(curves.lines, found.items(), strict=True):
        assert line.get_label() == name
        ends = [s.convergence_curve_[-1] for s in fitted]
        assert line.get_ydata()[-1] == pytest.approx(np.median(ends))
        assert len(line.get_ydata()) == 80
    middles = [line.get_xdata()[0] for line in kept.lines[1::2]]
    assert middles == [np.median([s.support_.sum() for s in f]) for f in found.values()]
    for line, (name, fitted) in zip(lines, found.items(), strict=False):
        masks = [s.support_ for s in fitted]
        assert line.startswith(name)
        assert f"stability {stability(masks)[0]:.2f}" in line
        assert f"Jaccard {jaccard(masks):.2f}" in line
    assert len(stable.lines) == 1 + 3 * 5  # the line at 0; interval, estimate and Jaccard of each
    assert len(curves.collections) == 5  # a band each
    assert "lower is better" in curves.get_ylabel()
    pyplot().close(figure)


def test_nothing_hides_a_selector_that_ends_where_another_does():
    same = {
        "curve": np.zeros(20), "band": None, "kept": (1, 1, 1), "stability": (0, -0.7, 0.7),
        "jaccard": 0,
    }  # fmt: skip
    figure = figures.draw_selection({name: same for name in "abcde"}, 256)
    figure.canvas.draw()
    curves, kept, stable = figure.axes
    assert len({line.get_color() for line in curves.lines}) == 5
    assert [line.is_dashed() for line in curves.lines] == [False] * 3 + [True] * 2
    assert kept.get_xlim()[0] < -5  # the axis cuts no dot at 1
    assert stable.get_xlim()[0] < -0.7
    places = [line.get_ydata()[0] for line in stable.lines if line.get_marker() in ("o", "D")]
    assert len(set(places)) == 2 * 5
    pyplot().close(figure)


def test_of_two_seeds_the_medians_alone_are_drawn(found):
    figure, _ = figures.draw_searches({name: fitted[:2] for name, fitted in found.items()})
    assert len(figure.axes[0].lines) == 5
    assert not figure.axes[0].collections
    pyplot().close(figure)


def test_with_finished_runs_alone_nothing_is_trained_for_it(monkeypatch):
    def search_space(task, run, only_kept):
        raise InputError(f"only_kept={only_kept}")

    monkeypatch.setattr(fitting, "search_space", search_space)
    for finished in (True, False):
        results = SimpleNamespace(
            runs={"CoTCoNet": [None]}, material=SimpleNamespace(task=lambda: None),
            options=SimpleNamespace(finished=finished),
        )  # fmt: skip
        with pytest.raises(InputError, match=f"only_kept={finished}"):
            figures.selection(results)
