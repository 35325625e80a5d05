"""Readers of data sets: each turns a folder in its original layout into catalogue rows."""

from importlib import import_module
from pathlib import Path

import pandas as pd

from smears import catalogue
from smears.sources.listing import SourceError

# Name on the command line -> module with `read(folder, cache)` and `HOW_TO_GET`.
SOURCES = {
    "drawn": "smears.drawn",
    "folder": "smears.sources.folder",
    "csv": "smears.sources.manifest",
    "allidb1": "smears.sources.allidb",
    "allidb2": "smears.sources.allidb",
    "taleqani": "smears.sources.taleqani",
    "ash": "smears.sources.ash",
    "pbc": "smears.sources.pbc",
    "bloodmnist": "smears.sources.bloodmnist",
    "cnmc": "smears.sources.cnmc",
}


def read(spec, cache, **settings):
    """Rows of one source.

    Args:
        spec: "NAME:PATH", or "drawn".
        cache: folder where a source may keep files it makes.
        **settings: passed on to the reader.

    Returns:
        DataFrame with the columns of `catalogue.COLUMNS`.

    Raises:
        SourceError: unknown name, missing folder or nothing in it, with what to do.
    """
    name, _, path = spec.partition(":")
    if name not in SOURCES:
        raise SourceError(f"--data {spec}: {name!r} is none of {', '.join(SOURCES)}.")
    module = import_module(SOURCES[name])
    if name == "drawn":
        return module.read(None, Path(cache), **settings)
    folder = Path(path).expanduser().resolve()
    if not path or not folder.exists():
        raise SourceError(
            f"--data {spec}: {folder if path else 'a path'} not found. Give {name}:PATH. "
            f"{module.HOW_TO_GET} --data drawn needs none."
        )
    rows = module.read(folder, Path(cache), **settings)
    return rows.assign(data=name)[catalogue.COLUMNS]


def load(specs, cache, *, skip_bad=False, drawn=None):
    """Read several sources and build one catalogue of them.

    Args:
        specs: list of "NAME[:PATH]". cache: folder for scans and made files.
        skip_bad: see `catalogue.build`.
        drawn: settings of the source "drawn" (numbers of subjects and images, size, seed).
    """
    rows = [
        read(spec, cache, **(drawn or {} if spec.split(":")[0] == "drawn" else {}))
        for spec in specs
    ]
    return catalogue.build(pd.concat(rows, ignore_index=True), cache, skip_bad=skip_bad)


__all__ = ["SOURCES", "SourceError", "load", "read"]
