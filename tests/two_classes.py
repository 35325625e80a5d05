"""A recipe of two classes that invents predictions, so that CoTCoNet's tables need no training."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import drawings

from cotconet import recipe as real
from smears import commandline
from smears.study import Results


def recipe(train):
    """CoTCoNet's recipe on small drawn cells, with `train(task, run)` in its training's place."""
    drawn = {"classes": "all-normal", "subjects": 9, "images": 4, "size": 32}
    return SimpleNamespace(
        CLASSES=real.CLASSES, PAPER_SPLIT=real.PAPER_SPLIT, ASSUMED=real.ASSUMED,
        PROFILES={"quick": SimpleNamespace(drawn=drawn)}, settings=real.settings,
        refuse=real.refuse, learns_masks=real.learns_masks, train=train,
        networks=real.networks, published_counts=real.published_counts, positive=real.positive,
    )  # fmt: skip


def results(study, standin, out, *argv):
    """Trained smears.study.Results of a study with that recipe, as a script would have them."""
    drawings.put(Path(out), standin.PROFILES["quick"].drawn)
    study = replace(study, recipe=standin, long=())
    options = commandline.parse([study], ["--profile", "quick", "--out", str(out), *argv])
    found = Results(study, options)
    found.train()
    return found
