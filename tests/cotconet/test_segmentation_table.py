"""The table of masks with a stand-in for LeuSAM, and its script for real."""

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cotconet import leusam, recipe, segmentation, segmentation_table
from smears import InputError, reports

SCRIPT = Path(__file__).parent.parent.parent / "experiments" / "segmentation.py"


class FilledBox:
    """Takes the box itself for the mask; learns nothing."""

    frozen, title, trained = False, "LeuSAM (stand-in)", 0

    def __init__(self, **_):
        pass

    def fit(self, images, masks, run, **_):
        FilledBox.trained += 1
        assert len(images) == len(masks) > 0

    @classmethod
    def load(cls, folder):
        return cls()

    def masks(self, images, boxes=None):
        found = []
        for i in range(len(images)):
            mask = np.zeros(images[i].shape[:2], bool)
            if boxes is not None:
                x0, y0, x1, y1 = boxes[i]
                mask[y0:y1, x0:x1] = True
            found.append(mask)
        return found

    def __call__(self, image):
        return self.masks([image])[0]


@pytest.fixture
def comparison(tmp_path, monkeypatch):
    drawn = {"classes": "all-normal", "subjects": 6, "images": 1, "size": 64}
    profile = segmentation_table.Profile(
        {"size": "tiny", "epochs": 1},
        {"side": 16, "filters": [2, 2, 2, 2, 2], "epochs": 1},
        drawn,
    )
    monkeypatch.setitem(segmentation_table.PROFILES, "quick", profile)
    monkeypatch.setattr(leusam, "LeuSAM", FilledBox)
    FilledBox.trained = 0
    options = argparse.Namespace(
        data=["drawn"], profile="quick", methods=["LeuSAM"], seeds=[0, 1], weights=None,
        skip_bad=False, out=tmp_path,
    )  # fmt: skip
    return segmentation_table.Comparison(options)


def test_a_row_is_the_mean_over_held_out_images_alone(comparison):
    runs = comparison.train()
    table, lines = comparison.table(runs)
    assert table["Method"].tolist() == ["Otsu + watershed", *["LeuSAM (stand-in)"] * 2]
    assert table["Box"].tolist() == ["–", "threshold", "true"]
    held = comparison.frame[(comparison.parts == "test").to_numpy()]
    assert set(table["n test"]) == {str(len(held))}
    masks = comparison.test.masks
    assert len(masks) == len(held)
    expected = []
    for mask in masks:
        rows, columns = np.nonzero(mask)
        area = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        expected.append(2 * mask.sum() / (mask.sum() + area))
    assert table["Dice (95% CI)"][2].startswith(f"{np.mean(expected):.3f} (")
    assert table["Dice (95% CI)"][1].startswith("0.000 (0.000–0.000)")
    otsu = [
        segmentation.dice(segmentation.otsu_watershed(comparison.test.images[i]), mask)
        for i, mask in enumerate(masks)
    ]
    assert table["Dice (95% CI)"][0].startswith(f"{np.mean(otsu):.3f} (")
    assert any("audit: nothing on two sides" in line for line in lines)
    assert any("nothing about blood" in line for line in lines)


def test_scored_seeds_are_not_trained_again(comparison):
    first, _ = comparison.table(comparison.train())
    assert FilledBox.trained == 2
    second, _ = comparison.table(comparison.train())
    assert FilledBox.trained == 2
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.usefixtures("op_by_op")
@pytest.mark.filterwarnings("ignore:Even though the .tf.config")
def test_networks_without_prompt_have_one_row(comparison, tmp_path):
    comparison.options.methods, comparison.options.seeds = ["U-Net"], [0]
    runs = comparison.train()
    table, _ = comparison.table(runs)
    assert table["Box"].tolist() == ["–"] * 2
    assert table["Method"][1].startswith("U-Net (")
    assert runs["U-Net"][0].settings["model"] == "unet"
    assert comparison.sheet(runs["U-Net"][0], tmp_path / "s.jpg", count=1).stat().st_size > 1000


def test_the_sheet_shows_what_was_found_worst(comparison, tmp_path, monkeypatch):
    shown, write = [], reports.contact_sheet
    monkeypatch.setattr(
        reports, "contact_sheet", lambda *a, **more: shown.append(a) or write(*a, **more)
    )
    run = comparison.train()["LeuSAM"][0]
    path = comparison.sheet(run, tmp_path / "sheet.jpg", count=2)
    assert path.stat().st_size > 1000
    [(cells, titles, _)] = shown
    scores = segmentation_table._read(run.folder / "scores.csv")
    worst = sorted(scores["dice"][scores["box"] != "true"])[:2]
    assert titles[2::3] == [f"Dice {dice:.2f}" for dice in worst]
    assert titles[1::3] == ["true", "true"]
    assert len(cells) == 6


def test_data_without_masks_is_refused_by_name(comparison):
    frame = comparison.frame.assign(mask="")
    with pytest.raises(InputError, match=r"\.png has no mask and is no cell on black"):
        segmentation_table.Cells(frame)


def test_help_starts_no_backend():
    code = (
        "import atexit, runpy, sys; atexit.register(lambda: print('keras' in sys.modules)); "
        f"sys.argv = ['x', '--help']; runpy.run_path({str(SCRIPT)!r}, {{}}, '__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--weights FOLDER" in done.stdout
    assert done.stdout.endswith("False\n")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_script_trains_on_drawn_smears(tmp_path):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--methods", "LeuSAM", "U-Net", "--out",
         str(tmp_path / "my out")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "LeuSAM (0." in done.stdout
    table = pd.read_csv(tmp_path / "my out" / "tables" / "segmentation_drawn_quick.csv")
    dice = table["Dice (95% CI)"].str.split().str[0].astype(float)
    assert dice[table["Box"] == "true"].item() > 0.8
    assert dice[table["Method"].str.startswith("U")].min() > 0.8
    for method in ("leusam", "u-net"):
        assert (tmp_path / f"my out/figures/segmentation_drawn_quick_{method}.jpg").exists()


@pytest.mark.parametrize(
    ("come_to", "epochs"),
    [({"size": "small", "weights": None}, 60), ({"weights": "sa1b"}, 10)],
)
def test_leusam_from_scratch_has_more_epochs_than_a_pretrained_one(
    come_to, epochs, comparison, monkeypatch
):
    assert "epochs" not in segmentation_table.PROFILES["paper"].leusam
    profile = replace(comparison.profile, leusam=segmentation_table.PROFILES["paper"].leusam)
    monkeypatch.setattr(comparison, "profile", profile)
    monkeypatch.setattr(leusam, "found", lambda settings: settings | come_to)
    settings = comparison._run("LeuSAM", 0).settings
    assert settings["epochs"] == epochs
    assert settings["weights"] == come_to["weights"]


def test_scores_by_other_masks_are_not_taken(comparison):
    first = comparison._run("LeuSAM", 0)
    again = segmentation_table.Comparison(comparison.options)
    assert again._run("LeuSAM", 0).folder == first.folder
    assert FilledBox.trained == 1
    masks = [Path(path) for path in comparison.frame["mask"][:2]]
    one, other = (path.read_bytes() for path in masks)
    masks[0].write_bytes(other)
    masks[1].write_bytes(one)  # the same masks, of other pictures
    again = segmentation_table.Comparison(comparison.options)
    assert again.fingerprint == comparison.fingerprint
    assert again._run("LeuSAM", 0).folder != first.folder
    assert FilledBox.trained == 2


def test_scores_of_another_version_are_not_taken_and_stored_ones_keep_their_names(
    comparison, monkeypatch
):
    first = comparison._run("LeuSAM", 0)
    assert "versions" not in first.settings  # as those in experiments/results
    monkeypatch.setitem(recipe.VERSIONS, "segment", 99)
    second = comparison._run("LeuSAM", 0)
    assert second.folder != first.folder
    assert second.settings["versions"]["segment"] == 99
    assert FilledBox.trained == 2


def test_names_that_are_numbers_stay_texts(tmp_path):
    rows = {"sha256": "0", "subject": ["", "007"], "source": "12", "label": "1", "box": "–"}
    pd.DataFrame({**rows, "dice": 0.5, "iou": 0.25}).to_csv(tmp_path / "scores.csv", index=False)
    found = segmentation_table._read(tmp_path / "scores.csv")
    assert found["subject"].tolist() == ["", "007"]
    assert found["source"].tolist() == ["12", "12"]
    assert found["dice"].dtype == float
