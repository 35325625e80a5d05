"""Load a Keras model file from a stranger without running any code of it."""

import json
import re
import zipfile
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import keras

from smears import InputError, hdf5

# What Keras writes without an optimizer's state or a vocabulary. Nothing else is read.
MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}

# Code in which networks of these papers may be written besides Keras's own layers: a package and
# its modules that register layers. A file can make this process import these, and nothing else.
PACKAGES = {
    "leukocytenet": ("convolution", "swin"),
    "cotconet": ("gmod", "mirnet", "sam", "rivals.conditional", "rivals.das", "rivals.stain"),
}

MAX_CONFIG = 8_000_000  # bytes; DenseNet121, with 429 layers, needs 0.4 million
MAX_WEIGHTS = 1_000_000_000  # bytes; LeukocyteNet's have 81 million

# Layers that run a program from the file or beside it, or read files that its config names.
REFUSED = {
    "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup",
    "IntegerLookup", "TextVectorization", "Layer", "Wrapper",
}  # fmt: skip

# Plain values in Keras's notation.
VALUES = {"__keras_tensor__", "__tensor__", "__numpy__"}


def load(path):
    """The model in a .keras file, for inference.

    Its description is read before Keras sees it, and everything that it names must stand on a
    list: Keras's own layers without those that run code or read files, its initializers,
    regularizers, constraints, activations and precisions, and layers that this project's packages
    have registered.

    Args:
        path: a file on this machine, ending in .keras.

    Returns:
        keras.Model, not compiled.

    Raises:
        InputError: no such file, a remote or wrong one, damaged, oversized, or one that asks for
            more than that; the text names the file and the reason.
    """
    # pathlib makes one slash of two.
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise InputError(f"{path}: a remote path. Download the file and give its place here.")
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file. Give a run's model.keras.")
    try:
        _check(path)
    except _Refused as reason:
        raise InputError(
            f"{path} is not loaded: {reason}. Only networks of Keras's own layers and of this "
            "project's are, which a run's model.keras holds."
        ) from reason
    with reading(path):
        return keras.saving.load_model(path, compile=False, safe_mode=True)


@contextmanager
def reading(path):
    """Turn whatever a damaged file or folder raises while it is read into an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as problem:
        # A damaged description makes Keras, and our own code, raise anything.
        reason = " ".join(str(problem).split())[:400]
        raise InputError(
            f"{path} cannot be loaded, it may be damaged: {type(problem).__name__} {reason}"
        ) from problem


class _Refused(Exception):
    """Why a file is not loaded."""


def _check(path):
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise _Refused("no .keras archive (a pickle, an HDF5 or another file)")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive.infolist())
            config = json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, OSError) as problem:
        raise _Refused(f"damaged archive ({str(problem)[:200]})") from problem
    except (NotImplementedError, RuntimeError) as problem:
        raise _Refused(f"an archive packed or locked in another way ({problem})") from problem
    if not isinstance(config, dict):
        raise _Refused("config.json describes no network")
    # Keras drops how the outermost network was trained, which names optimizers and losses.
    _walk({key: value for key, value in config.items() if key != "compile_config"})
    try:
        with hdf5.opened(path):
            pass
    except hdf5.LeadsOut as reason:
        raise _Refused(str(reason)) from reason
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as problem:
        raise _Refused(f"damaged weights ({str(problem)[:200]})") from problem


def _check_members(members):
    names = [member.filename for member in members]
    for name in names:
        if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name:
            raise _Refused(f"it holds {name!r}, a path that leads out of the archive")
        if name not in MEMBERS:
            raise _Refused(f"it holds {name!r}, which a network's file does not need")
    if len(set(names)) < len(names) or set(names) != MEMBERS:
        raise _Refused(f"it must hold {', '.join(sorted(MEMBERS))}, each once")
    for member in members:
        most = MAX_WEIGHTS if member.filename == "model.weights.h5" else MAX_CONFIG
        if member.file_size > most:
            raise _Refused(
                f"{member.filename} unpacks to {member.file_size:,} bytes, more than {most:,}"
            )


def _walk(value):
    """Check every class, function and text that a part of the description names."""
    if isinstance(value, dict):
        if "class_name" in value:
            _check_class(value)
        for part in value.values():
            _walk(part)
    elif isinstance(value, list):
        for part in value:
            _walk(part)
    elif isinstance(value, str) and "://" in value:
        raise _Refused(f"it names the remote path {value[:100]!r}")


def _check_class(entry):
    name, module = entry["class_name"], entry.get("module")
    registered = entry.get("registered_name")
    if not isinstance(name, str) or not isinstance(registered, str | None):
        raise _Refused("it names a class by something other than text")
    if name in VALUES:
        return
    if name in REFUSED:
        raise _Refused(f"it asks for {name}, which can run code or read files")
    if name == "function":
        function = entry.get("config")
        known = set(vars(keras.activations)) - {"get", "serialize", "deserialize"}
        plain = module in ("builtins", "keras.activations") and isinstance(function, str)
        if plain and function in known:
            return
        raise _Refused(f"it asks for the function {module}.{function}")
    if not isinstance(module, str):
        raise _Refused(f"it asks for {name} without a module")
    if (registered or "").split(">")[0] in PACKAGES:
        _check_registered(registered)
    elif registered not in (None, name) or not _from_keras(module, name):
        raise _Refused(f"it asks for {registered or name} of {module}")


def _check_registered(registered):
    package = registered.split(">")[0]
    if keras.saving.get_registered_object(registered) is None:
        for module in PACKAGES[package]:
            import_module(f"{package}.{module}")
    found = keras.saving.get_registered_object(registered)
    if (
        not isinstance(found, type)
        or not issubclass(found, keras.layers.Layer)
        or found.__module__.split(".")[0] != package
    ):
        raise _Refused(f"it asks for {registered}, which {package} has not registered as a layer")


def _from_keras(module, name):
    """Whether it is a layer, a model or a setting of Keras that only computes."""
    if (module, name) == ("keras.src.models.functional", "Functional"):
        return True
    kinds = {
        "keras": (keras.Model, keras.dtype_policies.DTypePolicy),
        "keras.models": keras.Model,
        "keras.layers": keras.layers.Layer,
        "keras.initializers": keras.initializers.Initializer,
        "keras.regularizers": keras.regularizers.Regularizer,
        "keras.constraints": keras.constraints.Constraint,
        "keras.dtype_policies": keras.dtype_policies.DTypePolicy,
    }
    if module not in kinds:
        return False
    found = keras if module == "keras" else getattr(keras, module.split(".")[1])
    found = getattr(found, name, None)
    return isinstance(found, type) and issubclass(found, kinds[module])
