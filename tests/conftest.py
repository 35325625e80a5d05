"""Start the backend once, quietly, before any test imports Keras."""

import os

import pytest

from smears.backend import start

# Tests that run at a time share out the cores: threads of all on each get in each other's way.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):
    share = str(max(1, os.cpu_count() // workers))
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, share)

start()


@pytest.fixture
def unreadable(monkeypatch):
    """Folders called "shut" may not be read."""
    scandir = os.scandir

    def refuse(place):
        if os.path.basename(place) == "shut":
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    # The tests may run as root, who may read everything; so the system's answer is played.
    monkeypatch.setattr(os, "scandir", refuse)


@pytest.fixture
def not_utf8():
    """Function (path, name): give a file a name, as bytes that are no UTF-8; returns its path."""

    def rename(path, name):
        fresh = os.fsencode(path.parent) + b"/" + name
        try:
            os.rename(path, fresh)
        except OSError:
            pytest.skip("this file system takes only UTF-8 names")
        return os.fsdecode(fresh)

    return rename
