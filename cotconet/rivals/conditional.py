"""A conditional LeuGAN: the same generator and discriminator, told which class is wanted."""

import keras
import numpy as np
from keras import layers, ops

from cotconet import leugan, synthesis
from smears import backend, training
from smears.augmentation import Augmenter
from smears.pictures import Pictures

EMBEDDING = 50  # numbers that a label becomes (assumed)


@leugan.register
class ConditionalGAN(leugan.LeuGAN):
    """LeuGAN with a label (assumed after Mirza and Osindero 2014, arXiv 1411.1784).

    Beside the noise, the generator gets an embedding of the label; beside the colours, the
    discriminator gets a fourth channel that is 1 all over for label 1 and -1 for label 0. What is
    trained on, and what the generator gives, are pictures with that channel: float32
    (n, size, size, 4). The generator's input is noise with the label behind it, (n, latent + 1).

    Args: see `leugan.LeuGAN`.
    """

    def networks(self):
        given = keras.Input((self.latent + 1,), name="noise_and_label")
        label = LastNumber(name="label")(given)
        words = layers.Embedding(2, EMBEDDING, name="embedding")(label)
        whole = layers.Concatenate(name="joined")(
            [AllButLast(name="noise")(given), layers.Reshape((EMBEDDING,))(words)]
        )
        colours = leugan.generator(self.size, self.latent + EMBEDDING, self.width)(whole)
        plane = Plane(self.size, name="plane")(label)
        pictures = layers.Concatenate(dtype="float32", name="pictures")([colours, plane])
        makes = keras.Model(given, pictures, name="conditional_generator")
        return makes, self.discriminates(channels=4)

    def inputs_like(self, real):
        """Fresh noise, and behind it the labels that a batch of real pictures carries."""
        label = (real[:, 0, 0, 3:] + 1) / 2
        return ops.concatenate([self.noise(ops.shape(real)[0]), label], axis=1)


@leugan.register
class LastNumber(layers.Layer):
    """(n, d) -> its last column, (n, 1)."""

    def call(self, inputs):
        return inputs[:, -1:]


@leugan.register
class AllButLast(layers.Layer):
    """(n, d) -> all but its last column, (n, d - 1)."""

    def call(self, inputs):
        return inputs[:, :-1]


@leugan.register
class Plane(layers.Layer):
    """Labels 0 or 1 (n, 1) -> -1 or 1 all over, (n, size, size, 1).

    Args:
        size: side of the plane.
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs):
        value = ops.reshape(2 * inputs - 1, (-1, 1, 1, 1))
        return ops.tile(value, (1, self.size, self.size, 1))

    def get_config(self):
        return {**super().get_config(), "size": self.size}


class Labelled(Pictures):
    """Pictures whose label, 0 or 1, stands behind their colours as `Plane` has it."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        plane = np.broadcast_to((2 * y - 1)[:, None, None], (*x.shape[:3], 1))
        return np.concatenate([x, plane.astype(np.float32)], axis=-1), y


def train(store, codes, run, *, size=256, width=1024, epochs=200, batch_size=64, seed=0):
    """Train a conditional GAN in a run folder, or go on, or load a finished one.

    Args:
        store: path of a .npy of uint8 (n, size, size, 3), of the training part alone.
        codes: labels 0 or 1 (n,).
        run: smears.runs.Run; its settings are the caller's and should name all of this.
        size, width: see `leugan.LeuGAN`. epochs, seed: of the training. batch_size: at most, see
            `synthesis.even`.

    Returns:
        Trained ConditionalGAN.
    """
    finished = run.folder / "gan.keras"
    if finished.exists():
        return keras.saving.load_model(finished, compile=False)
    backend.seed(seed)
    gan = ConditionalGAN(size, width=width, seed=seed)
    gan.compile()
    real = Labelled(
        store, np.arange(len(codes)), codes, classes=1, preprocess="tf",
        batch_size=synthesis.even(len(codes), batch_size),
        augmenter=Augmenter(horizontal_flip=True, quarter_turns=True), shuffle=True, seed=seed,
    )  # fmt: skip
    training.fit(gan, real, None, run, epochs, title="Conditional GAN", shown=synthesis.SHOWN)
    run.keep(gan, "gan")
    run.drop_checkpoint()
    return gan


def synthesise(gan, label, count, seed=0):
    """Synthetic pictures of one label.

    Args:
        gan: of `train`. label: 0 or 1. count: how many. seed: of the noise.

    Returns:
        uint8 (count, size, size, 3), RGB.
    """
    noise = np.random.default_rng(seed).uniform(-1, 1, (count, gan.latent))
    given = np.concatenate([noise, np.full((count, 1), label)], axis=1).astype(np.float32)
    out = np.empty((count, gan.size, gan.size, 3), np.uint8)
    for start in range(0, count, synthesis.BATCH):
        part = given[start : start + synthesis.BATCH]
        filled = np.resize(part, (synthesis.BATCH, part.shape[1]))  # compiled for once
        made = np.asarray(gan.generator.predict_on_batch(filled))[: len(part), ..., :3]
        out[start : start + len(part)] = leugan.to_pictures(made)
    return out
