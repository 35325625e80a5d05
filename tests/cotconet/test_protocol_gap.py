"""The protocol gap on invented predictions whose gap is known."""

import re

import numpy as np
import pandas as pd
import two_classes
from table2 import CNMC

from cotconet import fitting, protocol_gap, recipe
from smears import colour
from smears.tables import without


def _train(task, run):
    """Always right with the paper's protocol, which tests two synthetic pictures more; else 3/4."""
    positions = task.positions("validation", "test")
    frame = task.catalogue.iloc[positions].assign(part=task.parts.iloc[positions])
    true = (frame["label"] == task.classes[1]).to_numpy().astype(int)
    rank = frame.groupby(["part", "label"]).cumcount().to_numpy()
    said = true if task.paper_split else np.where(rank % 4 < 3, true, 1 - true)
    if task.paper_split:
        rows = [fitting._synthetic_rows(2, part, task.classes[1], task.catalogue)
                for part in ("validation", "test")]  # fmt: skip
        frame = pd.concat([frame, *rows], ignore_index=True)
        said = np.append(said, [0] * 4)  # all four wrong: only real ones are told apart
    run.note(classes=list(task.classes), weights="random", synthesised=2, synthetic_test=2)
    run.write_predictions(frame, task.classes, np.eye(2)[said] * 0.8 + 0.1)


STANDIN = two_classes.recipe(_train)


def _both(out):
    rows = ("--rows", "CoTCoNet")
    return (
        two_classes.results(CNMC, STANDIN, out, *rows),
        two_classes.results(CNMC, STANDIN, out, *rows, "--split", "paper"),
    )


def test_both_protocols_stand_side_by_side_with_their_difference(tmp_path):
    apart, paper = _both(tmp_path)
    made, lines = protocol_gap.table(apart, paper)
    row = made.set_index("Method").loc["CoTCoNet"]
    assert row["accuracy published"] == "0.9894"
    assert row["real pictures alone"].startswith("1.0000")
    mixed, real = int(row["n paper's"]), int(row["n of these real"])
    assert mixed == real + 2
    assert row["accuracy, paper's protocol"].startswith(f"{real / mixed:.4f}")
    held = apart.predictions("CoTCoNet")[0]
    assert int(row["n apart"]) == (held["part"] == "test").sum()
    found = re.fullmatch(r"([+-][\d.]+) \(([+-][\d.]+) to ([+-][\d.]+)\)",
                         row["gap in points (95% CI)"])  # fmt: skip
    gap, low, high = map(float, found.groups())
    assert low <= gap <= high
    balanced = [float(row[f"balanced, {name}"].split()[0])
                for name in ("paper's protocol", "subjects apart")]  # fmt: skip
    assert abs(gap - 100 * (balanced[0] - balanced[1])) < 0.06
    # Of real pictures all are right, so that their gap is what the other side lacks.
    real_gap = float(row["gap of real pictures alone"].split()[0])
    assert abs(real_gap - 100 * (1 - balanced[1])) < 0.06
    assert real_gap > gap
    assert made["Method"].tolist()[-2:] == list(colour.CLASSIFIERS)
    assert made.set_index("Method").loc["Gehlot et al.", "gap in points (95% CI)"] == "not run"
    assert any(line.startswith("Paper's protocol. Split by image") for line in lines)
    assert any(
        "Gehlot et al.; " in line and line.endswith(": not run: not asked for.") for line in lines
    )


def test_only_pictures_without_a_file_are_synthetic():
    table = pd.DataFrame({"path": ["a/synthetic-test-00001", "a/UID_1_synthetic.png", "b/c.png"]})
    kept = without(table, recipe.SYNTHETIC)["path"].tolist()
    assert kept == ["a/UID_1_synthetic.png", "b/c.png"]
    # All pictures in one folder: stored without it.
    flat = pd.DataFrame({"path": ["synthetic-test-00000", "Im001_1.jpg"]})
    assert without(flat, recipe.SYNTHETIC)["path"].tolist() == ["Im001_1.jpg"]


def _right(count):
    """Predictions of forty pictures, one a source, of which so many are right in each class."""
    truth = np.arange(40) % 2
    said = np.where(np.arange(40) < 2 * count, truth, 1 - truth)
    names = [f"{n}.png" for n in range(40)]
    table = pd.DataFrame({"path": names, "subject": "", "source": names, "part": "test"})
    table["label"] = np.array(["ALL", "normal"])[truth]
    return table.assign(ALL=1.0 - said, normal=1.0 * said)


def test_the_gap_is_the_paper_s_protocol_less_subjects_apart():
    assert protocol_gap.gap([_right(20)], [_right(15)]).startswith("+25.0 (+")
    assert protocol_gap.gap([_right(15)], [_right(20)]).startswith("-25.0 (-")
    assert protocol_gap.gap([], [_right(20)]) == "not run"
