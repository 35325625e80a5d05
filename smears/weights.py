"""Pretrained weights from files: whole or partial, by layer name; and ImageNet's, if reachable."""

import errno
import hashlib
import http.client
import json
import random
import re
import socket
import ssl
import sys
import warnings
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from smears import InputError, backend, hdf5
from smears.runs import write_whole

# Ends of the names of files that hold weights, darknet's behind Keras's.
FORMATS = (".npz", ".h5", ".keras", ".137", ".weights")

KERAS_3 = (".weights.h5", ".keras")  # those of them that Keras 3 writes

# How a download ends that stalls or breaks off, and the errors of this kind without a class.
# No BrokenPipeError: that is the terminal, to which Keras prints its progress.
BROKEN = (
    TimeoutError, ConnectionResetError, ConnectionAbortedError, ssl.SSLError,
    http.client.HTTPException,
)  # fmt: skip
UNREACHABLE = (errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH)

# What NumPy, h5py and Keras raise of damaged files, or of those that are built otherwise.
DAMAGED = (
    OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, EOFError,
    zipfile.BadZipFile,
)  # fmt: skip

# What a failed download taught this process, so that five rows do not try five times.
_failed = []


class NotAvailable(RuntimeError):
    """Pretrained weights that cannot be had; the text says what to do."""


class WrongFile(InputError):
    """A weights file that does not fit the network; the text names layer and shapes."""


@dataclass(frozen=True)
class Report:
    """Which layers took weights from a file.

    Args:
        loaded, missing: names of the network's layers that have weights.
        unused: names of layers in the file that the network lacks.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]


def imagenet(constructor, **arguments):
    """Build a keras.applications network with its ImageNet weights.

    Raises:
        NotAvailable: they cannot be downloaded; remembered, so that the next call fails at once.
            Python's random numbers, of which Keras takes its seeds, go on as if it had not tried.
    """
    if _failed:
        raise NotAvailable(_failed[0])
    drawn = random.getstate()
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(15)
    try:
        return constructor(weights="imagenet", **arguments)
    except Exception as problem:
        # keras.utils.get_file turns a download that cannot begin into a bare Exception; of one
        # that ends midway it lets the error through.
        lost = isinstance(problem, BROKEN) or getattr(problem, "errno", None) in UNREACHABLE
        if not lost and "fetch failure" not in str(problem):
            raise
        random.setstate(drawn)
        _failed.append(
            "ImageNet weights could not be downloaded (no network?). Copy the files of "
            "keras.applications to this machine and pass their folder with --weights; in Python "
            "give weights=FILE, or weights=None for random ones."
        )
        print(f"\n{_failed[0]}", file=sys.stderr)
        raise NotAvailable(_failed[0]) from problem
    finally:
        socket.setdefaulttimeout(before)


def load(network, path):
    """Put a file's weights into the layers of the same name.

    Args:
        network: Keras model.
        path: .npz with arrays `<number>_<layer>/<weight>` or `<layer>/<weight>`; .h5 in the older
            layout of keras.applications; .weights.h5 or .keras of Keras 3, of this network or,
            for what they share, of another without layers inside layers. Nothing in a file is
            run: no pickles, no code; and none has other files read.

    Returns:
        Report. Layers that Keras numbers itself (conv2d_7) are matched by their order.

    Raises:
        FileNotFoundError: no such file.
        WrongFile: unknown format, no layer in common, a shape that does not fit, or a link.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights file {path}: give 'imagenet', None for random weights, or the path of an "
            ".npz, .h5, .weights.h5 or .keras file"
        )
    if path.name.endswith(KERAS_3) and _loads_whole(network, path):
        return Report(tuple(layer.name for layer in network.layers if layer.weights), (), ())
    stored = _read(path, network)
    named = _names(network)
    missing = {name: layer for name, layer in named.items() if name not in stored}
    pairs = [(layer, stored[name]) for name, layer in named.items() if name in stored]
    unused = [name for name in stored if name not in named]
    for name, layer in list(missing.items()):
        # E.g. Xception's four residual convolutions, which keras.applications leaves unnamed.
        shapes = [tuple(w.shape) for w in layer.weights]
        fits = (u for u in unused if _shapes(stored[u]) == shapes)
        twin = next(fits, None) if _own_number(layer.name) is not None else None
        if twin is not None:
            pairs.append((layer, stored[twin]))
            unused.remove(twin)
            del missing[name]
    if not pairs:
        raise WrongFile(
            f"{path}: no layer in common with {network.name}; the file has "
            f"{', '.join(list(stored)[:5])} ..., the network {', '.join(list(named)[:5])} ..."
        )
    for layer, arrays in pairs:
        _assign(layer, arrays, path)
    return Report(
        tuple(layer.name for layer, _ in pairs),
        tuple(layer.name for layer in missing.values()),
        tuple(unused),
    )


def label(path):
    """What a run calls a weights file, or a folder of them, wherever it lies: name and hash."""
    if not path.is_dir():
        return f"{path.name} {_digest(path)[:12]}"
    files = sorted(file for file in path.rglob("*") if file.is_file())
    marks = "\n".join(f"{file.relative_to(path).as_posix()} {_digest(file)}" for file in files)
    return f"{path.name} {hashlib.sha256(marks.encode()).hexdigest()[:12]}"


def by_content(settings):
    """Settings with "weights" that are a path replaced by what they hold (`label`)."""
    path = settings.get("weights")
    if path is None or not Path(path).exists():
        return settings
    return settings | {"weights": label(Path(path))}


def files(given, networks, row=None):
    """The weights files that --weights gives for the networks of a row.

    Args:
        given, row: see `find`.
        networks: dict network name -> whether what is given without a name counts for it.

    Returns:
        dict network name -> pathlib.Path, of those that are given one.

    Raises:
        InputError: see `find`.
    """
    named = {key: path for key, path in given.items() if key}
    found = {name: find(given if any_ else named, name, row) for name, any_ in networks.items()}
    return {name: path for name, path in found.items() if path}


def find(given, name, row=None):
    """The weights file that --weights gives for a network.

    Args:
        given: dict network name, or "" for any, -> file or folder. A preset folder of keras-hub
            counts as a file where it is given by name or lies in a folder.
        name: e.g. "Inception V3"; in a folder, the file whose name holds it counts, upper and
            lower case and signs apart ("inception_v3_notop.h5"). None: of no network.
        row: name of what is trained on that network, e.g. "LeukocyteNet" on "VGG19"; what is
            given for it goes before what is given for the network.

    Returns:
        pathlib.Path, or None.

    Raises:
        InputError: a folder given by name that holds nothing of this network.
    """
    if name is None:
        return None
    key = next((key for key in (row, name, "") if key in given), None)
    folder = given.get(key)
    if folder is None or folder.is_file() or (key and _is_preset(folder)):
        return folder
    wanted = re.sub("[^a-z0-9]", "", name.lower())
    for path in sorted(folder.iterdir()):
        plain = re.sub("[^a-z0-9]", "", path.name.lower())
        if wanted in plain and (path.suffix in FORMATS or _is_preset(path)):
            return path
    if key:
        raise InputError(
            f"--weights {key}={folder}: no file of {name} in this folder; give the file itself, "
            f"or name it after the network, with one of the ends {', '.join(FORMATS)}."
        )
    return None


def _is_preset(path):
    return (path / "config.json").is_file()


def cut(network, missing):
    """The part of a network up to the last layer that needs none of the missing ones.

    Args:
        network: functional Keras model. missing: names of layers without weights.

    Returns:
        (keras.Model, name of its last layer): cut where the whole signal passes one layer, so
        never inside a block of parallel branches.

    Raises:
        WrongFile: already the first layers are missing.
    """
    from keras import Model

    place = {layer.name: number for number, layer in enumerate(network.layers)}
    good, crossed = [], [0] * (len(place) + 1)
    for number, layer in enumerate(network.layers):
        parents = [place[p.operation.name] for n in layer._inbound_nodes for p in n.parent_nodes]
        parents = [p for p in parents if p < number]
        good.append(layer.name not in missing and all(good[p] for p in parents))
        for parent in parents:
            for between in range(parent + 1, number):
                crossed[between] += 1
    points = [i for i in range(1, len(good)) if good[i] and not crossed[i]]
    if not points:
        raise WrongFile(f"{network.name}: weights of its first layers are missing")
    last = network.layers[points[-1]]
    return Model(network.input, last.output, name=f"{network.name}_to_{last.name}"), last.name


def take(network, path):
    """Put a file's weights into a network, and cut it before the first layer that the file lacks.

    Args:
        network: functional Keras model. path: see `load`.

    Returns:
        (keras.Model, the network or its first part; in words what it starts from).

    Raises:
        FileNotFoundError, WrongFile: see `load` and `cut`.
    """
    path = Path(path)
    return cut_off(network, load(network, path).missing, path)


def cut_off(network, missing, path):
    """As `take`, where the names of the layers that the file lacks are known."""
    if not missing:
        return network, f"ImageNet, from {path.name}"
    network, last = cut(network, missing)
    return network, f"{path.name}, cut at {last} (the file lacks what follows)"


def hub(kind, preset):
    """A backbone of keras-hub with the weights of a preset, downloaded.

    Args:
        kind: name of a class in keras_hub.models. preset: e.g. "resnet_18_imagenet".

    Raises:
        NotAvailable: it cannot be downloaded.
    """
    with backend.quiet_stderr():  # keras-hub imports TensorFlow where it is installed
        import keras_hub
    try:
        return getattr(keras_hub.models, kind).from_preset(preset)
    except Exception as problem:
        # keras-hub, kagglesdk and requests each have their own errors for a missing network.
        raise NotAvailable(
            f"{preset} could not be downloaded ({type(problem).__name__}): give the path of a "
            "file with weights, or weights=None."
        ) from problem


def keep(network, folder, name, settings):
    """Write `<name>.json` and `<name>.weights.h5`, each whole or not at all.

    Args:
        network: Keras model. settings: JSON-able dict that builds it again.
    """
    folder = Path(folder)
    write_whole(folder / f"{name}.json", json.dumps(settings, indent=1))
    fresh = folder / f"{name}.partial.weights.h5"
    network.save_weights(fresh)
    fresh.replace(folder / f"{name}.weights.h5")


def kept(folder, name):
    """The settings that `keep` wrote: text and numbers, so nothing in them is run."""
    return json.loads((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))


def _digest(path):
    """SHA-256 of a file, read once while it stays as it is: every row, seed and fold asks."""
    about = path.stat()
    return _hashed(path.absolute(), about.st_size, about.st_mtime_ns)


@cache
def _hashed(path, size, changed):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shapes(arrays):
    return [array.shape for array in arrays.values()]


def _assign(layer, arrays, path):
    names = [weight.name for weight in layer.weights]
    if sorted(names) == sorted(arrays):
        arrays = {name: arrays[name] for name in names}
    shapes, wanted = _shapes(arrays), [tuple(w.shape) for w in layer.weights]
    if shapes != wanted:
        raise WrongFile(f"{path}: layer {layer.name} has shapes {shapes}, the network {wanted}")
    if any(array.dtype.kind not in "fiu" for array in arrays.values()):
        raise WrongFile(f"{path}: layer {layer.name} has values that are no numbers")
    layer.set_weights([array.astype("float32") for array in arrays.values()])


def _own_number(name):
    """N of a name that Keras made (conv2d_7, batch_normalization), or None."""
    found = re.fullmatch(r"(conv2d|batch_normalization|depthwise_conv2d|dense)(?:_(\d+))?", name)
    return int(found[2] or 0) if found else None


def _names(network):
    """Layers with weights by name; names that Keras numbers start again at 0 in each network."""
    named, own = {}, {}
    for layer in network.layers:
        if not layer.weights:
            continue
        if _own_number(layer.name) is None:
            named[layer.name] = layer
        else:
            own.setdefault(re.sub(r"_\d+$", "", layer.name), []).append(layer)
    for kind, layers in own.items():
        for number, layer in enumerate(sorted(layers, key=lambda item: _own_number(item.name))):
            named[kind + (f"_{number}" if number else "")] = layer
    return named


def _read(path, network):
    """Dict layer name -> dict weight name -> array, in the file's order."""
    try:
        if path.name.endswith(KERAS_3):
            return _read_keras(path, network)
        return _read_npz(path) if path.suffix == ".npz" else _read_h5(path)
    except hdf5.LeadsOut as reason:
        raise WrongFile(
            f"{path} is not read: {reason}; give a file with its own values."
        ) from reason


def _read_npz(path):
    """`_read` of arrays named <layer>/<weight>."""
    found = {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                layer, _, weight = key.rpartition("/")
                found.setdefault(re.sub(r"^\d+_", "", layer), {})[weight] = arrays[key]
    except DAMAGED as problem:
        raise WrongFile(
            f"{path}: not an .npz of plain arrays named <layer>/<weight> ({problem})"
        ) from problem
    return found


def _read_h5(path):
    """`_read` of an .h5 file in the older layout (attribute layer_names)."""
    try:
        with hdf5.opened(path) as file:
            group = file.get("model_weights", file)
            found = {}
            for name in group.attrs["layer_names"]:
                name = name.decode() if isinstance(name, bytes) else name
                keys = group[name].attrs["weight_names"]
                arrays = {key: np.asarray(group[name][key]) for key in keys}
                if arrays:
                    found[name] = arrays
            return found
    except DAMAGED as problem:
        raise WrongFile(
            f"{path}: neither .npz nor an .h5 of keras.applications ({problem}); files that Keras "
            "3 wrote must end in .weights.h5 or .keras"
        ) from problem


def _loads_whole(network, path):
    """Whether Keras takes the file as this very network's; if not, nothing is changed."""
    before = network.get_weights()
    try:
        with hdf5.opened(path):
            pass  # an archive's checksums, which Keras does not look at
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of layers that it lacks: what follows tells
            network.load_weights(path)
    except (*DAMAGED, hdf5.LeadsOut):
        network.set_weights(before)
        return False
    return True


def _read_keras(path, network):
    """`_read` of .weights.h5 or .keras, by place.

    Raises:
        WrongFile: not such a file, or one with layers inside layers, whose order it does not tell.
    """
    try:
        with hdf5.opened(path) as file:
            found, nested = {}, ""
            for group in file["layers"].values():
                own = group["vars"]
                name = own.attrs["name"]
                if any(len(part.get("vars", ())) for key, part in group.items() if key != "vars"):
                    nested = name
                if len(own):
                    found[name] = {key: np.asarray(own[key]) for key in sorted(own, key=int)}
    except DAMAGED as problem:
        raise WrongFile(f"{path}: no weights file of Keras 3 ({problem})") from problem
    if nested:
        raise WrongFile(
            f"{path}: does not fit {network.name}; its layer {nested} holds others, so that only "
            "the network that wrote it can read it."
        )
    return found
