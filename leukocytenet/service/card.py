"""What is known of a served network: classes, training, metrics, calibration, limits."""

import math
from importlib import metadata

import numpy as np

from leukocytenet.service import uploads, worker
from smears import metrics
from smears.runs import classes_of

NOTICE = "Research use only, not a medical device."
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
    """Scores on the test part of a run's predictions; None where it has none."""
    classes = classes_of(predictions)
    test = predictions[predictions["part"] == "test"]
    test = test[test["label"].isin(classes)]
    if not len(test):
        return None
    labels = test["label"].map({name: n for n, name in enumerate(classes)}).to_numpy()
    matrix = metrics.confusion(labels, test[classes].to_numpy().argmax(1), len(classes))
    scores = metrics.from_confusion(matrix)
    table = metrics.per_class(matrix)
    return {
        "part": "test",
        "pictures": len(test),
        "subjects": int(test["subject"].nunique()),
        "accuracy": float(scores["accuracy"]),
        "f1_macro": float(scores["f1_macro"]),
        "classes": [
            {"class": name, **row}
            for name, row in zip(classes, table.to_dict("records"), strict=True)
        ],
    }


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
