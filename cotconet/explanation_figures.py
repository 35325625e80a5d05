"""CoTCoNet's Figures 8 to 10: feature maps and their density, LIME, and HDLC's last layer.

Every function takes smears.study.Results and returns (matplotlib figure, caption lines).
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from smears import InputError, images
from smears.catalogue import unit_of
from smears.reports import pyplot
from smears.statistics import difference_of_means, mean_by_subject

COLOURS = ("#D55E00", "#0072B2")  # Okabe and Ito: the positive class, the other one
WRONG = "#B00020"
SAMPLES = 128  # pictures that LIME shows the whole pipeline, a cell
CELLS = 10  # of each diagnosis; 20 in all (stated: Figure 9)
MOST = 100  # pictures of a class whose density is measured


def feature_maps(results):
    """Figure 8: GMod's map and each SMod block for both classes; below, how dense each is."""
    import keras

    from cotconet.smod import FILTERS

    pipeline, frame = _fitted(results)
    model = pipeline.model
    positive = results.positive
    order = [positive, next(name for name in results.classes if name != positive)]
    network = model.extractor_
    stages = [f"sfl{number}_relu" for number in range(1, len(FILTERS) + 1)]
    names = ["map", *stages] if "gmod" in model.features else stages
    inner = keras.Model(network.input, [network.get_layer(name).output for name in names])
    frame = frame.sample(frac=1, random_state=0)  # else those of one person come first
    chosen = {name: frame[frame["label"] == name].head(MOST) for name in order}
    cells = {name: model.cut_out(_read(rows)) for name, rows in chosen.items()}
    maps = {name: _maps(inner, shown) for name, shown in cells.items()}
    figure, axes = pyplot().subplots(
        3, len(names) + 1, figsize=(2 * len(names) + 2, 6.2), layout="constrained",
        height_ratios=(1, 1, 1.15),
    )  # fmt: skip
    titles = ["cell", *(["GMod's map"] if "map" in names else [])]
    titles += [f"block {number}" for number in range(1, len(FILTERS) + 1)]
    for row, name in enumerate(order):
        axes[row, 0].imshow(cells[name][0])
        axes[row, 0].set_ylabel(name, color=COLOURS[row], fontsize=11)
        for place, found in enumerate(maps[name], 1):
            axes[row, place].imshow(found[0].mean(-1), cmap="viridis")
        for place, axis in enumerate(axes[row]):
            axis.set(xticks=[], yticks=[])
            if not row:
                axis.set_title(titles[place], fontsize=10)
    grid = axes[2, 0].get_gridspec()
    for axis in axes[2]:
        axis.remove()
    lines = _densities(figure.add_subplot(grid[2, :]), maps, chosen, order, stages)
    lines.append(
        "Above: a test picture of each class, drawn at random, mean over channels, each map on its "
        "own scale. Density: share of a block's activations above 0 after ReLU, in %. The paper "
        'says "denser patterns" of leukemic cells and measures none; which measure it means is '
        "open (assumed)."
    )
    return figure, [*lines, *results.captions()]


def lime_cells(results):
    """Figure 9: twenty test cells by diagnosis, and what LIME highlights in them."""
    from smears.explain import lime

    pipeline, frame = _fitted(results)
    positive = results.positive
    other = next(name for name in results.classes if name != positive)
    # The diagnosis needs no more pictures than are shown: read on until there are enough.
    found = {positive: [], other: []}
    frame = frame.sample(frac=1, random_state=0)  # else those of one class and person come first
    for start in range(0, len(frame), 2 * CELLS):
        rows = frame.iloc[start : start + 2 * CELLS]
        pictures = _read(rows)
        for picture, said, truth in zip(
            pictures, pipeline.model.predict(pictures), rows["label"], strict=True
        ):
            found[said].append((picture, truth))
        if min(map(len, found.values())) >= CELLS:
            break
    found = {name: shown[:CELLS] for name, shown in found.items()}
    drawn = {name: shown for name, shown in found.items() if shown}
    columns = max(map(len, drawn.values()))
    figure, axes = pyplot().subplots(
        2 * len(drawn), columns, figsize=(1.5 * columns + 0.5, 3.3 * len(drawn)),
        layout="constrained", squeeze=False,
    )  # fmt: skip
    unstable = 0
    for half, (name, shown) in enumerate(drawn.items()):
        explained = lime.explain(
            pipeline, [picture for picture, _ in shown], target=pipeline.classes.index(name),
            samples=SAMPLES, most=SAMPLES,
        )  # fmt: skip
        unstable += sum(lime.UNSTABLE in one.note for one in explained)
        for place in range(columns):
            above, below = axes[2 * half, place], axes[2 * half + 1, place]
            for axis in (above, below):
                axis.set(xticks=[], yticks=[])
                axis.axis("off" if place >= len(shown) else "on")
            if place < len(shown):
                picture, truth = shown[place]
                above.imshow(picture)
                wrong = truth != name
                above.set_title(f"is {truth}" if wrong else "", fontsize=8, color=WRONG)
                below.imshow(lime.regions_picture(picture, explained[place]))
                below.set_xlabel(lime.mark(explained[place]), fontsize=8, color=WRONG)
        colour = COLOURS[0] if name == positive else COLOURS[1]
        axes[2 * half, 0].set_ylabel(f"diagnosed\n{name}", color=colour)
        axes[2 * half + 1, 0].set_ylabel("LIME")
    kinds = {"speaks for the diagnosis": lime.FOR, "speaks against it": lime.AGAINST}
    figure.legend(
        [pyplot().Rectangle((0, 0), 1, 1, color=np.array(tint) / 255) for tint in kinds.values()],
        list(kinds), loc="outside lower center", ncols=2, frameon=False,
    )  # fmt: skip
    lines = [
        f"Upper rows: the first {CELLS} test pictures that the pipeline calls {positive} and "
        f"{other}"
        + "".join(
            f" ({len(shown) or 'none'} of them called {name})"
            for name, shown in found.items()
            if len(shown) < CELLS
        )
        + "; a title names the truth where it is another.",
        f"Below them: LIME on the whole pipeline, segmentation included, {SAMPLES} changed "
        "pictures a cell: green regions (white line) speak for the diagnosis, orange ones (black "
        "line) against it. The five strongest regions are not stable at that number in "
        f"{unstable} of {sum(map(len, found.values()))} cells, as is written below them "
        "(LIME's settings are assumed: the paper names none).",
    ]
    return figure, [*lines, *results.captions()]


def last_layer(results):
    """Figure 10: HDLC's last hidden layer in two dimensions, and whether a line separates it."""
    import keras

    from cotconet import fitting

    model = _fitted(results)[0].model
    positive = results.positive
    hidden = [layer for layer in model.hdlc_.layers if layer.name.startswith("dense")][-1]
    inner = keras.Model(model.hdlc_.input, hidden.output)
    task = results.material.task()
    rows = {part: task.catalogue.iloc[task.positions(part)] for part in ("train", "test")}
    # As HDLC saw them: rebuilt from others. `describe` would find each in the graph, as itself.
    space = fitting.search_space(task, results.runs["CoTCoNet"][0], results.options.finished)
    learnt = space[0][: len(rows["train"])]
    shown = {"train": learnt[:, model.support_], "test": model.describe(_read(rows["test"]))}
    points = {part: inner.predict(x, verbose=0) for part, x in shown.items()}
    labels = {part: (found["label"] == positive).to_numpy() for part, found in rows.items()}
    scaled = StandardScaler().fit(points["train"])
    plane = PCA(2, random_state=0).fit(scaled.transform(points["train"]))
    figure, axes = pyplot().subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharex=True,
                                     sharey=True)  # fmt: skip
    line = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    line.fit(points["train"], labels["train"])
    other = next(name for name in results.classes if name != positive)
    for axis, part in zip(axes, ("train", "test"), strict=True):
        flat = plane.transform(scaled.transform(points[part]))
        for truth, name, colour in ((True, positive, COLOURS[0]), (False, other, COLOURS[1])):
            own = labels[part] == truth
            axis.scatter(
                *flat[own].T, s=16, alpha=0.7, color=colour, marker="o" if truth else "^",
                label=f"{name} ({own.sum()})", linewidths=0,
            )  # fmt: skip
        right = line.score(points[part], labels[part])
        axis.set_title(f"{part}: a plane through all {points[part].shape[1]} is right in "
                       f"{100 * right:.1f}%", fontsize=10)  # fmt: skip
        axis.set_xlabel("first principal component")
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=9)
    axes[0].set_ylabel("second principal component")
    share = 100 * plane.explained_variance_ratio_.sum()
    most = rows["test"]["label"].value_counts(normalize=True).max()
    lines = [
        f"The {points['train'].shape[1]} numbers of HDLC's last hidden layer on the two principal "
        f"components of the training pictures ({share:.0f}% of the variance). The plane is a "
        "logistic regression fitted on the training pictures; always answering the most frequent "
        f"class is right in {100 * most:.1f}% of the test.",
        "The paper shows such a picture as proof of linear separability; that holds for unseen "
        "people only as far as the test side shows it.",
    ]
    return figure, [*lines, *results.captions()]


def _fitted(results):
    """(the first run's pipeline, as `cotconet.predict.Pipeline`, catalogue rows of its test)."""
    from cotconet.predict import Pipeline

    runs = results.runs.get("CoTCoNet")
    if not runs:
        raise InputError("this figure needs the row CoTCoNet: leave --rows out, or ask for it.")
    if not (runs[0].folder / "model").exists():
        raise InputError(
            f"{runs[0].folder / 'model'} is not there: results are kept without their networks. "
            "Give another --out, and the row is trained anew."
        )
    task = results.material.task()
    return Pipeline(runs[0]), task.catalogue.iloc[task.positions("test")]


def _read(rows):
    return [images.decode(path) for path in rows["path"]]


def _maps(inner, cells):
    """List, one a layer, of float32 (n, h, w, channels)."""
    from smears.pictures import preprocess

    # In mixed precision they come as bfloat16, which matplotlib cannot draw at every size.
    found = inner.predict(preprocess(cells, "tf"), verbose=0)
    return [np.asarray(map, np.float32) for map in found]


def _densities(axis, maps, chosen, order, stages):
    """Draw the share of active units of each block for both classes; returns caption lines."""
    lines = []
    for place in range(len(stages)):
        dense, people = [], []
        for row, name in enumerate(order):
            found = maps[name][place - len(stages)]
            share = 100 * (found > 0).mean((1, 2, 3))
            dense.append(share)
            people.append(unit_of(chosen[name]).to_numpy())
            middle, low, high = mean_by_subject(share[None], people[-1])
            axis.errorbar(
                place + 0.2 * row - 0.1, middle, [[max(middle - low, 0)], [max(high - middle, 0)]],
                fmt="o" if not row else "^", color=COLOURS[row], capsize=3,
                label=name if not place else None, gid=name,
            )  # fmt: skip
        apart, low, high = difference_of_means(dense[0][None], dense[1][None], *people)
        lines.append(f"block {place + 1} {apart:+.1f} ({low:+.1f} to {high:+.1f})")
    axis.set_xticks(range(len(stages)), [f"block {n + 1}" for n in range(len(stages))])
    axis.set_ylabel("active units, %")
    axis.spines[["top", "right"]].set_visible(False)
    # Above the axes: in them its marks would look like measurements.
    axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 0.98), ncols=2)
    counts = " and ".join(f"{len(chosen[name])} {name}" for name in order)
    return [
        f"Density of {order[0]} less that of {order[1]}, points (95% interval, bootstrap over "
        f"subjects; {counts} test pictures): " + "; ".join(lines) + "."
    ]
