"""LeukocyteNet's figures of measured results: 5 (accuracies), 6 (curves), 7 (confusion and ROC).

Every function takes smears.study.Results and returns (matplotlib figure, caption lines). Colours
are Okabe and Ito's, which colour-blind readers can tell apart.
"""

import numpy as np

from smears import colour, metrics
from smears.reports import pyplot
from smears.runs import classes_of
from smears.tables import confusions, interval

PUBLISHED, OURS, COLOUR_ONLY = "#8c8c8c", "#0072B2", "#D55E00"
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000",
    "#7F7F7F", "#8C564B",
)  # fmt: skip

# Areas from which on curves crowd in the corner. Such a one cannot pass under the inset, whose own
# corner, with its labels, is (0.3, 0.9): that alone would cost it 0.3 x 0.1.
CROWDED = 0.97


def accuracies(results):
    """Figure 5: test accuracy of every network, published beside ours with its interval.

    On somebody's own pictures, which no paper measured, ours alone.
    """
    plt = pyplot()
    labels = [label for label in results.study.rows if label not in results.unshown]
    shown, names, ours = [], [], 0.0 if results.own else 0.2
    figure, axes = plt.subplots(figsize=(8, 4.2))
    for place, label in enumerate(labels):
        if not results.own:
            published = results.paper.value(5, label, "test_accuracy").value
            bar = axes.bar(place - 0.2, published, 0.38, color=PUBLISHED, label="published")
            axes.text(place - 0.2, 2, f"{published:.1f}", ha="center", color="white", fontsize=8)
            shown, names = [bar], ["published"]
        predictions = results.predictions(label)
        if predictions:
            _bar(axes, place + ours, interval(predictions, "test", "accuracy"))
        else:
            axes.text(place + ours, 2, "not run", ha="center", rotation=90, fontsize=8)
    shown.append(plt.Rectangle((0, 0), 1, 1, color=OURS))
    names.append("ours, 95% interval")
    for row, style in zip(colour.CLASSIFIERS, (":", "--"), strict=True):
        value = 100 * interval(results.predictions(row), "test", "accuracy")[0]
        line = axes.axhline(value, color=COLOUR_ONLY, linestyle=style, linewidth=1.3, label=row)
        shown.append(line)
        names.append(f"{row[0].lower()}{row[1:]}: {value:.1f}")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_ylabel("test accuracy, %")
    axes.set_ylim(0, 105)
    axes.legend(
        shown, names, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False,
        fontsize=9,
    )  # fmt: skip
    _open(axes)
    return figure, results.captions()


def _bar(axes, place, triple):
    value, low, high = (100 * x for x in triple)
    error = [[max(value - low, 0)], [max(high - value, 0)]]
    axes.bar(place, value, 0.38, yerr=error, capsize=3, color=OURS, label="ours")
    axes.text(place, 2, f"{value:.1f}", ha="center", color="white", fontsize=8)


def curves(results):
    """Figure 6: accuracy (a) and loss (b) of training and validation, epoch by epoch."""
    runs = results.runs.get("LeukocyteNet", [])
    if not runs:
        return _not_run(results)
    lost = [run.folder.name for run in runs if run.history.empty]
    runs = [run for run in runs if not run.history.empty]
    figure, axes = pyplot().subplots(1, 2, figsize=(9, 3.6))
    for axis, title, keys in zip(
        axes, ("(a) accuracy", "(b) loss"),
        (("accuracy", "val_accuracy"), ("loss", "val_loss")), strict=True,
    ):  # fmt: skip
        for number, run in enumerate(runs):
            history = run.logged(*keys)
            epochs = np.arange(1, len(history) + 1)
            for key, tint, name in zip(keys, PALETTE, ("training", "validation"), strict=False):
                axis.plot(
                    epochs, history[key], color=tint, marker="o", markersize=3,
                    label=name if not number else "", gid=f"{name}, run {number + 1}",
                )  # fmt: skip
        axis.set_xlabel("epoch")
        axis.set_title(title)
        axis.xaxis.get_major_locator().set_params(integer=True)
        if runs:
            axis.legend(frameon=False)
        _open(axis)
    lines = results.captions()
    lines += [f"Without its history.csv, so not drawn: {name}." for name in lost]
    lines.append(
        "Training accuracy is the mean over an epoch's steps with dropout and augmentation on; "
        "validation is measured after the epoch without either."
    )
    return figure, lines


def confusion_and_roc(results):
    """Figure 7: confusion matrix (a) and one-against-rest ROC curves (b) of the test part."""
    predictions = results.predictions("LeukocyteNet")
    if not predictions:
        return _not_run(results)
    figure, axes = pyplot().subplots(1, 2, figsize=(13, 5.6), width_ratios=(1.15, 1))
    classes, seeds = classes_of(predictions[0]), results.seeds("LeukocyteNet")
    matrix = confusions(predictions, "test").sum((0, 1))
    _matrix(axes[0], matrix, classes)
    axes[0].set_title(f"(a) test pictures, {_named(seeds)}; shade: share of the row")
    table = predictions[0][predictions[0]["part"] == "test"]
    codes = table["label"].map({name: number for number, name in enumerate(classes)}).to_numpy()
    curves = metrics.roc(codes, table[classes].to_numpy())
    _rocs(axes[1], curves, classes)
    axes[1].plot([0, 1], [0, 1], color="#cccccc", linewidth=1, zorder=0)
    axes[1].set_xlabel("false positive rate")
    axes[1].set_ylabel("true positive rate")
    axes[1].set_title(f"(b) ROC, one against the rest (area), {_named(seeds[:1])}")
    axes[1].legend(fontsize=8, loc="lower right")
    _open(axes[1])
    if all(area > CROWDED for *_, area in curves):
        _corner(axes[1], curves, classes)
    figure.tight_layout()
    return figure, results.captions()


def _rocs(axis, curves, classes):
    for number, (name, (false, true, area)) in enumerate(zip(classes, curves, strict=True)):
        axis.plot(
            false, true, color=PALETTE[number % len(PALETTE)],
            linestyle="-" if number < 5 else "--", label=f"{name} ({area:.3f})", gid=name,
        )  # fmt: skip


def _corner(axis, curves, classes):
    """An inset of the corner in which good curves lie on top of each other."""
    inset = axis.inset_axes((0.36, 0.48, 0.54, 0.42), transform=axis.transData)
    _rocs(inset, curves, classes)
    inset.set(xlim=(-0.004, 0.2), ylim=(0.8, 1.008), xticks=(0, 0.1, 0.2), yticks=(0.8, 0.9, 1))
    inset.tick_params(labelsize=8)
    axis.indicate_inset_zoom(inset, edgecolor="#7f7f7f")


def _named(seeds):
    """E.g. "seed 0", "seeds 0, 1, 2"."""
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _matrix(axis, matrix, classes):
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(classes)):
        for column in range(len(classes)):
            if matrix[row, column]:
                axis.text(
                    column, row, str(matrix[row, column]), ha="center", va="center", fontsize=8,
                    color="white" if share[row, column] > 0.55 else "black",
                )  # fmt: skip
    axis.set_xticks(range(len(classes)), classes, rotation=40, ha="right", fontsize=8)
    axis.set_yticks(range(len(classes)), classes, fontsize=8)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")


def _not_run(results):
    """A figure that says that there is nothing to show, and why."""
    figure, axis = pyplot().subplots(figsize=(6, 1.5))
    axis.axis("off")
    reason = results.missing["LeukocyteNet"]
    axis.text(0.5, 0.5, f"LeukocyteNet: not run: {reason}", ha="center", va="center")
    return figure, results.captions()


def _open(axis):
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#e5e5e5", linewidth=0.7)
    axis.set_axisbelow(True)
