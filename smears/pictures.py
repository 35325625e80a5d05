"""Catalogue rows to batches: pictures decoded once into a store, then read, augmented, scaled."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import keras
import numpy as np
from tqdm import tqdm

from smears import images
from smears.arrays import write_stream

# A store made by another way of decoding or resizing must not be taken for one of this.
STORE_VERSION = 1

# Pictures decoded before they are written: bounds the memory, keeps the threads busy.
CHUNK = 64

# Mean and divisor of each channel, from keras.applications.imagenet_utils: "caffe" in the order
# BGR, "torch" with ImageNet's means and standard deviations.
SCALES = {
    "caffe": np.array([[103.939, 116.779, 123.68], [1, 1, 1]], np.float32),
    "tf": np.array([[127.5, 127.5, 127.5], [127.5, 127.5, 127.5]], np.float32),
    "torch": 255 * np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]], np.float32),
}


def store(frame, size, cache):
    """Decode and resize every picture of a catalogue once, into one file.

    Args:
        frame: catalogue with `path` and `sha256` (smears.catalogue); row i becomes picture i.
        size: side in pixels; the aspect is not kept.
        cache: folder for the file.

    Returns:
        Path of a .npy of uint8 (n, size, size, 3), RGB. The name holds the size and a hash of all
        sha256, so a finished store is reused wherever the same pictures lie.

    Raises:
        smears.images.BadImage: a picture that cannot be decoded, by name.
    """
    cache = Path(cache)
    parts = [f"{STORE_VERSION} {size}", *frame["sha256"]]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    path = cache / f"pictures-{size}px-{key}.npy"
    if not path.exists():
        cv2.setNumThreads(1)  # the pool below uses the cores; OpenCV's own threads would multiply
        write_stream(path, (len(frame), size, size, 3), np.uint8, _decoded(frame["path"], size))
    return path


def _decoded(paths, size):
    def read(path):
        try:
            return images.resize(images.decode(path), size)
        except (images.BadImage, OSError) as problem:
            raise images.BadImage(
                f"{path}: {problem}. It could be read when the catalogue was built: restore the "
                "file, or build the catalogue again with --skip-bad."
            ) from problem

    paths = list(paths)
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(paths), desc=f"Decoding to {size} px", unit="picture", leave=None) as bar,
    ):
        for start in range(0, len(paths), CHUNK):
            for picture in pool.map(read, paths[start : start + CHUNK]):
                yield picture
                bar.update()


def order(n, shuffle, seed, epoch):
    """Positions 0..n-1 in the order of an epoch: a function of (seed, epoch) alone."""
    return np.random.default_rng([seed, epoch]).permutation(n) if shuffle else np.arange(n)


def preprocess(batch, mode):
    """Scale RGB pixels as keras.applications' preprocess_input of that mode.

    Args:
        batch: uint8 or float32 (n, height, width, 3), 0..255.
        mode: "caffe" (BGR less ImageNet's means; VGG19), "tf" (-1..1; Inception, Xception,
            MobileNet), "torch" (ImageNet's means and deviations; DenseNet) or None (0..255).

    Returns:
        float32 of the same shape.
    """
    shape = batch.shape
    if mode is None:
        return batch.astype(np.float32)
    if mode not in SCALES:
        raise ValueError(f"preprocess={mode!r}: give {', '.join(map(repr, SCALES))} or None")
    mean, sd = SCALES[mode]
    if mode == "caffe":
        batch = cv2.cvtColor(batch.reshape(-1, batch.shape[2], 3), cv2.COLOR_RGB2BGR)
    # A row of pixels at a time: NumPy is ten times slower on a last axis of three.
    width = batch.shape[-2]
    rows = batch.reshape(-1, 3 * width).astype(np.float32)
    rows -= np.tile(mean, width)
    if mode != "caffe":
        rows /= np.tile(sd, width)
    return rows.reshape(shape)


class Pictures(keras.utils.PyDataset):
    """Batches of pictures, each a pure function of (seed, epoch, index).

    So neither the number of workers nor their order nor a resumed training changes a batch. The
    epoch comes from outside (`SetEpoch`), because Keras also fetches batches and ends epochs
    before the first one.

    Args:
        store: path of a store (`store`), or its pictures, uint8 (n, size, size, 3).
        rows: integer array (n,), the pictures' rows in the store; a row may stand there often.
        labels: integer array (n,), 0..classes-1.
        classes: number of classes, or 1: labels are 0 or 1 and stay one number, for a sigmoid.
        batch_size: the last batch of an epoch may be smaller.
        preprocess: mode of `preprocess`.
        augmenter: smears.augmentation.Augmenter, or None for the very pixels.
        copies: integer array (n,), 0 = the picture itself, k = its k-th repetition; default 0.
        augment: "epoch": every picture is augmented anew in each epoch, as ImageDataGenerator
            does. "once": copies 0 stay as they are and every other one is augmented in one way
            for all epochs, as if the augmented files had been written first.
        shuffle: a new order in each epoch; else the order of `rows`.
        seed: integer >= 0.
        workers: threads that prepare the next batches while the network computes; default half
            the cores.

    Attributes:
        multiple: 1, or the number of devices that share each batch: the last one of an epoch is
            filled up to a multiple of it with its own first pictures, which then count twice.
        share: (0, 1), or which of how many equal shares of each batch this process gets
            (smears.hosts).

    Items: x float32 (b, size, size, 3), y float32 (b, classes), `one_hot`.
    """

    def __init__(
        self,
        store,
        rows,
        labels,
        *,
        classes,
        batch_size,
        preprocess="caffe",
        augmenter=None,
        copies=None,
        augment="epoch",
        shuffle=False,
        seed=0,
        workers=None,
    ):
        # Keras's own workers would fetch batches before the first epoch begins, and on JAX hand
        # them out in it; so Keras gets none, and the batches are prepared ahead here.
        super().__init__(workers=1)
        self.store = store if isinstance(store, np.ndarray) else Path(store)
        self.rows, self.labels = np.asarray(rows), np.asarray(labels)
        self.copies = np.zeros_like(self.rows) if copies is None else np.asarray(copies)
        if not len(self.rows) == len(self.labels) == len(self.copies) > 0:
            raise ValueError("rows, labels and copies must be equally long, and not empty")
        if augment not in ("epoch", "once"):
            raise ValueError(f"augment={augment!r}: give 'epoch' or 'once'")
        self.classes, self.batch_size, self.preprocess = classes, batch_size, preprocess
        self.augmenter, self.augment = augmenter, augment
        self.shuffle, self.seed = shuffle, seed
        self.epoch, self.multiple, self.share = 0, 1, (0, 1)
        self.ahead = Ahead(self._batch, workers or max(1, os.cpu_count() // 2))
        cv2.setNumThreads(1)  # OpenCV's threads would take the cores from the network

    def __len__(self):
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index):
        return self.ahead.get(self.epoch, index, len(self))

    def _batch(self, epoch, index):
        positions = order(len(self.rows), self.shuffle, self.seed, epoch)
        chosen = positions[index * self.batch_size : (index + 1) * self.batch_size]
        chosen = np.resize(chosen, len(chosen) + -len(chosen) % self.multiple)
        number, count = self.share
        chosen = chosen.reshape(count, -1)[number]
        pictures = self.store
        if isinstance(pictures, Path):
            # Opened for each batch: pages of a map that stays open count as this process's memory.
            pictures = np.load(pictures, mmap_mode="r")
        batch = pictures[self.rows[chosen]]
        if self.augmenter is not None:
            for place, (row, copy) in enumerate(
                zip(self.rows[chosen], self.copies[chosen], strict=True)
            ):
                batch[place] = self._augmented(batch[place], row, copy, epoch)
        return preprocess(batch, self.preprocess), one_hot(self.labels[chosen], self.classes)

    def _augmented(self, picture, row, copy, epoch):
        if self.augment == "once":
            if copy == 0:
                return picture
            epoch = 0
        rng = np.random.default_rng([self.seed, epoch, row, copy])
        return self.augmenter.apply(picture, self.augmenter.draw(rng))

    @property
    def key(self):
        """16 hex digits that name the inputs of the first epoch, in their order."""
        if isinstance(self.store, Path):
            name = self.store.name
        else:
            name = hashlib.sha256(np.ascontiguousarray(self.store)).hexdigest()
        what = (name, self.preprocess, self.augmenter, self.augment, self.shuffle)
        digest = hashlib.sha256(repr(what).encode())
        if self.augmenter is not None or self.shuffle:
            digest.update(repr(self.seed).encode())
        for array in (self.rows, self.copies):
            digest.update(np.ascontiguousarray(array, np.int64).data)
        return digest.hexdigest()[:16]


def one_hot(labels, classes):
    """float32 (n, classes) from integers (n,); with one class, the labels 0 and 1 themselves."""
    if classes == 1:
        return np.asarray(labels, np.float32)[:, None]
    return np.eye(classes, dtype=np.float32)[labels]


class Ahead:
    """The items of a pure function of (epoch, index), the next ones computed by threads.

    Each asked-for item lets the threads begin with those after it. What is asked for comes out
    the same in any order; only in sequence is it ready sooner.
    """

    def __init__(self, function, workers):
        self.function, self.depth = function, workers + 1
        self.pool = ThreadPoolExecutor(workers)
        self.futures, self.lock = {}, threading.Lock()

    def get(self, epoch, index, n):
        with self.lock:
            wanted = [(epoch, i) for i in range(index, min(index + 1 + self.depth, n))]
            for stale in set(self.futures) - set(wanted):
                self.futures.pop(stale).cancel()
            for item in wanted:
                if item not in self.futures:
                    self.futures[item] = self.pool.submit(self.function, *item)
            future = self.futures.pop((epoch, index))
        return future.result()


class SetEpoch(keras.callbacks.Callback):
    """Tell datasets (their attribute `epoch`) which epoch begins.

    Counting `on_epoch_end` calls would be off by one: Keras calls it once before the first epoch,
    and again on resume.
    """

    def __init__(self, *datasets):
        super().__init__()
        self.datasets = datasets

    def on_epoch_begin(self, epoch, logs=None):
        for dataset in self.datasets:
            dataset.epoch = epoch
