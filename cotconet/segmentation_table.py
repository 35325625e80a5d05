"""How well leukocytes are found: LeuSAM, U-Net, UNet++ and a colour threshold, by true masks."""

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
import pandas as pd

from cotconet import recipe, region, segmentation
from cotconet.preparation import Files
from cotconet.segmentation import dice, iou, is_on_black, on_black, otsu_watershed
from smears import InputError, backend, catalogue, reports, sources, splits, statistics
from smears.augmentation import Augmenter
from smears.runs import Run, hardware, write_whole
from smears.weights import by_content

# Versions of the stages that decide scores: of the runs whose settings name none.
FIRST = {"segment": 1, "prepare": 2}
THRESHOLD = "Otsu + watershed"
# Label -> kind of segmenter, see `segmentation.learned`.
METHODS = {"LeuSAM": "leusam", "U-Net": "unet", "UNet++": "unet++"}
# What prompts them: kind -> boxes of its rows.
BOXES = {"leusam": ("threshold", "true"), "unet": ("–",), "unet++": ("–",)}


@dataclass(frozen=True)
class Profile:
    """Sizes of one profile: arguments of LeuSAM and of U-Nets, epochs among them; drawn smears.

    Without epochs LeuSAM is trained for as many as its start asks for (`leusam.EPOCHS`).
    """

    leusam: dict
    unet: dict
    drawn: dict = field(default_factory=dict)


DRAWN = {"classes": "all-normal", "size": 128}
PROFILES = {
    "quick": Profile(
        {"size": "tiny", "epochs": 40},
        {"side": 64, "filters": [8, 16, 32, 64, 128], "epochs": 20},
        {**DRAWN, "subjects": 12, "images": 6},
    ),
    "laptop": Profile(
        {"size": "small", "epochs": 40},
        {"side": 96, "filters": [16, 32, 64, 128, 256], "epochs": 40},
        {**DRAWN, "subjects": 40, "images": 5},
    ),
    "paper": Profile(
        {"size": "base"},
        {"side": 256, "epochs": 60},
        {**DRAWN, "subjects": 40, "images": 5},
    ),
}
# A smear has no up and cells have many sizes; where the encoder is trained (assumed, C9).
AUGMENTER = Augmenter(
    rotation_range=20, width_shift_range=0.08, height_shift_range=0.08, zoom_range=0.15,
    horizontal_flip=True, vertical_flip=True, quarter_turns=True, fill_mode="reflect",
)  # fmt: skip


class Cells:
    """Rows of a catalogue as two sequences, read when asked for.

    Args:
        frame: catalogue rows; a row without a mask must be a cell on black (C-NMC), whose mask
            are its own pixels.
    """

    def __init__(self, frame):
        self.images, self.frame = Files(frame), frame
        self.masks = [self._mask(i) for i in range(len(frame))]

    def _mask(self, row):
        own = self.images.true_mask(row)
        if own is not None:
            return own
        image = self.images[row]
        if not is_on_black(image):
            raise InputError(
                f"{self.images.paths[row]} has no mask and is no cell on black: give data with "
                "masks (zheng, drawn) or with cut-out cells (cnmc)."
            )
        return on_black(image)


class Comparison:
    """Data, split, trainings and scores of one command.

    Args:
        options: argparse.Namespace with data, profile, methods (keys of `METHODS`), seeds (list of
            int), weights (path or None), skip_bad and out (Path).
    """

    def __init__(self, options):
        self.options, self.profile = options, PROFILES[options.profile]
        frame = sources.load(
            options.data, options.out / "data", skip_bad=options.skip_bad,
            drawn=self.profile.drawn,
        )  # fmt: skip
        # Parts are balanced over what the pictures come from; what kind of cell it is, no one
        # asks here.
        origin = map(_origin, frame["data"], frame["source"])
        self.frame = frame.assign(label=list(origin))
        self.fingerprint = catalogue.fingerprint(self.frame)
        self.masks = catalogue.mask_name(self.frame)
        ((self.parts, self.audit, self.split),) = splits.stored(
            self.frame, self.fingerprint, options.out / "splits"
        )

    @cached_property
    def test(self):
        """Cells of the test part."""
        return self.cells("test")

    def cells(self, part):
        """Cells of a part, "train", "validation" or "test"."""
        return Cells(self.frame[(self.parts == part).to_numpy()].reset_index(drop=True))

    def train(self):
        """Train each method and seed that has no scores yet: dict of method -> runs."""
        return {
            method: [self._run(method, seed) for seed in self.options.seeds]
            for method in self.options.methods
        }

    def _run(self, method, seed):
        kind = METHODS[method]
        settings = {"seed": seed, "data": self.fingerprint, "split": self.split}
        if kind == "leusam":
            settings |= {"model": method, **by_content(self._leusam)}
        else:
            settings |= {"model": kind, **self.profile.unet}
        if self.masks:
            settings["masks"] = self.masks
        versions = {stage: recipe.VERSIONS[stage] for stage in FIRST}
        if versions != FIRST:
            settings["versions"] = versions
        run = Run(self.options.out / "runs", f"{method} seed {seed}", settings)
        if not (run.folder / "scores.csv").exists():
            model = self._untrained(kind, seed)
            train, held = self.cells("train"), self.cells("validation")
            model.fit(
                train.images, train.masks, run, validation=(held.images, held.masks),
                augmenter=None if getattr(model, "frozen", False) else AUGMENTER,
                title=f"{method} seed {seed}", epochs=settings["epochs"],
            )  # fmt: skip
            run.note(title=model.title)
            scores = self._scores(model, BOXES[kind])
            write_whole(run.folder / "scores.csv", scores.to_csv(index=False))
        return run

    @cached_property
    def _leusam(self):
        """Arguments of LeuSAM and its epochs, with the weights that can be had now."""
        given = {**self.profile.leusam, "weights": self.options.weights or "auto"}
        if given["size"] != "base":
            return given  # without a look for weights: a stored table needs no Keras
        backend.start()
        from cotconet import leusam

        found = leusam.found(given)
        return {"epochs": leusam.EPOCHS[found["weights"] is not None], **found}

    def _untrained(self, kind, seed):
        backend.start()
        network = self._leusam if kind == "leusam" else {**self.profile.unet, "kind": kind}
        network = {name: value for name, value in network.items() if name != "epochs"}
        return segmentation.learned(kind)(**network, seed=seed)

    def _scores(self, model, boxes):
        """A row for each test picture and box of `BOXES`: its Dice and IoU."""
        cells = self.test
        around = [region.box(mask, 0) for mask in cells.masks]
        return pd.concat(
            [
                self._table(model.masks(cells.images, around if box == "true" else None), box)
                for box in boxes
            ]
        )

    def _table(self, masks, box):
        pairs = list(zip(masks, self.test.masks, strict=True))
        table = self.test.frame[["sha256", "subject", "source", "label"]].assign(box=box)
        return table.assign(dice=[dice(*p) for p in pairs], iou=[iou(*p) for p in pairs])

    @cached_property
    def threshold(self):
        """Scores of the colour threshold on the test part."""
        cells = self.test
        return self._table([otsu_watershed(cells.images[i]) for i in range(len(cells.masks))], "–")

    def table(self, runs):
        """(DataFrame of texts, caption lines) of what `train` returned."""
        scores = {
            method: [_read(run.folder / "scores.csv") for run in own]
            for method, own in runs.items()
        }
        rows = []
        for label in sorted(set(self.threshold["label"])):
            rows.append(_row(THRESHOLD, label, "–", [self.threshold]))
            for method, found in scores.items():
                title = runs[method][0].facts["title"]
                rows += [_row(title, label, box, found) for box in BOXES[METHODS[method]]]
        several = [run for own in runs.values() for run in own]
        names = " + ".join(map(sources.short, self.options.data))
        machines = " and ".join(sorted({run.hardware for run in several} - {""})) or hardware()
        lines = [
            f"Profile {self.options.profile}; data: {names}, {len(self.frame)} images; seeds: "
            f"{len(self.options.seeds)}; trained on {machines}.",
            self.audit.line,
            "Cell: nucleus and cytoplasm. Mean over the test part's images of each one's Dice and "
            "IoU at its own size; 95% interval from a bootstrap over subjects (where unknown, "
            "source images)" + (" and seeds." if len(self.options.seeds) > 1 else "."),
            "Box: what prompts LeuSAM. threshold: round the mask of the row above; true: round the "
            "true mask, which at least tells where the cell is and how large. –: no prompt.",
            "The threshold's constants were chosen on Zheng et al.'s images, test images included "
            "(C8), which flatters its row on them.",
        ]
        if self.options.data == ["drawn"]:
            lines.append("Drawn smears: this shows that the method trains; nothing about blood.")
        return pd.DataFrame(rows), lines

    def sheet(self, run, path, count=12):
        """Contact sheet of the test pictures that a run's network does worst, without true boxes.

        Three columns a picture: itself, the true mask, ours. Returns the path.
        """
        backend.start()
        kind = METHODS.get(run.settings["model"], run.settings["model"])
        cells, model = self.test, segmentation.learned(kind).load(run.folder)
        scores = _read(run.folder / "scores.csv")
        scores = scores[scores["box"] != "true"]["dice"].to_numpy()
        shown, titles = [], []
        for row in np.argsort(scores, kind="stable")[:count]:
            image = cells.images[int(row)]
            shown += [image, _outlined(image, cells.masks[row]), _outlined(image, model(image))]
            titles += [cells.frame["source"][row], "true", f"Dice {scores[row]:.2f}"]
        heading = f"{run.facts['title']}: the worst of {len(scores)} test images"
        reports.contact_sheet(shown, titles, path, columns=6, heading=heading)
        return path


def _read(path):
    """Scores of one training; names of people and images stay texts, numbers though they be."""
    texts = dict.fromkeys(["sha256", "subject", "source", "label", "box"], str)
    return pd.read_csv(path, dtype=texts, keep_default_na=False)


def _origin(data, source):
    """What a picture comes from: the data set, of Zheng et al.'s two each apart."""
    return source.split("/")[0] if data == "zheng" else data


def _row(method, label, box, scores):
    found = {"Method": method, "Data": label, "Box": box}
    own = [s[(s["label"] == label) & (s["box"] == box)] for s in scores]
    unit = catalogue.unit_of(own[0])
    for title, column in (("Dice (95% CI)", "dice"), ("IoU (95% CI)", "iou")):
        values = np.stack([s[column].to_numpy(float) for s in own])
        found[title] = "{:.3f} ({:.3f}–{:.3f})".format(*statistics.mean_by_subject(values, unit))
    low = np.mean([s["dice"].to_numpy(float) for s in own], 0) < 0.8
    found["Dice < 0.8"] = str(int(low.sum()))
    return {**found, "n test": str(len(own[0]))}


def _outlined(image, mask):
    """A picture with its mask's outline in green."""
    lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    width = max(1, round(max(image.shape) / 100))
    return cv2.drawContours(image.copy(), lines, -1, (0, 220, 0), width)
