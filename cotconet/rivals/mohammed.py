"""Mohammed, Hassanien, Afify 2023: DenseNet-201's map as a sequence, GRU, BiLSTM, softmax or SVM.

Stated (abstract): random oversampling of the smaller class; spatial features of a pretrained
network, then GRU and BiLSTM; softmax or a multiclass SVM; the best is DenseNet-201 with the SVM,
96.29% on C-NMC 2019, 90% for training.
Derived: these figures are of 849 + 849 pictures, so the set was oversampled first and split then;
copies of one picture stand on both sides. With --split paper this is done, else the training part
alone is oversampled. Backbone 18,321,984 parameters, GRU 787,200, BiLSTM 263,168, softmax 514.
Assumed: 224 pixels; the map of 7 x 7 x 1920 read row by row as 49 steps (`sequence="pooled"`: its
average as one step, which makes the recurrence empty); GRU 128, BiLSTM 128, dropout 0.3; the
backbone stays as it is; Adam 1e-4, batches of 32, up to 30 epochs; then an SVM with a radial
kernel on BiLSTM's output, C of 1, 10 and 100 by the validation part (with two classes, one
against the rest is one machine). Its decision's sigmoid stands for a probability.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from cotconet.rivals import pretrained, svm
from cotconet.rivals.classifier import Rival, oversampled, probabilities
from smears import backend, features, model_files

PENALTIES = (1, 10, 100)


def recurrent(steps, width, units=128, dropout=0.3):
    """What is trained on the sequence.

    Args:
        steps, width: of the sequence. units: of GRU, and of each direction of the BiLSTM.
        dropout: rate before the softmax.

    Returns:
        keras.Model, (n, steps, width) -> probabilities (n, 2); layer "bilstm": (n, 2 * units).
    """
    x = sequence = keras.Input((steps, width), name="sequence")
    x = layers.GRU(units, return_sequences=True, name="gru")(x)
    x = layers.Bidirectional(layers.LSTM(units), name="bilstm")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(2, dtype="float32", name="logits")(x)
    return keras.Model(sequence, probabilities(x), name="gru_bilstm")


@dataclass(eq=False, repr=False)
class Mohammed(Rival):
    """DenseNet-201, GRU, BiLSTM and SVM. Arguments: see `Rival`, and

    Args:
        weights: "imagenet", a file, or None: see `pretrained.densenet`.
        sequence: "map" | "pooled". head: "svm" (the source's best) | "softmax".
    """

    weights: str | Path | None = "imagenet"
    sequence: str = "map"
    head: str = "svm"

    before_split = True
    networks = ("backbone", "network")

    def rows(self, codes):
        return oversampled(codes, self.random_state)

    def learn(self, train, held):
        """Train the recurrent part on stored features, then the machine on what it gives."""
        if self.sequence not in ("map", "pooled") or self.head not in ("svm", "softmax"):
            raise ValueError(
                f"sequence={self.sequence!r}, head={self.head!r}: give 'map' or 'pooled', and "
                "'svm' or 'softmax'"
            )
        run = self.kept("backbone", train)
        path = run.folder / "backbone.keras"
        if path.exists():
            self._take(model_files.load(path))
        else:
            backbone, kind = self._frozen(train)
            run.note(weights=kind)
            run.keep(backbone, "backbone")
            self._take(backbone)
        self.network_ = self.trained(train, held)
        self._tap = _to_bilstm(self.network_)
        self.facts_ |= {"weights": run.facts["weights"]}
        self.facts_["parameters"] += int(self.backbone_.count_params())
        if self.head == "svm":
            self._learn_machine(train, held)

    def build(self, train):
        return recurrent(*self.backbone_.output_shape[1:]), "random"

    def pictures(self, part, units=2, rows=None, shuffle=False, augmenter=None):
        """Batches of sequences instead of pictures, computed once."""
        rows = np.arange(len(part.codes)) if rows is None else rows
        shown = super().pictures(part)
        path = features.frozen_features(self.backbone_, shown, self._root, self._backbone_key)
        return features.Features(
            path, part.codes[rows], rows=rows, classes=units, batch_size=self.batch_size,
            shuffle=shuffle, seed=self.random_state,
        )  # fmt: skip

    def scores(self, part):
        if self.head == "softmax":
            return super().scores(part)
        return 1 / (1 + np.exp(-svm.decide(self.arrays_, self._described(part))))

    @classmethod
    def _restored(cls, folder, known, cache):
        model = super()._restored(folder, known, cache)
        model._take(model.backbone_)
        model._tap = _to_bilstm(model.network_)
        return model

    def _take(self, backbone):
        """Keep the backbone, and once the name of what it computes, for which it is read whole."""
        self.backbone_ = backbone
        self._backbone_key = f"{backbone.name} {self.size} {features.weights_hash(backbone)}"

    def _frozen(self, train):
        """(network from pixels to the sequence, in words what it starts from)."""
        backend.seed(self.random_state)
        network, kind = pretrained.densenet("DenseNet201", self.size, self.weights)
        if self.weights is None:
            pretrained.scale_start(network, train, self.mode)
        x = network.output
        if self.sequence == "pooled":
            x = layers.GlobalAveragePooling2D(keepdims=True, name="pooled")(x)
        x = layers.Reshape((-1, x.shape[-1]), name="sequence")(x)
        return keras.Model(network.input, x, name=f"{network.name}_{self.sequence}"), kind

    def _described(self, part):
        """BiLSTM's output, float (n, 256)."""
        return self.shown(self._tap, part).astype(float)

    def _learn_machine(self, train, held):
        rows = self.rows(train.codes)
        x, x_held = self._described(train)[rows], self._described(held)
        best = -1.0
        for penalty in PENALTIES:
            arrays = svm.fit(x, train.codes[rows], penalty, "scale")
            right = float(((svm.decide(arrays, x_held) > 0) == held.codes).mean())
            if right > best:
                best, self.arrays_ = right, arrays
                self.facts_ |= {"C": penalty, "validation_accuracy": right}


def _to_bilstm(network):
    """A network up to its BiLSTM; made once, for it is traced when first used."""
    return keras.Model(network.input, network.get_layer("bilstm").output)
