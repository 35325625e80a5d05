"""Arrays on disk: one .npy written piece by piece, there whole or not at all."""

import os
import threading
from pathlib import Path

import numpy as np


def write_stream(path, shape, dtype, arrays):
    """Write arrays one after the other into one .npy, memory flat, whole or not at all.

    Args:
        path: file to make; its folder is made too.
        shape, dtype: of the whole array; `arrays` must fill it along the first axis.
        arrays: iterable of arrays, each a row or several.

    Raises:
        ValueError: `arrays` hold more or less than `shape`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    dtype = np.dtype(dtype)
    try:
        with open(partial, "wb") as file:
            header = {"descr": dtype.str, "fortran_order": False, "shape": tuple(shape)}
            np.lib.format.write_array_header_1_0(file, header)
            begin = file.tell()
            for array in arrays:
                file.write(np.ascontiguousarray(array, dtype).data)
            written = file.tell() - begin
        if written != np.prod(shape, dtype=np.int64) * dtype.itemsize:
            raise ValueError(f"{path.name}: {written} bytes do not fill an array of shape {shape}")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
