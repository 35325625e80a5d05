"""Arrays on disk are whole or not there, and need no Keras."""

import subprocess
import sys

import numpy as np
import pytest

from smears.arrays import write_stream


def test_pieces_make_one_array(tmp_path):
    whole = np.arange(20, dtype=np.float32).reshape(5, 4)
    path = tmp_path / "new" / "features.npy"
    write_stream(path, (5, 4), np.float16, [whole[:2], whole[2], whole[3:]])
    read = np.load(path, mmap_mode="r")
    assert read.dtype == np.float16
    np.testing.assert_array_equal(read, whole)


@pytest.mark.parametrize("rows", [4, 6])
def test_what_does_not_fill_the_shape_leaves_nothing(tmp_path, rows):
    with pytest.raises(ValueError, match="do not fill"):
        write_stream(tmp_path / "x.npy", (5, 4), np.float16, np.zeros((rows, 4)))
    assert not list(tmp_path.iterdir())


def test_an_interrupted_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.npy"
    write_stream(path, (2, 1), np.uint8, [[1], [2]])

    def stopped():
        yield [3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_stream(path, (2, 1), np.uint8, stopped())
    assert np.load(path).tolist() == [[1], [2]]
    assert len(list(tmp_path.iterdir())) == 1


def test_writing_loads_no_keras():
    code = "import sys, smears.arrays; print({'keras', 'tensorflow', 'jax'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
