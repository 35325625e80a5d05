"""CoTCoNet's Figure 6: feature selection as it runs, beside other ways at equal evaluations."""

import numpy as np
from tqdm import tqdm

from cotconet.selection import SineCosineSelector
from cotconet.selection_rivals import RandomSelector, RankingSelector
from cotconet.stability import jaccard, stability
from smears import InputError
from smears.reports import pyplot

# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#56B4E9", "#7F7F7F", "#E69F00", "#D55E00")


def selection(results):
    """Figure 6 on the features of CoTCoNet's own run: (matplotlib figure, caption lines)."""
    from cotconet import fitting

    runs = results.runs.get("CoTCoNet")
    if not runs:
        raise InputError("Figure 6 needs the row CoTCoNet: leave --rows out, or ask for it.")
    X, y, groups, judges = fitting.search_space(
        results.material.task(), runs[0], only_kept=results.options.finished
    )
    made, lines = selection_figure(X, y, groups, judges, **results.profile.selector)
    first = "the first fold's" if len(results.material.splits) > 1 else "the run's"
    lines.append(f"Training features of {first} first seed: {X.shape[0]} pictures, {X.shape[1]}.")
    return made, [*lines, *results.captions()]


def selection_figure(X, y, groups=None, judges=None, seeds=range(5), **settings):
    """Convergence, number of features kept and stability of five selectors.

    The paper's Figure 6 is the flowchart of the selector; ours shows what it does.  # C28

    Args:
        X, y, groups, judges: training samples, their labels, subjects and which of them judge, as
            for `SineCosineSelector.fit`.
        seeds: of the searches, two or more; each also draws its own inner split.
        settings: population, iterations, local_iterations and whatever else all selectors take;
            defaults as SineCosineSelector's.

    Returns:
        (matplotlib figure, caption lines).
    """
    return draw_searches(searches(X, y, groups, judges, seeds, **settings))


def searches(X, y, groups=None, judges=None, seeds=range(5), **settings):
    """Run the five selectors with equal numbers of evaluations. Args: as `selection_figure`.

    Returns:
        Dict name -> list of fitted selectors, one a seed. Selectors of one seed share their inner
        split.
    """
    moves = SineCosineSelector().get_params() | settings
    own = {k: v for k, v in settings.items() if k in RandomSelector().get_params()}
    total = moves["iterations"] * (moves["population"] + moves["local_iterations"])
    alone = {"iterations": total // moves["population"], "local_search": None}
    kinds = {
        "SCA + adaptive β-hill climbing": SineCosineSelector(**settings),
        "SCA alone": SineCosineSelector(**settings | alone),
        "random sets": RandomSelector(total, **own),
        "mutual information": RankingSelector("mutual information", total, **own),
        "L1 path": RankingSelector("l1", total, **own),
    }
    found = {name: [] for name in kinds}
    with tqdm(total=len(kinds) * len(seeds), desc="Selectors", unit="search", leave=None) as bar:
        for seed in seeds:
            for name, selector in kinds.items():
                fresh = type(selector)(**selector.get_params() | {"random_state": seed})
                found[name].append(fresh.fit(X, y, groups, judges))
                bar.update()
    return found


def draw_searches(found):
    """(figure, caption lines) from the result of `searches`."""
    figure, axes = pyplot().subplots(
        1, 3, figsize=(12.5, 3.8), width_ratios=(2, 1, 1), layout="constrained"
    )
    total = max(s.n_evaluations_ for fitted in found.values() for s in fitted)
    features = next(iter(found.values()))[0].n_features_in_
    lines = []
    for place, ((name, fitted), colour) in enumerate(zip(found.items(), COLOURS, strict=True)):
        # A ranking has no more sets to judge than features: its curve stays where it ended.
        curves = np.array([
            np.pad(s.convergence_curve_, (0, total - s.n_evaluations_), mode="edge") for s in fitted
        ])  # fmt: skip
        steps, middle = np.arange(1, total + 1), np.median(curves, axis=0)
        axes[0].plot(steps, middle, color=colour, label=name, linewidth=1.6)
        axes[0].fill_between(
            steps, curves.min(0), curves.max(0), color=colour, alpha=0.15, linewidth=0
        )
        masks = np.array([s.support_ for s in fitted])
        kept = masks.sum(1)
        thick = dict(color=colour, linewidth=3, alpha=0.4)
        axes[1].plot(
            [kept.min(), kept.max()], [place, place], gid=f"{name}: range over seeds", **thick
        )
        axes[1].plot(np.median(kept), place, "o", color=colour, gid=f"{name}: median")
        value, low, high = stability(masks)
        overlap = jaccard(masks)
        axes[2].plot([low, high], [place, place], gid=f"{name}: stability, 95% interval", **thick)
        axes[2].plot(value, place, "o", color=colour, gid=f"{name}: stability")
        axes[2].plot(
            overlap, place, "D", color=colour, markerfacecolor="white", gid=f"{name}: Jaccard"
        )
        lines.append(
            f"{name}: fitness {middle[-1]:.4f} (median of {len(fitted)} seeds; "
            f"{curves[:, -1].min():.4f} to {curves[:, -1].max():.4f}), "
            f"{fitted[0].n_evaluations_} sets judged, {np.median(kept):.0f} of {features} "
            f"features, stability {value:.2f} ({low:.2f} to {high:.2f}), Jaccard {overlap:.2f}"
        )
    _dress(axes, list(found), features)
    lines.append(
        "Fitness is measured on a third of the training samples, which the search saw: it ranks "
        "searches and is no estimate of error. Bands and thick lines: range over seeds; for "
        "stability its asymptotic 95% interval (Nogueira et al. 2018), rough with few seeds."
    )
    return figure, lines


def _dress(axes, names, features):
    axes[0].set(xlabel="sets of features judged", ylabel="best fitness so far", title="(a)")
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].set(xlabel=f"features kept of {features}", title="(b)", xlim=(0, 1.05 * features))
    axes[2].set(xlabel="stability ●   Jaccard ◇", title="(c)", xlim=(-0.15, 1.05))
    axes[2].axvline(0, color="#cccccc", linewidth=1, zorder=0)
    axes[1].set_yticks(range(len(names)), [name.replace(" + ", " +\n") for name in names])
    axes[2].set_yticks(range(len(names)), [])
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[1:]:
        axis.invert_yaxis()
        axis.margins(y=0.15)
