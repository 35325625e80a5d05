"""A trained network with all that its pictures need: pictures in, probabilities out."""

from dataclasses import dataclass, field

import numpy as np

from smears import InputError, calibration, images
from smears.runs import Run

BATCH = 16  # pictures at a time; the last batch is filled up, so that nothing is compiled again


@dataclass(frozen=True)
class Classifier:
    """What serving, predicting and explaining share, so that none can differ from training.

    Args:
        network: flat Keras model from preprocessed float32 (n, size, size, 3) to probabilities.
        classes: class names in the order of its outputs.
        size: side of its input in pixels.
        mode: how pixels are scaled, see `smears.pictures.preprocess`.
        temperature: of `calibration.scale`; 1 leaves probabilities as they are.
        about: dict of what is known of its training: settings, facts, environment, calibration.
    """

    network: object
    classes: tuple
    size: int
    mode: str | None
    temperature: float = 1.0
    about: dict = field(default_factory=dict)

    @classmethod
    def load(cls, path):
        """The network of a finished run.

        Args:
            path: folder of a run, or the model.keras in it.

        Raises:
            InputError: no such folder or file, not finished, a file that `model_files.load`
                refuses, or one that does not fit the run's size and classes.
        """
        from smears import backend

        backend.start()
        from smears import model_files

        run = Run.read(path)
        folder, file = run.folder, run.folder / "model.keras"
        lacking = [name for name in ("classes", "preprocess") if name not in run.facts]
        if (folder / "model").is_dir():
            raise InputError(
                f"{folder} is a run of CoTCoNet or of a method it is compared with: "
                "python -m cotconet.predict answers with it."
            )
        if run.finished and not file.is_file():
            raise InputError(
                f"{folder} is finished, but its network is not there (model.keras): results may be "
                "kept without. Give its table's script another --out, and it is trained anew."
            )
        if lacking or not run.finished:
            raise InputError(
                f"{folder} is no finished run of a network: it lacks "
                f"{', '.join(lacking) or 'predictions.csv'}. Train it to its end first; tables "
                "print their runs' folders."
            )
        network, size = model_files.load(file), run.settings["size"]
        classes = tuple(run.facts["classes"])
        _check_fit(file, network, size, classes)
        found = calibration.of(run.predictions)
        return cls(
            network, classes, size, run.facts["preprocess"], found["temperature"],
            {
                "run": folder.name, "settings": run.settings, "facts": run.facts,
                "environment": run.environment, "calibration": found,
            },
        )  # fmt: skip

    @property
    def inspected(self):
        """Side in pixels of the square in which `smears.inspection` measures pictures."""
        return self.size

    def prepare(self, pictures):
        """Pictures as the network takes them.

        Args:
            pictures: sequence of uint8 (h, w, 3) RGB, sizes may differ.

        Returns:
            float32 (n, size, size, 3), resized and scaled as in training.
        """
        from smears.pictures import preprocess

        squares = [images.resize(picture, self.size) for picture in pictures]
        return preprocess(np.stack(squares), self.mode)

    def scores(self, pictures, batch=BATCH):
        """The network's own probabilities, float64 (n, classes), of uint8 RGB pictures.

        Args:
            pictures: sequence of uint8 (h, w, 3) RGB.
            batch: pictures at a time, up to which the last ones are filled with empty ones.

        Raises:
            InputError: an array that is no picture, or a path.
        """
        for number, picture in enumerate(pictures):
            images.check(number, picture)
        found = np.empty((len(pictures), len(self.classes)))
        for start in range(0, len(pictures), batch):
            x = self.prepare(pictures[start : start + batch])
            filled = np.concatenate([x, np.zeros((batch - len(x), *x.shape[1:]), x.dtype)])
            found[start : start + len(x)] = self.network.predict_on_batch(filled)[: len(x)]
        return found

    def calibrated(self, scores):
        """Probabilities whose confidence was fitted on the validation part, (n, classes)."""
        return calibration.scale(scores, self.temperature)


def _check_fit(file, network, size, classes):
    """Refuse a network that cannot be of the run in whose folder its file stands."""
    sides = [side for side in network.input_shape[1:3] if side not in (None, size)]
    if sides or network.output_shape[-1] != len(classes):
        raise InputError(
            f"{file} takes pictures {network.input_shape[1:]} and gives "
            f"{network.output_shape[-1]} numbers, but the run in whose folder it stands has {size} "
            f"pixels and {len(classes)} classes: give the run's own model.keras."
        )
