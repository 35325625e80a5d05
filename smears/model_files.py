"""Load a Keras model file from a stranger without running any code of it."""

import keras

from smears import InputError


def load(path):
    """The model in a .keras file, for inference.

    Raises:
        InputError: no such file, damaged, or one that asks for code of its own.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError) as problem:
        raise InputError(f"{path}: {problem}") from problem
