"""Pictures: one store a catalogue, and batches that depend on (seed, epoch, index) alone."""

import hashlib
import os
import tracemalloc

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from smears import images, pictures
from smears.augmentation import Augmenter
from smears.pictures import Pictures, SetEpoch

AUGMENTER = Augmenter(rotation_range=30, zoom_range=0.3, horizontal_flip=True)
LABELS = np.arange(10) % 3


def _catalogue(folder, n, size=12):
    rows = []
    for i in range(n):
        path = folder / f"{i:03d} é.png"
        pixels = np.random.default_rng(i).integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(path)
        rows.append((str(path), hashlib.sha256(path.read_bytes()).hexdigest()))
    return pd.DataFrame(rows, columns=["path", "sha256"])


@pytest.fixture
def frame(tmp_path):
    return _catalogue(tmp_path, 10)


@pytest.fixture
def stored(frame, tmp_path):
    return pictures.store(frame, 12, tmp_path / "cache")


def _dataset(stored, **settings):
    settings = {"augmenter": AUGMENTER, "shuffle": True, "batch_size": 4, **settings}
    return Pictures(stored, np.arange(10), LABELS, classes=3, **settings)


def _batches(dataset, epoch=0):
    dataset.epoch = epoch
    return [dataset[i] for i in range(len(dataset))]


def test_row_i_of_the_store_is_picture_i_of_the_catalogue(frame, stored):
    held = np.load(stored)
    assert held.shape == (10, 12, 12, 3)
    assert held.dtype == np.uint8
    for i, path in enumerate(frame["path"]):
        assert np.array_equal(held[i], images.decode(path))


def test_pictures_of_other_sizes_are_resized(frame, tmp_path):
    held = np.load(pictures.store(frame, 8, tmp_path))
    assert held.shape == (10, 8, 8, 3)
    assert np.array_equal(held[3], images.resize(images.decode(frame["path"][3]), 8))


def test_a_finished_store_is_reused_and_other_pictures_get_their_own(frame, stored, tmp_path):
    before = os.stat(stored).st_mtime_ns
    moved = frame.assign(path="elsewhere")
    assert pictures.store(moved, 12, tmp_path / "cache") == stored
    assert os.stat(stored).st_mtime_ns == before
    assert pictures.store(frame[:9], 12, tmp_path / "cache") != stored
    assert pictures.store(frame, 10, tmp_path / "cache") != stored


def test_a_torn_file_is_never_taken_for_a_store(frame, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "pictures-12px-0.npy.1-1.partial").write_bytes(b"torn")
    resize = images.resize

    def killed(image, size):
        if np.array_equal(image, images.decode(frame["path"][5])):
            raise KeyboardInterrupt
        return resize(image, size)

    monkeypatch.setattr(images, "resize", killed)
    with pytest.raises(KeyboardInterrupt):
        pictures.store(frame, 12, cache)
    assert not list(cache.glob("*.npy"))
    monkeypatch.setattr(images, "resize", resize)
    assert np.load(pictures.store(frame, 12, cache)).shape == (10, 12, 12, 3)


@pytest.mark.parametrize("damage", ["text", "missing"])
def test_a_picture_that_cannot_be_read_is_named(damage, frame, tmp_path):
    bad = frame["path"][7]
    os.remove(bad)
    if damage == "text":
        with open(bad, "w") as file:
            file.write("not an image")
    with pytest.raises(images.BadImage, match="007 é"):
        pictures.store(frame, 12, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("[!.]*"))


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    frame = _catalogue(tmp_path, 6)
    many = pd.DataFrame({"path": list(frame["path"]) * 100, "sha256": list(frame["sha256"]) * 100})
    tracemalloc.start()
    stored = pictures.store(many, 96, tmp_path / "cache")
    dataset = Pictures(stored, np.arange(600), np.zeros(600, int), classes=1, batch_size=16)
    for i in range(len(dataset)):
        dataset[i]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stored.stat().st_size > 16e6
    # A chunk of pictures and two float32 batches, against 16.6 MB of them all.
    assert peak < 9e6


@pytest.mark.contract
@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_pixels_are_scaled_as_keras_applications_scale_them(mode, stored):
    x, _ = _dataset(stored, augmenter=None, shuffle=False, preprocess=mode)[0]
    pixels = np.load(stored)[:4].astype(np.float32)
    expected = keras.applications.imagenet_utils.preprocess_input(pixels, mode=mode)
    assert x.dtype == np.float32
    assert np.allclose(x, expected, atol=1e-4)


def test_without_augmenter_the_pixels_are_exact_and_the_labels_one_hot(stored):
    dataset = _dataset(stored, augmenter=None, shuffle=False, preprocess=None)
    x, y = (np.concatenate(parts) for parts in zip(*_batches(dataset), strict=True))
    assert np.array_equal(x, np.load(stored))
    assert np.array_equal(y, np.eye(3)[LABELS])
    assert x.dtype == y.dtype == np.float32


def test_the_last_partial_batch_is_kept_and_every_picture_comes_once(stored):
    dataset = _dataset(stored, augmenter=None, preprocess=None)
    batches = _batches(dataset)
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    sums = np.concatenate([x for x, _ in batches]).sum((1, 2, 3))
    assert sorted(sums) == sorted(np.load(stored).sum((1, 2, 3)))
    sums_later = np.concatenate([x for x, _ in _batches(dataset, epoch=1)]).sum((1, 2, 3))
    assert sorted(sums_later) == sorted(sums)
    assert not np.array_equal(sums_later, sums)


def test_the_last_batch_is_filled_for_devices_that_share_it(stored):
    dataset = _dataset(stored, augmenter=None, shuffle=False)
    plain = _batches(dataset)
    dataset.multiple = 4
    filled = _batches(dataset)
    assert [len(x) for x, _ in filled] == [4, 4, 4]
    for part in (0, 1):
        assert np.array_equal(filled[0][part], plain[0][part])
        assert np.array_equal(filled[2][part], np.concatenate([plain[2][part]] * 2))


def test_labels_stay_with_their_pictures_when_shuffled(stored):
    dataset = _dataset(stored, augmenter=None, preprocess=None)
    held = np.load(stored).astype(np.float32)
    for x, y in _batches(dataset, epoch=2):
        for picture, target in zip(x, y, strict=True):
            row = np.flatnonzero((held == picture).all((1, 2, 3)))[0]
            assert target.argmax() == LABELS[row]


def test_a_batch_is_a_function_of_seed_epoch_and_index(stored):
    first, again = _dataset(stored), _dataset(stored)
    again.epoch = 1
    again[0]
    again.epoch = 0
    for i in (2, 0, 1):
        assert np.array_equal(first[i][0], again[i][0])
    assert not np.array_equal(first[0][0], _dataset(stored, seed=1)[0][0])
    ordered = _dataset(stored, shuffle=False)
    now, later = (_batches(ordered, epoch)[0][0] for epoch in (0, 1))
    assert not np.array_equal(now, later)


def test_once_leaves_originals_alone_and_augments_each_copy_in_one_way(stored):
    rows, copies = np.repeat(np.arange(5), 3), np.tile([0, 1, 2], 5)
    dataset = Pictures(
        stored, rows, LABELS[rows], classes=3, batch_size=15, preprocess=None,
        augmenter=AUGMENTER, copies=copies, augment="once",
    )  # fmt: skip
    x = _batches(dataset)[0][0]
    assert np.array_equal(x[copies == 0], np.load(stored)[:5])
    assert not np.array_equal(x[copies == 1], x[copies == 0])
    assert not np.array_equal(x[copies == 1], x[copies == 2])
    assert np.array_equal(_batches(dataset, epoch=3)[0][0], x)


def test_epoch_augments_originals_too(stored):
    x = _dataset(stored, shuffle=False, preprocess=None)[0][0]
    assert all((x[i] != np.load(stored)[i]).any() for i in range(4))


class _Recorder(keras.layers.Layer):
    """Hands its input on, and notes the sum of every batch that the network really sees."""

    def __init__(self):
        super().__init__()
        self.total = self.add_weight(shape=(64,), initializer="zeros", trainable=False)
        self.step = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False)

    def call(self, x, training=None):
        if training:
            mark = keras.ops.one_hot(self.step, 64, dtype="float32")
            self.total.assign(self.total + mark * keras.ops.sum(x))
            self.step.assign(self.step + 1)
        return x


@pytest.mark.contract
@pytest.mark.parametrize("workers", [1, 2])
def test_the_network_sees_the_batches_of_each_epoch_in_order_whatever_the_workers(workers, stored):
    recorder = _Recorder()
    model = keras.Sequential(
        [keras.Input((12, 12, 3)), recorder, keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    model.compile("sgd", "mse")
    train = _dataset(stored, workers=workers, preprocess="tf")
    held = _dataset(stored, augmenter=None, workers=workers)
    model.fit(
        train, validation_data=held, initial_epoch=1, epochs=4, callbacks=[SetEpoch(train)],
        shuffle=False, verbose=0,
    )  # fmt: skip
    seen = keras.ops.convert_to_numpy(recorder.total)
    expected = [x.sum() for epoch in (1, 2, 3) for x, _ in _batches(train, epoch)]
    assert np.allclose(seen[:9], expected, rtol=1e-4, atol=0.05)
    assert not seen[9:].any()


def test_an_array_is_a_store_as_well(stored):
    array = np.load(stored)
    settings = {"classes": 3, "batch_size": 4, "shuffle": True, "seed": 5}
    rows, labels = np.arange(len(array)), np.zeros(len(array), int)
    from_file, from_array = (Pictures(s, rows, labels, **settings) for s in (stored, array))
    assert np.array_equal(from_file[1][0], from_array[1][0])
    other = Pictures(array[::-1], rows, labels, **settings)
    assert from_array.key == Pictures(array.copy(), rows, labels, **settings).key != other.key


def test_a_key_names_what_the_batches_hold(stored):
    base = {"shuffle": False, "augment": "once", "copies": LABELS}
    key = _dataset(stored, **base).key
    assert key == _dataset(stored, **base, batch_size=2, workers=2).key
    changes = (
        {"preprocess": "tf"}, {"seed": 1}, {"copies": None}, {"augmenter": None}, {"shuffle": True},
    )  # fmt: skip
    keys = {_dataset(stored, **{**base, **change}).key for change in changes}
    assert len(keys | {key}) == 6


@pytest.mark.parametrize(
    "wrong", [{"copies": [0]}, {"augment": "twice"}], ids=["unequal lengths", "unknown augment"]
)
def test_contradictory_arguments_are_refused(wrong, stored):
    with pytest.raises(ValueError, match=r"must be equally long|'epoch' or 'once'"):
        _dataset(stored, **wrong)
