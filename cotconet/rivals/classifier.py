"""What the compared methods share: pictures in, probabilities out, trainings kept in a folder."""

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from cotconet.given import accepted, name_of, passing, plain
from cotconet.preparation import CHUNK, marks
from smears import InputError, backend, images, model_files, training
from smears import weights as weight_files
from smears.arrays import write_stream
from smears.features import outputs
from smears.normalisation import SettleNormalisation
from smears.pictures import Pictures
from smears.runs import Run, write_whole

FORMAT = 1
# A graph of so many layers takes longer to trace than so few steps take without one.
DEEP, FEW = 200, 64
SCRATCH = "random: trained from scratch, as its source does"


class Part(NamedTuple):
    """Pictures as a network takes them: file of uint8 (n, size, size, 3), labels 0 or 1 (n,)."""

    store: Path
    codes: np.ndarray


@dataclass(eq=False, repr=False)
class Rival(ClassifierMixin, BaseEstimator):
    """Leukemic against normal pictures by one of the compared methods; used by its subclasses.

    A subclass gives `build`, and overrides what it does otherwise: `mode`, `rows`, `augmenter`,
    `optimizer`, `train_network`, `learn`, `scores`. They see the whole picture, resized (Gehlot et
    al. its middle), and are stopped by the validation part (assumed, one rule for all: CoTCoNet's
    paper says nothing).

    Args:
        size: side of the input in pixels.
        epochs: at most so many.
        batch_size, learning_rate: of the training.
        patience: epochs without a better validation score until it ends; the best one is kept.
        weights: of a method that starts from pretrained ones: "imagenet" (downloaded), the path
            of a file, or None: random.
        positive: the class that is coded 1; None: the last of `classes_`.
        cache: folder of stored pictures and trainings, which killed fits go on from; None: a
            temporary one, gone with this object, and for a prediction one that is gone with the
            call.
        random_state: int, of weights, order, augmentation and dropout.

    Attributes:
        classes_: the two labels, sorted. facts_: dict, what came out on the way: weights used,
            parameters. history_: DataFrame, a row an epoch. network_: keras.Model, from pixels
            scaled by `mode` to probabilities of label 1 alone, (n, 1), or of both, (n, 2).
        arrays_: dict of what else predictions need, float arrays.
    """

    size: int = 224
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-4
    patience: int = 10
    weights: str | Path | None = None
    positive: str | None = None
    cache: str | Path | None = None
    random_state: int = 0

    # Without annotations, so they are no arguments. `mode`: of `smears.pictures.preprocess`.
    mode = "torch"
    monitor = "val_loss"
    class_weight = False
    settled = 4  # batches that normalisations are settled on before each validation
    augmenter = None
    before_split = False  # whether its source oversampled before it split
    networks = ("network",)  # what `save` keeps, each an attribute with "_" behind its name
    version = 1  # later ones: see `profiles.Method`

    # === What a method gives ===

    def build(self, train):
        """The network with its starting weights, and these in words.

        Args:
            train: Part, for starts that look at pictures.

        Returns:
            (keras.Model, text). The model's last layer is what `probabilities` gives of the
            logits that it is trained on by cross-entropy.
        """
        raise NotImplementedError

    def view(self, picture):
        """uint8 (h, w, 3) as the network takes it, uint8 (size, size, 3)."""
        return images.resize(picture, self.size)

    def rows(self, codes):
        """Rows of the training part that make an epoch; one may come often."""
        return np.arange(len(codes))

    def optimizer(self, steps):
        """A Keras optimizer; an epoch has so many steps."""
        return keras.optimizers.Adam(self.learning_rate)

    def learn(self, train, held):
        """Train on Parts, and keep what `scores` needs."""
        self.network_ = self.trained(train, held)

    def scores(self, part):
        """Probability of label 1 for a Part's pictures, float (n,)."""
        return self.shown(self.network_, part)[:, -1]

    def judged(self, pictures, y):
        """Dict of what else its source measures on a test part, {} for none. Args: as `fit`."""
        return {}

    # === The interface of CoTCoNet ===

    def fit(self, pictures, y, groups=None, validation=None):
        """Train the method.

        Args:
            pictures: sequence of uint8 (h, w, 3) RGB, sizes may differ: a list, an array
                (n, h, w, 3) or `cotconet.preparation.Files`.
            y: labels (n,), two different ones.
            groups: str (n,), the subject of each picture; "", None or NaN where unknown. Whole
                subjects are taken for validation.
            validation: (pictures, y), for early stopping; None: a fifth of the pictures.

        Raises:
            InputError: not two classes, or unequal lengths.
            ValueError: an argument that JSON cannot hold.
            smears.weights.NotAvailable: pretrained weights that cannot be downloaded.
        """
        pictures, y, _, validation = accepted(self, pictures, y, groups, validation)
        self.facts_, self.arrays_ = {}, {}
        self._open()
        self.learn(self._part(pictures, y), self._part(*validation))
        return self

    def predict_proba(self, pictures):
        """Probabilities float (n, 2), columns as `classes_`, of pictures as for `fit`."""
        check_is_fitted(self, "classes_")
        if len(pictures) == 0:
            return np.zeros((0, 2))
        with passing(self) as own:
            shown = Part(own._stored(pictures), np.zeros(len(pictures), int))
            positive = np.asarray(own.scores(shown), float)
        table = np.stack([1 - positive, positive], axis=1)
        return table if self.positive_ == self.classes_[1] else table[:, ::-1]

    def predict(self, pictures):
        """The more probable class of each picture, (n,)."""
        best = self.predict_proba(pictures).argmax(1)
        return self.classes_[best]

    def save(self, folder):
        """Write all that `predict_proba` needs, as data that runs no code when it is loaded.

        Files: settings.json, arrays.npz and a .keras file for each of `networks`.
        """
        check_is_fitted(self, "classes_")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.networks:
            getattr(self, f"{name}_").save(folder / f"{name}.keras", include_optimizer=False)
        np.savez(folder / "arrays.npz", **self.arrays_)
        known = {
            "format": FORMAT, "method": type(self).__name__, "facts": self.facts_,
            "arguments": {**self.get_params(), "cache": None, "weights": None, "positive": None},
            "classes": self.classes_.tolist(), "positive": str(self.positive_),
        }  # fmt: skip
        write_whole(folder / "settings.json", json.dumps(known, indent=1))

    @classmethod
    def load(cls, folder, cache=None):
        """The fitted method that `save` wrote; runs none of its code.

        Raises:
            InputError: not such a folder, a damaged one, another method's, or one of another
                version.
        """
        folder = Path(folder)
        try:
            known = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
            found = known["format"], known["method"]
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise InputError(
                f"{folder} is no saved {cls.__name__}: no settings.json to read"
            ) from problem
        if found != (FORMAT, cls.__name__):
            raise InputError(
                f"{folder} holds {found[1]} in format {found[0]}, not {cls.__name__} in format "
                f"{FORMAT}: train it again."
            )
        with model_files.reading(folder):
            return cls._restored(folder, known, cache)

    @classmethod
    def _restored(cls, folder, known, cache):
        """What `load` gives, of a folder's settings."""
        model = cls(**{**known["arguments"], "cache": cache})
        model._open()
        model.classes_, model.facts_ = np.array(known["classes"]), known["facts"]
        place = model.classes_.astype(str).tolist().index(known["positive"])
        model.positive_ = model.classes_[place]
        for name in cls.networks:
            setattr(model, f"{name}_", model_files.load(folder / f"{name}.keras"))
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            model.arrays_ = dict(arrays)
        return model

    # === Shared work ===

    def trained(self, train, held, **settings):
        """A trained network, under a Run of its own named by the Parts and these settings too, or
        the one that is kept there."""
        run = self.kept("network", train, held, **settings)
        path = run.folder / "network.keras"
        if path.exists():
            network = model_files.load(path)
        else:
            backend.seed(self.random_state)
            # The machine's, not the method's; a run that another machine goes on with keeps its.
            precision = run.facts.get("precision", backend.precision())
            with backend.policy(precision):
                network, kind = self.build(train)
            run.note(precision=precision, weights=kind, parameters=network.count_params())
            self.train_network(network, train, held, run)
            run.keep(network, "network")
            run.drop_checkpoint()
        self.history_ = run.history
        self.facts_ |= {name: run.facts[name] for name in ("weights", "parameters", "precision")}
        return network

    def train_network(self, network, train, held, run):
        """Train what `build` gave, in a Run.

        Cross-entropy on the logits: Keras clips a probability, and where it does, JAX has no
        gradient left.
        """
        units = network.output_shape[-1]
        sets = [
            self.pictures(train, units, self.rows(train.codes), shuffle=True,
                          augmenter=self.augmenter),
            self.pictures(held, units),
        ]  # fmt: skip
        last = network.layers[-1]
        if not isinstance(last, keras.layers.Activation):
            raise TypeError(
                f"{type(self).__name__}.build: the network must end with "
                f"`classifier.probabilities(logits)`, not with {last.name} ({type(last).__name__})."
            )
        whole = keras.Model(network.inputs[0], last.input, name="logits")
        if units == 1:
            loss = keras.losses.BinaryCrossentropy(from_logits=True)
            accuracy = keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)
        else:
            loss = keras.losses.CategoricalCrossentropy(from_logits=True)
            accuracy = keras.metrics.CategoricalAccuracy("accuracy")
        brief = len(network.layers) > DEEP and self.epochs * len(sets[0]) < FEW
        whole.compile(self.optimizer(len(sets[0])), loss, metrics=[accuracy], run_eagerly=brief)
        plain = self.pictures(train, units, self.rows(train.codes), shuffle=True)
        callbacks = [
            SettleNormalisation(plain, self.settled),
            keras.callbacks.EarlyStopping(
                monitor=self.monitor, mode="min" if "loss" in self.monitor else "max",
                patience=self.patience, restore_best_weights=True,
            ),
        ]  # fmt: skip
        weight = training.class_weights(sets[0].labels, 2) if self.class_weight else None
        training.fit(
            whole, *sets, run, self.epochs, class_weight=weight, callbacks=callbacks,
            title=type(self).__name__,
        )  # fmt: skip

    def pictures(self, part, units=2, rows=None, **more):
        """smears.pictures.Pictures of a Part, for a network with so many outputs (1 or 2)."""
        rows = np.arange(len(part.codes)) if rows is None else rows
        return Pictures(
            part.store, rows, part.codes[rows], classes=units, batch_size=self.batch_size,
            preprocess=self.mode, seed=self.random_state, **more,
        )  # fmt: skip

    def shown(self, network, part):
        """What a network with one output gives for each picture of a Part, float (n, ...)."""
        return np.concatenate(list(outputs(network, self.pictures(part))))

    def kept(self, what, *parts, **settings):
        """The Run of a training: a folder named after all that decides its result."""
        own = {**self.get_params(), "positive": None, "weights": self._weights_label()}
        del own["cache"]
        seen = [[part.store.name, name_of(map(str, part.codes))] for part in parts]
        known = {"method": type(self).__name__, "version": self.version, "parts": seen}
        return Run(self._root, f"{type(self).__name__} {what}", {**known, **own, **settings})

    def _weights_label(self):
        if self.weights in (None, "imagenet"):
            return self.weights
        return weight_files.label(Path(self.weights))

    def _open(self):
        backend.start()
        plain(self)
        if self.cache is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="rival-")
        self._root = Path(self._temporary.name if self.cache is None else self.cache)

    def _part(self, pictures, y):
        y = np.asarray(y)
        if len(y) != len(pictures) or not set(y.tolist()) <= set(self.classes_.tolist()):
            raise InputError(
                f"validation has {len(pictures)} pictures and {len(y)} labels, or other labels "
                f"than {self.classes_.tolist()}"
            )
        return Part(self._stored(pictures), (y == self.positive_).astype(int))

    def _stored(self, pictures):
        """Path of the pictures as `view` makes them; its name tells the content."""
        key = name_of([type(self).view.__qualname__, f"{self.size}", *marks(pictures)])
        path = self._root / f"pictures-{self.size}px-{key}.npy"
        if not path.exists():
            cv2.setNumThreads(1)  # the pool uses the cores; OpenCV's own threads would multiply
            shape = (len(pictures), self.size, self.size, 3)
            write_stream(path, shape, np.uint8, self._viewed(pictures))
        return path

    def _viewed(self, pictures):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(pictures), CHUNK):
                rows = range(start, min(start + CHUNK, len(pictures)))
                yield from pool.map(lambda row: self.view(pictures[row]), rows)


def oversampled(codes, seed):
    """Rows with those of the smaller class drawn again at random until both have as many.

    Drawn without replacement, and anew once all of them were drawn.

    Args:
        codes: labels 0 or 1 (n,). seed: integer.

    Returns:
        Integer array: 0..n-1, and the drawn rows behind them.
    """
    rows = np.arange(len(codes))
    counts = np.bincount(codes, minlength=2)
    if counts.min() == 0 or counts[0] == counts[1]:
        return rows
    smaller = np.flatnonzero(codes == counts.argmin())
    missing, rng = abs(counts[0] - counts[1]), np.random.default_rng(seed)
    rounds = [rng.permutation(smaller) for _ in range(-(-missing // len(smaller)))]
    return np.concatenate([rows, np.concatenate(rounds)[:missing]])


def probabilities(logits):
    """The last layer that `Rival.build` asks for: sigmoid of one logit, softmax of several."""
    kind = "sigmoid" if logits.shape[-1] == 1 else "softmax"
    return keras.layers.Activation(kind, dtype="float32", name="probability")(logits)
