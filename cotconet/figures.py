"""CoTCoNet's Figure 6: feature selection as it runs, beside other ways at equal evaluations."""

import numpy as np
from tqdm import tqdm

from cotconet.selection import SineCosineSelector
from cotconet.selection_rivals import RandomSelector, RankingSelector
from cotconet.stability import jaccard, stability
from smears import InputError
from smears.reports import pyplot

# Okabe and Ito's colours, which colour-blind readers can tell apart. The last two often end where
# the third does: their dashes leave gaps for each other and for it.
STYLES = (
    ("#0072B2", "-"), ("#56B4E9", "-"), ("#7F7F7F", "-"), ("#E69F00", (0, (3, 6))),
    ("#D55E00", (3, (3, 6))),
)  # fmt: skip
BANDS = 3  # seeds from which on the range over them is a band; of fewer it would hide the medians


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
    total = max(s.n_evaluations_ for fitted in found.values() for s in fitted)
    features = next(iter(found.values()))[0].n_features_in_
    rows, lines = {}, []
    for name, fitted in found.items():
        # A ranking has no more sets to judge than features: its curve stays where it ended.
        curves = np.array([
            np.pad(s.convergence_curve_, (0, total - s.n_evaluations_), mode="edge") for s in fitted
        ])  # fmt: skip
        masks = np.array([s.support_ for s in fitted])
        kept, middle = masks.sum(1), np.median(curves, axis=0)
        (value, low, high), overlap = stability(masks), jaccard(masks)
        rows[name] = {
            "curve": middle,
            "band": (curves.min(0), curves.max(0)) if len(fitted) >= BANDS else None,
            "kept": (np.median(kept), kept.min(), kept.max()),
            "stability": (value, low, high),
            "jaccard": overlap,
        }
        lines.append(
            f"{name}: fitness {middle[-1]:.4f} (median of {len(fitted)} seeds; "
            f"{curves[:, -1].min():.4f} to {curves[:, -1].max():.4f}), "
            f"{fitted[0].n_evaluations_} sets judged, {np.median(kept):.0f} of {features} "
            f"features, stability {value:.2f} ({low:.2f} to {high:.2f}), Jaccard {overlap:.2f}"
        )
    lines.append(
        "Fitness is measured on a third of the training samples, which the search saw: it ranks "
        "searches and is no estimate of error. Curves and dots: medians over seeds; bands (from "
        f"{BANDS} seeds on) and thick lines: range over seeds; for stability its asymptotic 95% "
        "interval (Nogueira et al. 2018), rough with few seeds."
    )
    return draw_selection(rows, features), lines


def draw_selection(rows, features):
    """Figure 6 from its numbers.

    Args:
        rows: dict selector -> dict with curve (median fitness after each set judged), band (lower
            and upper curve, or None), kept (median, least, most features), stability (value, low,
            high) and jaccard.
        features: how many there are to choose from.

    Returns:
        matplotlib figure.
    """
    figure, axes = pyplot().subplots(
        1, 3, figsize=(12.5, 3.8), width_ratios=(2, 1, 1), layout="constrained"
    )
    for place, ((name, row), (colour, dashes)) in enumerate(zip(rows.items(), STYLES, strict=True)):
        steps = np.arange(1, len(row["curve"]) + 1)
        axes[0].plot(steps, row["curve"], color=colour, ls=dashes, label=name, linewidth=1.8)
        if row["band"]:
            axes[0].fill_between(steps, *row["band"], color=colour, alpha=0.15, linewidth=0)
        thick = dict(color=colour, linewidth=3, alpha=0.4)
        middle, *ends = row["kept"]
        axes[1].plot(ends, [place, place], gid=f"{name}: range over seeds", **thick)
        axes[1].plot(middle, place, "o", color=colour, gid=f"{name}: median")
        axes[1].annotate(
            f"{middle:.0f}", (max(middle, *ends), place), (7, 0), textcoords="offset points",
            va="center", fontsize=8,
        )  # fmt: skip
        # One above the other, for both are often 0.
        value, *ends = row["stability"]
        above, below = place - 0.14, place + 0.14
        axes[2].plot(ends, [above, above], gid=f"{name}: stability, 95% interval", **thick)
        axes[2].plot(value, above, "o", color=colour, gid=f"{name}: stability")
        axes[2].plot(
            row["jaccard"], below, "D", color=colour, markerfacecolor="white",
            gid=f"{name}: Jaccard",
        )  # fmt: skip
    _dress(axes, rows, features)
    return figure


def _dress(axes, rows, features):
    lowest = min(row["stability"][1] for row in rows.values())
    axes[0].set(
        xlabel="sets of features judged", ylabel="best fitness so far (lower is better)",
        title="(a)",
    )  # fmt: skip
    axes[0].legend(frameon=False, fontsize=8, handlelength=3.6)
    axes[1].set(
        xlabel=f"features kept of {features}", title="(b)",
        xlim=(-0.04 * features, 1.05 * features),
    )  # fmt: skip
    axes[2].set(
        xlabel="stability ●   Jaccard ◇", title="(c)", xlim=(min(-0.15, lowest - 0.05), 1.05)
    )
    axes[2].axvline(0, color="#cccccc", linewidth=1, zorder=0)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[1:]:
        axis.set_yticks(range(len(rows)), [name.replace(" + ", " +\n") for name in rows])
        axis.set_ylim(len(rows) - 0.5, -0.5)
    axes[2].tick_params(labelleft=False)
