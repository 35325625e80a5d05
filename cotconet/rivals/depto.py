"""Depto et al. 2023: DenseNet-121 with a class-weighted loss, and pictures of a conditional GAN.

Stated (abstract): input-based, GAN-based and loss-based remedies of imbalance compared on C-NMC
and ALL-IDB2; the loss-based ones are best. CoTCoNet adds (4.2.1): DenseNet-121, class-weighted
loss, original pictures and pictures of a conditional GAN.
Derived: 7,038,529 parameters, 7,037,504 of them the backbone's.
Assumed: 224 pixels; average pooling, sigmoid; weights n / (2 n_c) of binary cross-entropy, of the
pictures that it sees, so 1 where the GAN has filled the smaller class up; the GAN is LeuGAN with a
label (`conditional`), learns from the training part alone and brings its smaller class to parity;
all weights trained, Adam 1e-4, batches of 32, 30 epochs. Which variant CoTCoNet took is unknown, so
`synthesise=False` is the loss alone.
Contradicted: CoTCoNet's rows for ALL-IDB2 and SN-AM are of no test of those sets.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from cotconet import synthesis
from cotconet.rivals import pretrained, profiles
from cotconet.rivals.classifier import Part, Rival, probabilities
from smears import images
from smears.arrays import write_stream


@dataclass(eq=False, repr=False)
class Depto(Rival):
    """DenseNet-121 against imbalance. Arguments: see `Rival`, and

    Args:
        weights: "imagenet", a file, or None: see `pretrained.densenet`.
        synthesise: whether a conditional GAN brings the smaller class to parity first.
        gan: dict of settings of `conditional.train`; None: its defaults.
    """

    weights: str | Path | None = "imagenet"
    synthesise: bool = True
    gan: dict | None = None

    class_weight = True
    version = profiles.METHODS["depto"].version

    def build(self, train):
        backbone, kind = pretrained.densenet("DenseNet121", self.size, self.weights)
        return with_head(backbone), kind

    def learn(self, train, held):
        """Bring the training part to parity, then train the network on all of it."""
        if self.synthesise:
            if self.weights is not None:
                self.build(train)  # weights that cannot be had end it here, not after the GAN
            train = self._balanced(train)
        else:
            self.facts_["synthesised"] = 0
        super().learn(train, held)

    def _balanced(self, train):
        """The Part with synthetic pictures of the smaller class behind the real ones."""
        from cotconet.rivals import conditional

        label, count = synthesis.to_parity(train.codes)
        self.facts_["synthesised"] = count
        if not count:
            return train
        settings = {"size": 256, **(self.gan or {})}
        run = self.kept("gan", train)
        path = run.folder / f"balanced-{run.folder.name}.npy"
        if not path.exists():
            real = np.load(train.store, mmap_mode="r")
            scaled = run.folder / "pictures.npy"
            shape = (len(real), settings["size"], settings["size"], 3)
            shown = (images.resize(picture, settings["size"]) for picture in real)
            write_stream(scaled, shape, np.uint8, shown)
            gan = conditional.train(scaled, train.codes, run, seed=self.random_state, **settings)
            made = conditional.synthesise(gan, label, count, self.random_state)
            made = (images.resize(picture, self.size) for picture in made)
            both = (picture for part in (real, made) for picture in part)
            write_stream(path, (len(real) + count, *real.shape[1:]), np.uint8, both)
            scaled.unlink()
        return Part(path, np.concatenate([train.codes, np.full(count, label)]))


def with_head(backbone):
    """A backbone under average pooling and one sigmoid: keras.Model, pixels -> (n, 1)."""
    x = layers.GlobalAveragePooling2D(name="average")(backbone.output)
    x = layers.Dense(1, dtype="float32", name="logit")(x)
    return keras.Model(backbone.input, probabilities(x), name=f"{backbone.name}_sigmoid")
