"""Drawn pictures for the tests: each set is drawn once a process, and linked where it is wanted."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from smears import drawn


@functools.cache
def _once(settings):
    """The folder of a set, `drawn-<key>`."""
    place = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    drawn.read(None, place, **dict(settings))
    return next(path for path in place.iterdir() if path.is_dir())


def put(out, settings):
    """Put a set where a script with `--out` looks for it before it draws it.

    Args:
        out: the script's folder. settings: dict, arguments of `smears.drawn.read`.
    """
    home = _once(tuple(settings.items()))
    link = out / "data" / home.name
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(home)
