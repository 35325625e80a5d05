"""The methods that CoTCoNet is compared with (Tables 2 and 4 to 6), a file a method."""

import json
from importlib import import_module

from smears import InputError
from smears.runs import model_folder

# Module of this package -> its class.
METHODS = {
    "mohammed": "Mohammed",
    "gehlot": "Gehlot",
    "jawahar": "Jawahar",
    "das": "Das",
    "depto": "Depto",
    "khandekar": "Khandekar",
}


class Unsuited(InputError):
    """Pictures that one method cannot learn from, though others may."""


def method(name):
    """The class of a method, a `classifier.Rival`. Imports Keras.

    Args:
        name: key of `METHODS`.
    """
    return getattr(import_module(f"cotconet.rivals.{name}"), METHODS[name])


def load(folder, cache=None):
    """The fitted method that some `Rival.save` wrote, whichever it is.

    Args:
        folder: that folder, or a finished run's, whose model/ it is. cache: as for a new one.

    Raises:
        InputError: not such a folder.
    """
    folder = model_folder(folder)
    try:
        found = json.loads((folder / "settings.json").read_text(encoding="utf-8"))["method"]
        name = {kind: module for module, kind in METHODS.items()}[found]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise InputError(
            f"{folder} is no saved method: no settings.json that names one of "
            f"{', '.join(METHODS.values())}."
        ) from problem
    return method(name).load(folder, cache)
