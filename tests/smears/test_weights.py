"""Weights from files: by layer name, whole or partial, wrong ones refused, no code ever run."""

import contextlib
import errno
import hashlib
import http.client
import os
import random
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from smears import InputError, weights
from smears.weights import WrongFile, cut, find, load

pytestmark = pytest.mark.contract


def _network(seed=1, classes=3, name="tiny"):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(5, 3, name="second")(x)
    x = layers.GlobalAveragePooling2D()(x)
    network = keras.Model(inputs, layers.Dense(classes, name="head")(x), name=name)
    rng = np.random.default_rng(seed)
    network.set_weights([rng.uniform(0.5, 1, w.shape) for w in network.get_weights()])
    return network


def _arrays(network, pattern, only=None):
    """Dict of a file's key -> array for the layers named in `only`, or all."""
    found, number = {}, 0
    for layer in network.layers:
        for weight in layer.weights:
            if only is None or layer.name in only:
                key = pattern.format(number=number, layer=layer.name, weight=weight.name)
                found[key] = np.asarray(weight)
            number += 1
    return found


def _write_h5(path, network, only=None):
    """The layout of keras.applications' files."""
    with h5py.File(path, "w") as file:
        named = [layer for layer in network.layers if only is None or layer.name in only]
        file.attrs["layer_names"] = [layer.name.encode() for layer in named]
        for layer in named:
            group = file.create_group(layer.name)
            keys = [f"{layer.name}/{w.name}:0" for w in layer.weights]
            group.attrs["weight_names"] = [key.encode() for key in keys]
            for key, weight in zip(keys, layer.weights, strict=True):
                group[key] = np.asarray(weight)


def _equal(network, source, names):
    for name in names:
        pairs = (n.get_layer(name).get_weights() for n in (network, source))
        assert all(np.array_equal(a, b) for a, b in zip(*pairs, strict=True)), name


WRITERS = {
    "numbered.npz": lambda path, n: np.savez(path, **_arrays(n, "{number:03d}_{layer}/{weight}")),
    "named.npz": lambda path, n: np.savez(path, **_arrays(n, "{layer}/{weight}")),
    # By the alphabet, biases come before kernels.
    "sorted.npz": lambda path, n: np.savez(
        path, **dict(sorted(_arrays(n, "{layer}/{weight}").items()))
    ),
    "older.h5": _write_h5,
    "new.weights.h5": lambda path, n: n.save_weights(path),
    "whole.keras": lambda path, n: n.save(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_brings_back_every_weight(name, tmp_path):
    source, network = _network(), _network(2)
    WRITERS[name](tmp_path / name, source)
    report = load(network, tmp_path / name)
    _equal(network, source, ["first", "norm", "second", "head"])
    assert set(report.loaded) == {"first", "norm", "second", "head"}
    assert report.missing == report.unused == ()


@pytest.mark.parametrize("name", ["partial.npz", "partial.h5", "new.weights.h5", "whole.keras"])
def test_a_partial_file_loads_by_layer_name_and_says_what_it_lacks(name, tmp_path):
    source, network, before = _network(), _network(2), _network(2)
    if name.endswith("npz"):
        np.savez(tmp_path / name, **_arrays(source, "{layer}/{weight}", ["norm", "first"]))
    elif name in WRITERS:  # of a network that ends earlier, as without its top
        base = keras.Model(source.input, source.get_layer("norm").output)
        WRITERS[name](tmp_path / name, base)
    else:
        _write_h5(tmp_path / name, source, ["norm", "first"])
    report = load(network, tmp_path / name)
    _equal(network, source, ["first", "norm"])
    _equal(network, before, ["second", "head"])
    assert (set(report.loaded), report.missing) == ({"first", "norm"}, ("second", "head"))


def test_layers_that_the_network_lacks_are_named_as_unused(tmp_path):
    arrays = _arrays(_network(), "{layer}/{weight}")
    np.savez(tmp_path / "more.npz", **arrays, **{"block9/kernel": np.zeros((2, 2))})
    assert load(_network(2), tmp_path / "more.npz").unused == ("block9",)


def test_half_precision_arrays_become_the_networks_own(tmp_path):
    source, network = _network(), _network(2)
    arrays = _arrays(source, "{layer}/{weight}")
    np.savez(tmp_path / "half.npz", **{k: a.astype(np.float16) for k, a in arrays.items()})
    load(network, tmp_path / "half.npz")
    assert {w.dtype for w in network.get_weights()} == {np.dtype("float32")}
    pairs = zip(network.get_weights(), source.get_weights(), strict=True)
    assert all(np.allclose(a, b, atol=1e-3) for a, b in pairs)


def test_layers_that_keras_numbers_are_matched_by_their_order(tmp_path):
    def network():
        return keras.Sequential(
            [keras.Input((8, 8, 3)), layers.Conv2D(3, 3), layers.Conv2D(3, 3), layers.Flatten()]
        )

    source, later = network(), network()
    kernels = [layer.get_weights() for layer in source.layers[:2]]
    names = ["conv2d", "conv2d_1"]
    np.savez(
        tmp_path / "own.npz",
        **{f"{n}/{k}": a for n, ks in zip(names, kernels, strict=True) for k, a in enumerate(ks)},
    )
    assert later.layers[0].name not in names
    load(later, tmp_path / "own.npz")
    pairs = zip(later.get_weights(), source.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", WRITERS)
def test_shapes_that_do_not_fit_are_refused(name, tmp_path):
    WRITERS[name](tmp_path / name, _network(classes=4))
    with pytest.raises(WrongFile, match=r"head|does not fit"):
        load(_network(2), tmp_path / name)


@pytest.mark.parametrize("name", ["named.npz", "older.h5", "new.weights.h5", "whole.keras"])
def test_a_file_without_a_common_layer_is_refused_by_name(name, tmp_path):
    inputs = keras.Input((4,))
    other = keras.Model(inputs, layers.Dense(2, name="elsewhere")(inputs))
    WRITERS[name](tmp_path / name, other)
    with pytest.raises(WrongFile, match=r"no layer in common with tiny.*elsewhere.*first"):
        load(_network(), tmp_path / name)


@pytest.mark.parametrize(
    "name", ["text.npz", "text.h5", "text.weights.h5", "text.keras", "text.pt", "array.npz"]
)
def test_what_is_no_weights_file_is_refused_by_name(name, tmp_path):
    if name == "array.npz":
        with open(tmp_path / name, "wb") as file:
            np.save(file, np.zeros(3))
    else:
        (tmp_path / name).write_text("not weights")
    with pytest.raises(WrongFile, match=name):
        load(_network(), tmp_path / name)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kept", [0, 0.5, 0.9])
def test_files_that_are_cut_off_are_refused_by_name_and_change_nothing(name, kept, tmp_path):
    WRITERS[name](tmp_path / name, _network(2))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(kept * len(content))])
    network = _network()
    before = network.get_weights()
    with pytest.raises(WrongFile, match=name):
        load(network, tmp_path / name)
    assert all(map(np.array_equal, before, network.get_weights()))


def test_an_archive_whose_checksum_does_not_fit_is_refused(tmp_path):
    _network(2).save(tmp_path / "whole.keras")
    content = (tmp_path / "whole.keras").read_bytes()
    kernel = _network(2).get_layer("first").kernel.numpy().tobytes()
    assert kernel in content
    (tmp_path / "whole.keras").write_bytes(content.replace(kernel, kernel[::-1]))
    with pytest.raises(WrongFile, match=r"whole\.keras: no weights file of Keras 3 \(Bad CRC"):
        load(_network(), tmp_path / "whole.keras")


def test_texts_for_weights_and_other_structures_are_refused(tmp_path):
    texts = {"first/kernel": np.full((3, 3, 3, 4), "a"), "first/bias": np.full(4, "b")}
    np.savez(tmp_path / "text.npz", **texts)
    with h5py.File(tmp_path / "set.weights.h5", "w") as file:
        file["layers"] = 1
    with h5py.File(tmp_path / "number.h5", "w") as file:
        file.attrs["layer_names"] = 5
    for name in ("text.npz", "set.weights.h5", "number.h5"):
        with pytest.raises(WrongFile, match=name):
            load(_network(), tmp_path / name)


def test_a_missing_file_is_named_with_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.npz: give 'imagenet', None"):
        load(_network(), tmp_path / "absent.npz")


class _Trap:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_pickles_in_an_npz_are_refused_not_run(tmp_path):
    mark = tmp_path / "ran"
    arrays = _arrays(_network(), "{layer}/{weight}")
    arrays["first/kernel"] = np.array([_Trap(mark)], dtype=object)
    np.savez(tmp_path / "trap.npz", allow_pickle=True, **arrays)
    with pytest.raises(WrongFile, match="plain arrays"):
        load(_network(), tmp_path / "trap.npz")
    assert not mark.exists()


def test_code_in_a_keras_file_is_not_run(tmp_path):
    mark = tmp_path / "ran"
    inputs = keras.Input((4,))
    path = str(mark)
    outputs = layers.Lambda(lambda x: open(path, "w") and x, output_shape=(4,))(inputs)  # noqa: SIM115
    keras.Model(inputs, layers.Dense(2, name="head")(outputs)).save(tmp_path / "trap.keras")
    mark.unlink(missing_ok=True)
    twin = keras.Model(inputs, layers.Dense(2, name="head")(inputs))
    with contextlib.suppress(WrongFile):
        load(twin, tmp_path / "trap.keras")
    # A finished run's network is loaded whole: there Keras itself refuses.
    with pytest.raises(ValueError, match="Lambda"):
        keras.saving.load_model(tmp_path / "trap.keras", compile=False)
    assert not mark.exists()


def _linked(path, kind, secret):
    """Put something that leads to another file in the place of the first kernel."""
    place = "first/first/kernel:0" if path.name == "older.h5" else "layers/conv2d/vars/0"
    with h5py.File(path, "r+") as file:
        shape = file[place].shape
        with h5py.File(secret, "w") as other:
            other["kept to myself"] = np.ones(shape, np.float32)
        del file[place]
        if kind == "external link":
            file[place] = h5py.ExternalLink(secret.name, "kept to myself")
        elif kind == "soft link":
            file["elsewhere"] = h5py.ExternalLink(secret.name, "/")
            file[place] = h5py.SoftLink("/elsewhere/kept to myself")
        elif kind == "raw file":
            file.create_dataset(place, shape, "f4", external=[(str(secret), 0, 4 * np.prod(shape))])
        else:
            layout = h5py.VirtualLayout(shape, "f4")
            layout[:] = h5py.VirtualSource(secret, "kept to myself", shape)
            file.create_virtual_dataset(place, layout)


@pytest.mark.parametrize("kind", ["external link", "soft link", "raw file", "virtual"])
@pytest.mark.parametrize("name", ["older.h5", "new.weights.h5", "whole.keras"])
def test_what_leads_out_of_a_file_is_refused_and_not_read(name, kind, tmp_path):
    path, network = tmp_path / name, _network(2)
    before = network.get_weights()
    if name == "whole.keras":
        inner = tmp_path / "inner.weights.h5"
        WRITERS["new.weights.h5"](inner, _network())
        _linked(inner, kind, tmp_path / "secret.h5")
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(inner, "model.weights.h5")
    else:
        WRITERS[name](path, _network())
        _linked(path, kind, tmp_path / "secret.h5")
    why = "may lead anywhere" if "link" in kind else "lie in another file"
    with pytest.raises(WrongFile, match=rf"{name} is not read: .*{why}.*give a file with its own"):
        load(network, path)
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), before, strict=True))


def test_groups_that_hold_each_other_end(tmp_path):
    _write_h5(tmp_path / "ring.h5", _network())
    with h5py.File(tmp_path / "ring.h5", "r+") as file:
        file["first/back"] = file["/"]
    network = _network(2)
    assert load(network, tmp_path / "ring.h5").missing == ()


@pytest.mark.parametrize(
    "problem",
    [
        Exception("URL fetch failure on https://example.org: None -- no route"),
        TimeoutError("The read operation timed out"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        OSError(errno.EHOSTUNREACH, "No route to host"),
        http.client.IncompleteRead(b""),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_a_failed_download_is_told_once_and_remembered(monkeypatch, problem):
    calls = []

    def constructor(weights):
        calls.append(weights)
        random.random()  # as a network does that is built before its weights are fetched
        raise problem

    monkeypatch.setattr(weights, "_failed", [])
    random.seed(7)
    for _ in range(2):
        with pytest.raises(weights.NotAvailable, match="--weights; in Python give weights=FILE"):
            weights.imagenet(constructor)
    assert calls == ["imagenet"]
    assert random.random() == random.Random(7).random()


@pytest.mark.parametrize(
    "problem",
    [
        ValueError("wrong shape"),
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_other_failures_of_a_constructor_are_not_taken_for_a_missing_network(monkeypatch, problem):
    def constructor(weights):
        raise problem

    monkeypatch.setattr(weights, "_failed", [])
    with pytest.raises(type(problem), match=str(problem.args[-1])):
        weights.imagenet(constructor)
    assert not weights._failed


def test_a_folder_gives_each_network_its_own_file(tmp_path):
    for name in ("vgg19_x.npz", "inception_v3_notop.h5", "xception.keras", "xception.txt"):
        (tmp_path / name).touch()
    given = {"": tmp_path, "MobileNet": tmp_path / "vgg19_x.npz"}
    assert find(given, "VGG19") == tmp_path / "vgg19_x.npz"
    assert find(given, "Inception V3") == tmp_path / "inception_v3_notop.h5"
    assert find(given, "Xception") == tmp_path / "xception.keras"
    assert find(given, "MobileNet") == tmp_path / "vgg19_x.npz"
    assert find(given, "DenseNet121") is None
    assert find({}, "VGG19") is None
    (tmp_path / "yolov4.conv.137").touch()
    assert find({"": tmp_path}, "yolov4.conv.137") == tmp_path / "yolov4.conv.137"
    own = {"LeukocyteNet": tmp_path / "xception.keras", "": tmp_path}
    assert find(own, "VGG19", "LeukocyteNet") == tmp_path / "xception.keras"
    assert find(own, "VGG19", "VGG19 Only") == tmp_path / "vgg19_x.npz"
    assert find(own, None, "LeukocyteNet") is None


def test_preset_folders_count_as_files_and_a_named_folder_must_hold_something(tmp_path):
    preset = tmp_path / "files" / "sam_base_sa1b"
    preset.mkdir(parents=True)
    folder = preset.parent
    assert find({"": folder}, "SAM") is None  # a folder of something else
    with pytest.raises(InputError, match=r"--weights SAM=.*no file of SAM.*give the file itself"):
        find({"SAM": folder}, "SAM")
    (preset / "config.json").touch()
    for given in ({"": folder}, {"SAM": folder}, {"SAM": preset}):
        assert find(given, "SAM") == preset
    networks = {"SAM": True, "ViT": False}
    (folder / "vit.npz").touch()
    assert weights.files({"": folder}, networks) == {"SAM": preset}
    named = {"": folder, "ViT": folder}
    assert weights.files(named, networks) == {"SAM": preset, "ViT": folder / "vit.npz"}


def test_settings_name_weights_of_ones_own_by_what_they_hold(tmp_path):
    for place in ("a", "b"):
        (tmp_path / place / "preset" / "assets").mkdir(parents=True)
        (tmp_path / place / "preset" / "assets" / "w.h5").write_bytes(b"weights")
    first, second = (tmp_path / place / "preset" for place in "ab")
    file = first / "assets" / "w.h5"
    found = weights.by_content({"weights": file, "epochs": 2})
    assert found == {"weights": weights.label(file), "epochs": 2}
    assert found["weights"].startswith("w.h5 ")
    assert weights.label(first) == weights.label(second)
    file.write_bytes(b"others")
    assert weights.label(first) != weights.label(second)
    for kept in ({"weights": "imagenet21k"}, {"weights": None}, {}):
        assert weights.by_content(kept) == kept


def _branching():
    """first -> (left, right) -> joined -> last."""
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="first")(inputs)
    left = layers.Conv2D(4, 1, name="left")(x)
    right = layers.Conv2D(4, 1, name="right")(x)
    joined = layers.Add(name="joined")([left, right])
    return keras.Model(inputs, layers.Conv2D(2, 3, name="last")(joined), name="branching")


@pytest.mark.parametrize(
    ("missing", "end"),
    [
        (["last"], "joined"),
        # Inside the branches the signal has two ways: the cut comes before them.
        (["right"], "first"),
        (["left", "last"], "first"),
    ],
)
def test_a_network_is_cut_where_the_whole_signal_passes_one_layer(missing, end):
    network = _branching()
    part, last = cut(network, missing)
    assert last == end
    assert part.output_shape == network.get_layer(end).output.shape
    pixels = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    whole = keras.Model(network.input, network.get_layer(end).output)
    assert np.array_equal(part.predict_on_batch(pixels), whole.predict_on_batch(pixels))


def test_a_network_without_its_first_layer_cannot_be_cut():
    with pytest.raises(WrongFile, match="first layers are missing"):
        cut(_branching(), ["first"])


def test_a_weights_file_is_read_once_for_its_label_until_it_changes(tmp_path):
    folder = tmp_path / "preset"
    folder.mkdir()
    file = folder / "model.weights.h5"
    file.write_bytes(b"one")
    weights._hashed.cache_clear()
    first = [weights.label(path) for path in (file, folder, file, folder)]
    assert first[:2] == first[2:]
    assert weights._hashed.cache_info().misses == 1
    file.write_bytes(b"two")
    os.utime(file, ns=(0, 1))
    assert weights.label(file) == f"model.weights.h5 {hashlib.sha256(b'two').hexdigest()[:12]}"
    assert weights.label(folder) != first[1]
