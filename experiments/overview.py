"""Accuracies of all stored tables in one picture: a panel a table, a dot and interval a row."""

import argparse
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cotconet.comparison_figure import TABLES
from smears import InputError, colour, published, reports
from smears.commandline import place
from smears.ending import exits

RESULTS = Path(__file__).parent / "results"
# Okabe and Ito's colours, which colour-blind readers can tell apart, and a form for each.
OURS, OTHERS, COLOUR_ONLY = ("#0072B2", "o"), ("#404040", "s"), ("#D55E00", "^")
CHANCE = "#7f7f7f"
START = 0.3  # of the accuracies; what lies below is an arrow
NAMES = {
    "allidb1": "ALL-IDB1", "allidb1-healthy": "healthy of ALL-IDB1", "allidb2": "ALL-IDB2",
    "allidb2-healthy": "healthy of ALL-IDB2", "ash": "ASH", "bloodmnist": "BloodMNIST",
    "cnmc": "C-NMC 2019", "pbc": "PBC", "pbc-immature": "PBC, immature against mature",
    "snam": "SN-AM", "taleqani": "Taleqani",
    "taleqani-malignant": "Taleqani, malignant against benign", "zheng": "Zheng et al.",
}  # fmt: skip
KINDS = {("leukocytenet", 4): "ablation", ("leukocytenet", 5): "baselines"}
CELL = re.compile(r"([\d.]+) \((?:([\d.]+)–([\d.]+)|–)\)")


@dataclass(frozen=True)
class Panel:
    """What one table says.

    Args:
        paper: name of the network whose table it is. title: the data. note: how it was tested.
        chance: share of the most frequent class of the test pictures; None where no stored split
            tells it.
        rows: list of (label, seeds, published or None, ours, low, high), accuracies as shares of
            1; seeds is "" but where a row has fewer than others, "(1 seed)".
    """

    paper: str
    title: str
    note: str
    chance: float | None
    rows: list


def main(argv=None):
    """Read the tables, draw them, write the picture."""
    parser = argparse.ArgumentParser(
        description="Draw the accuracies of every table below a folder of results, each with its "
        "95% interval, beside what the most frequent class and six colour numbers reach and, where "
        "the pictures are of the set that a paper's table is of, what it publishes. Tables of the "
        "quick profile are left out. Nothing is trained.",
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
        draw(panels).savefig(path, dpi=150)
        print(f"Written: {path}")


def read(folder):
    """List of `Panel`, LeukocyteNet's first. Tables are searched below the folder.

    Tables without any row of ours, and those of the quick profile, are left out.
    """
    paths = sorted(folder.glob("**/tables/*_table[245]_*.csv"))
    paths = [path for path in paths if "_quick" not in path.name]
    panels = map(_read, sorted(paths, key=lambda path: path.name.startswith("cotconet")))
    return [panel for panel in panels if panel]


def _read(path):
    """The Panel of a table, or None where nothing was measured."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    ours = next((name for name in table if name.lower().endswith("accuracy ours (95% ci)")), "")
    table = table[table[ours].str.fullmatch(CELL)] if ours else table[:0]
    if table.empty:
        return None
    package, number = path.stem.split("_")[0], int(path.stem.split("_")[1][-1])
    data, tested = table.iloc[0]["data"], int(table.iloc[0]["n test"])
    caption = path.with_suffix(".md")
    if not caption.exists():
        raise InputError(f"{caption} not found: it tells the seeds of {path.name}. Make both anew.")
    told = caption.read_text(encoding="utf-8")
    seeds, fewer = _seeds(told)
    title = " + ".join(NAMES.get(name, name) for name in data.split(" + "))
    if folds := re.search(r"Cross-validation in (.+ folds by \w+)", told):
        title += f", {folds[1].replace('subject', 'person')}"
    if (package, number) in KINDS:
        title += f": {KINDS[package, number]}"
    classes = re.search(r"(\d+) classes", told)[1]
    note = f"{classes} classes, {tested} pictures, {seeds} seed{'s' * (seeds > 1)}"
    note += " unless said" if fewer else ""
    # LeukocyteNet's ten classes are no public set, so that no table can be of its pictures.
    own = package == "cotconet" and TABLES.get(data) == number
    scale = 100 if package == "leukocytenet" else 1
    rows = [_row(cells, ours, scale, fewer, own) for _, cells in table.iterrows()]
    return Panel(published.load(package).name, title, note, _chance(path, tested), rows)


def _seeds(told):
    """(number of seeds of a table's rows, {row of fewer: text}), from its caption."""
    count, fewer = re.search(r"; seeds: (\d+)(?: \((.+)\))?; trained on", told).groups()
    pairs = [row.rsplit(": ", 1) for row in fewer.split("; ")] if fewer else []
    return int(count), {row: f"({n}\u00a0seed{'s' * (n != '1')})" for row, n in pairs}


def _row(cells, column, scale, fewer, own):
    """A row as in `Panel`."""
    label = cells.iloc[0]
    found = CELL.fullmatch(cells[column])
    value, low, high = (float(x or found[1]) / scale for x in found.groups())
    stated = re.match(r"[\d.]+", cells[column.replace("ours (95% CI)", "published")]) if own else ""
    return (
        label,
        fewer.get(label, ""),
        float(stated[0]) / scale if stated else None,
        value,
        low,
        high,
    )


def _chance(path, tested):
    """Share of the most frequent class in the test part of the split beside a table, or None.

    Args:
        path: of the table. tested: its number of test pictures, which tells splits apart.
    """
    parts, shares = {}, set()
    for split in (path.parent.parent / "splits").glob("*.csv"):
        # The folds of one split test each picture once.
        parts.setdefault(re.sub(r"fold-\d+", "fold", split.name), []).append(pd.read_csv(split))
    for split in map(pd.concat, parts.values()):
        counts = split.loc[split["part"] == "test", "label"].value_counts()
        if counts.sum() == tested:
            shares.add(counts.max() / tested)
    return shares.pop() if len(shares) == 1 else None


def draw(panels):
    """The picture: matplotlib figure, a column a paper."""
    plt = reports.pyplot()
    papers = list(dict.fromkeys(panel.paper for panel in panels))
    columns = [[panel for panel in panels if panel.paper == paper] for paper in papers]
    heights = [[len(panel.rows) + 2.4 for panel in column] for column in columns]
    figure = plt.figure(
        figsize=(4.9 * len(papers), 0.3 * max(map(sum, heights)) + 1.3), layout="constrained"
    )
    sides = figure.subfigures(1, len(papers), squeeze=False)[0]
    for side, paper, column, ratios in zip(sides, papers, columns, heights, strict=True):
        side.suptitle(paper, fontsize=12, weight="bold")
        axes = side.subplots(len(column), 1, squeeze=False, height_ratios=ratios)[:, 0]
        for axis, panel in zip(axes, column, strict=True):
            _panel(axis, panel)
        axes[-1].set_xlabel("accuracy on test pictures, with 95% interval", fontsize=9)
    handles = [
        plt.Line2D([], [], color=color, marker=form, label=label)
        for (color, form), label in (
            (OURS, "the paper's own network"), (OTHERS, "others"),
            (COLOUR_ONLY, "colour statistics only"),
        )
    ]  # fmt: skip
    handles.append(
        plt.Line2D([], [], color=CHANCE, ls="--", label="always the most frequent class")
    )
    if any(row[2] is not None for panel in panels for row in panel.rows):
        handles.append(plt.Line2D([], [], ls="", label="published, on the whole set", **_diamond()))
    figure.legend(
        handles=handles, loc="outside upper center", ncols=min(3, 2 * len(papers)), frameon=False,
        fontsize=9 if len(papers) > 1 else 8,
    )  # fmt: skip
    return figure


def _diamond():
    """How published figures look: hollow, so that a dot beneath is seen."""
    return {"marker": "D", "ms": 7, "mfc": "none", "mec": "black", "mew": 1.1}


def _look(label, paper):
    """(colour, form) of a row's dot; the paper's network with changes is not the paper's own."""
    if label in colour.CLASSIFIERS:
        return COLOUR_ONLY
    return OURS if re.fullmatch(rf"{paper}( \(.*\))?", label) else OTHERS


def _panel(axis, panel):
    axis.set_title(panel.title, fontsize=9.5, loc="left", pad=17)
    axis.annotate(
        panel.note, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points",
        fontsize=8.5, color="#505050",
    )  # fmt: skip
    for line, (label, _, stated, value, low, high) in enumerate(panel.rows):
        color, form = _look(label, panel.paper)
        error = [[max(value - low, 0)], [max(high - value, 0)]]
        axis.errorbar(value, line, xerr=error, fmt=form, color=color, ms=5, capsize=2)
        if low < START:
            axis.plot(START, line, "<", color=color, ms=6, clip_on=False, gid="below")
        if value < START:
            axis.text(START + 0.02, line, f"{value:.2f}", va="center", fontsize=8, color=color)
        if stated is not None:
            axis.plot(stated, line, ls="", zorder=5, gid="published", **_diamond())
    if panel.chance is not None:
        _mark_chance(axis, panel.chance)
    axis.set_yticks(range(len(panel.rows)), [_short(*row[:2]) for row in panel.rows], fontsize=8.5)
    axis.set_ylim(len(panel.rows) - 0.4, -0.9)
    axis.set_xlim(START, 1.02)
    axis.set_xticks(np.arange(START, 1.01, 0.1))
    axis.tick_params(axis="x", labelsize=8.5)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", color="#e5e5e5", linewidth=0.7)
    axis.set_axisbelow(True)


def _mark_chance(axis, share):
    """A dashed line with its number, or, below the axis, the number and an arrow."""
    axis.axvline(share, color=CHANCE, ls="--", lw=1.2, zorder=1, gid="chance")
    text = f"{share:.2f}" if share >= START else f"← most frequent class: {share:.2f}"
    axis.text(max(share, START) + 0.008, -0.55, text, fontsize=8, color="#505050", va="center")


def _short(label, seeds):
    """A label on at most two lines, and how many seeds it has where others have more."""
    label = re.sub(r"Colour statistics only \((.*)\)", r"Colour, \1", label)
    return textwrap.fill(f"{label} {seeds}".strip(), 34)


if __name__ == "__main__":
    main()
