"""Arrays on disk: one .npy written piece by piece, there whole or not at all."""

import io
import os
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from filelock import FileLock

DAY = 24 * 3600.0  # seconds without a row after which a writing was killed


def write_stream(path, shape, dtype, arrays, step=1):
    """Write arrays one after the other into one .npy, memory flat, whole or not at all.

    Until it is whole its name ends in .partial.

    Args:
        path: file to make; its folder is made too.
        shape, dtype: of the whole array; `arrays` must fill it along the first axis.
        arrays: iterable of arrays, each a row or several. Or a function of the first row that is
            missing, which gives such an iterable from there on: a stopped or killed writing then
            goes on behind its whole rows. Only for a path that names all that decides the content,
            for the rows that are there are not looked at. One process writes at a time then, and
            who waited for another that made the file takes that one; .<name>.lock is left beside.
        step: rows that belong together, e.g. a batch of a network: the function is given a
            multiple of it, so that the batches are those of a writing that was not stopped.

    Raises:
        ValueError: `arrays` hold more or less than `shape`; nothing is kept.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    resumed = callable(arrays)
    own = "" if resumed else f".{os.getpid()}-{threading.get_ident()}"
    partial = path.with_name(f"{path.name}{own}.partial")
    dtype = np.dtype(dtype)
    row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    there = path.exists()
    if not resumed:
        _sweep(path)
    with FileLock(path.with_name(f".{path.name}.lock")) if resumed else nullcontext():
        if resumed and not there and path.exists():
            return
        keep = resumed
        try:
            with open(partial, "r+b" if partial.exists() else "w+b") as file:
                begin, done = _whole_rows(file, shape, dtype, row, step)
                for array in arrays(done) if resumed else arrays:
                    file.write(np.ascontiguousarray(array, dtype).data)
                written = file.tell() - begin
            if written != shape[0] * row:
                keep = False
                raise ValueError(
                    f"{path.name}: {written} bytes do not fill an array of shape {tuple(shape)}"
                )
            os.replace(partial, path)
        finally:
            if not keep:
                partial.unlink(missing_ok=True)


def _sweep(path):
    """Remove what killed writings of this file have left behind."""
    for left in path.parent.glob("*.partial"):
        if left.name.startswith(f"{path.name}.") and time.time() - left.stat().st_mtime > DAY:
            left.unlink(missing_ok=True)


def _whole_rows(file, shape, dtype, row, step):
    """Cut an open file to its header and whole steps of rows: (length of the header, rows).

    A file with another header, or none, is begun anew.
    """
    header = io.BytesIO()
    what = {"descr": dtype.str, "fortran_order": False, "shape": tuple(shape)}
    np.lib.format.write_array_header_1_0(header, what)
    header = header.getvalue()
    done = 0
    if file.read(len(header)) == header:
        rows = (file.seek(0, os.SEEK_END) - len(header)) // max(row, 1)
        done = min(rows, shape[0]) // step * step
    else:
        file.seek(0)
        file.write(header)
    file.truncate(len(header) + done * row)
    file.seek(0, os.SEEK_END)
    return len(header), done
