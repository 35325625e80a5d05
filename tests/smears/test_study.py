"""Scripts as people meet them: what is trained, kept, told, refused; all without training."""

import os
import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import standin
from table4 import ABLATION
from table5 import COMPARISON
from table6 import REPORT

from smears import commandline, drawing, study


@pytest.fixture
def whole_out(tmp_path):
    """A folder with a space and a letter beyond ASCII in its name."""
    standin.trained.clear()
    return tmp_path / "a földer"


@pytest.fixture
def out(whole_out):
    """The same, for plain tables."""
    with standin.plain_tables():
        yield whole_out


def _lines(capsys):
    return capsys.readouterr().out.splitlines()


def _table(lines):
    """Cells of a printed Markdown table: dict row label -> list of the other cells."""
    rows = [line.strip("| ").split("|") for line in lines if line.startswith("|")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


def _folder_of_pictures(folder, labels, subjects=6, seed=500):
    for label in labels:
        for subject in range(subjects):
            picture, _ = drawing.draw(label, seed + subject, subject, 32)
            (folder / label).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(folder / label / f"{subject}.png"), picture[..., ::-1])
    return folder


def test_a_script_prints_published_beside_ours_and_where_it_wrote(whole_out, capsys):
    standin.script(COMPARISON, whole_out)
    lines = _lines(capsys)
    table = _table(lines)
    assert list(table)[2:] == [
        *COMPARISON.rows,
        "Colour statistics only (nearest neighbour)",
        "Colour statistics only (logistic regression)",
    ]
    assert table["Model"][:2] == ["Test accuracy published", "Test accuracy ours (95% CI)"]
    assert table["Xception"][0] == "84.44"
    # One picture a class and subject: no spread is known.
    assert re.fullmatch(r"\d+\.\d\d \((\d+\.\d–\d+\.\d|–)\)", table["Xception"][1])
    assert table["DenseNet121"][:2] == ["92.60", "not run"]
    assert "- DenseNet121: not run: no weights." in lines
    assert any("says nothing about blood or disease" in line for line in lines)
    written = lines[-1].removeprefix("Written: ").split(", ")
    assert len(written) == 4
    assert all(os.path.getsize(path) for path in written)


def test_on_somebody_s_own_pictures_nothing_published_is_shown_nor_a_row_not_asked_for(
    out, tmp_path, capsys
):
    def shown(data, *argv):
        standin.script(COMPARISON, out, "--data", data, *argv)
        lines = _lines(capsys)
        return _table(lines), "\n".join(lines)

    folder = _folder_of_pictures(tmp_path / "mine", ["AML", "CML"])
    table, text = shown(f"folder:{folder}", "--rows", "LeukocyteNet")
    assert table["Model"][:2] == ["Test accuracy ours (95% CI)", "Precision ours (95% CI)"]
    assert [name for name in table if name in COMPARISON.rows] == ["LeukocyteNet"]
    assert "published" not in text
    assert "not asked for" not in text
    assert {"Xception", "LeukocyteNet"} <= set(shown(f"folder:{folder}")[0])
    # Beside the papers' own sets they are.
    for name in ("Lymphoma", "MDS", "CLL", "CML", "AML"):
        _folder_of_pictures(tmp_path / "ash", [name], seed=len(name) * 50 + ord(name[0]))
    table, text = shown(f"ash:{tmp_path / 'ash'}", "--rows", "LeukocyteNet")
    assert table["Model"][0] == "Test accuracy published"
    assert table["Xception"][1] == "not run"
    assert "What the published numbers imply" in text


def test_counts_of_the_papers_classes_stand_beside_the_published_ones_before_the_table(
    whole_out, capsys
):
    one = _folder_of_pictures(whole_out.parent / "one", ["Healthy", "CML"], subjects=5)
    two = _folder_of_pictures(whole_out.parent / "two", ["CML", "MDS"], subjects=7, seed=600)
    data = ["--data", f"folder:{one}", "--data", f"folder:{two}", "--split", "image"]
    standin.script(REPORT, whole_out, *data)
    lines = _lines(capsys)
    start = next(n for n, line in enumerate(lines) if "in the paper | here" in line)
    # As the paper's Table 2 prints them before augmentation.
    assert list(_table(lines[start : start + 12]).items()) == [
        ("class", ["in the paper", "here"]), ("-" * 15, ["-" * 12, "-" * 4]),
        ("Lymphoma", ["130", "0"]), ("MDS", ["114", "7"]), ("ALL-Benign", ["504", "0"]),
        ("ALL-Early Pre-B", ["985", "0"]), ("ALL-Pre-B", ["963", "0"]), ("ALL-Pro-B", ["804", "0"]),
        ("AML", ["256", "0"]), ("CLL", ["185", "0"]), ("CML", ["126", "12"]),
        ("Healthy", ["1,180†", "5"]),
    ]  # fmt: skip
    told = [line for line in lines if "that are missing" in line]
    missing = "Lymphoma, ALL-Benign, ALL-Early Pre-B, ALL-Pre-B, ALL-Pro-B, AML, CLL"
    assert told == [f"Classes of the paper that are missing: {missing}."]
    assert lines.index(told[0]) < next(n for n, x in enumerate(lines) if x.startswith("## "))


def test_other_classes_and_drawn_ones_are_not_counted_beside_the_papers(whole_out, capsys):
    folder = _folder_of_pictures(whole_out.parent / "set", ["CML", "MDS"])
    (folder / "MDS").rename(folder / "other")
    standin.script(REPORT, whole_out, "--data", f"folder:{folder}")
    standin.script(REPORT, whole_out)
    assert not any("in the paper | here" in line for line in _lines(capsys))


def test_a_second_run_trains_nothing_and_prints_the_same(out, capsys):
    standin.script(COMPARISON, out)
    first = _lines(capsys)
    assert len(standin.trained) == 5
    standin.script(COMPARISON, out)
    assert len(standin.trained) == 5
    assert _lines(capsys) == first


def test_tables_share_their_runs(out):
    standin.script(COMPARISON, out)
    standin.trained.clear()
    standin.script(REPORT, out)
    standin.script(ABLATION, out)
    # Table 4's own rows: one without VGG19, four of VGG19 fine-tuned, one augmented otherwise.
    assert sorted(model for model, _ in standin.trained) == [
        "LeukocyteNet", "Swin Transformer Only", *["VGG19 Only"] * 4,
    ]  # fmt: skip


def test_only_the_rows_asked_for_are_trained(out, capsys):
    standin.script(COMPARISON, out, "--rows", "MobileNet")
    lines = _lines(capsys)
    assert standin.trained == [("MobileNet", 0)]
    assert "not run" not in _table(lines)["MobileNet"]
    (line,) = [line for line in lines if line.endswith(": not run: not asked for.")]
    assert line.startswith("- Xception; Inception V3; DenseNet121; ")


def test_two_seeds_train_twice_and_the_interval_spans_them(out, capsys):
    standin.script(COMPARISON, out, "--rows", "VGG19", "--seeds", "2")
    lines = _lines(capsys)
    assert standin.trained == [("VGG19", 0), ("VGG19", 1)]
    assert any("bootstrap over subjects and seeds" in line for line in lines)
    folders = sorted((out / "runs").glob("VGG19-seed-*"))
    scores = []
    for folder in folders:
        table = study.read_predictions(folder / "predictions.csv")
        test = table[table["part"] == "test"]
        said = test[list(standin.CLASSES)].to_numpy().argmax(1)
        scores.append(np.mean(np.array(standin.CLASSES)[said] == test["label"]))
    assert len(set(scores)) == 2
    assert _table(lines)["VGG19"][1].startswith(f"{100 * np.mean(scores):.2f} (")


def test_a_row_whose_training_diverges_is_not_run_and_the_others_are(out, capsys, monkeypatch):
    whole = standin._scores

    def diverging(frame, classes, model, seed):
        scores = whole(frame, classes, model, seed)
        scores[0] = np.nan if model == "MobileNet" else scores[0]
        return scores

    monkeypatch.setattr(standin, "_scores", diverging)
    standin.script(COMPARISON, out, "--rows", "MobileNet", "VGG19")
    lines = _lines(capsys)
    assert "not run" in _table(lines)["MobileNet"]
    assert "not run" not in _table(lines)["VGG19"]
    assert any(line.startswith("- MobileNet: not run: training diverged: 1 of") for line in lines)


def test_finished_shows_what_is_there_and_trains_nothing(out, capsys):
    standin.script(COMPARISON, out, "--rows", "MobileNet", "DenseNet121", "--seeds", "2")
    standin.script(COMPARISON, out, "--rows", "VGG19")
    folders = sorted((out / "runs").iterdir())
    standin.trained.clear()
    capsys.readouterr()
    standin.script(COMPARISON, out, "--finished", "--seeds", "3", "--jobs", "2")
    lines = _lines(capsys)
    assert standin.trained == []
    assert sorted((out / "runs").iterdir()) == folders
    assert "not run" not in _table(lines)["VGG19"] + _table(lines)["MobileNet"]
    assert "- Xception; Inception V3; LeukocyteNet: not run: not trained yet." in lines
    assert "- DenseNet121: not run: no weights." in lines
    assert any("seeds: 2 (VGG19: 1);" in line for line in lines)
    assert any("bootstrap over subjects and seeds" in line for line in lines)


def test_finished_finds_trainings_whose_weights_are_not_at_hand(out, tmp_path, capsys):
    for file in ("vgg19.npz", "other.npz"):
        np.savez(tmp_path / file, a=np.zeros(1))
    ask = [COMPARISON, out, "--rows", "VGG19"]
    standin.script(*ask, "--weights", f"VGG19={tmp_path / 'vgg19.npz'}")
    capsys.readouterr()
    standin.script(*ask, "--finished")
    assert "not run" not in _table(_lines(capsys))["VGG19"]
    # Asked for by another file, or one of two: nobody can tell which is meant.
    standin.script(*ask, "--finished", "--weights", f"VGG19={tmp_path / 'other.npz'}")
    assert "not run" in _table(_lines(capsys))["VGG19"]
    standin.script(*ask, "--weights", f"VGG19={tmp_path / 'other.npz'}")
    capsys.readouterr()
    standin.script(*ask, "--finished")
    assert "not run" in _table(_lines(capsys))["VGG19"]


def test_tables_are_a_function_of_stored_predictions_alone(out, tmp_path, capsys):
    standin.script(COMPARISON, out, "--seeds", "2")
    before = (out / "tables" / "leukocytenet_table5_drawn_quick.csv").read_bytes()
    copy = tmp_path / "elsewhere"
    for folder in sorted((out / "runs").iterdir()):
        (copy / "runs" / folder.name).mkdir(parents=True)
        for name in ("settings.json", "predictions.csv", "facts.json"):
            if (folder / name).exists():
                shutil.copy(folder / name, copy / "runs" / folder.name / name)
    standin.trained.clear()
    standin.script(COMPARISON, copy, "--seeds", "2")
    assert standin.trained == []
    assert (copy / "tables" / "leukocytenet_table5_drawn_quick.csv").read_bytes() == before


def test_a_run_with_another_seed_or_size_is_not_taken_for_the_asked_one(out, monkeypatch):
    standin.script(REPORT, out)
    own = standin.settings
    monkeypatch.setattr(standin, "settings", lambda *a, **b: {**own(*a, **b), "size": 128})
    standin.script(REPORT, out)
    assert len(standin.trained) == 2


def test_ctrl_c_ends_with_130_says_how_to_go_on_and_loses_no_row(out, capsys, monkeypatch):
    own = standin.train

    def stopped(task, run):
        if run.settings["model"] == "MobileNet":
            raise KeyboardInterrupt
        own(task, run)

    with monkeypatch.context() as patch:
        patch.setattr(standin, "train", stopped)
        with pytest.raises(SystemExit) as end:
            standin.script(COMPARISON, out)
    assert end.value.code == 130
    assert "the same command goes on" in capsys.readouterr().err
    standin.trained.clear()
    standin.script(COMPARISON, out)
    assert [model for model, _ in standin.trained] == ["MobileNet", "VGG19", "LeukocyteNet"]


def test_weights_for_a_network_that_no_row_has_are_refused(out, tmp_path, capsys):
    (tmp_path / "x=1.npz").touch()
    with pytest.raises(SystemExit) as end:
        commandline.parse([COMPARISON], ["--weights", f"Inceptionv3={tmp_path}"])
    assert end.value.code == 2
    assert "no network of this name; there are DenseNet121, Inception V3" in capsys.readouterr().err
    given = ["--weights", f"LeukocyteNet={tmp_path}", "--weights", str(tmp_path / "x=1.npz")]
    options = commandline.parse([COMPARISON], given)
    assert options.weights == {"LeukocyteNet": tmp_path, "": tmp_path / "x=1.npz"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nosuch:/x"], "'nosuch' is none of drawn"),
        (["--data", "folder:/no/such/folder"], "/no/such/folder not found"),
        (["--external", "folder:/no/such/folder"], "/no/such/folder not found"),
    ],
)
def test_data_that_is_not_there_ends_with_2_and_one_message(out, capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        standin.script(ABLATION, out, *arguments)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert standin.trained == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "whole number from 1"),
        (["--seeds", "two"], "whole number from 1"),
        (["--rows", "ViT"], "no row 'ViT': --help names them all"),
        (["--rows", "VGG"], "no row 'VGG': the nearest is VGG19; --help"),
        (["--profile", "huge"], "invalid choice: 'huge'"),
        (["--split", "patient"], "invalid choice: 'patient'"),
        (["--weights", "/no/such/file.h5"], "/no/such/file.h5 does not exist"),
        (["--weights", "VGG19=/no/such/file.h5"], "/no/such/file.h5 does not exist"),
        (["--out", __file__], "a file, not a folder"),
        (["--out", f"{__file__}/out"], "cannot be written"),
        (
            ["--data", f"folder:{Path(__file__).parent}", "--out", f"{Path(__file__).parent}/out"],
            "lies in the data folder",
        ),
        (["--external", "pbc:/x"], "unrecognized arguments"),
        (["--sceds", "1"], "unrecognized arguments"),
    ],
)
def test_a_wrong_argument_ends_with_2_and_names_it(out, capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        standin.script(COMPARISON, out, *arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_help_teaches_every_argument(capsys):
    with pytest.raises(SystemExit) as end:
        commandline.parse([ABLATION], ["--help"])
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for argument in (
        "--paper", "--data", "--profile", "--rows", "--seeds", "--split", "--weights", "--out",
        "--external", "--skip-bad", "--devices",
    ):  # fmt: skip
        assert f"{argument} " in text
    assert "LeukocyteNet, Table 4" in text
    assert '"VGG19 Only, fine-tuned"' in text
    assert "Default: subject" in text


def test_weights_are_given_as_a_folder_or_for_a_row(tmp_path):
    file = tmp_path / "v3.h5"
    file.touch()
    given = ["--weights", str(tmp_path), "--weights", f"Inception V3={file}"]
    assert commandline.parse([COMPARISON], given).weights == {"": tmp_path, "Inception V3": file}


def test_a_row_whose_weights_could_not_be_downloaded_is_told_how_to_get_them(tmp_path):
    results = standin.results(COMPARISON, tmp_path, "--rows", "MobileNet", "VGG19")
    told = "random, because the ImageNet weights could not be downloaded"
    results.runs["VGG19"][0].note(weights=told)
    lines = results.captions()
    assert (
        f"Weights of VGG19: {told} (once there is a network, another --out trains it anew)."
        in lines
    )
    assert "Weights of MobileNet: ImageNet." in lines


@pytest.mark.slow
def test_external_pictures_are_predicted_once_and_then_read(out, tmp_path, capsys):
    folder = _folder_of_pictures(tmp_path / "other", ["AML", "CLL", "Healthy"])
    _folder_of_pictures(tmp_path / "other", ["MDS"], seed=700)
    (tmp_path / "other" / "MDS").rename(tmp_path / "other" / "Unknown kind")
    arguments = ("--external", f"folder:{folder}", "--seeds", "2")
    standin.script(ABLATION, out, *arguments)
    first = _lines(capsys)
    table = _table(first)
    assert table["Model variant"][-3:] == [
        "External accuracy published", "External accuracy ours (95% CI)", "n external",
    ]  # fmt: skip
    assert table["LeukocyteNet (VGG19+Swin)"][-3] == "94.12†"
    assert {row[-1] for label, row in table.items() if "Only" in label} == {"18"}
    assert any("6 pictures of other classes left out" in line for line in first)
    for network in (out / "runs").glob("*/model.keras"):
        network.unlink()
    standin.script(ABLATION, out, *arguments)
    # Without networks there is none to use on new pictures.
    kept = [line for line in first if line and not line.startswith("Use ")]
    assert [line for line in _lines(capsys) if line] == kept
    next((out / "runs").glob("Swin-Transformer-Only-seed-1-*/external-*.csv")).unlink()
    standin.script(ABLATION, out, *arguments)
    line = next(line for line in _lines(capsys) if "keep no model.keras" in line)
    assert "Swin Transformer Only (1 of 2);" in line


def test_external_pictures_that_were_trained_on_are_refused_before_training(out, tmp_path, capsys):
    folder = _folder_of_pictures(tmp_path / "own", standin.CLASSES)
    with pytest.raises(SystemExit) as end:
        standin.script(
            ABLATION, out, "--data", f"folder:{folder}", "--external", f"folder:{folder}"
        )
    assert end.value.code == 2
    assert "60 byte-identical pictures" in capsys.readouterr().err
    assert standin.trained == []


@pytest.mark.parametrize("ending", ["bmp", "tif"])
def test_external_copies_in_another_format_are_refused_before_training(
    out, tmp_path, capsys, ending
):
    folder = _folder_of_pictures(tmp_path / "own", standin.CLASSES)
    other = _folder_of_pictures(tmp_path / "other", ["AML"], seed=900)
    copy = other / "AML" / f"copy.{ending}"
    assert cv2.imwrite(str(copy), cv2.imread(str(folder / "AML" / "3.png")))
    with pytest.raises(SystemExit) as end:
        standin.script(ABLATION, out, "--data", f"folder:{folder}", "--external", f"folder:{other}")
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert f"1 look-alikes in --data, e.g. {copy} ~ {folder}/AML/3.png" in error
    assert standin.trained == []


def test_external_pictures_of_no_known_class_are_refused(out, tmp_path, capsys):
    folder = _folder_of_pictures(tmp_path / "own", ["AML"])
    (folder / "AML").rename(folder / "other")
    with pytest.raises(SystemExit):
        standin.script(ABLATION, out, "--external", f"folder:{folder}")
    assert "none of the classes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "profile", "split", "says"),
    [
        (["drawn"], "paper", "subject", "says nothing about blood"),
        (["pbc:/x"], "quick", "subject", "it is no result"),
        (["pbc:/x", "allidb1:/y"], "laptop", "subject", "laptop run on pbc + allidb1;"),
        (["folder:/x"], "laptop", "subject", "laptop run on folder-x, which no paper measured."),
        (["pbc:/x"], "paper", "image", "flatters every accuracy"),
        (["pbc:/x"], "paper", "source", "Split by source image: pictures of one subject may"),
    ],
)
def test_the_verdict_says_what_the_run_is_not(data, profile, split, says):
    options = SimpleNamespace(data=data, profile=profile, split=split)
    assert says in study.Results(replace(COMPARISON, recipe=standin), options).verdict()


def test_the_caption_names_the_machine_that_trained_not_the_one_that_prints(out, capsys):
    standin.script(REPORT, out)
    for path in (out / "runs").glob("*/environment.json"):
        path.write_text('{"hardware": "a machine far away"}')
    capsys.readouterr()
    standin.script(REPORT, out)
    assert "trained on a machine far away." in capsys.readouterr().out


def test_with_folds_a_row_is_trained_once_a_fold_and_tested_on_every_picture(out, capsys):
    standin.script(COMPARISON, out, "--folds", "5", "--rows", "LeukocyteNet")
    assert standin.trained == [("LeukocyteNet", 0)] * 5
    lines = _lines(capsys)
    assert any(line.startswith("- Cross-validation in 5 folds by subject") for line in lines)
    table = _table(lines)
    column = table["Model"].index("n test")
    assert {table[row][column] for row in table if row.startswith(("LeukocyteNet", "Colour"))} == {
        "100"
    }


def test_what_a_method_cannot_tell_apart_is_refused_before_training(out, capsys, monkeypatch):
    monkeypatch.setattr(standin, "refuse", lambda classes: f"ten classes, not {len(classes)}")
    with pytest.raises(SystemExit) as stopped:
        standin.script(COMPARISON, out)
    assert stopped.value.code == 2
    assert "ten classes, not 10" in capsys.readouterr().err
    assert standin.trained == []


@pytest.mark.parametrize(("name", "only"), [("folder", "AML"), ("allidb1-healthy", "Healthy")])
def test_one_class_alone_is_refused_before_training(out, tmp_path, capsys, name, only):
    folder = _folder_of_pictures(tmp_path / "own", ["AML"])
    if name != "folder":
        for number, path in enumerate(sorted(folder.rglob("*.png"))):
            path.rename(path.with_name(f"Im{number:03d}_0.png"))
    with pytest.raises(SystemExit) as end:
        standin.script(COMPARISON, out, "--data", f"{name}:{folder}")
    assert end.value.code == 2
    assert f"one class only ({only}): a classifier needs two; add a" in capsys.readouterr().err
    assert standin.trained == []


def test_a_table_ends_with_the_command_that_uses_its_network(out, capsys, monkeypatch):
    out.parent.mkdir(exist_ok=True)
    monkeypatch.chdir(out.parent)
    standin.script(COMPARISON, out)
    line = next(line for line in _lines(capsys) if line.startswith("Use LeukocyteNet: "))
    words = shlex.split(line.removeprefix("Use LeukocyteNet: "))
    assert words[:3] == ["python", "-m", "leukocytenet.predict"]
    place = Path(words[words.index("--model") + 1])
    assert not place.is_absolute()
    assert place.name.startswith("LeukocyteNet-seed-0-")
    assert (place / "model.keras").exists()
    next(out.glob("runs/LeukocyteNet-*/model.keras")).unlink()
    standin.script(COMPARISON, out)
    assert not any(line.startswith("Use ") for line in _lines(capsys))


def test_each_fold_s_run_is_of_its_own_split_and_known_by_it_and_the_data(out):
    found = standin.results(COMPARISON, out, "--folds", "5", "--rows", "LeukocyteNet")
    runs = found.runs["LeukocyteNet"]
    names = [name for *_, name in found.material.splits]
    assert [run.settings["split"] for run in runs] == names
    assert len(set(names)) == 5
    assert {run.settings["data"] for run in runs} == {found.material.fingerprint}
    (table,) = found.predictions("LeukocyteNet")
    tested = table.loc[table["part"] == "test", "path"]
    assert len(tested) == tested.nunique() == 100


def test_a_run_is_known_by_the_weights_that_it_starts_from(out, tmp_path):
    folders = []
    for content in (b"", b"1", b"2"):
        file = tmp_path / "vgg19.h5"
        file.write_bytes(content)
        given = ["--weights", f"VGG19={file}"] if content else []
        found = standin.results(COMPARISON, out, "--rows", "VGG19", *given)
        folders.append(found.runs["VGG19"][0].folder)
    assert len(set(folders)) == 3
