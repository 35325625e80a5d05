"""Put a table on disk as Markdown, CSV, LaTeX and PNG, and pictures on labelled sheets."""

import logging
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd

from smears.latex import latex
from smears.runs import write_whole

# Fonts of Chinese, Japanese and Korean that come with systems, where they are installed.
FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
    "Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Yu Gothic", "Malgun Gothic",
    "Arial Unicode MS",
)  # fmt: skip


def cell(text):
    """A text as it may stand in a cell of a Markdown table."""
    return text.replace("|", r"\|").replace("\n", " ")


def markdown(table):
    """A DataFrame of texts as a Markdown table whose columns line up on a terminal."""
    cells = [[str(column) for column in table.columns], *table.astype(str).to_numpy().tolist()]
    cells = [[cell(text) for text in row] for row in cells]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def write(table, title, lines, folder, stem):
    """Write one table in four formats.

    Args:
        table: DataFrame whose cells are the texts to print.
        title: one line. lines: caption lines (data, split, audit, what the run is not).
        folder, stem: `<folder>/<stem>.md`, `.csv`, `.tex` and `.png`.

    Returns:
        List of the four paths.
    """
    folder = Path(folder)
    write_whole(folder / f"{stem}.md", _text(table, title, lines))
    write_whole(folder / f"{stem}.csv", table.to_csv(index=False))
    write_whole(folder / f"{stem}.tex", latex(table, title, lines) + "\n")
    picture(table, title, lines, folder / f"{stem}.png")
    return [folder / f"{stem}.{ending}" for ending in ("md", "csv", "tex", "png")]


def show(table, title, lines, paths):
    """Print a table with its caption, and where `write` put it."""
    print(f"\n{_text(table, title, lines)}\nWritten: " + ", ".join(str(path) for path in paths))


def _text(table, title, lines):
    notes = "\n".join(f"- {line}" for line in lines)
    return f"## {title}\n\n{markdown(table)}\n\n{notes}\n"


def picture(table, title, lines, path):
    """Draw a table with its caption as a PNG; long cells are wrapped, more so in wide tables."""
    plt = pyplot()
    most = 26 if table.shape[1] < 9 else 15
    heads = [str(name).replace("95% CI", "95%\u00a0CI") for name in table.columns]
    names = [textwrap.fill(name, min(most, 18)) for name in heads]
    cells = [[textwrap.fill(cell, most) for cell in row] for row in table.astype(str).to_numpy()]
    for row in cells:
        # Row labels are read first: on one line as far as possible.
        row[0] = textwrap.fill(row[0].replace("\n", " "), 26)
    columns = list(zip(names, *cells, strict=True))
    widths = [max(len(part) for cell in column for part in cell.split("\n")) for column in columns]
    heights = [max(cell.count("\n") for cell in row) + 1.6 for row in [names, *cells]]
    width = max(0.085 * sum(widths) + 0.14 * len(widths), 7)
    note = "\n".join(
        textwrap.fill("• " + line, int(width / 0.068), subsequent_indent="   ") for line in lines
    )
    title = textwrap.fill(title, int(width / 0.105))
    top = 0.25 * (title.count("\n") + 1) + 0.2
    body, foot = 0.155 * sum(heights), 0.15 * (note.count("\n") + 1) + 0.15
    height = top + body + foot
    figure = plt.figure(figsize=(width, height))
    axes = figure.add_axes((0.01, foot / height, 0.98, body / height))
    axes.axis("off")
    drawn = axes.table(
        cellText=cells, colLabels=names, cellLoc="left", loc="upper left", bbox=(0, 0, 1, 1),
        colWidths=[max(size, 4) for size in widths],
    )  # fmt: skip
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(9)
    for (line, column), cell in drawn.get_celld().items():
        cell.set_linewidth(0.4)
        cell.set_edgecolor("#999999")
        cell.set_height(heights[line])
        cell.PAD = 0.4 / max(widths[column], 4)
        if line == 0:
            cell.set_text_props(weight="bold")
            cell.set_facecolor("#eef1f5")
    figure.text(0.01, 1 - 0.1 / height, title, fontsize=12, weight="bold", va="top")
    figure.text(0.01, (foot - 0.1) / height, note, fontsize=8, va="top")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def save_figure(figure, lines, folder, stem):
    """Save a matplotlib figure as PNG and PDF, its caption as text, its `numbers` as CSV.

    Returns the paths; of a figure that shows pictures alone there is no CSV.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{stem}.txt", "\n".join(lines) + "\n")
    for ending in ("png", "pdf"):
        figure.savefig(folder / f"{stem}.{ending}", dpi=150, bbox_inches="tight")
    endings, table = ["png", "pdf", "txt"], numbers(figure)
    if len(table):
        write_whole(folder / f"{stem}.csv", table.to_csv(index=False))
        endings.append("csv")
    pyplot().close(figure)
    return [folder / f"{stem}.{ending}" for ending in endings]


def numbers(figure):
    """What a matplotlib figure draws, as numbers.

    Taken are bars, lines and points with a label or, where the legend is not to have one, a gid;
    and matrices whose rows and columns all have names. Pictures and bands are not.

    Returns:
        DataFrame, a row a point: panel (the title), series, x and y (the names of ticks where they
        have some), low and high (ends of the error bar); of a matrix y is the row, x the column,
        `value` the colour's number and `printed` the text in it. Columns that stay empty are left
        out.
    """
    rows = []
    for axes in figure.axes:
        names = {side: _ticks(getattr(axes, f"{side}axis")) for side in "xy"}
        for series, x, y, low, high in _series(axes):
            for point in zip(x, y, low, high, strict=True):
                named = (_named(v, names[side]) for v, side in zip(point, "xy", strict=False))
                rows.append([axes.get_title(), series, *named, *point[2:], None, ""])
        printed = {text.get_position(): text.get_text() for text in axes.texts}
        for image in axes.images:
            values = image.get_array()
            if values.shape == (len(names["y"]), len(names["x"])):
                for (row, column), value in np.ndenumerate(values):
                    place = [names["x"][column], names["y"][row], None, None]
                    text = printed.get((column, row), "")
                    rows.append([axes.get_title(), "matrix", *place, value, text])
    columns = ["panel", "series", "x", "y", "low", "high", "value", "printed"]
    table = pd.DataFrame(rows, columns=columns)
    return table.loc[:, [table[name].replace("", None).notna().any() for name in columns]]


def _series(axes):
    """(name, x, y, lower ends, upper ends of error bars) of all that is drawn from named points."""
    bars = [one for one in axes.containers if hasattr(one, "patches")]
    # The middles of points with error bars are a line of the axes, too; bars' have none.
    errors = {one.lines[0]: one for one in axes.containers if one not in bars and one.lines[0]}
    found = [(line, *_data(line, axes), errors.get(line)) for line in axes.lines]
    found += [
        (points, *np.asarray(points.get_offsets()).T, None)
        for points in axes.collections if len(points.get_offsets()) > 1
    ]  # fmt: skip
    for one in bars:
        x = [bar.get_x() + bar.get_width() / 2 for bar in one.patches]
        found.append((one, x, [bar.get_height() for bar in one.patches], one.errorbar))
    for artist, x, y, errors in found:
        ends = np.array(errors.lines[2][0].get_segments())[:, :, 1] if errors else None
        low, high = ([None] * len(x), [None] * len(x)) if ends is None else ends.T
        name = getattr(artist, "get_gid", str)() or artist.get_label()
        if not name.startswith("_"):
            whole = len(x) - (axes.name == "polar")  # a chart that ends where it began
            yield name, *(list(part)[:whole] for part in (x, y, low, high))


def _data(line, axes):
    """(x, y) of a line; of a level line across the whole axes its level alone."""
    x, y = (list(side) for side in line.get_data())
    level = not line.get_transform().contains_branch_seperately(axes.transData)[0]
    return ([None], y[:1]) if level else (x, y)


def _ticks(axis):
    """{number: name} of an axis whose ticks were given names that are no numbers; else {}."""
    from matplotlib.ticker import FixedLocator

    names = [label.get_text().replace("\n", " ") for label in axis.get_majorticklabels()]
    named = isinstance(axis.get_major_locator(), FixedLocator)
    if not named or all(name.replace(".", "").isdecimal() or not name for name in names):
        return {}
    return dict(zip(axis.get_majorticklocs(), names, strict=True))


def _named(number, names):
    """The name of the nearest tick, or the number itself."""
    if not names or number is None:
        return number
    return names[min(names, key=lambda tick: abs(tick - number))]


def contact_sheet(images, titles, path, columns=8, heading=""):
    """Pictures side by side under short titles, saved to `path` (JPEG, PNG or PDF by its ending).

    Args:
        images: list of uint8 RGB arrays. titles: list of str, one a picture.
    """
    plt = pyplot()
    count = -(-len(images) // columns)
    figure, axes = plt.subplots(
        count,
        columns,
        figsize=(1.5 * columns, 1.75 * count + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image)
        axis.set_title(title, fontsize=8)
    figure.suptitle(heading, fontsize=11)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def pyplot():
    """matplotlib.pyplot on a backend that needs no screen; imported late, for it is slow."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib import font_manager

    plt.rcParams["text.parse_math"] = False  # a $ in a name is a $
    # Matplotlib's own font has no Chinese, Japanese or Korean, in which classes may be named.
    installed = font_manager.get_font_names()
    plt.rcParams["font.family"] = ["sans-serif", *[name for name in FONTS if name in installed][:1]]
    # They have one weight, which it would say of every text.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    return plt
