"""`python -m cotconet.predict --model RUN IMAGES...`: the tables' networks on new pictures."""

import sys

import numpy as np

from smears import InputError, calibration, predict_command
from smears.runs import Run

# Grad-CAM and saliency follow gradients, of which the selection of features has none.
EXPLAINERS = ("lime",)


def main(argv=None):
    """See `smears.predict_command.main`."""
    return predict_command.main("cotconet", _load, EXPLAINERS, argv)


def _load(path):
    return Pipeline(Run.read(path))


class Pipeline:
    """A finished run's method, as `smears.predict` and `smears.explain.lime` ask for it.

    It has no `size`: each takes pictures of any size, so none is resized before.

    Args:
        run: finished smears.runs.Run of `cotconet.fitting` or `cotconet.rivals.fitting`.

    Raises:
        InputError: a run that is not finished, or of another paper.
    """

    def __init__(self, run):
        from cotconet import rivals
        from cotconet.pipeline import CoTCoNet

        if not run.finished or not (run.folder / "model" / "settings.json").exists():
            raise InputError(
                f"{run.folder} is no finished run of CoTCoNet's tables with its networks "
                "(model/), without which results may be kept: give one that `table5.py --paper "
                "cotconet` names, or train it anew with another --out."
            )
        load = rivals.load if "method" in run.settings else CoTCoNet.load
        self.model = load(run.folder / "model")
        self.inspected = run.settings["size"]
        self.classes = tuple(run.facts["classes"])
        found = calibration.of(run.predictions)
        self.temperature = found["temperature"]
        self.about = {"run": run.folder.name, "facts": run.facts, "calibration": found}

    def scores(self, pictures):
        """The method's own probabilities, float (n, 2), of uint8 (h, w, 3) RGB pictures."""
        order = [self.model.classes_.tolist().index(name) for name in self.classes]
        return np.asarray(self.model.predict_proba(list(pictures)))[:, order]

    def calibrated(self, scores):
        """As smears.classifier.Classifier has it."""
        return calibration.scale(scores, self.temperature)


if __name__ == "__main__":
    sys.exit(main())
