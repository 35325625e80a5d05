"""The model card of a run: the tables' numbers, what is known, and what is not."""

import json
import shutil
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import standin
from two_classes import recipe
from two_classes import results as two_class_results

from leukocytenet.tables import per_class
from smears import __main__, calibration, card, checklists, splits
from smears.runs import Run
from smears.study import Study
from smears.tables import accuracy_table

COLUMNS = {
    "test_accuracy": ("Test accuracy", "test", "accuracy"),
    "precision": ("Precision", "test", "precision_macro"),
    "recall": ("Recall", "test", "recall_macro"),
    "f1": ("F1", "test", "f1_macro"),
    "validation_accuracy": ("Validation accuracy", "validation", "accuracy"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    study = Study(
        paper="leukocytenet", table=5, recipe=standin, rows={"LeukocyteNet": {}},
        make=lambda results: accuracy_table(results, COLUMNS),
    )  # fmt: skip
    return standin.results(study, tmp_path_factory.mktemp("card"))


@pytest.fixture
def run(results):
    return results.runs["LeukocyteNet"][0]


def _text(run):
    return (run.folder / card.NAME).read_text(encoding="utf-8")


def _cells(text, first):
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split(" | ")[1:]]


def test_a_training_writes_a_card_whose_numbers_are_the_tables(results, run):
    table, _ = accuracy_table(results, COLUMNS)
    row, text = table.iloc[0], _text(run)
    for title, name in (("Accuracy", "Test accuracy"), ("Precision, macro", "Precision"),
                        ("Recall, macro", "Recall"), ("F1, macro", "F1")):  # fmt: skip
        assert _cells(text, title)[0] == row[f"{name} ours (95% CI)"]
    assert _cells(text, "Accuracy")[1] == row["Validation accuracy ours (95% CI)"]
    assert _cells(text, "Pictures")[0] == row["n test"]


def test_the_numbers_of_each_class_are_those_of_table_6(results, run):
    table, _ = per_class(results)
    for _, row in table.iterrows():
        if row["Class"] not in results.classes:
            continue
        text = _text(run)
        precision, recall, _ = _cells(text[text.index("| Class | Precision") :], row["Class"])
        for percent, name in ((precision, "Precision"), (recall, "Recall")):
            share = float(row[next(c for c in table if c.startswith(f"{name} ours"))].split()[0])
            assert float(percent.split()[0]) / 100 == pytest.approx(share, abs=0.0051)


def test_the_split_and_its_audit_are_told(results, run):
    text, parts = _text(run), results.split[0]
    assert results.split[1].line in text
    own = results.catalogue["label"] == "CLL"
    assert _cells(text, "CLL") == [
        str((parts[own] == part).sum()) for part in ("train", "validation", "test")
    ]
    assert "drawn (" in text
    assert "says nothing about blood or disease" in text


@pytest.mark.parametrize(
    ("part", "split", "difference"),
    [
        ("", "Split by subject: ", "none but by chance"),
        ("test", "Split by subject, 1 images as the data gives it: ", "not measured"),
    ],
)
def test_parts_that_the_data_gives_are_told_as_such(
    results, run, tmp_path, part, split, difference
):
    frame, (parts, audit, _) = results.catalogue.copy(), results.split
    frame.loc[frame.index[(parts == "test").to_numpy()][0], "part"] = part
    found = splits.audit(frame, parts)
    assert found.line.startswith(split)
    own = shutil.copytree(run.folder, tmp_path / "run")
    described = card.describe(frame, parts, found, by="subject", fold=1, folds=1)
    Run.read(own).note(described=described)
    lines = card.text(Run.read(own)).splitlines()
    (row,) = [line for line in lines if line.startswith("| Differences")]
    assert difference in row
    folds = card.describe(frame, parts, audit, folds=3)
    assert folds["given"] == 0


def test_people_on_both_sides_of_a_split_by_source_are_a_limit(run, tmp_path):
    own = shutil.copytree(run.folder, tmp_path / "run")
    described = run.facts["described"]
    told = "Split by source image: pictures of one person may stand on both sides."
    for by in ("subject", "source"):
        Run.read(own).note(described={**described, "by": by})
        assert (told in card.text(Run.read(own))) == (by == "source")


def test_calibration_is_stored_in_the_run_and_told(run):
    found = calibration.of(run.predictions)
    assert run.facts["calibration"] == found
    assert f"{found['error_before']:.3f}, after temperature scaling {found['error_after']:.3f}" in (
        _text(run)
    )


def test_what_was_not_measured_is_said_and_appears_once_it_is(run):
    assert "Explanations: not measured" in _text(run)
    scores = {
        "Grad-CAM": {"pointing nucleus": [0.93, 0.9, 0.95], "check with random weights": "passes",
                     "pictures": 40}
    }  # fmt: skip
    known = {"drawn": {"explained": "the most probable class", "scores": scores}}
    (run.folder / "explanations.json").write_text(json.dumps(known))
    external = run.predictions.assign(part="external")
    external.to_csv(run.folder / "external-abc.csv", index=False, float_format="%.9g")
    assert __main__.main(["card", str(run.folder)]) == 0
    text = _text(run)
    assert "- Explanations: measured on 40 pictures of drawn" in text
    assert "that of the explanations" not in text
    assert (
        "- Grad-CAM: pointing nucleus 0.930 (0.900–0.950), check with random weights passes, "
        "pictures 40\n" in text
    )
    assert f"of {len(external)} pictures" in next(
        line for line in text.splitlines() if line.startswith("- Another data set")
    )


def test_robustness_of_explanations_is_told_where_it_was_measured(run):
    scores = {"Grad-CAM": {"sensitivity": [0.3, 0.2, 0.4], "pictures": 40}}
    known = {"drawn": {"explained": "the most probable class", "scores": scores}}
    (run.folder / "explanations.json").write_text(json.dumps(known))
    lines = card.text(run).splitlines()
    (row,) = [line for line in lines if line.startswith("| Robustness")]
    assert row.endswith("that of the explanations is told below (sensitivity) |")


def test_every_item_of_the_guidelines_is_answered_or_said_to_be_open(run):
    lines = _text(run).splitlines()
    table = lines[lines.index("| Topic | CLAIM | REFORMS | TRIPOD+AI | Answer |") + 2 :]
    rows = [line for line in table if line.startswith("|")]
    assert len(rows) == len(checklists.ITEMS)
    assert all(row.split(" | ")[-1].strip(" |") for row in rows)
    answered = {item[0] for item in checklists.ITEMS if item[4]}
    for row in rows:
        topic, answer = row[2:].split(" | ")[0], row.split(" | ")[-1]
        assert (checklists.OPEN in answer) != (topic in answered), topic
    numbers = [int("".join(filter(str.isdigit, n))) for item in checklists.ITEMS
               for n in item[1].split(", ") if n]  # fmt: skip
    assert max(numbers) <= 44  # CLAIM 2024 has 44 items


def test_an_old_run_that_recorded_little_says_so(run, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    for name in ("settings.json", "predictions.csv"):
        (old / name).write_bytes((run.folder / name).read_bytes())
    text = card.write(Run.read(old)).read_text(encoding="utf-8")
    assert "Sources: not recorded" in text
    assert _cells(text, "CLL")[0] == "not recorded"
    assert "weights are no longer in this folder" in text
    (old / "model.keras").touch()
    assert "weights are in this folder" in card.text(Run.read(old))


def test_a_run_without_predictions_is_refused(tmp_path, capsys):
    run = Run(tmp_path, "x", {"model": "M", "seed": 0})
    assert __main__.main(["card", str(run.folder)]) == 2
    assert "train it to its end" in capsys.readouterr().err


def test_one_run_without_predictions_keeps_no_other_from_its_card(run, tmp_path, capsys):
    unfinished = Run(tmp_path, "x", {"model": "M", "seed": 0})
    (run.folder / card.NAME).unlink(missing_ok=True)
    assert __main__.main(["card", str(unfinished.folder), str(run.folder)]) == 2
    assert f"Written: {run.folder / card.NAME}" in capsys.readouterr().out


def test_the_second_paper_s_runs_get_cards_with_its_own_numbers(tmp_path):
    def train(task, run):
        positions = task.positions("validation", "test")
        frame = task.catalogue.iloc[positions].assign(part=task.parts.iloc[positions])
        scores = pd.get_dummies(frame["label"])[task.classes].to_numpy(float) * 0.8 + 0.1
        run.note(weights="random", classes=task.classes)
        run.write_predictions(frame, task.classes, scores)

    study = Study(paper="cotconet", table=5, recipe=None, rows={"CoTCoNet": {}}, make=None)
    found = two_class_results(study, recipe(train), tmp_path, "--paper", "cotconet", "--folds", "3")
    runs = found.runs["CoTCoNet"]
    assert len(runs) == 3
    text = _text(runs[1])
    assert "One fold of 3" in text
    assert "- graph: C21, C22" in text
    assert _cells(text, "Accuracy")[0] == "100.00 (–)"


def test_a_card_needs_a_second_and_no_keras(run):
    began = time.perf_counter()
    card.write(run)
    assert time.perf_counter() - began < 3  # on a busy machine; half a second on a calm one
    source = Path(sys.modules["smears.card"].__file__).read_text(encoding="utf-8")
    assert "import keras" not in source
