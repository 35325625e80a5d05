"""A model file is loaded with all that a run's network needs, and nothing that could run code."""

import io
import json
import pickle
import re
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from smears import InputError, model_files


class _Bomb:
    """Something whose unpickling would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def _network():
    pixels = keras.Input((8, 8, 3), name="pixels")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(pixels)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, activation="softmax", kernel_regularizer="l2", name="out")(x)
    return keras.Model(pixels, x)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model.keras"
    network = _network()
    network.compile("adam", "categorical_crossentropy")
    network.save(path)
    return path, network


def _members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def changed(good, tmp_path):
    """Function (change of the config's layers list) -> path of the model with that config."""

    def make(change):
        members = _members(good[0])
        config = json.loads(members["config.json"])
        change(config["config"]["layers"])
        members["config.json"] = json.dumps(config)
        return _write(tmp_path / "changed.keras", members)

    return make


FRESH = """
import sys
from smears import backend
backend.start()
from smears import model_files
for path in sys.argv[1:]:
    model_files.load(path)
"""


@pytest.mark.slow
def test_a_fresh_process_finds_the_layers_of_both_packages_by_itself(tmp_path):
    from cotconet.gmod import TokenAndPositions
    from cotconet.rivals.stain import DCT
    from leukocytenet.model import LeukocyteNet

    networks = [LeukocyteNet((64, 64, 3), 3, weights=None)]
    for layer, shape in ((TokenAndPositions(), (4, 8)), (DCT(), (8, 8, 3))):
        networks.append(keras.Sequential([keras.Input(shape), layer]))
    paths = [str(tmp_path / f"{number}.keras") for number in range(len(networks))]
    for network, path in zip(networks, paths, strict=True):
        network.save(path, include_optimizer=False)
    done = subprocess.run(
        [sys.executable, "-c", FRESH, *paths], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr


@pytest.mark.parametrize("package", model_files.PACKAGES)
def test_every_module_that_registers_layers_is_on_the_list(package):
    home = Path(find_spec(package).origin).parent
    registered = re.compile(r"^@\S*register\S*\nclass \w+\(\S*(Layer|Conv2D)\):", re.M)
    found = {
        ".".join(path.relative_to(home).with_suffix("").parts)
        for path in home.rglob("*.py")
        if registered.search(path.read_text(encoding="utf-8"))
    }
    assert found == set(model_files.PACKAGES[package])


def _refused(path, reason):
    with pytest.raises(InputError, match=reason) as caught:
        model_files.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.contract
def test_a_network_comes_back_with_its_answers_and_without_its_optimizer(good):
    path, network = good
    loaded = model_files.load(path)
    x = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    np.testing.assert_allclose(loaded(x), network(x), atol=1e-6)
    assert not loaded.compiled


def test_mixed_precision_is_kept(tmp_path):
    from smears import backend

    with backend.policy("mixed_bfloat16"):
        network = _network()
    network.save(tmp_path / "m.keras")
    loaded = model_files.load(tmp_path / "m.keras")
    assert loaded.get_layer("conv").compute_dtype == "bfloat16"


def test_every_kind_of_network_that_a_run_keeps_is_loaded(tmp_path):
    from leukocytenet import baselines, model

    backbone = baselines.backbone("MobileNet", (32, 32, 3), None)
    head = baselines.head(backbone.output_shape[1:], 3, "average")
    networks = [
        model.SwinOnly((64, 64, 3), 3),
        baselines.whole(backbone, head),
        keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]),
    ]
    for number, network in enumerate(networks):
        path = tmp_path / f"{number}.keras"
        network.save(path, include_optimizer=False)
        assert model_files.load(path).count_params() == network.count_params()


@pytest.mark.contract
def test_a_lambda_is_refused_before_its_code_is_read(tmp_path):
    marks = []
    network = keras.Sequential(
        [keras.Input((2,)), keras.layers.Lambda(lambda x: (marks.append(1), x)[1])]
    )
    network.save(tmp_path / "lambda.keras")
    marks.clear()
    _refused(tmp_path / "lambda.keras", "asks for Lambda, which can run code")
    assert not marks


@pytest.mark.parametrize(
    "name", ["TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup", "Lambda"]
)
def test_layers_that_run_code_or_read_files_are_refused(changed, name):
    path = changed(lambda layers: layers[1].update(class_name=name))
    _refused(path, f"asks for {name}")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"module": "os", "class_name": "system"}, "asks for system of os"),
        ({"module": "keras.src.layers.core.lambda_layer", "class_name": "Conv"}, "asks for Conv"),
        ({"module": "keras.utils", "class_name": "get_file"}, "get_file of keras.utils"),
        ({"module": "keras.layers", "class_name": "deserialize"}, "asks for deserialize"),
        ({"module": "keras_hub.models", "class_name": "Backbone"}, "of keras_hub.models"),
        ({"module": "leukocytenet.swin", "registered_name": "leukocytenet>No"}, "not registered"),
        ({"module": "keras.layers", "registered_name": "strange>Layer"}, "strange>Layer"),
        ({"module": None}, "without a module"),
        ({"class_name": ["Conv2D"]}, "something other than text"),
        ({"class_name": "__lambda__"}, "asks for __lambda__"),
        ({"class_name": "__typespec__", "spec_name": "x"}, "asks for __typespec__"),
        ({"class_name": "function", "module": "builtins", "config": "eval"}, "builtins.eval"),
        ({"class_name": "function", "module": "os", "config": "relu"}, "function os.relu"),
    ],
)  # fmt: skip
def test_foreign_and_unregistered_classes_are_refused(changed, entry, reason):
    _refused(changed(lambda layers: layers[1].update(entry)), reason)


def test_foreign_classes_are_refused_wherever_they_hide(changed):
    def hide(layers):
        layers[1]["config"]["kernel_initializer"]["module"] = "subprocess"

    _refused(changed(hide), "of subprocess")


def test_a_layer_registered_by_someone_else_under_our_name_is_refused(changed):
    @keras.saving.register_keras_serializable(package="leukocytenet", name="Strange")
    class Strange(keras.layers.Layer):
        pass

    entry = {"module": "x", "class_name": "Strange", "registered_name": "leukocytenet>Strange"}
    _refused(changed(lambda layers: layers[1].update(entry)), "not registered as a layer")


def test_remote_paths_are_refused_as_file_and_inside(changed):
    for path in ("gs://bucket/model.keras", "https://x.org/model.keras", "hf://a/b"):
        _refused(path, "a remote path")
    path = changed(lambda layers: layers[1]["config"].update(name="gs://bucket/words.txt"))
    _refused(path, "remote path 'gs://bucket")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../outside.txt", "leads out of the archive"),
        ("/etc/passwd", "leads out of the archive"),
        ("C:\\windows", "leads out of the archive"),
        ("assets/vocabulary.txt", "does not need"),
        ("model.weights.npz", "does not need"),
        ("weights.pkl", "does not need"),
    ],
)
def test_archives_with_other_members_are_refused(good, tmp_path, name, reason):
    path = _write(tmp_path / "m.keras", _members(good[0]) | {name: b"x"})
    _refused(path, reason)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.keras"]


def test_pickles_and_other_files_are_refused_without_being_read(good, tmp_path):
    mark = tmp_path / "mark"
    (tmp_path / "a.keras").write_bytes(pickle.dumps(_Bomb(mark)))
    _refused(tmp_path / "a.keras", "a pickle, an HDF5 or another file")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(_Bomb(mark)))
    _refused(tmp_path / "a.pkl", "a pickle, an HDF5 or another file")
    with h5py.File(tmp_path / "old.keras", "w"):
        pass
    _refused(tmp_path / "old.keras", "no .keras archive")
    assert not mark.exists()
    _refused(tmp_path / "none.keras", "no such file")
    _refused(tmp_path, "no such file")


def test_oversized_archives_are_refused_before_they_are_unpacked(good, tmp_path, monkeypatch):
    members = _members(good[0])
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content + b" " * (9_000_000 * (name == "config.json")))
    assert (tmp_path / "m.keras").stat().st_size < 100_000
    _refused(tmp_path / "m.keras", "config.json unpacks to 9,0")
    monkeypatch.setattr(model_files, "MAX_WEIGHTS", 1000)
    _refused(good[0], "model.weights.h5 unpacks to")


def test_weights_that_point_to_other_files_are_refused(good, tmp_path):
    secret = tmp_path / "secret.h5"
    members = _members(good[0])
    with h5py.File(secret, "w") as file:
        file["v"] = np.ones((3, 3, 3, 4), np.float32)
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        del file["layers/conv2d/vars/0"]
        file["layers/conv2d/vars/0"] = h5py.ExternalLink(str(secret), "v")
    members["model.weights.h5"] = content.getvalue()
    _refused(_write(tmp_path / "m.keras", members), r"vars/0 in it is a link .*ExternalLink")


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_damaged_files_end_in_one_message(good, tmp_path, kept):
    content = good[0].read_bytes()
    (tmp_path / "m.keras").write_bytes(content[: int(kept * len(content))])
    _refused(tmp_path / "m.keras", "not loaded|damaged")


def test_damaged_descriptions_end_in_one_message(good, tmp_path):
    members = _members(good[0])
    for text, reason in (
        (b"[" * 100_000, "damaged archive"),
        (b"[]", "describes no network"),
        (b"\xff\xfe", "damaged archive"),
        (b'{"module": "keras", "class_name": "Sequential", "config": {"layers": 3}}', "damaged"),
    ):
        members["config.json"] = text
        _refused(_write(tmp_path / "m.keras", members), reason)
