"""Every measure of each explainer on one network, kept in its run's folder."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from smears import InputError, catalogue, images
from smears.catalogue import unit_of
from smears.explain import faithfulness, overlap, robustness
from smears.explain.keeping import Keeping
from smears.runs import write_whole

TEXTS = ["label", "subject", "source", "said", "note"]

SAMPLES, SEEDS = 3, 3  # noisy copies of a picture; seeds of a method that draws by chance
GRADIENTS = ("gradcam", "saliency")  # modules that need a Keras network
SLOW = ("lime",)  # whose maps are kept one by one until a method is measured
VERSION = 3  # stored scores of another way of measuring must not be taken for this one's


@dataclass(frozen=True)
class Method:
    """A row: an explainer with its settings.

    Args:
        module: of smears.explain. settings: keyword arguments of its function.
        seeded: whether it takes a seed.
        function: its name in the module.
    """

    module: str
    settings: dict = field(default_factory=dict)
    seeded: bool = False
    function: str = "explain"

    def __call__(self, classifier, pictures, target=None, seed=0):
        """List of `Explanation`, one a picture."""
        explain = getattr(import_module(f"smears.explain.{self.module}"), self.function)
        chance = {"seed": seed} if self.seeded else {}
        return explain(classifier, pictures, target=target, **self.settings, **chance)

    def suits(self, classifier):
        """Whether the classifier has what is needed: a network, the layer that the settings name.

        Args:
            classifier: as in `scores`.
        """
        network = getattr(classifier, "network", None)
        if network is None:
            return self.module not in GRADIENTS
        layer = self.settings.get("layer")
        return layer is None or any(own.name == layer for own in network.layers)


REFERENCES = {
    "Random map": Method("references", seeded=True, function="random_map"),
    "Centred Gaussian": Method("references", function="centre"),
    "Edge detector": Method("references", function="edges"),
}


def chosen(frame, count, seed=0):
    """Rows with masks to explain: of each class by turns, of each subject as late as possible.

    Args:
        frame: catalogue rows. count: at most so many. seed: of the order within a class.

    Returns:
        Catalogue rows, the first few of which hold every class as well.

    Raises:
        InputError: no row has a mask.
    """
    frame = frame[frame["mask"] != ""]
    if frame.empty:
        raise InputError(
            "None of these pictures has a mask of its cell: give data with masks (zheng, drawn, "
            "or csv with the column mask)."
        )
    frame = frame.sample(frac=1, random_state=seed)
    frame = frame.assign(again=frame.groupby([frame["label"], unit_of(frame)]).cumcount())
    frame = frame.sort_values("again", kind="stable")
    frame = frame.assign(turn=frame.groupby("label").cumcount())
    frame = frame.sort_values(["turn", "label"], kind="stable").head(count)
    return frame.drop(columns=["again", "turn"]).reset_index(drop=True)


def scores(run, classifier, frame, methods, few, title=""):
    """Every method's scores on these pictures, kept in the run's folder, a file a method.

    The most probable class is explained, right or not.

    Args:
        run: smears.runs.Run of the classifier. classifier: function of nothing that gives its
            smears.classifier.Classifier, asked only if something is to be measured.
        frame: catalogue rows with masks (`chosen`). methods: dict label -> Method.
        few: on so many of the first pictures sensitivity, stability and random weights are
            measured, each of which explains them again and again.
        title: on the progress bar.

    Returns:
        Dict label -> DataFrame, a row a picture: label, subject, source, said (class explained)
        and what `measure` gives. Methods that do not suit the classifier are left out.

    Raises:
        InputError: a mask of another size than its picture.
    """
    paths = {
        label: run.folder / "explanations" / _name(label, method, frame, few)
        for label, method in methods.items()
    }
    missing = {label: methods[label] for label, path in paths.items() if not path.exists()}
    if missing:
        _measure(classifier(), frame, missing, few, paths, title)
    found = {label: _read(path) for label, path in paths.items()}
    return {label: table for label, table in found.items() if len(table)}


def _read(path):
    """Scores as they were written; empty cells are NaN but in texts."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if table.empty:
        return table
    numbers = table.columns.difference([*TEXTS, "flat"], sort=False)
    # By Python, which takes the nearest number in every version of pandas.
    table[numbers] = table[numbers].replace("", "nan").to_numpy(object).astype(float)
    return table.assign(flat=table["flat"] == "True")


def _name(label, method, frame, few):
    # The catalogue knows the pictures by their bytes, the masks by their paths alone.
    masks = hashlib.sha256(b"".join(Path(path).read_bytes() for path in frame["mask"]))
    settings = [
        VERSION, asdict(method), catalogue.fingerprint(frame), masks.hexdigest(), few,
        faithfulness.STEPS, robustness.RADIUS, SAMPLES, SEEDS,
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]
    return f"{''.join(sign if sign.isalnum() else '-' for sign in label)}-{key}.csv"


def _measure(classifier, frame, methods, few, paths, title):
    pictures = [images.decode(path) for path in frame["path"]]
    masks = [images.read_mask(path) for path in frame["mask"]]
    for path, picture, mask in zip(frame["mask"], pictures, masks, strict=True):
        if mask.shape != picture.shape[:2]:
            raise InputError(f"{path}: a mask of {mask.shape}, its picture has {picture.shape[:2]}")
    targets = classifier.scores(pictures).argmax(1)
    about = frame[["label", "subject", "source"]].assign(
        said=[classifier.classes[target] for target in targets]
    )
    with tqdm(methods.items(), desc=title, unit="method", leave=None) as bar:
        for label, method in bar:
            bar.set_postfix_str(label)
            table, kept = about.iloc[:0], paths[label].with_suffix("")
            if method.suits(classifier):
                if method.module in SLOW:
                    method = Keeping(method, classifier, kept, label)
                rows = measure(method, classifier, pictures, masks, targets, few)
                table = pd.concat([about, rows], axis=1)
            write_whole(paths[label], table.to_csv(index=False))
            shutil.rmtree(kept, ignore_errors=True)


def measure(method, classifier, pictures, masks, targets, few):
    """All measures of one method.

    Args:
        method: Method, or one in a `Keeping`. classifier: as in `scores`.
        pictures: list of uint8 (h, w, 3) RGB. masks: list of uint8 (h, w), 0, 128 or 255.
        targets: class number of each. few: see `scores`.

    Returns:
        DataFrame, a row a picture: the columns of `overlap.scores`, flat (whether the map is),
        note (what the explainer says of it), deletion, insertion (areas), sensitivity, stability,
        ranks and ssim (of `sanity.compare`, the former without sign, NaN without a network); the
        last four NaN for flat maps, and but on the first `few`.
    """
    found = method(classifier, pictures, target=targets)
    maps = [explanation.map for explanation in found]
    rows = pd.DataFrame(
        [overlap.scores(map, mask) for map, mask in zip(maps, masks, strict=True)]
    ).assign(
        flat=[np.ptp(map) == 0 for map in maps],
        note=[explanation.note for explanation in found],
        deletion=faithfulness.area(faithfulness.deletion(classifier, pictures, maps, targets)),
        insertion=faithfulness.area(faithfulness.insertion(classifier, pictures, maps, targets)),
        sensitivity=np.nan, stability=np.nan, ranks=np.nan, ssim=np.nan,
    )  # fmt: skip
    some, first, count = pictures[:few], list(targets[:few]), min(few, len(maps))

    def again(shown):
        return [explanation.map for explanation in method(classifier, shown, target=first)]

    early = rows.index[:count]
    rows.loc[early, "sensitivity"] = robustness.max_sensitivity(
        again, some, maps[:few], samples=SAMPLES
    )
    if hasattr(classifier, "network"):
        from smears.explain import sanity  # needs Keras

        ranks, similarity = sanity.compare(method, classifier, some, maps[:few], first)
        # A map turned into its opposite still shows the picture's parts and not what was learnt.
        rows.loc[early, "ranks"], rows.loc[early, "ssim"] = np.abs(ranks), similarity
    if method.seeded:
        more = [method(classifier, some, target=first, seed=seed) for seed in range(1, SEEDS)]
        rows.loc[early, "stability"] = [
            robustness.stability([explanation.map for explanation in one])
            for one in zip(found[:few], *more, strict=True)  # found has seed 0
        ]
    # What says nothing to begin with, cannot be seen to change or to stay.
    rows.loc[rows["flat"], ["sensitivity", "stability", "ranks", "ssim"]] = np.nan
    return rows
