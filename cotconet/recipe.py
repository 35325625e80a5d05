"""How every row of CoTCoNet's tables is trained: sizes by profile, settings by row.

Nothing here needs Keras, so that `--help` and stored tables are quick; `cotconet.pipeline` does
the work.
"""

from dataclasses import dataclass, field

from cotconet.rivals import profiles
from smears import cost
from smears.positive import by_name

# The public sets' own, in the order of the outputs; others follow them.
CLASSES = (
    "ALL", "normal", "Healthy", "B-ALL", "MM", "immature", "mature", "malignant", "benign",
)  # fmt: skip

# 10% of the images are tested, at image level (derived, C29); the paper names no
# validation part: as many are taken for it (assumed, C29).
PAPER_SPLIT = ("image", 10)
# How the names of pictures begin that have no file, in predictions made under that protocol.
SYNTHETIC = "synthetic-"
# LeuGAN's pictures that vary less than that share of real ones are nearly one and the same
# (assumed, C12): of drawn discs such ones had 0.04 to 0.08, others 0.4 and more.
COLLAPSED = 0.3
# Of the stages. Raise a number when its stage comes to compute something else: what it left behind
# is then not taken, and tables say which finished trainings are of the old one.
VERSIONS = {"enhance": 1, "segment": 1, "prepare": 2, "synthesise": 2, "extract": 2,
            "rebuild": 2, "select": 3, "classify": 2}  # fmt: skip


# What the paper leaves open or contradicts, for model cards: topic -> numbers in DEVIATIONS.md.
ASSUMED = {
    "images": "C1, C3", "split and validation": "C2, C29", "synthesis": "C4, C11 to C14",
    "precision and recall": "C5, C30", "enhancement": "C6", "region and masks": "C7, C8, C10",
    "LeuSAM": "C9, C32", "features": "C15 to C19", "HDLC": "C20", "graph": "C21, C22",
    "selection": "C23 to C28", "whole fields": "C31", "other steps of Table 7": "C33 to C36",
    "compared methods": "C37",
}  # fmt: skip


@dataclass(frozen=True)
class Profile:
    """Sizes, widths and lengths of training, and nothing else: the method is the same.

    Args:
        size: side of the cut-out cells in pixels (224; assumed).
        leusam, leugan, extractor, selector, hdlc: settings of the stages, see cotconet.pipeline.
        unet: of the segmenters "unet" and "unet++". mirnet: of the enhancement "mirnet".
        vits: dict name -> extractor settings of Table 7's other transformers (C35): patches twice
            GMod's for /32, as large for /16; wider and deeper from B over L to H.
        drawn: arguments of `smears.drawn.read` when no data is given.
    """

    size: int
    leusam: dict = field(default_factory=dict)
    leugan: dict = field(default_factory=dict)
    extractor: dict = field(default_factory=dict)
    selector: dict = field(default_factory=dict)
    hdlc: dict = field(default_factory=dict)
    unet: dict = field(default_factory=dict)
    mirnet: dict = field(default_factory=dict)
    vits: dict = field(default_factory=dict)
    drawn: dict = field(default_factory=dict)


PROFILES = {
    "quick": Profile(
        size=64,
        leusam={"size": "small", "epochs": 8, "most": 100},
        leugan={"size": 64, "width": 128, "epochs": 120, "batch_size": 16},
        extractor={"patch_size": 8, "depth": 2, "num_heads": 3, "epochs": 12},
        selector={"population": 10, "iterations": 10},
        hdlc={"epochs": 30},
        unet={"side": 64, "filters": [16, 32, 64, 128, 256], "epochs": 8, "most": 100},
        mirnet={"side": 64, "features": 16, "blocks": 1, "epochs": 8, "most": 64},
        vits={
            "ViT-B/32": {"patch_size": 16, "width": 192, "depth": 2, "num_heads": 3, "epochs": 12},
            "ViT-L/32": {"patch_size": 16, "width": 256, "depth": 4, "num_heads": 4, "epochs": 12},
            "ViT-H/16": {"patch_size": 8, "width": 320, "depth": 5, "num_heads": 5, "epochs": 12},
        },
        # Many people rather than many cells: of few normal ones it learns those few (C17).
        drawn={"classes": "all-normal", "subjects": 90, "images": 2, "size": 96},
    ),
    "laptop": Profile(
        size=64,
        leusam={"size": "small", "epochs": 15, "most": 300},
        leugan={"size": 64, "width": 256, "epochs": 200, "batch_size": 16},
        extractor={"patch_size": 8, "depth": 4, "num_heads": 3, "epochs": 20},
        unet={"side": 64, "filters": [16, 32, 64, 128, 256], "epochs": 15, "most": 300},
        mirnet={"side": 128, "features": 16, "blocks": 1, "epochs": 15, "most": 300},
        vits={
            "ViT-B/32": {"patch_size": 16, "width": 192, "depth": 4, "num_heads": 3, "epochs": 20},
            "ViT-L/32": {"patch_size": 16, "width": 256, "depth": 8, "num_heads": 4, "epochs": 20},
            "ViT-H/16": {"patch_size": 8, "width": 320, "depth": 10, "num_heads": 5, "epochs": 20},
        },
        drawn={"classes": "all-normal", "subjects": 20, "images": 10, "size": 224},
    ),
    "paper": Profile(
        size=224,
        leusam={"size": "base"},
        leugan={"size": 256, "width": 1024, "epochs": 200},
        extractor={
            "patch_size": 16,
            "depth": 12,
            "num_heads": 12,
            "epochs": 20,
            "weights": "auto",
        },
        unet={"side": 256, "epochs": 60},
        mirnet={"side": 256, "epochs": 50},
        vits={
            "ViT-B/32": {
                "patch_size": 32,
                "width": 768,
                "depth": 12,
                "num_heads": 12,
                "weights": "auto",
            },
            "ViT-L/32": {
                "patch_size": 32,
                "width": 1024,
                "depth": 24,
                "num_heads": 16,
                "weights": "auto",
            },
            # No weights of this one were published, so it starts at random.
            "ViT-H/16": {"patch_size": 16, "width": 1280, "depth": 32, "num_heads": 16},
        },
        drawn={"classes": "all-normal", "subjects": 40, "images": 20, "size": 224},
    ),
}

# What a row may change: arguments of cotconet.pipeline.CoTCoNet.
METHOD = {
    "enhance": ["clahe", "sharpen"],  # stated (3.2)
    "segment": "leusam",  # stated (3.2)
    "cell_scale": "common",  # assumed (C7)
    "synthesise": "leugan",  # stated (3.3)
    "features": ["gmod", "smod"],  # stated (3.4)
    "graph": True,  # stated (3.4.3)
    "select": True,  # stated (3.5)
}
STAGES = ("leusam", "leugan", "extractor", "selector", "hdlc")


def settings(profile, **row):
    """Everything that decides how a row is trained, as one flat JSON-able dict.

    Args:
        profile: key of `PROFILES`.
        **row: what differs from CoTCoNet itself, e.g. graph=False; or `method`, the name of a
            compared one, and what differs from it (`rivals.profiles.settings`).

    Raises:
        ValueError: an argument that nothing reads, or no extractor's name.
    """
    if "method" in row:
        return profiles.settings(profile, **row)
    unknown = set(row) - {*METHOD, *STAGES, "size"}
    if unknown:
        raise ValueError(f"unknown settings of CoTCoNet: {unknown}")
    sizes = PROFILES[profile]
    stages = {name: getattr(sizes, name) for name in STAGES}
    if row.get("segment") in ("unet", "unet++"):
        stages["unet"] = sizes.unet
    if "mirnet" in row.get("enhance", ()):
        stages["mirnet"] = sizes.mirnet
    if isinstance(row.get("extractor"), str):
        if row["extractor"] not in sizes.vits:
            raise ValueError(
                f"extractor={row['extractor']!r}: give one of {', '.join(sizes.vits)}, or a dict "
                "of settings"
            )
        row = {**row, "extractor": sizes.vits[row["extractor"]]}
    if row.get("features") == ["vgg16"]:
        # Of GMod's settings those of the training alone mean something to VGG-16.
        kept = ("epochs", "weights")
        stages["extractor"] = {k: v for k, v in sizes.extractor.items() if k in kept}
    return {"model": "CoTCoNet", "trunk": None, "size": sizes.size, **METHOD, **stages, **row}


def networks(settings):
    """The networks whose weights --weights may give a row (see smears.weights.files).

    "SAM" of LeuSAM and "ViT" of GMod, those of Table 7 by their own names. They are looked for in a
    folder where the row starts from published weights; where it starts at random, only what is
    given by name is taken.
    """
    if settings["trunk"] or "method" in settings:
        return {settings["trunk"]: True} if settings["trunk"] else {}
    found = {}
    if settings["segment"] == "leusam":
        found["SAM"] = settings["leusam"].get("size") == "base"
    if "gmod" in settings["features"]:
        own = settings["extractor"]
        others = (item for sizes in PROFILES.values() for item in sizes.vits.items())
        name = next((name for name, other in others if other == own), "ViT")
        found[name] = own.get("weights") == "auto"
    return found


def learns_masks(settings):
    """Whether a row learns from the data set's own masks, where it has some."""
    found = settings.get("segment") in ("leusam", "unet", "unet++")
    return found or settings.get("method") == "khandekar"  # whose boxes are those of masks


def refuse(classes):
    """Why CoTCoNet cannot be trained on these classes, or ""."""
    if len(classes) == 2:
        return ""
    return (
        f"CoTCoNet tells two classes apart, this data has {len(classes)}. Give two-class data, "
        "such as cnmc, allidb1, allidb2, snam, pbc-immature or taleqani-malignant."
    )


def published_counts():
    """{}: Table 1 counts several data sets, whose classes have the same names; it is a table."""
    return {}


def positive(classes):
    """The class that a binary table calls positive: the cancer (assumed, C30), else the first."""
    return by_name(classes) or classes[0]


def train(task, run):
    """Train one row on a smears.material.Task and write its predictions into the run."""
    if "method" in run.settings:
        from cotconet.rivals import fitting
    else:
        from cotconet import fitting

    with cost.measured() as found:
        fitting.train(task, run)
    run.note(**found)
