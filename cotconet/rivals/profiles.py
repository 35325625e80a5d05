"""How every compared method is trained: sizes by profile, settings by row. Needs no Keras."""

from typing import NamedTuple


class Method(NamedTuple):
    """What a row calls a method, and the network whose pretrained weights it starts from.

    Args:
        label: row of the paper's tables. trunk: as --weights finds it; None: from scratch.
        stated: what its source, or the network that it names, states of its parameters.
        boxes: mAP at an IoU of 0.5 that a detector's source states.
        version: raise it when the method comes to compute something else: kept fits are stale, and
            tables say which finished trainings are of the old one.
    """

    label: str
    trunk: str | None
    stated: str
    boxes: str = ""
    version: int = 1


METHODS = {
    "mohammed": Method("Mohammed et al.", "DenseNet201", "DenseNet-201 without top: 18,321,984"),
    "gehlot": Method("Gehlot et al.", None, "its code: 95,371, and 480 moving"),
    "jawahar": Method("Jawahar et al.", None, 'none; "less computational complexity"'),
    "das": Method("Das et al.", "ResNet18", "ResNet-18 without top: 11,186,112"),
    "depto": Method(
        "Depto et al.", "DenseNet121", "DenseNet-121 without top: 7,037,504", version=3
    ),
    "khandekar": Method(
        "Khandekar et al.",
        "yolov4.conv.137",
        "darknet's cfg, two classes: 63,943,071",
        boxes="0.987 on C-NMC 2019 and 0.961 on ALL-IDB1",
        version=2,
    ),
}

# Sizes and lengths of training, and nothing else: the method is the same.
PROFILES = {
    "quick": {
        "mohammed": {"size": 64, "epochs": 5, "batch_size": 16},
        "gehlot": {"size": 96, "epochs": 6, "batch_size": 16},
        "jawahar": {"size": 64, "epochs": 7, "batch_size": 16},
        "das": {"size": 64, "epochs": 2, "batch_size": 16},
        "depto": {
            "size": 64, "epochs": 1, "batch_size": 32,
            "gan": {"size": 64, "width": 128, "epochs": 12, "batch_size": 16},
        },
        "khandekar": {
            "size": 96, "epochs": 2, "batch_size": 16, "width": 0.125, "depth": 0.125,
        },
    },
    "laptop": {
        "mohammed": {"size": 128, "epochs": 30, "batch_size": 32},
        "gehlot": {"size": 175, "epochs": 60, "batch_size": 32},
        "jawahar": {"size": 128, "epochs": 50, "batch_size": 32},
        "das": {"size": 128, "epochs": 15, "batch_size": 32},
        "depto": {
            "size": 128, "epochs": 10, "batch_size": 32,
            "gan": {"size": 64, "width": 256, "epochs": 60, "batch_size": 16},
        },
        "khandekar": {
            "size": 160, "epochs": 40, "batch_size": 16, "width": 0.25, "depth": 0.34,
        },
    },
    "paper": {
        "mohammed": {"size": 224, "epochs": 30, "batch_size": 32},
        "gehlot": {"size": 350, "epochs": 120, "batch_size": 64},
        "jawahar": {"size": 224, "epochs": 50, "batch_size": 32},
        "das": {"size": 224, "epochs": 30, "batch_size": 32},
        "depto": {
            "size": 224, "epochs": 30, "batch_size": 32,
            "gan": {"size": 256, "width": 1024, "epochs": 200, "batch_size": 64},
        },
        "khandekar": {"size": 416, "epochs": None, "batch_size": 64},
    },
}  # fmt: skip

# What a row may change besides: choices that a method's source leaves open.
CHOICES = {
    "mohammed": ("sequence", "head"),
    "gehlot": ("legacy_reshape",),
    "depto": ("synthesise",),
}


def settings(profile, method, **row):
    """Everything that decides how a method is trained, as one flat JSON-able dict.

    Args:
        profile: key of `PROFILES`. method: key of `METHODS`.
        **row: what differs from the method, e.g. synthesise=False.

    Raises:
        ValueError: no such method, or an argument that nothing reads.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r}: give one of {', '.join(METHODS)}")
    sizes = PROFILES[profile][method]
    unknown = set(row) - {*CHOICES.get(method, ()), *sizes}
    if unknown:
        raise ValueError(f"unknown settings of {method}: {unknown}")
    found = METHODS[method]
    return {"model": found.label, "trunk": found.trunk, "method": method, **sizes, **row}
