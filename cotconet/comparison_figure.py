"""CoTCoNet's Figure 7: ROC curves and radar charts of the methods that were run."""

from functools import partial
from itertools import count

import numpy as np

from cotconet.tables import SCORES, binary_score
from smears import colour, metrics
from smears.reports import pyplot
from smears.tables import interval

# Okabe and Ito's colours, which colour-blind readers can tell apart, but their pale yellow.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
# A style for each round of the colours; the last one is that of the paper's numbers.
STYLES = ("-", "--", "-.", (0, (8, 2, 1, 2, 1, 2)))
PUBLISHED = {"color": "#B0B0B0", "linestyle": ":", "linewidth": 2.5}
TABLES = {"cnmc": 2, "allidb1": 4, "allidb2": 5, "snam": 6}  # where the paper prints each set


def comparison(results):
    """Figure 7 on the data at hand: (matplotlib figure, caption lines)."""
    positive = results.positive
    index = results.classes.index(positive)
    figure = pyplot().figure(figsize=(12, 5.2), layout="constrained")
    roc, radar = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2, projection="polar")
    lines, missing = [], []
    numbers = count()
    for label in [*results.study.rows, *colour.CLASSIFIERS]:
        predictions = results.predictions(label)
        if not predictions:
            missing.append(label)
            continue
        style = drawn(next(numbers))
        area = _roc(roc, predictions, index, results.classes, label, style)
        scores = [
            interval(predictions, "test", partial(binary_score, name, index))[0]
            for _, name in SCORES.values()
        ]
        _radar(radar, scores, label, style)
        lines.append(f"{label}: area {area:.3f}")
    published = TABLES.get(results.options.data[0].split(":")[0])
    if published and len(results.options.data) == 1:
        values = [results.paper.value(published, "CoTCoNet", column).value for column in SCORES]
        _radar(radar, values, "CoTCoNet as published", PUBLISHED)
        roc.plot([], [], label=f"CoTCoNet as published, in (b) (Table {published})", **PUBLISHED)
    roc.plot([0, 1], [0, 1], color="#cccccc", linewidth=1, zorder=0)
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title="(a) ROC, test",
            xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))  # fmt: skip
    roc.spines[["top", "right"]].set_visible(False)
    roc.legend(frameon=False, fontsize=9, loc="lower right")
    turns = np.linspace(0, 2 * np.pi, len(SCORES), endpoint=False)
    radar.set_xticks(turns, [title for title, _ in SCORES.values()])
    radar.tick_params(axis="x", pad=14)
    radar.set(ylim=(0, 1), title="(b) scores, test")
    radar.set_yticks(
        [0.25, 0.5, 0.75, 1], ["0.25", "0.5", "0.75", "1"], fontsize=8, color="#666666"
    )
    if missing:
        lines.append("not run: " + ", ".join(missing))
    return figure, [
        f"Positive class: {positive}. " + "; ".join(lines).rstrip(".") + ".",
        "The paper draws four data sets side by side; this is one, the data of this run. Curves "
        "and areas: all test pictures, of the first seed; radar: mean over seeds.",
        *results.captions(),
    ]


def drawn(number):
    """How the method with this number is drawn in both panels: no two of 28 alike."""
    again, tint = divmod(number, len(COLOURS))
    return {"color": COLOURS[tint], "linestyle": STYLES[again % len(STYLES)], "linewidth": 1.8}


def _roc(axis, predictions, index, classes, label, style):
    table = predictions[0][predictions[0]["part"] == "test"]
    truth = (table["label"] == classes[index]).to_numpy().astype(int)
    scores = table[[classes[1 - index], classes[index]]].to_numpy()
    false, true, area = metrics.roc(truth, scores)[1]
    axis.plot(false, true, label=f"{label} ({area:.3f})", gid=label, **style)
    return area


def _radar(axis, scores, label, style):
    turns = np.linspace(0, 2 * np.pi, len(scores) + 1)
    axis.plot(turns, [*scores, scores[0]], gid=label, **style)
