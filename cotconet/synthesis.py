"""Train LeuGAN on the smaller class's pictures, and synthesise up to parity (3.3, Table 1)."""

import keras
import numpy as np

from cotconet.leugan import LeuGAN, generator_rate, to_pictures
from smears import InputError, backend, images, training
from smears.augmentation import Augmenter
from smears.pictures import Pictures

SHOWN = {
    "D loss": "d_loss", "G loss": "g_loss", "D on real": "real_accuracy",
    "on synthetic": "fake_accuracy",
}  # fmt: skip
BATCH = 64  # pictures synthesised at a time


def to_parity(labels):
    """Which class lacks pictures, and how many bring it up to the other (Table 1).

    Args:
        labels: integers 0 and 1 (n,), of the training part alone.

    Returns:
        (label of the smaller class, number of missing pictures); (None, 0) at parity.

    Raises:
        InputError: a class without pictures, or other labels.
    """
    names, counts = np.unique(np.asarray(labels), return_counts=True)
    if names.tolist() != [0, 1]:
        raise InputError(
            f"labels of the training part are {names.tolist()}: parity needs both 0 and 1. Check "
            "the split."
        )
    if counts[0] == counts[1]:
        return None, 0
    return int(counts.argmin()), int(abs(counts[0] - counts[1]))


def enough(count):
    """Refuse to learn from so few pictures of the smaller class.

    Raises:
        InputError: fewer than 2.
    """
    if count < 2:
        raise InputError(
            f"LeuGAN got {count} pictures of the smaller class for training: it needs at least 2, "
            "and some hundreds to be of use. Add data, or leave it out: synthesise=None, or "
            'table7.py --paper cotconet --rows "No Augmentation".'
        )


def train(
    pictures, run, *, size=256, width=1024, epochs=200, batch_size=64, loss="non-saturating",
    batch_norm=True, equal_rates=False, seed=0, turns=True, every=10,
):  # fmt: skip
    """Train a LeuGAN in a run folder, or go on where a killed run ended, or load a finished one.

    The folder gets history.csv (losses, the discriminator's accuracy on real and on synthetic
    pictures), samples/epoch-NNNN.png (the same noise each time) and leugan.keras, its last file.

    Args:
        pictures: uint8 (n, s, s, 3), at least 2: the class to grow, of the training part alone.
            That no picture of another part is among them is the caller's duty.
        run: smears.runs.Run; its settings are the caller's and should name all of this.
        size, width, loss, batch_norm: see `LeuGAN`. Pictures of another side are resized.
        epochs: passes over the pictures (assumed, C12).
        batch_size: at most; an epoch is cut into batches of about equal size (assumed: 64, C12).
        equal_rates: let the discriminator learn at the rate of the generator, which is higher
            where that is narrower than 1024: without, some trainings collapse (measured, C12).
        seed: of weights, order and noise.
        turns: show real pictures flipped and turned by quarters, for a cell has no up and few
            pictures are soon known by heart (assumed, C13).
        every: epochs between two sample grids.

    Returns:
        Trained LeuGAN.

    Raises:
        InputError: fewer than 2 pictures, or an array that holds none.
    """
    pictures = _checked(pictures, size)
    finished = run.folder / "leugan.keras"
    if finished.exists():
        return keras.saving.load_model(finished)
    backend.seed(seed)
    run.begin()
    gan = LeuGAN(size, width=width, loss=loss, batch_norm=batch_norm, seed=seed)
    rate = generator_rate(width)
    gan.compile(keras.optimizers.Adam(rate, beta_1=0.5) if equal_rates else None)
    run.note(parameters=gan.count_params(), pictures=len(pictures))
    n = len(pictures)
    real = Pictures(
        pictures, np.arange(n), np.zeros(n, int), classes=1, batch_size=even(n, batch_size),
        preprocess="tf",
        augmenter=Augmenter(horizontal_flip=True, quarter_turns=True) if turns else None,
        shuffle=True, seed=seed,
    )  # fmt: skip
    training.fit(
        gan, real, None, run, epochs, title="LeuGAN", shown=SHOWN,
        callbacks=[Samples(run.folder / "samples", seed, every, epochs)],
    )  # fmt: skip
    run.keep(gan, "leugan", include_optimizer=True)
    run.drop_checkpoint()
    return gan


def even(count, most):
    """Size of batches, at most so many pictures, that cuts an epoch about equally.

    A last batch of a few pictures would weigh as a whole one (assumed, C12).
    """
    return -(-count // -(-count // most))


class Samples(keras.callbacks.Callback):
    """Write a grid of pictures from the same noise every few epochs, and after the last."""

    def __init__(self, folder, seed, every, epochs, count=64):
        super().__init__()
        self.folder, self.seed, self.every, self.epochs = folder, seed, every, epochs
        self.count = count

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.epochs:
            shown = synthesise(self.model, self.count, self.seed)
            images.save(images.tile(shown), self.folder / f"epoch-{epoch + 1:04d}.png")


def variety(synthetic, real):
    """How much a pixel varies over synthetic pictures, as a share of what it does over real ones.

    Args: uint8 (n, s, s, 3) and (m, t, t, 3).

    Returns:
        float, mean standard deviation of the first / of the second; far below 1 is mode collapse.
        Of pixels, so that every run can afford it; `cotconet.realism`'s is of features.
    """
    # Row by row: thousands of pictures as floats would fill the memory.
    first, second = (
        np.mean([np.asarray(x[:, row], np.float32).std(0).mean() for row in range(x.shape[1])])
        for x in (synthetic, real)
    )
    return float(first / second) if second else 1.0


def synthesise(gan, count, seed=0):
    """Synthetic pictures.

    Args:
        gan: trained LeuGAN. count: how many, from 0 on.
        seed: of the noise; the first k pictures of a seed are the same whatever the count.

    Returns:
        uint8 (count, size, size, 3), RGB.

    Raises:
        ValueError: a negative count.
    """
    if count < 0:
        raise ValueError(f"count={count}: must be at least 0")
    noise = np.random.default_rng(seed).uniform(-1, 1, (count, gan.latent)).astype(np.float32)
    out = np.empty((count, gan.size, gan.size, 3), np.uint8)
    for start in range(0, count, BATCH):
        part = noise[start : start + BATCH]
        # A smaller last batch would be compiled for again.
        filled = np.concatenate([part, np.zeros((BATCH - len(part), gan.latent), np.float32)])
        made = to_pictures(np.asarray(gan.generator.predict_on_batch(filled)))
        out[start : start + BATCH] = made[: len(part)]
    return out


def changed(cells, count, seed):
    """What stands in for LeuGAN's pictures in Table 7: cells again and again, each copy changed.

    Args:
        cells: uint8 (n, s, s, 3). count: how many. seed: of the changes, `coupled.augmenter`'s.

    Returns:
        List of uint8 (s, s, 3), of the first cell, the second, ..., the first.
    """
    from cotconet.coupled import augmenter

    change = augmenter("traditional")
    return [
        change.apply(cells[n % len(cells)], change.draw(np.random.default_rng([seed, n])))
        for n in range(count)
    ]


def _checked(pictures, size):
    """uint8 (n, size, size, 3), or an InputError that tells what is wrong."""
    shape, dtype = np.shape(pictures), getattr(pictures, "dtype", None)
    if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2] or dtype != np.uint8:
        raise InputError(
            f"pictures of shape {shape} and type {dtype}: LeuGAN needs uint8 (n, s, s, 3), square "
            "and RGB."
        )
    enough(len(pictures))
    if shape[1] != size:
        return np.stack([images.resize(picture, size) for picture in pictures])
    return pictures
