"""An explainer whose maps outlive a kill, for LIME on a whole pipeline takes an hour."""

import hashlib

import numpy as np
from tqdm import tqdm

from smears.arrays import write_stream
from smears.explain import Explanation
from smears.runs import write_whole


class Keeping:
    """A `scoring.Method` that explains one picture at a time and keeps each map when it is made.

    Of one classifier; another one, such as that with random weights, is explained as ever.

    Args:
        method: scoring.Method. classifier: whose maps are kept, as in `scoring.scores`.
        folder: pathlib.Path of theirs, which names the classifier, the method and its settings.
        title: on the progress bar.
    """

    def __init__(self, method, classifier, folder, title=""):
        self.method, self.classifier, self.folder, self.title = method, classifier, folder, title
        self.seeded = method.seeded

    def __call__(self, classifier, pictures, target, seed=0):
        """List of `Explanation`, map and note alone; target: a list of class numbers."""
        if classifier is not self.classifier:
            return self.method(classifier, pictures, target=target, seed=seed)
        pairs = list(zip(pictures, target, strict=True))
        return [
            self._kept(picture, int(one), seed)
            for picture, one in tqdm(pairs, desc=self.title, unit="picture", leave=None)
        ]

    def _kept(self, picture, target, seed):
        known = hashlib.sha256(f"{picture.shape} {target} {seed}".encode())
        known.update(np.ascontiguousarray(picture).data)
        path = self.folder / f"{known.hexdigest()[:16]}.npy"
        note = path.with_suffix(".txt")
        if not path.exists():
            (found,) = self.method(self.classifier, [picture], target=[target], seed=seed)
            write_whole(note, found.note)
            write_stream(path, found.map.shape, np.float32, [found.map])  # last: then it counts
        map = np.load(path, allow_pickle=False)
        text = note.read_text(encoding="utf-8").rstrip("\n")
        return Explanation(map, target, self.method.module, note=text)
