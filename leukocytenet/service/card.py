"""What is known of a served network: classes, training, metrics, calibration, limits."""

import math
from functools import partial
from importlib import metadata

import numpy as np

from leukocytenet.service import uploads, worker
from smears import metrics, tables
from smears.runs import classes_of

NOTICE = "Research use only, not a medical device."
OVERALL = ("accuracy", "f1_macro")
OF_CLASS = ("precision", "recall", "f1")
# What is told of the data: names of its sets, numbers, pictures a class and part, split and audit.
DATA = ("sets", "pictures", "subjects", "counts", "audit")


def card(classifier, run=None, methods=()):
    """JSON-able dict, the answer of GET /api/model.

    Args:
        classifier: smears.classifier.Classifier. run: the smears.runs.Run it is of, if any.
        methods: names of the explanations that can be asked for.
    """
    about = classifier.about
    facts = about.get("facts", {})
    text = run.folder / "MODEL_CARD.md" if run else None
    known = "training_pictures" in facts
    data = facts.get("described", {})
    return finite(
        {
            "name": about.get("settings", {}).get("model", "network"),
            "run": about.get("run", ""),
            "version": version(),
            "notice": NOTICE,
            "classes": list(classifier.classes),
            "input": {"pixels": classifier.size, "scaling": classifier.mode or "none"},
            "training": {
                "data": {key: data[key] for key in DATA if key in data},
                "settings": about.get("settings", {}),
                "weights": facts.get("weights", "not recorded"),
                "environment": about.get("environment", {}),
                "pictures": facts.get("training_pictures", {}),
            },
            "metrics": _metrics(run.predictions) if run else None,
            "calibration": about.get("calibration"),
            "warnings": {
                "size": True,
                "blur": known,
                "unlike_training": known,
                "reason": ""
                if known
                else "The run did not record what its training pictures look like, so pictures "
                "are not compared with them.",
            },
            "explanations": list(methods),
            "limits": {
                "bytes": uploads.MAX_BYTES, "files": uploads.MAX_FILES,
                "pixels": uploads.MAX_PIXELS, "waiting": worker.MOST_WAITING,
            },
            "card": text.read_text(encoding="utf-8") if text and text.exists() else "",
        }
    )  # fmt: skip


def version():
    try:
        return metadata.version("leukocyte-reproduction")
    except metadata.PackageNotFoundError:
        return "not installed"


def _metrics(predictions):
    """Scores on the test part of a run's predictions, with intervals; None where it has none."""
    classes = classes_of(predictions)
    test = predictions[(predictions["part"] == "test") & predictions["label"].isin(classes)]
    if not len(test):
        return None
    places = [(place, name) for place in range(len(classes)) for name in OF_CLASS]
    wanted = [partial(metrics.of_class, number=place, name=name) for place, name in places]
    found = dict(
        zip([*OVERALL, *places], tables.intervals([test], "test", [*OVERALL, *wanted]), strict=True)
    )
    subjects = int(test["subject"][test["subject"] != ""].nunique())
    return {
        "part": "test",
        "pictures": len(test),
        "subjects": subjects,
        "intervals": f"95%, bootstrap over {tables.units([test])}",
        **_with_intervals(OVERALL, [found[name] for name in OVERALL]),
        "classes": [
            {"class": label}
            | _with_intervals(OF_CLASS, [found[place, name] for name in OF_CLASS])
            | {"support": int((test["label"] == label).sum())}
            for place, label in enumerate(classes)
        ],
    }


def _with_intervals(names, triples):
    """Each score and its [low, high], which is None where no resample differs, as in tables."""
    found = {}
    for name, (value, low, high) in zip(names, triples, strict=True):
        found |= {name: value, f"{name}_interval": [low, high] if low < high else None}
    return found


def finite(value):
    """The same value with None for numbers that JSON has no sign for, and plain Python numbers."""
    if isinstance(value, dict):
        return {str(key): finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    if isinstance(value, np.ndarray | np.generic):
        return finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
