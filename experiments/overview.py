"""Accuracies of all stored tables in one picture: a panel a table, a dot and interval a row."""

import argparse
import re
import textwrap
from pathlib import Path

import pandas as pd

from smears import InputError, colour, published, reports
from smears.commandline import place
from smears.ending import exits

RESULTS = Path(__file__).parent / "results"
OURS, OTHERS, COLOUR_ONLY, PUBLISHED = "#0072B2", "#404040", "#D55E00", "#8c8c8c"
CELL = re.compile(r"([\d.]+) \((?:([\d.]+)–([\d.]+)|–)\)")


def main(argv=None):
    """Read the tables, draw them, write the picture."""
    parser = argparse.ArgumentParser(
        description="Draw the accuracies of every table below a folder of results, each with its "
        "95% interval, beside what six colour numbers reach and what the papers publish of their "
        "own pictures. Tables of the quick profile are left out. Nothing is trained.",
        epilog="Example:  --results out",
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FOLDER",
        help="what is searched. Default: the results that come with this code",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER",
        help="where overview.png is written. Default: the folder that is searched",
    )  # fmt: skip
    options = parser.parse_args(argv)
    with exits():
        panels = read(options.results)
        if not panels:
            raise InputError(
                f"{options.results}: no table with an accuracy of ours. Make one with "
                "experiments/table5.py --data NAME:PATH --out FOLDER."
            )
        path = place(options.out or options.results) / "overview.png"
        draw(panels).savefig(path, dpi=110)
    print(f"Written: {path}")


def read(folder):
    """Panels: list of (title, rows).

    Args:
        folder: tables are searched below it.

    Returns:
        rows: list of (label, published or None, ours, low, high), as shares of 1. Tables without
        any row of ours, and those of the quick profile, are left out.
    """
    panels = []
    paths = sorted(folder.glob("**/tables/*_table[245]_*.csv"))
    for path in sorted(paths, key=lambda path: path.name.startswith("cotconet")):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        ours = [name for name in table if name.lower().endswith("accuracy ours (95% ci)")]
        if not ours or "_quick" in path.name:
            continue
        scale = 100 if path.name.startswith("leukocytenet") else 1
        rows = [row for _, cells in table.iterrows() if (row := _row(cells, ours[0], scale))]
        if rows:
            paper, number, *_ = path.stem.split("_")
            name = published.load(paper).name
            shown = table[table[ours[0]].str.fullmatch(CELL)].iloc[0]
            title = f"{name}, Table {number[-1]}: {shown['data']}, {shown['n test']} pictures"
            panels.append((title, rows))
    return panels


def _row(cells, column, scale):
    """(label, published, ours, low, high) of a table's row, or None where nothing was measured."""
    found = CELL.fullmatch(cells[column])
    if not found:
        return None
    value, low, high = (float(x or found[1]) / scale for x in found.groups())
    stated = re.match(r"[\d.]+", cells[column.replace("ours (95% CI)", "published")])
    return cells.iloc[0], stated and float(stated[0]) / scale, value, low, high


def draw(panels):
    """The picture: matplotlib figure, two panels side by side."""
    plt = reports.pyplot()
    heights = [max(len(a[1]), len(b[1])) + 1.4 for a, b in _pairs(panels)]
    figure, axes = plt.subplots(
        len(heights), 2, figsize=(11, 0.33 * sum(heights) + 0.6), squeeze=False, sharex=True,
        height_ratios=heights, layout="constrained",
    )  # fmt: skip
    for axis, (title, rows) in zip(axes.flat, panels, strict=False):
        _panel(axis, title, rows)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    figure.supxlabel("accuracy on test pictures, with 95% interval", fontsize=9)
    marks = [
        plt.Line2D([], [], marker="o", color=color, label=label)
        for color, label in (
            (OURS, "the paper's own network"), (OTHERS, "others"),
            (COLOUR_ONLY, "colour statistics only"),
        )
    ]  # fmt: skip
    grey = plt.Line2D([], [], marker="D", ls="", ms=4, mfc="none", color=PUBLISHED)
    grey.set_label("published, of the paper's own pictures")
    figure.legend(handles=[*marks, grey], loc="outside upper center", ncols=4, frameon=False)
    return figure


def _pairs(panels):
    """Panels two by two; the last one beside an empty one where they are odd."""
    padded = [*panels, ("", [])][: 2 * -(-len(panels) // 2)]
    return list(zip(padded[::2], padded[1::2], strict=True))


def _panel(axis, title, rows):
    axis.set_title(title, fontsize=10, loc="left")
    for line, (label, stated, value, low, high) in enumerate(rows):
        color = OTHERS
        if label in colour.CLASSIFIERS:
            color = COLOUR_ONLY
        elif label.startswith(title.split(",")[0]):
            color = OURS
        error = [[max(value - low, 0)], [max(high - value, 0)]]
        axis.errorbar(value, line, xerr=error, fmt="o", color=color, ms=5, capsize=2)
        if stated is not None:
            axis.plot(stated, line, "D", ms=4, mfc="none", color=PUBLISHED, zorder=0)
    axis.set_yticks(range(len(rows)), [_short(label) for label, *_ in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlim(0, 1.02)
    axis.tick_params(labelbottom=True, labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", color="#e5e5e5", linewidth=0.7)
    axis.set_axisbelow(True)


def _short(label):
    """A label on at most two lines."""
    return textwrap.fill(label.replace("Colour statistics only", "Colour only"), 34)


if __name__ == "__main__":
    main()
