"""Open the HDF5 files that hold weights, none of which may lead out of itself."""

import io
import zipfile
from contextlib import contextmanager

import h5py


class LeadsOut(Exception):
    """A file would have another one read; the text names the place in it."""


@contextmanager
def opened(path):
    """The weights of a .h5, .weights.h5 or .keras file as an h5py.File for reading.

    Args:
        path: pathlib.Path.

    Raises:
        LeadsOut: something in it is a link other than HDF5's hard ones, or a data set whose values
            lie in another file.
        OSError, RuntimeError, KeyError, zipfile.BadZipFile: no such file, or a damaged one.
    """
    source = path
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            source = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(source, "r") as file:
        _check(file)
        yield file


def _check(file):
    # Hard links may form a ring.
    left, seen = [file], set()
    while left:
        group = left.pop()
        for name in group:
            place = f"{group.name.rstrip('/')}/{name}"
            kind = group.get(name, getclass=True, getlink=True)
            if kind is not h5py.HardLink:
                raise LeadsOut(f"{place} in it is a link that may lead anywhere ({kind.__name__})")
            found = group[name]
            if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
                raise LeadsOut(f"the values of {place} in it lie in another file")
            address = h5py.h5o.get_info(found.id).addr
            if isinstance(found, h5py.Group) and address not in seen:
                seen.add(address)
                left.append(found)
