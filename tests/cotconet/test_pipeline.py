"""CoTCoNet whole, on drawn cells in the smallest sizes at which every stage is itself."""

import inspect
import json
import shutil
from copy import copy
from functools import wraps
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.svm import SVC

from cotconet import (
    coupled,
    fitting,
    given,
    grafr,
    hdlc,
    leusam,
    mask_training,
    pipeline,
    preparation,
    recipe,
    rivals,
    selection,
    stage_settings,
    synthesis,
)
from smears import InputError, drawing
from smears.weights import NotAvailable

# What TensorFlow says of its datasets where networks run op by op.
pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config")

SMALL = {
    "size": 32,
    "segment": "otsu-watershed",
    "leugan": {"size": 32, "width": 16, "epochs": 1, "batch_size": 8},
    "extractor": {"patch_size": 8, "depth": 1, "num_heads": 3, "epochs": 1, "batch_size": 12},
    "grafr": {"k": 3},
    "selector": {"population": 4, "iterations": 2},
    "hdlc": {"epochs": 2, "batch_size": 24},
}


def _cells(label, count, first):
    return [drawing.draw(label, first + n // 2, n, 64)[0] for n in range(count)]


@pytest.fixture(scope="module")
def cells():
    """(pictures, labels, subjects): 12 leukemic, 8 normal; two pictures a subject."""
    pictures = _cells("ALL-Pro-B", 12, 100) + _cells("Healthy", 8, 200)
    subjects = [f"person {n // 2}" for n in range(20)]
    return pictures, np.array(["ALL"] * 12 + ["normal"] * 8), np.array(subjects)


@pytest.fixture(scope="module")
def held():
    return _cells("ALL-Pro-B", 4, 300) + _cells("Healthy", 4, 400), ["ALL"] * 4 + ["normal"] * 4


@pytest.fixture(scope="module")
def fitted(cells, held, tmp_path_factory, all_op_by_op):
    """A fitted CoTCoNet and its cache."""
    cache = tmp_path_factory.mktemp("cache")
    return pipeline.CoTCoNet(**SMALL, positive="ALL", cache=cache).fit(*cells, held), cache


@pytest.mark.contract
def test_pictures_in_probabilities_out(fitted, held):
    model, _ = fitted
    found = model.predict_proba(held[0])
    assert found.shape == (8, 2)
    assert np.allclose(found.sum(1), 1)
    assert np.all((found >= 0) & (found <= 1))
    assert len(np.unique(found[:, 0].round(6))) > 1
    assert set(model.predict(held[0])) <= {"ALL", "normal"}
    assert model.facts_["synthesised"] == 4
    # Of the steps before `prepare` none is learnt here, so they are no stages of their own.
    learnt = {name: recipe.VERSIONS[name] for name in list(recipe.VERSIONS)[2:]}
    assert model.facts_["versions"] == learnt
    assert 0 < model.facts_["kept"] <= model.facts_["features"] == 256


@pytest.mark.parametrize("collapsed", [True, False])
def test_a_leugan_that_makes_one_picture_is_noticed(
    collapsed, cells, held, tmp_path, monkeypatch, capsys
):
    made = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    made = np.repeat(made[:1], 4, 0) if collapsed else made
    monkeypatch.setattr(synthesis, "train", wraps(synthesis.train)(lambda *_, **__: None))
    monkeypatch.setattr(synthesis, "synthesise", lambda *_: made)
    model = pipeline.CoTCoNet(**SMALL, positive="ALL", cache=tmp_path)
    model.synthesised(*cells[:2])
    assert ("nearly one and the same: they vary 0.00" in capsys.readouterr().err) == collapsed
    assert (model.facts_["synthetic_variety"] == 0) == collapsed
    model.synthesised(*cells[:2])  # from its cache
    assert ("nearly one and the same" in capsys.readouterr().err) == collapsed


def test_a_probability_does_not_depend_on_the_pictures_beside_it(fitted, held):
    model, _ = fitted
    whole = model.predict_proba(held[0])
    assert np.allclose(model.predict_proba(held[0][3:4]), whole[3:4], atol=1e-5)
    assert model.predict_proba([]).shape == (0, 2)


def test_without_a_cache_a_prediction_leaves_nothing(fitted, held, tmp_path):
    model = copy(fitted[0])
    model.cache, model._root = None, tmp_path
    assert np.array_equal(model.predict_proba(held[0]), fitted[0].predict_proba(held[0]))
    cells = model.cut_out(held[0])
    assert np.array_equal(model.predict_proba(cells, prepared=True), model.predict_proba(held[0]))
    assert not list(tmp_path.iterdir())


def test_a_second_fit_trains_nothing_and_gives_the_same(fitted, cells, held, monkeypatch):
    model, cache = fitted

    def trained(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(coupled.training, "fit", trained)
    again = pipeline.CoTCoNet(**SMALL, positive="ALL", cache=cache)
    again.only_kept = True
    again.fit(*cells, held)
    assert np.array_equal(again.predict_proba(held[0]), model.predict_proba(held[0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "fresh"),
    [
        ({"hdlc": {"epochs": 1, "batch_size": 8}}, {"classify"}),
        ({"select": False}, {"classify"}),
        ({"graph": False, "select": False}, {"classify"}),
        ({"grafr": {"k": 2}}, {"rebuild", "select", "classify"}),
        ({"features": ("smod",), "select": False}, {"extract", "rebuild", "classify"}),
        ({"synthesise": None, "graph": False, "select": False}, {"extract", "classify"}),
        ({"synthesise": "traditional", "graph": False, "select": False},
         {"synthesise", "prepare", "extract", "classify"}),
        ({"enhance": (), "synthesise": None, "graph": False, "select": False},
         {"prepare", "extract", "classify"}),
    ],
)  # fmt: skip
def test_a_change_reruns_only_what_follows(fitted, cells, held, tmp_path, change, fresh):
    cache = shutil.copytree(fitted[1], tmp_path / "cache")
    before = set(cache.iterdir())
    model = pipeline.CoTCoNet(**{**SMALL, **change}, positive="ALL", cache=cache)
    model.fit(*cells, held)
    assert {path.name.split("-")[0] for path in set(cache.iterdir()) - before} == fresh
    assert np.isfinite(model.predict_proba(held[0])).all()


def _stage_of(stage, cache, segment="leusam", **settings):
    """Name of the folder in which one stage is kept, with a stand-in for its training."""
    kept = []

    class Learned:
        def __init__(self, **_):
            pass

        def fit(self, images, masks, run, **_):
            kept.append(run.folder.name)

        @classmethod
        def load(cls, folder):
            return cls()

    def fit_extractor(run, *_, **given):
        assert given["weights"] != "auto"
        run.note(precision="float32")
        kept.append(run.folder.name)
        return SimpleNamespace(count_params=int)

    model = pipeline.CoTCoNet(**{**SMALL, "segment": segment, **settings}, cache=cache)
    model.facts_ = {"seconds": {}}
    model._open()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.segmentation, "learned", lambda kind: Learned)
        patch.setattr(coupled, "fit_extractor", fit_extractor)
        if stage == "segment":
            model._learn_enhancement([])
            model._learn_masks(_cells("Healthy", 1, 0))
        else:
            model._learn_features((None, "a"), [0, 1], (None, "b"), [0, 1])
    return kept[0]


def test_a_random_start_is_not_kept_for_a_pretrained_one(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise NotAvailable("no network.")

    extractor = {**SMALL["extractor"], "weights": "auto"}
    names = []
    for sam, load in ((offline, offline), (lambda *_, **__: None, lambda *_: None)):
        monkeypatch.setattr(leusam, "sam", sam)
        monkeypatch.setattr(coupled.gmod, "load", load)
        names += [
            _stage_of("segment", tmp_path, leusam={"size": "base"}),
            _stage_of("extract", tmp_path, extractor=extractor),
        ]
    assert len(set(names)) == 4


@pytest.mark.parametrize("kinds", [("unet", "unet++"), ("unet++", "unet")])
def test_unet_and_unet_plus_plus_share_a_cache_but_no_network(kinds, cells, tmp_path, monkeypatch):
    trained = []

    def train(network, _train, _watched, _run, epochs, *_):
        trained.append((network.name, epochs))

    monkeypatch.setattr(mask_training, "fit", train)
    settings = {"side": 16, "filters": [2, 2, 2, 2, 2], "epochs": 3}
    for kind in (*kinds, kinds[0]):
        model = pipeline.CoTCoNet(64, segment=kind, unet=settings, cache=tmp_path)
        model.facts_ = {"seconds": {}}
        model._open()
        model._learn_enhancement(cells[0])
        model._learn_masks(cells[0])
        assert model.segmenter_.kind == kind
    names = {"unet": "unet", "unet++": "unet_plus_plus"}
    assert trained == [(names[kind], 3) for kind in kinds]


def test_weights_of_ones_own_are_known_by_their_content(tmp_path):
    names = []
    for place, content in (("a", b"1"), ("b", b"1"), ("b", b"2")):
        file = tmp_path / place / "vit.npz"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        extractor = {**SMALL["extractor"], "weights": str(file)}
        names.append(
            (
                _stage_of("extract", tmp_path, extractor=extractor),
                _stage_of("segment", tmp_path, leusam={"weights": str(file.parent)}),
            )
        )
    assert names[0][0] == names[1][0] != names[2][0]
    assert names[1][1] != names[2][1]


def test_asked_for_kept_stages_alone_it_trains_none(cells, held, tmp_path):
    model = pipeline.CoTCoNet(**SMALL, cache=tmp_path)
    model.only_kept = True
    with pytest.raises(InputError, match="the stage prepare scale once made: leave --finished"):
        model.fit(*cells, held)
    assert not list(tmp_path.iterdir())


def test_a_saved_pipeline_loads_with_the_same_probabilities_and_no_code(fitted, held, tmp_path):
    model, _ = fitted
    model.save(tmp_path / "model")
    kept = {path.suffix for path in (tmp_path / "model").rglob("*") if path.is_file()}
    assert kept <= {".json", ".keras", ".npy", ".npz", ".h5"}
    again = pipeline.CoTCoNet.load(tmp_path / "model")
    assert np.allclose(again.predict_proba(held[0]), model.predict_proba(held[0]), atol=2e-3)
    assert again.classes_.tolist() == ["ALL", "normal"]


def test_numpy_s_scalars_are_plain_values(fitted, cells, held, tmp_path):
    y = (cells[1] == "ALL").astype(int)
    numbers = {"positive": np.unique(y)[1], "random_state": np.int64(0), "size": np.int32(32)}
    settings = {**SMALL, "grafr": {"k": np.int64(3)}, **numbers}
    model = pipeline.CoTCoNet(**settings, cache=fitted[1])
    model.only_kept = True
    held = held[0], (np.array(held[1]) == "ALL").astype(int)
    model.fit(cells[0], y, cells[2], held).save(tmp_path)
    again = pipeline.CoTCoNet.load(tmp_path)
    assert (again.positive_, again.classes_.tolist()) == (1, [0, 1])
    assert np.allclose(again.predict_proba(held[0]), model.predict_proba(held[0]), atol=2e-3)


@pytest.mark.parametrize(
    "setting", [{"random_state": np.random.RandomState(0)}, {"hdlc": {"widths": np.ones(6, int)}}]
)
def test_what_settings_json_cannot_hold_is_refused_before_any_stage(setting, cells, held, tmp_path):
    model = pipeline.CoTCoNet(**{**SMALL, **setting}, cache=tmp_path)
    with pytest.raises(ValueError, match=f"{next(iter(setting))}=.*: plain values only"):
        model.fit(*cells, held)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_another_version_or_none_is_refused(fitted, tmp_path):
    with pytest.raises(InputError, match="no saved CoTCoNet"):
        pipeline.CoTCoNet.load(tmp_path)
    fitted[0].save(tmp_path)
    known = json.loads((tmp_path / "settings.json").read_text())
    (tmp_path / "settings.json").write_text(json.dumps({**known, "format": 99}))
    with pytest.raises(InputError, match="another version"):
        pipeline.CoTCoNet.load(tmp_path)


def test_a_run_s_folder_stands_for_the_model_in_it(fitted, held, tmp_path):
    fitted[0].save(tmp_path / "model")
    (tmp_path / "settings.json").write_text(json.dumps({"model": "CoTCoNet"}))
    again = pipeline.CoTCoNet.load(tmp_path)
    np.testing.assert_allclose(
        again.predict_proba(held[0][:2]), fitted[0].predict_proba(held[0][:2]), atol=1e-6
    )


def test_what_is_not_fitted_says_so_whatever_it_is_asked(held):
    for method in (pipeline.CoTCoNet(**SMALL), rivals.method("jawahar")()):
        for ask in (method.predict, method.predict_proba):
            with pytest.raises(NotFittedError):
                ask(held[0])


def test_a_damaged_folder_is_named_with_what_is_wrong(fitted, tmp_path):
    fitted[0].save(tmp_path / "model")
    known = json.loads((tmp_path / "model" / "settings.json").read_text())
    arguments = known["arguments"]
    np.savez(tmp_path / "short.npz", support=np.ones(5, bool))
    np.save(tmp_path / "code.npy", np.array([{}]), allow_pickle=True)
    changes = [
        ({"arguments": {**arguments, "more": 1}}, None, "TypeError .*more"),
        ({"arguments": {"size": 32}}, None, "KeyError 'enhance'"),
        ({"positive": "AML"}, None, "ValueError 'AML'"),
        ({"arguments": {**arguments, "size": 48}}, None, r"different pipelines: .*\(48, 256"),
        ({}, ("arrays.npz", tmp_path / "short.npz"), r"different pipelines: .*\(32, 5"),
        ({}, ("nodes.npy", tmp_path / "code.npy"), "ValueError .*Python objects"),
        ({}, ("nodes.npy", None), "FileNotFoundError"),
    ]
    for number, (settings, file, message) in enumerate(changes):
        folder = shutil.copytree(tmp_path / "model", tmp_path / str(number))
        (folder / "settings.json").write_text(json.dumps({**known, **settings}))
        if file:
            (folder / file[0]).unlink()
            if file[1]:
                shutil.copy(file[1], folder / file[0])
        with pytest.raises(InputError, match=message):
            pipeline.CoTCoNet.load(folder)
    (tmp_path / "model" / "settings.json").write_text("[]")
    with pytest.raises(InputError, match="no saved CoTCoNet"):
        pipeline.CoTCoNet.load(tmp_path / "model")


@pytest.mark.slow
def test_subjects_are_kept_apart_in_the_graph_and_synthetic_cells_have_none(
    cells, held, fitted, monkeypatch, tmp_path
):
    seen = {}

    def fit_transform(self, X, groups=None, out=None):
        seen["groups"] = groups
        return real(self, X, groups, out)

    real = grafr.GraFR.fit_transform
    monkeypatch.setattr(pipeline.GraFR, "fit_transform", fit_transform)
    cache = shutil.copytree(fitted[1], tmp_path / "cache")
    pipeline.CoTCoNet(**{**SMALL, "grafr": {"k": 4}, "select": False}, cache=cache).fit(
        *cells, held
    )
    assert seen["groups"].tolist() == [*cells[2], "", "", "", ""]


@pytest.mark.slow
def test_a_class_of_one_subject_is_selected_on_all_the_same(fitted, cells, held):
    pictures, labels, groups = cells
    groups = np.where(labels == "normal", "the only one", groups)
    settings = {**SMALL, "synthesise": None, "graph": False}
    model = pipeline.CoTCoNet(**settings, cache=fitted[1]).fit(pictures, labels, groups, held)
    assert 0 < model.facts_["kept"] < 256
    assert len(set(model.search_space_[2])) == len(labels)


@pytest.mark.slow
def test_classes_at_parity_need_no_synthesis(cells, held, monkeypatch, fitted):
    pictures, labels, _ = cells
    rows = [*range(8), *range(12, 20)]
    never = wraps(synthesis.train)(lambda *_, **__: pytest.fail("trained a GAN"))
    monkeypatch.setattr(synthesis, "train", never)
    model = pipeline.CoTCoNet(**{**SMALL, "graph": False, "select": False}, cache=fitted[1])
    model.fit([pictures[row] for row in rows], labels[rows], None, held)
    assert model.facts_["synthesised"] == 0


@pytest.mark.parametrize(("scale", "ratio"), [("common", 4), ("own", 1)])
def test_cells_keep_their_sizes_at_one_scale(scale, ratio, tmp_path):
    y, x = np.mgrid[:96, :96]
    radii = [10, 20] * 6
    pictures = [
        np.where(((y - 48) ** 2 + (x - 48) ** 2 <= radius**2)[..., None], np.uint8(150), 0)
        * np.ones(3, np.uint8)
        for radius in radii
    ]
    model = pipeline.CoTCoNet(64, enhance=(), segment="on-black", cell_scale=scale, cache=tmp_path)
    model.facts_ = {"seconds": {}}
    model._open()
    for learn in (model._learn_enhancement, model._learn_masks, model._learn_scale):
        learn(pictures)
    areas = (np.load(model._prepared(pictures)[0]) > 0).all(-1).sum((1, 2))
    assert areas[1] / areas[0] == pytest.approx(ratio, rel=0.1)
    assert areas[1] / 64**2 > 0.6
    with pytest.raises(ValueError, match="cell_scale='none'"):
        pipeline.CoTCoNet(cell_scale="none")._open()


def test_copies_are_their_person_s_and_only_real_cells_judge(fitted, cells, held, tmp_path):
    settings = {**SMALL, "synthesise": "traditional", "select": False, "graph": False}
    model = pipeline.CoTCoNet(**settings, cache=shutil.copytree(fitted[1], tmp_path / "cache"))
    model.fit(*cells, held)
    _, codes, groups, judges = model.search_space_
    assert groups[20:].tolist() == cells[2][12:16].tolist()
    assert judges.tolist() == [True] * 20 + [False] * 4
    assert np.bincount(codes).tolist() == [12, 12]


@pytest.mark.parametrize("normal", ["", "the only one"])
def test_a_copy_stays_with_its_source_where_people_are_unknown_or_one(
    normal, fitted, cells, tmp_path, monkeypatch
):
    np.save(tmp_path / "made.npy", np.zeros((4, 32, 32, 3), np.uint8))
    made = tmp_path / "made.npy", "made"
    monkeypatch.setattr(pipeline.CoTCoNet, "_synthetic", lambda *_: made)
    model = copy(fitted[0])
    model._root, model.facts_ = tmp_path, {"seconds": {}}
    model.synthesise, model.select = "traditional", False
    real = model._kept(np.zeros((20, 32, 32, 3), np.uint8))
    codes, people = model._codes(cells[1]), np.where(cells[1] == "normal", normal, "")
    _, codes, groups = model._balanced(real, codes, people, None)
    model._learn_selection((model.search_space_[0], "features"), np.zeros((1, 256)), codes, groups)
    apart = model.search_space_[2]
    assert groups[20:].tolist() == groups[12:16].tolist()
    assert apart[20:].tolist() == apart[12:16].tolist()
    assert len(set(apart)) == 20


@pytest.mark.slow
def test_in_the_paper_s_protocol_all_cells_are_cut_out_at_one_scale(fitted, cells, held, tmp_path):
    settings = {**SMALL, "select": False, "graph": False}
    model = pipeline.CoTCoNet(**settings, cache=shutil.copytree(fitted[1], tmp_path / "cache"))
    label, made, side = model.synthesised(*cells[:2])
    assert (label, made.shape, made.dtype) == ("normal", (4, 32, 32, 3), np.uint8)
    model.fit(*cells, held, synthetic=(label, made, side + 7))
    assert model.side_ == side + 7
    assert model.facts_["synthesised"] == 4
    # LeuGAN ran before the fit, whose facts tell of it all the same.
    assert model.facts_["versions"]["synthesise"] == recipe.VERSIONS["synthesise"]
    assert "synthetic_variety" in model.facts_
    assert {"synthesise", "prepare", "extract", "classify"} <= set(model.facts_["seconds"])


def test_synthetic_cells_keep_their_label_though_the_training_part_lacks_the_other(
    fitted, cells, held, tmp_path
):
    """Of all pictures ALL is the smaller class, of the training part alone it need not be."""
    settings = {**SMALL, "synthesise": "traditional", "select": False, "graph": False}
    model = pipeline.CoTCoNet(**settings, cache=shutil.copytree(fitted[1], tmp_path / "cache"))
    _, made, side = model.synthesised(*cells[:2])
    model.fit(*cells, held, synthetic=("ALL", made, side))
    _, codes, _, judges = model.search_space_
    assert codes[~judges].tolist() == [int(model.positive_ == "ALL")] * 4


def test_too_few_pictures_for_leugan_are_refused_before_any_stage(cells, held, tmp_path):
    pictures, labels, _ = cells
    model = pipeline.CoTCoNet(**SMALL, cache=tmp_path)
    with pytest.raises(InputError, match=r"1 pictures .*synthesise=None, .*No Augmentation"):
        model.fit(pictures[:13], labels[:13], None, held)
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize(
    ("settings", "rows", "person", "words"),
    [
        ({"synthesise": None}, slice(13), None, r"class normal has one picture .*select=False"),
        ({"synthesise": None}, slice(11, 20), None, "class ALL has one picture"),
        ({}, slice(11, 13), None, "class ALL has one picture"),  # at parity nothing is made
        ({"synthesise": "traditional"}, slice(20), "p", r"one subject, p: .*graph=False"),
    ],
)
def test_what_late_stages_cannot_use_is_refused_before_any_stage(
    settings, rows, person, words, cells, held, tmp_path
):
    pictures, labels, people = cells
    people = people if person is None else np.full(20, person)
    model = pipeline.CoTCoNet(**{**SMALL, **settings}, cache=tmp_path)
    with pytest.raises(InputError, match=words):
        model.fit(pictures[rows], labels[rows], people[rows], held)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "rows", "person"),
    [
        ({"synthesise": "traditional"}, slice(13), None),
        ({"synthesise": None, "select": False}, slice(13), None),
        ({"synthesise": None, "graph": False}, slice(20), "p"),
        ({}, slice(20), "p"),
    ],
)
def test_what_late_stages_can_use_is_let_through(settings, rows, person, cells):
    _, labels, people = cells
    model = pipeline.CoTCoNet(**{**SMALL, **settings})
    model.classes_, model.positive_ = np.array(["ALL", "normal"]), "ALL"
    people = people if person is None else np.full(20, person)
    stage_settings.check_data(model, model._codes(labels[rows]), people[rows])
    made = ("normal", np.zeros((2, 32, 32, 3), np.uint8), 32)
    stage_settings.check_data(model, model._codes(labels[:13]), people[:13], made)


@pytest.mark.parametrize("wrong", [{"selector": {"power": 0}}, {"grafr": {"k": 0}}])
def test_settings_of_late_stages_are_refused_before_any_stage(wrong, cells, held, tmp_path):
    model = pipeline.CoTCoNet(**{**SMALL, **wrong}, cache=tmp_path)
    with pytest.raises(ValueError, match=r"selector: power=0: must be|grafr: k=0: must be"):
        model.fit(*cells, held)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"features": "smod"}, "features='smod': give one of .*'gmod', 'smod'"),
        ({"features": ("smod", "gmod")}, "give one of"),
        ({"enhance": None}, r"enhance=None: give a tuple of clahe, .*mirnet; \(\) for none"),
        ({"enhance": "clahe"}, "enhance='clahe': give a tuple"),
        ({"enhance": ("clahe", "blur")}, "give a tuple of"),
        ({"hdlc": {"epoch": 1}}, "hdlc: 'epoch' is none of its settings: .*epochs"),
        ({"extractor": {"lr": 1}}, "extractor: 'lr' is none .*learning_rate"),
        ({"extractor": {"parts": ["gmod"]}}, "extractor: 'parts' .* arguments of CoTCoNet"),
        ({"leugan": {"seed": 1}}, "leugan: 'seed' is none .* random_state"),
        ({"selector": {"random_state": 1}}, "selector: 'random_state' is none"),
        ({"grafr": {"neighbours": 1}}, "grafr: 'neighbours' is none"),
        ({"segment": "unet", "unet": {"kind": "unet"}}, "unet: 'kind' is none"),
        ({"size": 40, "leugan": None}, "a side of 40: .* a multiple of 16"),
        ({"size": 36}, "size=36: patches of 8 pixels"),
        ({"size": 16}, "size=16: SMod needs 32"),
        ({"size": "32"}, "CoTCoNet: size='32': must be a whole number, 1 or more"),
        ({"hdlc": 5}, "hdlc=5: give a dict"),
        ({"hdlc": {"epochs": -1}}, "hdlc: epochs=-1: must be a whole number, 1 or more"),
        ({"hdlc": {"epochs": "20"}}, "hdlc: epochs='20': must be a whole number"),
        ({"hdlc": {"epochs": None}}, "hdlc: epochs=None: must be"),
        ({"hdlc": {"epochs": True}}, "hdlc: epochs=True: must be"),
        ({"hdlc": {"widths": [8, 2]}}, "hdlc: widths=.* the last of them 1"),
        ({"hdlc": {"dropout": 1.0}}, "hdlc: dropout=1.0: must be a number 0 or more, but below 1"),
        ({"extractor": {"learning_rate": 0}}, "learning_rate=0: must be a number above 0"),
        ({"extractor": {"learning_rate": float("nan")}}, "learning_rate=nan: must be"),
        ({"extractor": {"num_heads": 5}}, "num_heads=5 does not divide .* 768"),
        ({"extractor": {"augment": "rotate"}}, "augment='rotate': must be 'traditional', or None"),
        ({"leugan": {"width": 20}}, "leugan: width=20: must be a multiple of 8"),
        ({"leugan": {"turns": "no"}}, "leugan: turns='no': must be True or False"),
        ({"grafr": {"k": "3"}}, "grafr: k='3': must be a whole number"),
        ({"selector": {"estimator": "forest"}}, "estimator='forest': must be 'knn' or 'svc'"),
        ({"selector": {"weight": 2}}, "selector: weight=2: must be a number from 0 to 1"),
        ({"segment": "unet", "unet": {"side": 40}}, "unet: side=40: must be a multiple of 16"),
        ({"segment": "unet++", "unet": {"filters": [8]}}, "a list of 5 whole numbers"),
        ({"segment": "leusam", "leusam": {"size": "huge"}}, "leusam: size='huge': must be 'tiny'"),
    ],
)
def test_settings_that_a_stage_cannot_use_are_refused_before_any(
    wrong, words, cells, held, tmp_path
):
    model = pipeline.CoTCoNet(**{**SMALL, **wrong}, cache=tmp_path)
    with pytest.raises(ValueError, match=words):
        model.fit(*cells, held)
    with pytest.raises(ValueError, match=words):
        model.synthesised(*cells[:2])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("segment", ["leusam", "unet"])
def test_every_setting_has_a_rule_that_its_default_keeps(segment):
    model = pipeline.CoTCoNet(segment=segment, enhance=("mirnet",))
    for stage, defaults in stage_settings._defaults(model).items():
        for name, default in defaults.items():
            stage_settings._check_value(stage, name, default, default)
            known = {name, f"{stage} {name}"} & set(stage_settings.RULES)
            assert known or stage == "selector", (stage, name)
    model.set_params(leusam={"weights": None}, extractor={"clipnorm": None}, mirnet={"side": 64})
    stage_settings.check(model)


def test_every_stage_has_defaults_for_all_of_its_settings():
    known = {"pictures", "run", "train", "validation", "architecture", "x", "y", "x_val", "y_val"}
    for stage in (synthesis.train, coupled.fit_extractor, hdlc.fit_hdlc):
        needed = {
            name for name, kind in inspect.signature(stage).parameters.items()
            if kind.default is kind.empty and kind.kind is not kind.VAR_KEYWORD
        }  # fmt: skip
        assert needed <= known


def test_captions_name_what_was_trained_and_nothing_else():
    def line(**settings):
        model = pipeline.CoTCoNet(**settings)
        model.facts_, model.segmenter_ = {"weights": "random", "synthesised": 3}, None
        return fitting._weights(model)

    assert line() == "random: LeuSAM, LeuGAN, GMod, SMod and HDLC are trained from scratch"
    assert line(segment="otsu-watershed", synthesise=None, features=("smod",)) == (
        "random: SMod and HDLC are trained from scratch"
    )
    model = pipeline.CoTCoNet(segment="unet++", enhance=("mirnet",))
    model.facts_, model.segmenter_ = {"weights": "ImageNet-21k", "synthesised": 0}, None
    assert fitting._weights(model) == (
        "extractor: ImageNet-21k; MIRNet-v2, UNet++, SMod and HDLC trained from scratch"
    )


def test_few_subjects_still_leave_some_for_validation_or_it_is_said(cells):
    pictures, y, _ = cells
    people = np.where(y == "ALL", "a", "c") + np.where(np.arange(20) % 2, "1", "2").astype(object)
    kept, y_kept, groups, (held, held_y) = given.held_out(pictures, y, people.astype(str), 0)
    assert set(y_kept) == set(held_y) == {"ALL", "normal"}
    assert len(kept) + len(held) == 20
    assert len(set(groups)) == 2
    with pytest.raises(InputError, match="too few subjects"):
        given.held_out(pictures, y, np.where(y == "ALL", people.astype(str), "one"), 0)


def test_files_stay_files_when_some_are_held_out(tmp_path):
    frame = pd.DataFrame({"path": list("abcdef"), "sha256": list("uvwxyz"), "mask": list("ABCDEF")})
    kept, *_, (held, _) = given.held_out(
        preparation.Files(frame), np.array(["p", "q"] * 3), np.full(6, ""), 0
    )
    found = [*zip(kept.paths, kept.marks, kept.mask_paths, strict=True)]
    found += zip(held.paths, held.marks, held.mask_paths, strict=True)
    assert sorted(found) == [*zip("abcdef", "uvwxyz", "ABCDEF", strict=True)]


def test_a_mask_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "mask.png").touch()
    frame = pd.DataFrame({"path": ["a"], "sha256": ["u"], "mask": [str(tmp_path / "mask.png")]})
    with pytest.raises(InputError, match=r"mask .*mask\.png: empty file"):
        preparation.Files(frame).true_mask(0)


def test_without_validation_a_fifth_is_held_out_by_subject(cells):
    kept, y, groups, (held, held_y) = given.held_out(*cells, 0)
    assert len(kept) == len(y) == len(groups)
    assert len(kept) + len(held) == 20
    assert 2 <= len(held_y) <= 6
    assert len(held) % 2 == 0  # two pictures a subject


def test_a_missing_subject_is_an_unknown_one(cells, held):
    people = pd.Series(cells[2])
    people[3], people[4] = None, np.nan
    groups = given.accepted(pipeline.CoTCoNet(), cells[0], cells[1], people, held)[2]
    assert groups.tolist() == [*cells[2][:3], "", "", *cells[2][5:]]


def test_wrong_input_is_told_before_anything_is_trained(cells, held):
    pictures, labels, _ = cells
    with pytest.raises(InputError, match="20 pictures, but 19 labels"):
        pipeline.CoTCoNet(**SMALL).fit(pictures, labels[:19])
    for wrong in (labels[:, None], np.stack([labels, labels], axis=1)):
        with pytest.raises(InputError, match=r"y has the shape \(20, .\): give one label"):
            pipeline.CoTCoNet(**SMALL).fit(pictures, wrong)
    with pytest.raises(InputError, match="these are 1: ALL"):
        pipeline.CoTCoNet(**SMALL).fit(pictures, np.full(20, "ALL"), None, held)
    with pytest.raises(InputError, match="8 pictures and 7 labels: give as many"):
        pipeline.CoTCoNet(**SMALL).fit(pictures, labels, None, (held[0], held[1][:7]))
    with pytest.raises(InputError, match="0 pictures and 0 labels"):
        pipeline.CoTCoNet(**SMALL).fit(pictures, labels, None, ([], []))
    with pytest.raises(InputError, match=r"groups has the shape \(3,\), but there are 20"):
        pipeline.CoTCoNet(**SMALL).fit(pictures, labels, ["a"] * 3, held)
    for wrong in (pictures[1] / 255, pictures[1][..., 0], pictures[1][:0]):
        with pytest.raises(InputError, match=r"picture 1 is .*: give uint8 RGB"):
            pipeline.CoTCoNet(**SMALL).fit([pictures[0], wrong, *pictures[2:]], labels, None, held)
    with pytest.raises(InputError, match="validation has other labels"):
        pipeline.CoTCoNet(**SMALL).fit(pictures, labels, None, (held[0], ["AML"] * 8))
    with pytest.raises(ValueError, match="synthesise='gan'"):
        pipeline.CoTCoNet(**{**SMALL, "synthesise": "gan"}).fit(pictures, labels, None, held)
    judged = {**SMALL, "selector": {"estimator": SVC()}}
    with pytest.raises(ValueError, match=r"selector=.*SVC.*: plain values only"):
        pipeline.CoTCoNet(**judged).fit(pictures, labels, None, held)
    with pytest.raises(ValueError, match=r"segment='sam': give one of \('leusam', 'unet'"):
        pipeline.CoTCoNet(**{**SMALL, "segment": "sam"}).fit(pictures, labels, None, held)


def test_the_network_s_answer_stands_in_the_positive_class_s_column(fitted, held):
    model = copy(fitted[0])
    answers = hdlc.predict_hdlc(model.hdlc_, model.describe(held[0]))
    assert model._codes(["ALL", "normal"]).tolist() == [1, 0]
    assert np.allclose(model.predict_proba(held[0])[:, 0], answers, atol=1e-6)
    model.positive_ = "normal"
    assert model._codes(["ALL", "normal"]).tolist() == [0, 1]
    assert np.allclose(model.predict_proba(held[0])[:, 1], answers, atol=1e-6)


def test_the_search_is_told_who_is_whose_and_who_judges(fitted, cells, tmp_path, monkeypatch):
    seen = {}

    def fit(self, X, y, groups=None, judges=None):
        seen.update(groups=groups, judges=judges)
        return real(self, X, y, groups, judges)

    real = selection.SineCosineSelector.fit
    monkeypatch.setattr(selection.SineCosineSelector, "fit", fit)
    model = copy(fitted[0])
    model._root = tmp_path
    x, codes, *_ = model.search_space_
    model._learn_selection((x, "features"), x, codes, np.append(cells[2], [""] * 4))
    assert seen["groups"][:20].tolist() == cells[2].tolist()
    assert len(set(seen["groups"][20:])) == 4
    assert seen["judges"].tolist() == [True] * 20 + [False] * 4


def test_hdlc_learns_from_training_cells_and_is_stopped_by_validation_cells(
    fitted, cells, held, tmp_path, monkeypatch
):
    seen = {}

    @wraps(hdlc.fit_hdlc)
    def fit_hdlc(run, x, y, x_val, y_val, **_):
        seen.update(x=x, y=y, x_val=x_val, y_val=y_val)
        return fitted[0].hdlc_

    monkeypatch.setattr(hdlc, "fit_hdlc", fit_hdlc)
    settings = {**SMALL, "hdlc": {"epochs": 1}}
    cache = shutil.copytree(fitted[1], tmp_path / "cache")
    model = pipeline.CoTCoNet(**settings, positive="ALL", cache=cache).fit(*cells, held)
    assert seen["y"].tolist() == [1] * 12 + [0] * 12
    assert seen["y_val"].tolist() == [1] * 4 + [0] * 4
    assert np.allclose(seen["x_val"], model.describe(held[0]), atol=1e-3)
    rebuilt = model.grafr_.fit_transform(model.grafr_.X_, np.append(cells[2], [""] * 4))
    assert np.allclose(seen["x"], rebuilt[:, model.support_], atol=1e-2)


def test_stages_are_known_by_labels_scale_and_subjects(fitted, cells, tmp_path, monkeypatch):
    def fit_extractor(run, *_, **__):
        run.note(precision="float32")
        return SimpleNamespace(count_params=int)

    monkeypatch.setattr(coupled, "fit_extractor", fit_extractor)
    model = copy(fitted[0])
    model._root, model.facts_, model._empty = tmp_path, {"seconds": {}}, {}
    names = []
    for codes, held in (([0, 1], [0, 1]), ([1, 0], [0, 1]), ([0, 1], [1, 0])):
        model._learn_features((None, "a"), codes, (None, "b"), held)
        names.append(model._extractor_key)
    for _ in range(2):
        names.append(model._prepared(cells[0][:1])[1])
        model.side_ += 10
    people = np.append(cells[2], [""] * 4)
    nodes = model.grafr_.X_
    for groups in (people, people[::-1]):
        names.append(model._learn_graph((nodes, "a"), (nodes[:1], "b"), groups)[0][1])
    assert len(set(names)) == 7


def test_synthesis_learns_from_the_smaller_class_alone(fitted, cells, tmp_path, monkeypatch):
    asked = []
    np.save(tmp_path / "made.npy", np.zeros((4, 32, 32, 3), np.uint8))

    def synthetic(self, store, key, rows, count):
        asked.append((rows.tolist(), count))
        return tmp_path / "made.npy", "made"

    monkeypatch.setattr(pipeline.CoTCoNet, "_synthetic", synthetic)
    model = copy(fitted[0])
    model._root, model.facts_ = tmp_path, {"seconds": {}}
    real = model._kept(np.zeros((20, 32, 32, 3), np.uint8))
    _, codes, groups = model._balanced(real, model._codes(cells[1]), cells[2], None)
    assert np.bincount(codes).tolist() == [12, 12]
    assert groups.tolist() == [*cells[2], "", "", "", ""]
    label, made, _ = pipeline.CoTCoNet(**SMALL, cache=fitted[1]).synthesised(*cells[:2])
    assert (label, len(made)) == ("normal", 4)
    assert asked == [(list(range(12, 20)), 4)] * 2
