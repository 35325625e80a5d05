"""BloodMNIST's file: checked by MD5, its own split kept, pictures written once."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from smears import sources
from smears.sources import bloodmnist
from smears.sources.pbc import CLASSES

SIZES = {"train": 9, "val": 2, "test": 3}


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A file of the same form, its own MD5 among the known ones."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, n in SIZES.items():
        arrays[f"{name}_images"] = rng.integers(0, 256, (n, 28, 28, 3), dtype=np.uint8)
        arrays[f"{name}_labels"] = (np.arange(n, dtype=np.uint8) % 8)[:, None]
    path = tmp_path / "bloodmnist.npz"
    np.savez_compressed(path, **arrays)
    _trust(path, monkeypatch)
    return path


def _trust(path, monkeypatch):
    digest = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(bloodmnist.MD5, digest, 28)


def test_labels_parts_and_pixels_are_those_of_the_file(archive, tmp_path):
    rows = sources.read(f"bloodmnist:{archive}", tmp_path / "cache")
    assert rows["part"].value_counts().to_dict() == {"train": 9, "validation": 2, "test": 3}
    assert rows["label"].tolist() == [*CLASSES, CLASSES[0], *CLASSES[:2], *CLASSES[:3]]
    arrays = np.load(archive)
    pixels = np.concatenate([arrays[f"{name}_images"] for name in SIZES])
    for path, expected in zip(rows["path"], pixels, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), expected)


def test_the_split_of_the_file_is_the_split_of_the_catalogue(archive, tmp_path):
    from smears import splits

    frame = sources.load([f"bloodmnist:{archive}"], tmp_path / "cache")
    assert splits.split(frame).tolist() == frame["part"].tolist()


def test_pictures_are_written_once(archive, tmp_path, monkeypatch):
    first = sources.read(f"bloodmnist:{archive}", tmp_path / "cache")
    monkeypatch.setattr(bloodmnist, "_write", None)
    assert sources.read(f"bloodmnist:{archive}", tmp_path / "cache").equals(first)


def test_a_writing_that_stops_midway_leaves_nothing_behind(archive, tmp_path, monkeypatch):
    stream = bloodmnist._stream

    def stopping(path, name):
        yield next(stream(path, name))
        raise KeyboardInterrupt

    monkeypatch.setattr(bloodmnist, "_stream", stopping)
    with pytest.raises(KeyboardInterrupt):
        sources.read(f"bloodmnist:{archive}", tmp_path / "cache")
    left = (tmp_path / "cache").iterdir()
    assert [path for path in left if path.suffix != ".lock"] == []


def test_a_file_of_another_checksum_is_refused(archive, tmp_path):
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(sources.SourceError, match="none of the published ones"):
        sources.read(f"bloodmnist:{archive}", tmp_path / "cache")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(sources.SourceError, match=r"not a file.*zenodo"):
        sources.read(f"bloodmnist:{tmp_path}", tmp_path / "cache")


def test_objects_are_never_unpickled(archive, tmp_path, monkeypatch):
    arrays = dict(np.load(archive))
    arrays["train_images"] = np.array([{"an": "object"}], dtype=object)
    np.savez(archive, **arrays)
    _trust(archive, monkeypatch)
    with pytest.raises(sources.SourceError, match="train_images is object"):
        sources.read(f"bloodmnist:{archive}", tmp_path / "cache")
