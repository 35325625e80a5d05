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
