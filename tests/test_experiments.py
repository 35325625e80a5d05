"""The scripts as people start them: from any folder, into any folder, stopped and started again."""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pandas as pd
import pytest
from PIL import Image

from leukocytenet import recipe
from smears import InputError, drawing, reports

SCRIPTS = Path(__file__).parent.parent / "experiments"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with a space in its name, of six small pictures of each class."""
    folder = tmp_path_factory.mktemp("real ones") / "Blood smears"
    for label in recipe.CLASSES:
        (folder / label).mkdir(parents=True)
        for subject in range(6):
            picture, _ = drawing.draw(label, 40 + subject, subject, 48)
            cv2.imwrite(str(folder / label / f"{subject}.png"), picture[..., ::-1])
    return folder


def _start(name, *arguments, cwd):
    command = [sys.executable, str(SCRIPTS / name), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=cwd, **pipes)


def _run(name, *arguments, cwd):
    process = _start(name, *arguments, cwd=cwd)
    out, err = process.communicate()
    return process.returncode, out, err


def test_a_script_works_from_another_folder_with_relative_paths_and_spaces(pictures, tmp_path):
    place = tmp_path / "some where"
    place.mkdir()
    data = os.path.relpath(pictures, place)
    code, out, err = _run(
        "table2.py", "--data", f"folder:{data}", "--profile", "quick", "--out", "my results",
        cwd=place,
    )  # fmt: skip
    assert code == 0, err
    assert "## LeukocyteNet, Table 2" in out
    tables = place / "my results" / "tables"
    table = pd.read_csv(tables / "leukocytenet_table2_folder-Blood-smears_quick.csv")
    assert (table["original ours"] == 6).all()


@pytest.fixture
def main(tmp_path, monkeypatch):
    """Function name, *arguments that runs a script in this process, in a folder of its own."""

    def run(name, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(SCRIPTS / name), run_name="__main__")

    return run


def test_wrong_data_ends_with_2_and_the_remedy(main, capsys):
    with pytest.raises(SystemExit) as end:
        main("table5.py", "--data", "pbc:nowhere", "--profile", "quick", "--out", "x")
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert "nowhere not found" in err
    assert "Mendeley Data" in err
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ctrl_c_loses_no_finished_epoch_and_the_same_command_ends_the_table(pictures, tmp_path):
    arguments = ["--data", f"folder:{pictures}", "--profile", "quick", "--out", tmp_path / "o"]
    process = _start("table6.py", *arguments, cwd=tmp_path)
    while not list(tmp_path.glob("o/runs/*/checkpoint/epoch-????")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    history = next(tmp_path.glob("o/runs/*/history.csv"))
    before = pd.read_csv(history)
    epochs = recipe.PROFILES["quick"].epochs
    assert 1 <= len(before) < epochs

    code, out, err = _run("table6.py", *arguments, cwd=tmp_path)
    assert code == 0, err
    after = pd.read_csv(history)
    assert len(after) == epochs
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before)

    (history.parent / "model.keras").unlink()  # no longer needed
    code, again, err = _run("table6.py", *arguments, cwd=tmp_path)
    assert code == 0
    # Without its network, a run's numbers stay; only the line on predicting with it goes.
    shown = [
        line for line in out[out.index("## ") :].splitlines() if "Use LeukocyteNet:" not in line
    ]
    assert [line for line in again[again.index("## ") :].splitlines() if line] == [
        line for line in shown if line
    ]
    assert "LeukocyteNet:" not in err  # no progress bar of a training


@pytest.mark.slow
def test_run_all_makes_what_can_be_made_and_one_page(pictures, tmp_path):
    arguments = [
        "--data", f"folder:{pictures}", "--profile", "quick", "--out", tmp_path / "o", "--rows",
        "MobileNet",
    ]  # fmt: skip
    code, out, err = _run("run_all.py", *arguments, cwd=tmp_path)
    assert code == 0, err
    assert "Page: " in out
    assert "LeukocyteNet (Table 1, " in out
    page = (tmp_path / "o" / "index_folder-Blood-smears_quick.html").read_text(encoding="utf-8")
    assert page.count("<section") == 18  # nine tables, eight figures, the trainings
    for number in range(1, 10):
        name = f"leukocytenet_table{number}_folder-Blood-smears_quick.tex"
        assert (tmp_path / "o" / "tables" / name).exists()
    runs = [json.loads(p.read_text()) for p in tmp_path.glob("o/runs/*/settings.json")]
    assert [run["model"] for run in runs] == ["MobileNet"]


def test_a_contact_sheet_shows_a_row_of_pictures_a_class(main, pictures, tmp_path, monkeypatch):
    shown, write = [], reports.contact_sheet
    monkeypatch.setattr(
        reports, "contact_sheet", lambda *a, **more: shown.append((a, more)) or write(*a, **more)
    )
    main("contact_sheet.py", "--data", f"folder:{pictures}", "--columns", 3, "--out", tmp_path)
    with Image.open(tmp_path / "figures" / "contact_sheet_folder-Blood-smears.jpg") as sheet:
        assert sheet.height > 2 * sheet.width
    [((cells, titles, _), more)] = shown
    assert titles == [name for name in sorted(recipe.CLASSES) for _ in range(3)]
    assert len({cell.tobytes() for cell in cells}) == len(titles)
    assert more["columns"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "folder:set", "--out", "set/out"], "lies in the data folder"),
        (["--data", "folder:set", "--out", "set/source/1.png"], "lies in the data folder"),
        (["--data", "folder:set", "--out", "file"], "a file, not a folder"),
        (["--data", "folder:set", "--out", "o"], "no class can be called source"),
        (["--data", "folder:loop", "--out", "o"], "loop not found"),
        (["--columns", "0"], "whole number from 1"),
        (["--columns", "-1"], "whole number from 1"),
    ],
)
def test_a_contact_sheet_refuses_with_one_message(main, tmp_path, capsys, arguments, message):
    for label in ("source", "normal"):
        (tmp_path / "set" / label).mkdir(parents=True)
        Image.fromarray(drawing.draw("CLL", 9, 9, 40)[0]).save(tmp_path / "set" / label / "1.png")
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SystemExit) as end:
        main("contact_sheet.py", *arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert len(list((tmp_path / "set").rglob("*"))) == 4


@pytest.mark.slow
def test_leugan_alone_writes_table_figure_and_grid_and_is_not_trained_twice(tmp_path):
    command = ("synthesis.py", "--epochs", 1, "--out", tmp_path / "o")
    code, out, err = _run(*command, cwd=tmp_path)
    assert code == 0, err
    assert "LeuGAN on normal of drawn smears: 64 px" in out
    written = [Path(path) for path in out.split("Written: ")[1].strip().split(", ")]
    assert {path.suffix for path in written} == {".md", ".csv", ".tex", ".png", ".pdf", ".txt"}
    assert all(path.stat().st_size for path in written)
    code, again, err = _run(*command, cwd=tmp_path)
    assert code == 0, err
    assert again == out
    assert "step/s" not in err


@pytest.mark.slow
def test_the_learning_rate_with_the_best_validation_is_chosen_for_each_network(pictures, tmp_path):
    row = "VGG19 Only, fine-tuned"
    command = (
        "learning_rates.py", "--data", f"folder:{pictures}", "--profile", "quick", "--rows", row,
        "--rates", "1e-5", "1e-3", "--epochs", 2, "--out", tmp_path / "o",
    )  # fmt: skip
    code, out, err = _run(*command, cwd=tmp_path)
    assert code == 0, err
    (path,) = (tmp_path / "o" / "tables").glob("learning_rates_*.csv")
    table = pd.read_csv(path)
    assert table["Network"].tolist() == [row, row]
    assert table["Learning rate"].tolist() == [1e-5, 1e-3]
    reached = table["Validation macro F1 (95% CI)"].str.split(" ").str[0].astype(float)
    assert table["Chosen"].eq("yes").tolist() == [
        number == reached.idxmax() for number in table.index
    ]
    runs = [json.loads(p.read_text()) for p in tmp_path.glob("o/runs/*/settings.json")]
    assert sorted((run["learning_rate"], run["epochs"]) for run in runs) == [(1e-5, 2), (1e-3, 2)]
    code, again, err = _run(*command, cwd=tmp_path)
    assert code == 0, err
    assert again[again.index("## ") :] == out[out.index("## ") :]
    assert "step/s" not in err


@pytest.mark.parametrize("name", ["forensics.py", "methods.py"])
@pytest.mark.parametrize(
    ("problem", "code", "says"),
    [(InputError("The disk is gone."), 2, "The disk is gone."), (KeyboardInterrupt(), 130, "Stop")],
)
def test_a_script_without_data_ends_with_a_line_too(
    main, tmp_path, monkeypatch, capsys, name, problem, code, says
):
    def fail(*_, **__):
        raise problem

    for function in ("smears.reports.write", "cotconet.rivals.complexity.table"):
        monkeypatch.setattr(function, fail)
    with pytest.raises(SystemExit) as end:
        main(name, "--out", tmp_path)
    assert end.value.code == code
    assert says in capsys.readouterr().err
