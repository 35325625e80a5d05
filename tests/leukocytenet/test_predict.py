"""Predicting from the command line: answers, explanations, bad files, and the page."""

import json
import re
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from leukocytenet import predict as command
from smears import InputError, drawing, predict, predict_page
from smears.classifier import Classifier
from smears.explain import lime
from smears.runs import Run

CLASSES = ["CLL", "AML", "Healthy"]
SIZE = 64


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of a tiny network, its folder's name with a space in it."""
    settings = {"model": "LeukocyteNet", "seed": 0, "size": SIZE, "split": "abc", "data": "def"}
    run = Run(tmp_path_factory.mktemp("some runs"), "tiny", settings)
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 64)(x)
    x = keras.layers.Conv2D(6, 5, strides=2, activation="relu", name="maps")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(3, activation="softmax")(x)
    keras.Model(inputs, outputs).save(run.folder / "model.keras")
    known = {
        name: [0.0, 100.0, 200.0]
        for name in ("sharpness", "brightness", "contrast", "red_green", "blue_green", "saturation")
    }
    known |= {name: [64, 64, 64] for name in ("width", "height")}
    run.note(preprocess="caffe", classes=CLASSES, weights="random", training_pictures=known)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"path": [f"/d/{n}.png" for n in range(60)], "subject": "", "label": CLASSES * 20,
         "source": [str(n) for n in range(60)], "part": ["validation"] * 30 + ["test"] * 30}
    )  # fmt: skip
    run.write_predictions(frame, CLASSES, rng.dirichlet(np.ones(3), 60))
    return run


@pytest.fixture(scope="module")
def smears_folder(tmp_path_factory):
    """Four drawn pictures, one of them small."""
    folder = tmp_path_factory.mktemp("new") / "Neue Bilder"
    folder.mkdir()
    for n, label in enumerate(["CLL", "AML", "Healthy"]):
        Image.fromarray(drawing.draw(label, n, n, 96)[0]).save(folder / f"{label} ä.png")
    Image.fromarray(drawing.draw("CLL", 9, 9, 40)[0]).save(folder / "small.jpg")
    return folder


def _predict(run, out, *arguments):
    return command.main(["--model", str(run.folder), "--out", str(out), *map(str, arguments)])


@pytest.mark.contract
def test_probabilities_are_the_classifier_s_own_and_calibrated(run, smears_folder, tmp_path):
    assert _predict(run, tmp_path, smears_folder) == 0
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert table["file"].tolist() == [str(p) for p in sorted(smears_folder.iterdir())]
    classifier = Classifier.load(run.folder)
    pictures = [np.asarray(Image.open(p).convert("RGB")) for p in sorted(smears_folder.iterdir())]
    own = classifier.scores(pictures)
    np.testing.assert_allclose(table[[f"own {n}" for n in CLASSES]], own, atol=1e-5)
    calibrated = table[[f"calibrated {n}" for n in CLASSES]].to_numpy()
    np.testing.assert_allclose(calibrated, classifier.calibrated(own), atol=1e-5)
    assert table["predicted"].tolist() == [CLASSES[n] for n in calibrated.argmax(1)]
    np.testing.assert_allclose(table["probability"], calibrated.max(1), atol=1e-6)


@pytest.mark.contract
def test_gradcam_overlays_have_the_pictures_sizes(run, smears_folder, tmp_path):
    assert _predict(run, tmp_path, smears_folder, "--explain", "gradcam") == 0
    table = pd.read_csv(tmp_path / "predictions.csv")
    for _, row in table.iterrows():
        with (
            Image.open(tmp_path / "overlays" / row["overlay"]) as laid,
            Image.open(row["file"]) as picture,
        ):
            assert laid.size == picture.size
            assert np.abs(np.asarray(laid).astype(int) - np.asarray(picture)).max() > 20


def test_lime_s_overlay_shows_what_speaks_for_and_what_against_the_class(
    run, smears_folder, tmp_path
):
    path = smears_folder / "AML ä.png"
    assert _predict(run, tmp_path, path, "--explain", "lime") == 0
    table = pd.read_csv(tmp_path / "predictions.csv")
    laid = np.asarray(Image.open(tmp_path / "overlays" / table["overlay"][0]))
    picture = np.asarray(Image.open(path).convert("RGB"))
    target = CLASSES.index(table["predicted"][0])
    (found,) = lime.explain(Classifier.load(run.folder), [picture], target)
    assert found.weights.min() < 0 < found.weights.max()
    np.testing.assert_array_equal(laid, lime.regions_picture(picture, found))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"green, light line: speaks for {table['predicted'][0]};" in text
    assert "orange, dark line: against it</span></figcaption>" in text
    for kind, colour in (("for", lime.FOR), ("against", lime.AGAINST)):
        assert f".key.{kind} {{ background: rgb{colour}; }}" in text


def test_a_heat_map_s_colours_are_explained_and_a_failed_check_is_told(
    run, smears_folder, tmp_path
):
    folder = shutil.copytree(run.folder, tmp_path / "run")
    scores = {"Grad-CAM": {"check with random weights": "fails", "pictures": 1},
              "Saliency": {"check with random weights": "passes", "pictures": 1}}  # fmt: skip
    known = {"explained": "the most probable class", "scores": scores}
    (folder / "explanations.json").write_text(json.dumps({"drawn smears": known}))
    path = smears_folder / "AML ä.png"
    for method, name in (("gradcam", "Grad-CAM"), ("saliency", "Saliency")):
        arguments = ["--model", str(folder), "--out", str(tmp_path / method), "--explain", method]
        assert command.main([*arguments, str(path)]) == 0
        said = pd.read_csv(tmp_path / method / "predictions.csv")["predicted"][0]
        text = (tmp_path / method / "report.html").read_text(encoding="utf-8")
        assert f"<figcaption>{name}: yellow matters most for {said}, violet least" in text
        told = f"{name} fails the check with random weights on drawn smears" in text
        assert told == (method == "gradcam")


def test_names_as_long_as_systems_take_are_cut_in_the_overlays_and_stay_apart(
    run, smears_folder, tmp_path
):
    names = ["x" * 250 + "1.png", "x" * 250 + "2.png", "ä" * 125 + ".png"]
    for name in names:
        shutil.copy(smears_folder / "CLL ä.png", tmp_path / name)
    assert _predict(run, tmp_path / "o", tmp_path, "--explain", "gradcam") == 0
    table = pd.read_csv(tmp_path / "o" / "predictions.csv")
    assert [path.rpartition("/")[2] for path in table["file"]] == sorted(names)
    assert table["overlay"].tolist() == [
        f"0001_{'x' * 150}_gradcam.png", f"0002_{'x' * 150}_gradcam.png",
        f"0003_{'ä' * 75}_gradcam.png",
    ]  # fmt: skip
    assert all((tmp_path / "o" / "overlays" / name).is_file() for name in table["overlay"])


def test_the_page_is_whole_and_fetches_nothing(run, smears_folder, tmp_path):
    _predict(run, tmp_path, smears_folder, "--explain", "gradcam")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count('<div class="picture">') == 4
    assert text.count("<img") == 8
    assert "Research use only" in text
    assert "CLL ä.png" in text
    assert "Small: 40 × 40 pixels" in text
    assert "expected calibration error" in text
    assert "Reporting guidelines" in text  # the whole model card
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)


def test_small_pictures_are_kept_for_those_that_the_page_shows_alone(
    run, smears_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(predict, "CHUNK", 2)
    monkeypatch.setattr(predict_page, "MOST", 3)
    torn = tmp_path / "torn.png"
    torn.write_bytes(b"no picture")
    answers = predict.answer(
        Classifier.load(run.folder), [torn, smears_folder], tmp_path / "overlays", "gradcam"
    )
    kept = [False, True, True, True, False]
    assert [one.picture is not None for one in answers] == kept
    assert [one.overlay is not None for one in answers] == kept
    numbers = [one.overlay_path.name[:4] for one in answers if one.overlay_path]
    assert numbers == ["0002", "0003", "0004", "0005"]
    page = predict_page.text("", answers, CLASSES, {}, "", "gradcam")
    assert page.count("<img") == 6


def test_bad_files_are_listed_and_do_not_stop_the_rest(run, smears_folder, tmp_path, capsys):
    torn = tmp_path / "torn <b>.png"
    torn.write_bytes(next(smears_folder.glob("CLL*")).read_bytes()[:500])
    absent = tmp_path / "absent.png"
    assert _predict(run, tmp_path / "o", torn, absent, smears_folder) == 1
    told = capsys.readouterr()
    assert "torn <b>.png: no answer: " in told.err
    assert "absent.png: no answer: no such file" in told.err
    table = pd.read_csv(tmp_path / "o" / "predictions.csv", keep_default_na=False)
    assert (table["problem"] != "").tolist() == [True, True, False, False, False, False]
    assert table["predicted"].tolist()[:2] == ["", ""]
    text = (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert "2 without an answer" in text
    assert "torn &lt;b&gt;.png" in text


def test_nothing_but_bad_files_ends_with_2(run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert _predict(run, tmp_path / "o", tmp_path / "empty") == 2
    assert "no pictures" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_told_before_anything_is_predicted(
    run, smears_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(predict, "answer", lambda *given: pytest.fail("predicted first"))
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(SystemExit) as end:
            _predict(run, out, smears_folder)
        assert end.value.code == 2
        assert f"--out {out}" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_refused_with_the_remedy(smears_folder, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(["--model", str(tmp_path), str(smears_folder), "--out", str(tmp_path / "o")])
    assert end.value.code == 2
    assert "is no run's folder" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def _network(classes, bias=0.0):
    """A network that says the same of every picture: the first class, the more the larger bias."""
    x = inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(x)
    first = keras.initializers.Constant([bias, *[0.0] * (classes - 1)])
    outputs = keras.layers.Dense(
        classes, "softmax", kernel_initializer="zeros", bias_initializer=first
    )(x)
    return keras.Model(inputs, outputs)


def test_a_run_s_network_answers_by_its_file_too(run, smears_folder, tmp_path):
    pictures = [np.asarray(Image.open(smears_folder / "small.jpg"))]
    named = Classifier.load(run.folder / "model.keras").scores(pictures)
    np.testing.assert_array_equal(named, Classifier.load(run.folder).scores(pictures))
    arguments = [str(smears_folder), "--out", str(tmp_path / "o")]
    assert command.main(["--model", str(run.folder / "model.keras"), *arguments]) == 0


def test_a_network_s_file_that_is_not_there_or_not_of_its_run_is_refused(run, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)

    def told(file):
        with pytest.raises(SystemExit) as end:
            command.main(["x.png", "--out", str(tmp_path / "o"), "--model", str(file)])
        assert end.value.code == 2
        return capsys.readouterr().err

    missing = told(folder / "nothing.keras")
    assert "nothing.keras: no such file. Give a finished run's folder" in missing
    alone = tmp_path / "alone.keras"
    shutil.copy(folder / "model.keras", alone)
    lost = told(alone)
    assert f"{alone} stands in no run's folder" in lost
    assert "facts.json" in lost
    _network(3, bias=2.0).save(folder / "other.keras")
    assert (
        f"of its model.keras, and of no other network. Give that, or the run's folder, {folder}."
        in (told(folder / "other.keras"))
    )
    _network(2).save(folder / "model.keras")
    with pytest.raises(InputError, match=r"model\.keras takes .* 2 numbers.*3 classes"):
        Classifier.load(folder)


def test_what_is_no_picture_is_named_with_what_is_wanted(run):
    classifier = Classifier.load(run.folder)
    good = np.zeros((50, 40, 3), np.uint8)
    for wrong, told in (
        (good / 255, "picture 1 is float64 of shape"),
        (good[..., 0], r"picture 1 is uint8 of shape \(50, 40\)"),
        ("a.png", r"picture 1 is str of shape \(\): give uint8 RGB"),
    ):
        with pytest.raises(InputError, match=told):
            classifier.scores([good, wrong])
    with pytest.raises(InputError, match="a single picture, too, stands in a list"):
        classifier.scores(good)


def test_a_file_named_twice_is_answered_once_and_strays_are_passed_over(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    for name in ("a.png", "b.jpg", "notes.txt", ".hidden.png"):
        (folder / name).write_bytes(b"1")
    found = predict.find([folder / "a.png", folder])
    assert [path.name for path, _ in found] == ["a.png", "b.jpg"]


def test_names_that_are_not_utf8_and_unreadable_folders_leave_a_table_that_can_be_written(
    tmp_path, unreadable, not_utf8
):
    (tmp_path / "f/shut").mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (tmp_path / "f" / name).write_bytes(b"1")
    odd = not_utf8(tmp_path / "f/b.png", b"\xff.png")
    for given in ([tmp_path / "f"], [tmp_path / "f/a.png", odd, tmp_path / "f/shut"]):
        found = {path.name: problem for path, problem in predict.find(given)}
        assert found.pop("a.png") == ""
        assert found.pop("\\udcff.png") == "its name is not UTF-8 text: rename it"
        assert "cannot be read (Permission denied)" in found.pop("shut")
        assert not found
        table = predict.table([predict.Answer(*one) for one in predict.find(given)], ["x"])
        table.to_csv(tmp_path / "predictions.csv", encoding="utf-8")


def test_overlays_of_an_earlier_call_go_and_other_files_stay(tmp_path):
    for name in (
        "0001_a_gradcam.png",
        "0012_b c_lime.png",
        "0001_a.png",
        "notes.png",
        "x_lime.png",
    ):
        (tmp_path / name).touch()
    predict.clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0001_a.png", "notes.png", "x_lime.png"
    ]  # fmt: skip
    predict.clear(tmp_path / "not there")
