"""Features of a frozen network, computed once into a file, and batches of them for its head."""

import hashlib
from functools import partial
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from smears.arrays import write_stream
from smears.pictures import one_hot, order


def weights_hash(model):
    """12 hex digits of SHA-256 over shapes, types and values of all weights, in order."""
    digest = hashlib.sha256()
    for weight in model.weights:
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{value.shape} {value.dtype}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:12]


def frozen_features(model, pictures, cache, key):
    """Show each picture once to a network that will not be trained, and keep what comes out.

    Args:
        model: Keras model with one input and one output; used in inference mode. A head trained
            on the features ends as it would on the frozen model, if that has no Dropout, which
            Keras keeps active in frozen models (none of keras.applications' without top has any).
        pictures: smears.pictures.Pictures, not shuffled, and not augmented anew in each epoch.
        cache: folder for the file.
        key: names the network: its name, everything that changes its output, and `weights_hash`.
            What the pictures are is added here.

    Returns:
        Path of a .npy of float32 (n, *features), row i for the i-th picture. A finished file is
        reused, a killed one goes on.

    Raises:
        ValueError: pictures whose order or content depends on the epoch.
    """
    fresh = pictures.augmenter is not None and pictures.augment == "epoch"
    if pictures.shuffle or fresh:
        raise ValueError(
            "stored features need pictures that stay: shuffle=False (shuffle the Features), and "
            "augment='once' or no augmenter"
        )
    name = hashlib.sha256(f"{key} {pictures.key}".encode()).hexdigest()[:16]
    path = Path(cache) / f"features-{name}.npy"
    if not path.exists():
        shape = (len(pictures.rows), *model.output_shape[1:])
        rows = partial(outputs, model, pictures)
        write_stream(path, shape, np.float32, rows, pictures.batch_size)
    return path


def outputs(model, pictures, start=0):
    """Yield the model's inference outputs for the pictures in their order, a batch at a time.

    Args:
        model: Keras model. pictures: smears.pictures.Pictures. start: the picture to begin with,
            the first one of a batch.
    """
    total = len(pictures.rows)
    with tqdm(total=total, initial=start, desc="Features", unit="picture", leave=None) as bar:
        for i in range(start // pictures.batch_size, len(pictures)):
            x = pictures[i][0]
            n = len(x)
            # A smaller last batch would be compiled for again.
            x = np.concatenate([x, np.zeros((pictures.batch_size - n, *x.shape[1:]), x.dtype)])
            yield np.asarray(model.predict_on_batch(x))[:n]
            bar.update(n)


class Features(keras.utils.PyDataset):
    """Batches of stored features, in the order that Pictures of the same seed would have.

    Args:
        source: file of `frozen_features`, or the array itself.
        labels: integer array (n,), 0..classes-1.
        rows: integer array (n,), which rows of the source, one may come often; default all.
        classes: number of classes, or 1 for labels 0 and 1 as they are (`smears.pictures.one_hot`).
        batch_size: the last batch of an epoch may be smaller.
        shuffle: a new order in each epoch (attribute `epoch`, from smears.pictures.SetEpoch).
        seed: integer >= 0.

    Items: x float32 (b, *features), y float32 (b, classes).
    """

    def __init__(self, source, labels, *, classes, batch_size, rows=None, shuffle=False, seed=0):
        super().__init__(workers=1)
        self.source, self.labels = source, np.asarray(labels)
        self.rows = np.arange(len(self._open())) if rows is None else np.asarray(rows)
        held = len(self.rows)
        if held != len(self.labels):
            name = "the array" if isinstance(source, np.ndarray) else source
            raise ValueError(f"{name} holds {held} pictures, but there are {len(labels)} labels")
        self.classes, self.batch_size = classes, batch_size
        self.shuffle, self.seed, self.epoch = shuffle, seed, 0

    def __len__(self):
        return -(-len(self.labels) // self.batch_size)

    def __getitem__(self, index):
        positions = order(len(self.labels), self.shuffle, self.seed, self.epoch)
        chosen = positions[index * self.batch_size : (index + 1) * self.batch_size]
        x = np.asarray(self._open()[self.rows[chosen]], np.float32)
        return x, one_hot(self.labels[chosen], self.classes)

    def _open(self):
        if isinstance(self.source, np.ndarray):
            return self.source
        # Opened for each batch: pages of a map that stays open count as this process's memory.
        return np.load(self.source, mmap_mode="r")
