"""How every row of LeukocyteNet's tables is trained: sizes by profile, settings by row.

Nothing here needs Keras, so that `--help` and stored tables are quick; `leukocytenet.fitting`
does the work.
"""

from dataclasses import asdict, dataclass, field

from smears import published

# The ten classes, in the order of Table 6.
CLASSES = (
    "Lymphoma", "MDS", "ALL-Benign", "ALL-Early Pre-B", "ALL-Pre-B", "ALL-Pro-B", "AML", "CLL",
    "CML", "Healthy",
)  # fmt: skip

# The paper's own split is by image; 60/20/20 follows from the counts in the authors' notebook (D2).
PAPER_SPLIT = ("image", 5)

# What the paper leaves open or contradicts, for model cards: topic -> numbers in DEVIATIONS.md.
ASSUMED = {
    "image set": "D1", "split": "D2, D3", "augmentation": "D3, D4, D5, D19", "Swin block": "D6, D7",
    "learning rate and schedule": "D8", "input scaling": "D9", "class weights": "D10",
    "frozen networks": "D11", "single branches": "D13, D14", "random start": "D15",
    "intervals": "D16", "resizing": "D17", "precision": "D18", "explanations": "D20",
}  # fmt: skip

# Table 5's frozen networks; their constructors and preprocessing stand in `baselines.BACKBONES`.
FROZEN = ("Xception", "Inception V3", "MobileNet", "DenseNet121", "VGG19")


@dataclass(frozen=True)
class Profile:
    """Sizes and epochs, and nothing else: the method is the same in every profile.

    Args:
        size: side of LeukocyteNet's input in pixels (stated: 384).
        epochs: of LeukocyteNet and the ablations (stated: 50).
        frozen_size: side of the frozen baselines' input (authors' notebook: 224).
        frozen_epochs: at most so many for their heads (authors' notebook: 50).
        drawn: arguments of `smears.drawn.read` when no data is given.
    """

    size: int
    epochs: int
    frozen_size: int
    frozen_epochs: int = 50
    drawn: dict = field(default_factory=dict)


PROFILES = {
    "quick": Profile(64, 5, 96, 30, {"subjects": 20, "images": 3, "size": 96}),
    "laptop": Profile(128, 50, 224, 50, {"subjects": 20, "images": 10, "size": 224}),
    "paper": Profile(384, 50, 224, 50, {"subjects": 40, "images": 20, "size": 384}),
}

HYBRID = {
    "model": "LeukocyteNet",
    "shift_size": 1,  # stated (3-3-2)
    "alpha_dropout": 0.5,  # stated (3-3-2)
    "batch_size": 16,  # stated (3-3-2)
    "learning_rate": 2e-4,  # assumed: the paper gives none; 1e-4 without warm-up collapses
    "warmup": 0.1,  # assumed: share of all steps over which the rate rises from zero
    "clipnorm": 1.0,  # assumed: keeps the first steps from destroying the features
    "augment": "paper",  # stated (3-2-3, 4-4): balanced, of the training part alone
    "class_weight": True,  # stated (4-4)
}

HEAD = {
    "pooling": "flatten",  # authors' notebook
    "batch_size": 16,  # authors' notebook
    "learning_rate": 1e-3,  # authors' notebook: Adam's default
    "patience": 10,  # authors' notebook: early stopping on val_loss
    "plateau": {"patience": 5, "factor": 0.2, "min_lr": 2e-4},  # authors' notebook
    "augment": "paper",  # derived: the notebook's 4716 training images are 60% of the augmented set
    "class_weight": False,  # authors' notebook has none
}


def settings(profile, **row):
    """Everything that decides how a row is trained, as one flat JSON-able dict.

    Among it "trunk": the network whose pretrained weights the row starts from, None if from none.

    Args:
        profile: key of `PROFILES`.
        **row: what differs from LeukocyteNet itself, e.g. model="Xception".

    Raises:
        ValueError: an argument that nothing reads.
    """
    sizes = asdict(PROFILES[profile])
    frozen = row.get("model") in FROZEN
    chosen = HEAD if frozen else HYBRID
    own = {"VGG19 Only": {"head"}, "Swin Transformer Only": {"patch_size"}}
    unknown = set(row) - {*chosen, "model", "size", "epochs", *own.get(row.get("model"), ())}
    if unknown:
        raise ValueError(f"unknown settings of {row.get('model', 'LeukocyteNet')}: {unknown}")
    prefix = "frozen_" if frozen else ""
    trunk = row["model"] if frozen else "VGG19"
    if row.get("model") == "Swin Transformer Only":
        trunk = None
    return {
        **chosen,
        "trunk": trunk,
        "size": sizes[prefix + "size"],
        "epochs": sizes[prefix + "epochs"],
        **row,
    }


def learns_masks(settings):
    """No row of this paper learns from masks."""
    return False


def networks(settings):
    """The network whose weights --weights may give a row (see smears.weights.files)."""
    return {settings["trunk"]: True} if settings["trunk"] else {}


def refuse(classes):
    """LeukocyteNet tells any number of classes apart: never a reason against them."""
    return ""


def published_counts():
    """Class -> its images before augmentation by Table 2, as text, in the order of `CLASSES`."""
    paper = published.load("leukocytenet")
    return {name: paper.text(2, name, "original") for name in CLASSES}


def train(task, run):
    """Train one row on a smears.material.Task and write its predictions into the run."""
    from leukocytenet import fitting

    if run.settings["model"] in FROZEN:
        fitting.train_head(task, run)
    else:
        fitting.train_whole(task, run)


def predict(run, frame, task):
    """Predictions table of other pictures by the network that a finished run keeps."""
    import pandas as pd

    from leukocytenet import fitting
    from smears.runs import KEYS, names

    scores = pd.DataFrame(fitting.predict(run, frame, task), columns=run.facts["classes"])
    table = frame[KEYS].assign(path=names(frame["path"])).reset_index(drop=True)
    return pd.concat([table, scores], axis=1)
