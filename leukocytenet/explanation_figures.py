"""LeukocyteNet's Figures 8 to 11 (section 5): what its networks look at, by three explainers.

Every function takes smears.study.Results and returns (matplotlib figure, caption lines). Shown are
test pictures of the first seed and fold: of a class, the first that LeukocyteNet gets right, else
the first. The class that is explained is the true one.
"""

from dataclasses import dataclass

import numpy as np

from smears import images
from smears.reports import pyplot

HYBRID, ALONE = "LeukocyteNet", "VGG19"

# Stated (3-3-2): VGG19's last convolution. "The patch-merging layer" for Swin: its input is the
# last map that still has a token for each place.
CONVOLUTION, TOKENS = "block5_conv4", "swin_tokens"

ONE_OF = ("ALL-Benign", "ALL-Pro-B")  # stated: the classes of Figures 8 and 9
FEW, MOST = 256, 512  # samples of LIME, at first and at last, for a cell of the grid
WRONG = "#B00020"


@dataclass(frozen=True)
class Shown:
    """One test picture.

    Args:
        label: its class. number: of that class. said: what LeukocyteNet says.
        pixels: uint8 (h, w, 3).
    """

    label: str
    number: int
    said: str
    pixels: np.ndarray


def lime_of_one(results):
    """Figure 8: an ALL-Benign picture, its superpixels for and against, and their weights."""
    if reason := _lacking(results, HYBRID):
        return _message(reason), results.captions()
    from smears.explain import lime

    classifier = _classifier(results, HYBRID)
    shown = _one(results, ONE_OF[0])
    found = lime.explain(classifier, [shown.pixels], shown.number)[0]
    figure, axes = pyplot().subplots(1, 3, figsize=(11, 3.9), layout="constrained")
    _draw(axes[0], shown.pixels, f"A  {shown.label}", _said(shown))
    _draw(axes[1], lime.regions_picture(shown.pixels, found), "B  LIME", found.note)
    for rank, region in enumerate(lime.strongest(found.weights), 1):
        rows, columns = (found.regions == region).nonzero()
        middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        axes[1].text(columns[middle], rows[middle], str(rank), ha="center", va="center")
    _weights(axes[2], found)
    lines = [
        f"{_which(shown)} B: the superpixels of most weight, green ones speak for {shown.label}, "
        f"orange ones against it; the paper shows those for the class. C: weights of the strongest "
        f"with 95% intervals over drawings of the {found.source['samples']} samples; "
        f"{found.source['segments']} superpixels.",
        *_noted([found]),
    ]
    return figure, [*lines, *results.captions()]


def gradcam_and_saliency(results):
    """Figure 9: an ALL-Pro-B picture, Grad-CAM of VGG19's last convolution, and saliency."""
    if reason := _lacking(results, HYBRID):
        return _message(reason), results.captions()
    from smears.explain import gradcam, saliency
    from smears.explain.overlay import overlay

    classifier = _classifier(results, HYBRID)
    shown = _one(results, ONE_OF[1])
    heat = gradcam.explain(classifier, [shown.pixels], shown.number, layer=CONVOLUTION)[0]
    pixels = saliency.explain(classifier, [shown.pixels], shown.number)[0]
    figure, axes = pyplot().subplots(1, 3, figsize=(10, 3.7), layout="constrained")
    _draw(axes[0], shown.pixels, f"A  {shown.label}", _said(shown))
    _draw(axes[1], overlay(shown.pixels, heat), "B  Grad-CAM", heat.note)
    _heat(axes[2], pixels, "C  saliency")
    _scale(figure, axes)
    lines = [
        f"{_which(shown)} B: layer {CONVOLUTION}, {_grid(heat)}. C: magnitude of the score's "
        "gradient by each pixel. Yellow matters most; the strongest percent of the pixels has the "
        "full colour.",
        *_noted([heat, pixels]),
    ]
    return figure, [*lines, *results.captions()]


def saliency_of_classes(results):
    """Figure 10: for every class a picture (a) and its saliency (b)."""
    if reason := _lacking(results, HYBRID):
        return _message(reason), results.captions()
    from smears.explain import saliency

    classifier, every = _classifier(results, HYBRID), _one_of_each(results)
    found = saliency.explain(
        classifier, [shown.pixels for shown in every], [shown.number for shown in every]
    )
    pairs = 2 if len(every) > 5 else 1
    rows = -(-len(every) // pairs)
    figure, axes = pyplot().subplots(
        rows, 2 * pairs, figsize=(3.6 * pairs, 1.85 * rows + 0.3), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axis in axes.flat:
        axis.axis("off")
    for place, (shown, heat) in enumerate(zip(every, found, strict=True)):
        left, right = axes[place % rows, 2 * (place // rows) :][:2]
        _draw(left, shown.pixels, f"{shown.label} (a)", _said(shown))
        _heat(right, heat, "(b)")
    _scale(figure, axes)
    lines = [
        "(a): the first test picture of the class that LeukocyteNet gets right, else the first "
        "(red: what it says). (b): magnitude of the gradient of the class's score by each pixel; "
        "yellow matters most, the strongest percent of the pixels has the full colour.",
        *_noted(found),
    ]
    return figure, [*lines, *results.captions()]


def grid(results):
    """Figure 11: a row a class; the picture, Grad-CAM (A to C) and LIME (D, E)."""
    if reason := _lacking(results, HYBRID):
        return _message(reason), results.captions()
    every, missing = _one_of_each(results), _lacking(results, ALONE)
    columns = _columns(results, every, missing)
    figure, axes = pyplot().subplots(
        len(every), 6, figsize=(10.5, 1.75 * len(every) + 1), squeeze=False, layout="constrained"
    )
    for row, shown in enumerate(every):
        _draw(axes[row, 0], shown.pixels, "" if row else "original\n", "")
        axes[row, 0].set_ylabel(
            "\n".join(filter(None, [shown.label, _said(shown)])), fontsize=9,
            color=WRONG if _said(shown) else "black",
        )  # fmt: skip
        for axis, (title, found) in zip(axes[row, 1:], columns, strict=True):
            _cell(axis, "" if row else title, shown, found and found[row])
    _scale(figure, axes, location="bottom", shrink=0.4)
    a, b, c = (
        found and f"{found[0].source['layer']}, {_grid(found[0])}" for _, found in columns[:3]
    )
    lines = [
        "Pictures: of each class the first of the test part that LeukocyteNet gets right, else the "
        "first (red: what it says). The true class is explained. Order as in the figure's caption; "
        "the paper's text gives columns B and C as Swin-integrated VGG19 and hybrid.",
        f"Grad-CAM, yellow matters most: A {a or 'not run'}; B {b}; C {c}, the map that enters "
        "patch merging. LIME: the five superpixels of most weight, green with a light line for "
        f"the class, red with a dark line against it, up to {MOST} samples.",
        *([f"A and D: {missing}"] if missing else []),
        *_noted([one for _, found in columns for one in found or []]),
    ]
    return figure, [*lines, *results.captions()]


def _columns(results, every, missing):
    """List of (title, explanations or None), A to E."""
    from smears.explain import gradcam, lime

    pixels, numbers = [s.pixels for s in every], [s.number for s in every]
    hybrid = _classifier(results, HYBRID)
    alone = None if missing else _classifier(results, ALONE)

    def heat(classifier, layer):
        return classifier and gradcam.explain(classifier, pixels, numbers, layer=layer)

    def regions(classifier):
        return classifier and lime.explain(classifier, pixels, numbers, samples=FEW, most=MOST)

    return [
        ("A  Grad-CAM\nVGG19 alone", heat(alone, alone and _layer(alone))),
        ("B  Grad-CAM\nLeukocyteNet, VGG19", heat(hybrid, CONVOLUTION)),
        ("C  Grad-CAM\nLeukocyteNet, Swin", heat(hybrid, TOKENS)),
        ("D  LIME\nVGG19 alone", regions(alone)),
        ("E  LIME\nLeukocyteNet", regions(hybrid)),
    ]


def _cell(axis, title, shown, found):
    from smears.explain.lime import mark, regions_picture
    from smears.explain.overlay import overlay

    if found is None:
        _draw(axis, np.full_like(shown.pixels, 240), title, "not run")
        return
    draw = overlay if found.weights is None else regions_picture
    _draw(axis, draw(shown.pixels, found), title, mark(found))


def _lacking(results, label):
    """Why a row's network cannot be explained, or ""."""
    if label not in results.runs:
        return f"{label}: not run: {results.missing.get(label, 'not asked for')}"
    folder = results.runs[label][0].folder
    if not (folder / "model.keras").exists():
        return (
            f"{label}: its network is not in {folder.name}: results are kept without weights. "
            "Give another --out, and it is trained anew."
        )
    return ""


def _classifier(results, label):
    from smears import backend

    backend.start()
    from leukocytenet import model  # noqa: F401  registers its layers
    from smears.classifier import Classifier

    return Classifier.load(results.runs[label][0].folder)


def _layer(classifier):
    """VGG19's last convolution, or the last map (None) where partial weights end before it."""
    known = {layer.name for layer in classifier.network.layers}
    return CONVOLUTION if CONVOLUTION in known else None


def _one_of_each(results):
    """List of `Shown`, in the order of the classes; one without test pictures is left out."""
    run, task = results.runs[HYBRID][0], results.material.task()
    table = run.predictions
    frame = task.catalogue.iloc[task.positions("validation", "test")]
    # Not by path, for the folders may have been moved since.
    if any(frame[key].tolist() != table[key].tolist() for key in ("source", "label")):
        raise AssertionError(f"{run.folder}: predictions are of other pictures than the catalogue")
    classes = run.facts["classes"]
    said = np.array(classes)[table[classes].to_numpy().argmax(1)]
    found = []
    for number, label in enumerate(classes):
        own = ((table["part"] == "test") & (table["label"] == label)).to_numpy().nonzero()[0]
        if len(own):
            right = own[said[own] == label]
            place = (right if len(right) else own)[0]
            pixels = images.decode(frame["path"].iloc[place])
            found.append(Shown(label, number, said[place], pixels))
    return found


def _one(results, label):
    """The picture of that class, or of the first class where the data has no such class."""
    every = _one_of_each(results)
    return next((shown for shown in every if shown.label == label), every[0])


def _which(shown):
    verdict = "which LeukocyteNet gets right" if shown.said == shown.label else "of the test part"
    return f"A: the first {shown.label} picture {verdict}."


def _said(shown):
    return "" if shown.said == shown.label else f"said: {shown.said}"


def _draw(axis, picture, title, below):
    axis.axis("on")
    axis.imshow(picture)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=9)
    if below:
        axis.set_xlabel(below, fontsize=8, color=WRONG)


def _heat(axis, explanation, title):
    """A fine map on its own: laid over a picture its single pixels could not be seen."""
    from smears.explain.overlay import strength

    _draw(axis, np.zeros((*explanation.map.shape, 3)), title, explanation.note)
    axis.imshow(strength(explanation.map), cmap="viridis", vmin=0, vmax=1)


def _scale(figure, axes, **place):
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap="viridis"), ax=axes, aspect=30, **place)
    bar.set_ticks([0, 1], labels=["low", "high"])
    bar.set_label("heat maps: importance for the class")


def _weights(axis, found, most=8):
    from smears.explain.lime import AGAINST, FOR, strongest

    order = strongest(found.weights, most)[::-1]
    colours = [np.array(FOR if found.weights[n] > 0 else AGAINST) / 255 for n in order]
    axis.barh(
        range(len(order)), found.weights[order], xerr=found.spread[order], color=colours, capsize=3
    )
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(order)), [f"{len(order) - n}." for n in range(len(order))])
    axis.set_title("C  weights of the superpixels", fontsize=9)
    axis.set_xlabel("change of the class's probability")
    axis.spines[["top", "right"]].set_visible(False)


def _grid(explanation):
    rows, columns = explanation.source["grid"]
    return f"{rows} × {columns}"


def _noted(found):
    """A caption line for each note, with the number of maps that have it."""
    notes = [f"{one.method}: {one.note}" for one in found if one.note]
    return [f"{note} ({notes.count(note)} of the maps)." for note in dict.fromkeys(notes)]


def _message(reason):
    figure, axis = pyplot().subplots(figsize=(7, 1.5))
    axis.axis("off")
    axis.text(0.5, 0.5, reason, ha="center", va="center", wrap=True)
    return figure
