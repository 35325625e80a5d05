"""Pictures for the tests of readers: small, textured, each seed another one."""

import numpy as np
import pytest
from PIL import Image


def _write(path, seed=0, size=(24, 20), **options):
    noise = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, **options)
    return path


@pytest.fixture
def write_picture():
    """Function (path, seed, size=(width, height), **options of Pillow's save) -> path."""
    return _write


@pytest.fixture
def two_hospitals(tmp_path, write_picture):
    """Function of two classes -> two folders of five people of the same names, each with a list.

    shift: how far the second list's numbers of people are from the first's.
    """

    def make(classes, shift=0):
        for number, place in enumerate(("north", "south")):
            lines = ["path,label,subject"]
            for n in range(10):
                name = f"{classes[n % 2]}/patient{n // 2}/1.png"
                write_picture(tmp_path / place / name, 100 * number + n)
                lines.append(f"{name},{classes[n % 2]},p{n // 2 + number * shift}")
            (tmp_path / place / "list.csv").write_text("\n".join(lines))
        return tmp_path / "north", tmp_path / "south"

    return make
