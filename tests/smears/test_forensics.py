"""The checks find planted contradictions and say nothing about honest tables."""

import copy
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from leukocytenet import recipe
from smears import forensics, published, study
from smears.published import Printed

CLASSES = {"Lymphoma": 130, "MDS": 114, "CLL": 385, "Healthy": 900}
MODELS = ("First", "Second", "Third", "Fourth", "Fifth")
SCORES = ["precision", "recall", "f1"]


def _predictions(rng, true, skill):
    """Labels that are right with a chance of `skill`, which differs from class to class."""
    right = rng.random(len(true)) < skill - 0.15 * (true == rng.integers(0, 4))
    return np.where(right, true, rng.integers(0, 4, len(true)))


def _percent(value):
    return Printed(f"{100 * value:.2f}")


def consistent(seed):
    """The paper.yaml of simulated models: every figure is computed from one set of predictions."""
    rng = np.random.default_rng(seed)
    parts = {}
    for part in ("test", "validation"):
        parts[part] = np.repeat(np.arange(4), [round(0.2 * n) for n in CLASSES.values()])
    rows, said = {}, {}
    for place, model in enumerate(MODELS):
        row, said = {}, {}
        for part, true in parts.items():
            said[part] = _predictions(rng, true, 0.7 + 0.05 * place)
            row[f"{part}_accuracy"] = _percent(accuracy_score(true, said[part]))
        means = precision_recall_fscore_support(parts["test"], said["test"], average="macro")
        rows[model] = row | dict(zip(SCORES, map(_percent, means[:3]), strict=True))
    order = sorted(MODELS, key=lambda name: rows[name]["test_accuracy"])
    # What the loop left are the predictions of the last model, which the other tables are about.
    matrix = confusion_matrix(parts["test"], said["test"])
    each = precision_recall_fscore_support(parts["test"], said["test"])[:3]
    classes = {
        name: {score: Printed(f"{each[s][n]:.2f}") for s, score in enumerate(SCORES)}
        for n, name in enumerate(CLASSES)
    }
    recalls = sorted(row["recall"] for row in classes.values())
    augmented = {name: count + int(rng.integers(0, 300)) for name, count in CLASSES.items()}
    runs = rng.normal(0.9, 0.02, (2, 20))
    t, p = stats.ttest_rel(*runs)
    training, held = rng.uniform(40, 90), rng.uniform(5, 12)
    images = {"images": "test images", "stated": ["claims", "test_images"]}
    tests = {"column": "test_accuracy"}
    last = MODELS[-1]
    return {
        "name": "Simulated", "title": "Simulated", "source": "none",
        "tables": {
            1: {
                "caption": "counts", "section": "1",
                "rows": {n: {"original": c, "augmented": augmented[n]} for n, c in CLASSES.items()},
                "totals": {
                    "All": {
                        "original": sum(CLASSES.values()), "augmented": sum(augmented.values())
                    }
                },
                "forensics": [
                    {"check": "parts", "total": [1, "All", column], "figures": {"column": column}}
                    for column in ("original", "augmented")
                ],
            },
            2: {
                "caption": "scores", "section": "2", "unit": "%", "rows": rows,
                "forensics": [
                    {"check": "sample_size", "figures": tests, **images},
                    {
                        "check": "which_fits", "figures": tests, "images": "test images",
                        "printed": [[2, last, "test_accuracy"]],
                    },
                    {
                        "check": "truncated_loop", "figures": tests,
                        "other": {"column": "validation_accuracy"}, "batch": 16,
                    },
                    {"check": "f1_follows", "scores": {"columns": SCORES}, "average": "mean"},
                    {
                        "check": "equal_columns", "reference": "validation_accuracy",
                        "scores": {"columns": ["precision", "recall", "validation_accuracy"]},
                        "meaning": "micro averages",
                    },
                    {
                        "check": "copied", "row": "First", "other": "Second", "within": 3,
                        "pairs": [
                            [[2, "First", column], [2, "Second", column]]
                            for column in ("test_accuracy", "f1")
                        ],
                        "meaning": "one run printed twice",
                    },
                    {"check": "best", "row": order[-1], "figures": tests, "what": "accuracy"},
                    {"check": "worst", "row": order[0], "figures": tests, "what": "accuracy"},
                ],
            },
            3: {
                "caption": "each class", "section": "3", "rows": classes,
                "forensics": [
                    {"check": "f1_follows", "scores": {"columns": SCORES}, "average": "one"},
                    {
                        "check": "agree", "also": [2], "what": "macro F1",
                        "values": {
                            "abstract": ["claims", "macro_f1"], "Table 2": [2, last, "f1"],
                            "mean of Table 3": {"column": "f1"},
                        },
                    },
                    {
                        "check": "covers", "stated": ["claims", "recalls"], "what": "recall",
                        "figures": {"column": "recall"},
                    },
                    {
                        "check": "images_of_class", "row": "Lymphoma",
                        "recall": [3, "Lymphoma", "recall"], "errors": ["claims", "errors"],
                        "original": [1, "Lymphoma", "original"],
                        "augmented": [1, "Lymphoma", "augmented"],
                    },
                ],
            },
            4: {
                "caption": "durations", "section": "4",
                "rows": {
                    "Training": {"minutes": Printed(f"{training:.2f}")},
                    "Validation": {"minutes": Printed(f"{held:.2f}")},
                },
                "totals": {"Both": {"minutes": Printed(f"{training + held:.2f}")}},
                "forensics": [
                    {
                        "check": "parts", "total": [4, "Both", "minutes"],
                        "figures": {"column": "minutes"}, "unit": " min",
                    },
                    {
                        "check": "counted_seconds", "figures": {"column": "minutes"},
                        "epochs": 50, "batch": 16,
                    },
                    {
                        "check": "epochs_as_samples", "t": ["claims", "t"], "p": ["claims", "p"],
                        "epochs": 50, "stated": 20,
                    },
                ],
            },
        },
        "claims": {
            "test_images": len(parts["test"]),
            "macro_f1": Printed(f"{each[2].mean():.2f}"),
            "recalls": f"{recalls[0]} – {recalls[-1]}",
            "errors": int(matrix[0].sum() - matrix[0, 0]),
            "t": Printed(f"{t:.4f}"), "p": Printed(f"{p:.4f}"),
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def leukocytenet():
    return forensics.findings(published.load("leukocytenet"))


def _found(data):
    return forensics.findings(published.Paper(data))


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_said_about_consistent_tables(seed):
    assert _found(consistent(seed)) == []


@pytest.mark.parametrize("seed", range(20))
def test_without_a_stated_size_only_a_true_size_is_implied(seed):
    data = consistent(seed)
    del data["tables"][2]["forensics"][0]["stated"]
    found = _found(data)
    assert {finding.kind for finding in found} <= {"implied"}
    assert all(str(data["claims"]["test_images"]) in finding.sentence for finding in found)


def _cell(table, row, column, value):
    def plant(data):
        data["tables"][table]["rows"][row][column] = value

    return plant


def _claim(name, value):
    def plant(data):
        data["claims"][name] = value

    return plant


def _micro(data):
    for row in data["tables"][2]["rows"].values():
        row["precision"] = row["recall"] = row["validation_accuracy"]


def _exchange_best_and_worst(data):
    best, worst = data["tables"][2]["forensics"][-2:]
    best["row"], worst["row"] = worst["row"], best["row"]


def _copied(data):
    rows = data["tables"][2]["rows"]
    rows["Second"] = copy.copy(rows["First"])


def _shortened(data):
    """313 validation images, of which the test column shows 313 // 32 batches of 16."""
    rng = np.random.default_rng(0)
    for row in data["tables"][2]["rows"].values():
        row["validation_accuracy"] = _percent(rng.integers(230, 313) / 313)
        row["test_accuracy"] = _percent(rng.integers(100, 144) / 144)


def _seconds(data):
    rows = data["tables"][4]["rows"]
    rows["Training"]["minutes"] = Printed(f"{50 * 123 / 60:.2f}")
    rows["Validation"]["minutes"] = Printed(f"{50 * 31 / 60:.2f}")
    data["tables"][4]["totals"]["Both"]["minutes"] = Printed(f"{50 * 154 / 60:.2f}")


@pytest.mark.parametrize(
    ("plant", "tables", "says"),
    [
        (_cell(1, "MDS", "original", 115), (1,), "is 1530, not 1529"),
        (_cell(1, "MDS", "original", 5000), (1,), "MDS 5000 is larger than its total of 1529"),
        (_cell(2, "Third", "test_accuracy", Printed("81.20")), (2,), "stated 306 test images"),
        (_cell(2, "Third", "f1", Printed("99.00")), (2,), "no mean that goes with"),
        (_exchange_best_and_worst, (2,), "is called best"),
        (_exchange_best_and_worst, (2,), "is called worst"),
        (_micro, (2,), "precision and recall repeat the validation accuracy: micro"),
        (_copied, (2,), "First has the figures of Second: one run printed twice"),
        (_shortened, (2,), "144 = 9 × 16 with 9 = 313 // 32"),
        (_cell(3, "CLL", "f1", Printed("0.60")), (3,), "not the harmonic mean"),
        (_claim("macro_f1", Printed("0.60")), (3, 2), "2 different values of macro F1: 0.60"),
        (_claim("recalls", "0.30 – 0.40"), (3,), "recall is said to be 0.30 – 0.40, but it is"),
        (_claim("errors", 40), (3,), "Lymphoma test images, where 20% of 130 are 26"),
        (_seconds, (4,), "at one second a step, not measured: Training 123 steps"),
        (_claim("p", Printed("0.0000")), (4,), "no degrees of freedom up to 1000"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found_under_its_table(plant, tables, says):
    data = consistent(1)
    plant(data)
    found = [finding for finding in _found(data) if says in finding.sentence]
    assert len(found) == 1, [finding.sentence for finding in _found(data)]
    assert found[0].tables == tables


def test_epochs_taken_as_samples_are_recognised():
    data = consistent(2)
    t, p = 1.5, 2 * stats.t.sf(1.5, 49)
    data["claims"] |= {"t": Printed(f"{t:.4f}"), "p": Printed(f"{p:.4f}")}
    (found,) = _found(data)
    assert found.sentence.endswith("49 degrees of freedom: the 50 epochs of a run as samples")


def test_a_set_much_larger_than_its_share_of_the_originals_is_pointed_out():
    rng = np.random.default_rng(5)
    figures = {str(n): f"{100 * rng.integers(500, 784) / 784:.2f}%" for n in range(6)}
    found = forensics.CHECKS["sample_size"](figures, "test images", originals=1500)
    assert "784" in found[0].sentence
    assert found[1].sentence == "784 test images are more than 20% of the 1500 originals"
    assert len(forensics.CHECKS["sample_size"](figures, "test images", originals=3900)) == 1


# A published ablation of a two-class test (accuracy, precision, recall, F1), where hand work found
# 849 + 849 images, and the columns of precision and recall exchanged.
ABLATION = """
0.9011 0.8681 0.9294 0.8977, 0.9211 0.9741 0.8807 0.9251, 0.9499 0.8999 1.0000 0.9473,
0.9541 0.9753 0.9356 0.9550, 0.9611 0.9435 0.9780 0.9604, 0.9788 0.9647 0.9927 0.9785,
0.8657 0.8092 0.9124 0.8577, 0.8920 0.6568 0.9839 0.7878, 0.8206 0.5457 0.8024 0.6496,
0.8767 0.8499 0.8919 0.8704, 0.8581 0.8269 0.8819 0.8535, 0.8422 0.8996 0.7703 0.8299,
0.8351 0.6914 0.9702 0.8075, 0.8651 0.8422 0.8827 0.862, 0.8528 0.8492 0.8303 0.8396,
0.8687 0.9184 0.8092 0.8604, 0.9395 0.8898 0.9883 0.9365, 0.9435 0.9764 0.9160 0.9453,
0.9510 0.9494 0.9988 0.9734, 0.9865 0.9741 0.9988 0.9863, 0.9894 0.9800 0.9988 0.9893
"""


def _ablation():
    rows = [dict(zip(["accuracy", *SCORES], text.split(), strict=True))
            for text in ABLATION.split(",")]  # fmt: skip
    return {str(number): row for number, row in enumerate(rows)}


def test_a_size_that_fits_most_rows_is_found_though_some_are_of_other_tests():
    accuracies = {row: text["accuracy"] for row, text in _ablation().items()}
    (found,) = forensics.CHECKS["sample_size"](accuracies, "images", limit=2000)
    assert found.sentence == "16 of 21 figures are whole counts of 1698 images"


def test_exchanged_precision_and_recall_are_found():
    (found,) = forensics.CHECKS["exchanged"](_ablation(), 849, 849)
    # Worked out by enumeration: 12 rows fit all four figures only exchanged, rows 11 and 15 as
    # they are printed.
    assert len(found.rows) == 12
    assert not {"11", "15"} & set(found.rows)
    assert "2 of 21 rows are so as printed" in found.detail


@pytest.mark.parametrize("seed", range(5))
def test_a_two_class_table_that_is_printed_right_is_not_called_exchanged(seed):
    rng = np.random.default_rng(seed)
    scores = {}
    for number in range(8):
        tp, tn = rng.integers(50, 90), rng.integers(100, 140)
        fn, fp = 90 - tp, 140 - tn
        values = ((tp + tn) / 230, tp / (tp + fp), tp / 90, 2 * tp / (2 * tp + fp + fn))
        texts = [f"{value:.4f}" for value in values]
        scores[str(number)] = dict(zip(["accuracy", *SCORES], texts, strict=True))
    assert forensics.CHECKS["exchanged"](scores, 90, 140) == []


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (5, r"whole counts of 1571 validation images"),
        (5, r"whole counts of 784 or 1568 .*images"),
        (5, r"784 = 49 × 16 with 49 = 1571 // 32"),
        (5, r"precision and recall repeat the validation accuracy"),
        (5, r"97\.33% can be a fraction of 1571 validation images, 97\.34% cannot"),
        (
            5,
            r"2 different values of the best pretrained network's test accuracy: 91\.98% .*92\.60%",
        ),
        (4, r"VGG19 Only has the figures of Table 5's VGG19"),
        (4, r"3 different values of LeukocyteNet's macro F1: 0\.95.*97\.34%.*0\.964"),
        (6, r"about 64 Lymphoma test images, where 20% of 130 are 26"),
        (6, r"about 60 CML test images, where 20% of 126 are 25"),
        (8, r"245\.83 is larger than its total of 173\.54 min"),
        (9, r"49 degrees of freedom: the 50 epochs of a run as samples"),
        (3, r"128: Swin Head \+ Conv Head is 640"),
    ],
)
def test_leukocytenet_s_numbers_give_away_what_hand_work_found(leukocytenet, table, says):
    hits = [f for f in leukocytenet if re.search(says, f.sentence)]
    assert len(hits) == 1
    assert table in hits[0].tables


def test_leukocytenet_s_sums_that_are_right_are_not_mentioned(leukocytenet):
    assert not [f for f in leukocytenet if 7 in f.tables or 1 in f.tables]
    assert [f.rows for f in leukocytenet if 2 in f.tables] == [("Healthy",)]


def test_a_caption_is_one_line_of_its_own_table_or_none():
    paper = published.load("leukocytenet")
    (line,) = forensics.caption(paper, 8)
    assert line.startswith("What the published numbers imply: ")
    assert "245.83" in line
    assert "1571" not in line
    assert forensics.caption(paper, 7) == []
    (line,) = forensics.caption(paper, 5)
    assert "is called worst" not in line  # left out of the caption, not of the findings
    assert len(line) < 600


@pytest.mark.parametrize(("number", "says"), [(8, "245.83 is larger"), (7, None)])
def test_every_table_that_is_made_carries_its_line(tmp_path, capsys, number, says):
    made = pd.DataFrame({"Metric": ["any"], "ours": ["1"]})
    table = study.Study(
        paper="leukocytenet", table=number, recipe=recipe, make=lambda results: (made, []),
        needs_data=False,
    )  # fmt: skip
    study.main(table, argv=["--out", str(tmp_path), "--profile", "quick"])
    (page,) = (tmp_path / "tables").glob("*.md")
    for text in (page.read_text(encoding="utf-8"), capsys.readouterr().out):
        lines = [line for line in text.split("\n") if "What the published numbers imply" in line]
        assert len(lines) == bool(says)
        assert not says or says in lines[0]


def test_the_script_prints_and_writes_all_findings_from_any_folder(
    tmp_path, capsys, monkeypatch, leukocytenet
):
    script = Path(__file__).parents[2] / "experiments" / "forensics.py"
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script))["main"](["--paper", "leukocytenet", "--out", "a folder"])
    printed = capsys.readouterr().out
    assert all(finding.sentence in printed for finding in leukocytenet)
    written = sorted(path.suffix for path in (tmp_path / "a folder" / "tables").iterdir())
    assert written == [".csv", ".md", ".png", ".tex"]
    kept = pd.read_csv(tmp_path / "a folder" / "tables" / "leukocytenet_forensics.csv")
    assert kept["What follows"].tolist() == [finding.sentence for finding in leukocytenet]


def test_findings_become_a_table_of_texts(leukocytenet):
    made = forensics.table(leukocytenet)
    assert list(made) == ["Table", "What follows", "Kind", "Rows", "How"]
    assert made["Table"].tolist().count("6, 4") == 1
    assert made.map(lambda cell: isinstance(cell, str)).to_numpy().all()
    assert isinstance(made, pd.DataFrame)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"check": "guess"}, "table 2: check guess: .*sample_size"),
        ({"check": "best", "row": "x", "what": "", "figures": {"column": "gone"}}, "no number at"),
        ({"check": "covers", "stated": ["claims", "gone"]}, r"no number at \['claims', 'gone'\]"),
    ],
)
def test_a_wrong_declaration_is_named(entry, says):
    data = consistent(0)
    data["tables"][2]["forensics"] = [entry]
    with pytest.raises(ValueError, match=says):
        _found(data)
