"""Two-class tables: what their figures tell of the test behind them, and silence where all fits."""

import copy

import numpy as np
import pytest

from smears import forensics, published
from smears.published import Printed

SCORES = ["accuracy", "precision", "recall", "f1"]
POSITIVES, NEGATIVES = 90, 140


def _row(tp, fp, positives, negatives, rounded=False):
    """The four printed figures of a test; F1 of rounded figures, as many papers have it."""
    precision, recall = tp / (tp + fp), tp / positives
    if rounded:
        precision, recall = round(precision, 4), round(recall, 4)
    values = (
        (tp + negatives - fp) / (positives + negatives), precision, recall,
        2 * precision * recall / (precision + recall),
    )  # fmt: skip
    return {name: Printed(f"{v:.4f}") for name, v in zip(SCORES, values, strict=True)}


def consistent(seed):
    """The paper.yaml of methods on one test of 90 + 140 images, 20% of 1150."""
    rng = np.random.default_rng(seed)
    rows = {
        f"M{n}": _row(int(rng.integers(50, 90)), int(rng.integers(1, 60)), POSITIVES, NEGATIVES,
                      rounded=seed % 2 == 1)
        for n in range(8)
    }  # fmt: skip
    rows["perfect"] = _row(POSITIVES, 0, POSITIVES, NEGATIVES)
    drops = [100 * (1 - rows[f"M{n}"]["accuracy"]) for n in range(8)]
    common = {"scores": {"columns": SCORES}, "within": 1}
    sizes = {"positives": POSITIVES, "negatives": NEGATIVES}
    against = {"reference": [1, "perfect", "accuracy"], "what": "the drop"}
    return {
        "name": "Simulated", "title": "Simulated", "source": "none",
        "tables": {
            1: {
                "caption": "scores", "section": "1", "rows": rows,
                "forensics": [
                    {"check": "class_sizes", "images": "images", "limit": 230, **common, **sizes},
                    {"check": "impossible", "images": "images", "limit": 230, **common},
                    {"check": "exchanged", **common, **sizes},
                    {"check": "accuracy_follows", **common, **sizes},
                    {"check": "f1_follows", "scores": {"columns": SCORES[1:]}, "average": "one"},
                    {
                        "check": "round_share", "size": 230, "images": "test images",
                        "stated": {"images": 1150}, "others": {"images with made ones": 2300},
                    },
                    {
                        "check": "contains", "total": 1150, "part": 0, "what": "images",
                        "kind": "synthetic",
                    },
                    {
                        "check": "differences", "stated": ["claims", "drop"], **against,
                        "figures": {"column": "accuracy", "rows": ["M0"]},
                    },
                    {
                        "check": "differences", "stated": ["claims", "drops"], **against,
                        "figures": {"column": "accuracy", "rows": [f"M{n}" for n in range(8)]},
                    },
                ],
            }
        },
        "claims": {
            "drop": {"value": Printed(f"{drops[0]:.2f}"), "unit": "%"},
            "drops": {"value": f"{min(drops):.0f} – {max(drops):.0f}", "unit": "%"},
        },
    }  # fmt: skip


def _found(data):
    return forensics.findings(published.Paper(data))


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_said_about_consistent_two_class_tables(seed):
    assert _found(consistent(seed)) == []


@pytest.mark.parametrize("seed", range(10))
def test_without_stated_class_sizes_the_true_ones_are_implied(seed):
    data = consistent(seed)
    entry = data["tables"][1]["forensics"][0]
    del entry["positives"], entry["negatives"]
    (found,) = _found(data)
    assert found.kind == "implied"
    assert found.sentence == "8 of 8 rows are whole counts of one test of 90 + 140 images"


def _exchange(rows):
    for row in ("M1", "M2", "M5"):
        rows[row]["precision"], rows[row]["recall"] = rows[row]["recall"], rows[row]["precision"]


def test_exchanged_rows_are_counted_by_name():
    data = consistent(3)
    _exchange(data["tables"][1]["rows"])
    says = {f.sentence: f.rows for f in _found(data)}
    assert says["precision and recall are exchanged in 3 rows"] == ("M1", "M2", "M5")
    assert says["no whole counts of the stated 90 + 140 images"] == ("M1", "M2", "M5")
    del data["tables"][1]["forensics"][0]["positives"]
    (found,) = [f for f in _found(data) if "one test of 90 + 140" in f.sentence]
    assert found.sentence.endswith("3 of them only with precision and recall exchanged")
    assert found.kind == "contradicted"


def _cell(row, column, text):
    def plant(data):
        data["tables"][1]["rows"][row][column] = Printed(text)

    return plant


def _claim(name, text):
    def plant(data):
        data["claims"][name]["value"] = text

    return plant


def _entry(number, **arguments):
    def plant(data):
        data["tables"][1]["forensics"][number].update(arguments)

    return plant


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        (_cell("M3", "accuracy", "0.9999"), "the figures of M3 are of no two-class test of up to"),
        (_cell("M3", "accuracy", "0.5999"), "M3: accuracy 0.5999, but its precision, recall and"),
        (_claim("drop", "99.00"), "the drop is said to be 99.00%, but the table has"),
        (_claim("drops", "98 – 99"), "the drop is said to be 98 – 99%, but the table has"),
        (_entry(5, stated={"real images": 1000}),
         "230 test images are 10% of the 2300 images with made ones, and no round share of the "
         "1000 real images"),
        (_entry(6, part=288), "288 of the 1150 images (25.0%) are synthetic"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(plant, says):
    data = consistent(4)
    plant(data)
    assert [f.sentence for f in _found(data) if f.sentence.startswith(says)], _found(data)


def test_figures_of_several_tests_imply_no_class_sizes():
    rng = np.random.default_rng(0)
    rows = {}
    for n in range(8):
        positives, negatives = (int(size) for size in rng.integers(300, 900, 2))
        tp, fp = int(rng.integers(100, positives)), int(rng.integers(1, negatives))
        rows[str(n)] = {k: str(v) for k, v in _row(tp, fp, positives, negatives).items()}
    assert forensics.CHECKS["class_sizes"](rows, "images", 2000) == []


def test_a_misprint_is_a_finding_and_the_checks_use_what_it_must_mean():
    data = consistent(6)
    plain = copy.deepcopy(data["tables"][1]["rows"]["M2"]["recall"])
    data["tables"][1]["rows"]["M2"]["recall"] = {
        "value": f"{plain}.0", "read": plain, "mark": "contradicted", "note": "a point too many",
    }  # fmt: skip
    (found,) = _found(data)
    assert found.sentence == f"M2: recall is printed {plain}.0, which must mean {plain}"
    assert (found.rows, found.tables, found.caption) == (("M2",), (1,), False)
    paper = published.Paper(data)
    assert paper.text(1, "M2", "recall") == f"{plain}.0†"
    assert paper.table(1)["recall"]["M2"] == plain
