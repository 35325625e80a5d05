"""Arrays on disk are whole or not there, and need no Keras."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from smears.arrays import write_stream


def _names(folder):
    """Names of what is in a folder, but for the empty files that keep others waiting."""
    return sorted(file.name for file in folder.iterdir() if file.suffix != ".lock")


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
    assert _names(tmp_path) == []


def test_an_interrupted_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.npy"
    write_stream(path, (2, 1), np.uint8, [[1], [2]])

    def stopped():
        yield [3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_stream(path, (2, 1), np.uint8, stopped())
    assert np.load(path).tolist() == [[1], [2]]
    assert _names(tmp_path) == ["x.npy"]


KILLED = """
import os, signal, sys
import numpy as np
from smears.arrays import write_stream

def rows(first):
    for row in range(first, 9):
        if row == 7:
            # Killed in the middle of row 7.
            if sys.argv[2] == "on":
                with open(sys.argv[1] + ".partial", "ab") as file:
                    file.write(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        yield np.full(100_000, row)

write_stream(sys.argv[1], (9, 100_000), np.int64, rows if sys.argv[2] == "on" else rows(0), 2)
"""


def _killed(path, how):
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), how], check=False)
    assert done.returncode == -signal.SIGKILL


def test_a_killed_writing_goes_on_behind_its_whole_rows(tmp_path):
    path = tmp_path / "x.npy"
    _killed(path, "on")
    assert _names(tmp_path) == ["x.npy.partial"]
    begun = []

    def rows(first):
        begun.append(first)
        return (np.full(100_000, row) for row in range(first, 9))

    write_stream(path, (9, 100_000), np.int64, rows, 2)
    assert begun == [6]  # six whole rows, in whole pairs
    assert _names(tmp_path) == ["x.npy"]
    whole = tmp_path / "whole.npy"
    write_stream(whole, (9, 100_000), np.int64, rows(0))
    assert path.read_bytes() == whole.read_bytes()


def test_what_a_killed_writing_left_is_gone_after_the_next(tmp_path):
    _killed(tmp_path / "x.npy", "anew")
    (left,) = tmp_path.glob("x.npy.*-*.partial")
    (tmp_path / "xy.npy.1-1.partial").touch()
    write_stream(tmp_path / "x.npy", (2, 1), np.uint8, [[1], [2]])
    assert left.exists()  # it could be another process's that still writes
    for file in tmp_path.glob("*.partial"):
        os.utime(file, (0, 0))
    write_stream(tmp_path / "x.npy", (2, 1), np.uint8, [[1], [2]])
    assert _names(tmp_path) == ["x.npy", "xy.npy.1-1.partial"]
    assert np.load(tmp_path / "x.npy").tolist() == [[1], [2]]


def test_a_stopped_writing_goes_on_and_one_of_another_shape_does_not(tmp_path):
    path, begun = tmp_path / "x.npy", []

    def rows(first, last):
        begun.append(first)
        yield from np.arange(first, last, dtype=np.uint8)[:, None]
        if last < 5:
            raise KeyboardInterrupt

    for last in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            write_stream(path, (5, 1), np.uint8, lambda first, last=last: rows(first, last))
        assert _names(tmp_path) == ["x.npy.partial"]
    write_stream(path, (5, 1), np.uint8, lambda first: rows(first, 5))
    assert begun == [0, 2, 4]
    assert np.load(path).tolist() == [[0], [1], [2], [3], [4]]
    with pytest.raises(KeyboardInterrupt):
        write_stream(path, (5, 1), np.uint8, lambda first: rows(first, 3))
    write_stream(path, (5, 1), np.uint16, lambda first: rows(first, 5))
    assert begun[-1] == 0
    assert np.load(path).tolist() == [[0], [1], [2], [3], [4]]
    with pytest.raises(ValueError, match="do not fill"):
        write_stream(path, (4, 1), np.uint8, lambda first: rows(first, 5))
    assert _names(tmp_path) == ["x.npy"]


def test_who_waited_for_another_takes_its_file(tmp_path):
    path, made = tmp_path / "x.npy", []
    begun = threading.Event()

    def rows(number):
        made.append(number)
        begun.set()
        time.sleep(0.3)
        yield [number]

    first = threading.Thread(
        target=write_stream, args=(path, (1, 1), np.uint8, lambda first: rows(1))
    )
    first.start()
    begun.wait()
    write_stream(path, (1, 1), np.uint8, lambda first: rows(2))
    first.join()
    assert made == [1]
    assert np.load(path).tolist() == [[1]]


def test_writing_loads_no_keras():
    code = "import sys, smears.arrays; print({'keras', 'tensorflow', 'jax'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
