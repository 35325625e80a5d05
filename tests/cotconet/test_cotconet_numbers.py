"""CoTCoNet's paper.yaml: one number in one place, and what the numbers give away together."""

import re
from itertools import pairwise

import pytest

from smears import forensics, published

PAPER = published.load("cotconet")
SCORES = ("accuracy", "precision", "recall", "f1")


@pytest.fixture(scope="module")
def findings():
    return forensics.findings(PAPER)


def test_the_four_comparisons_have_the_same_rows():
    rows = PAPER.rows(2)
    assert len(rows) == 7
    assert rows[-1] == "CoTCoNet"
    assert all(PAPER.rows(table) == rows for table in (4, 5, 6))


@pytest.mark.parametrize("table", [2, 4, 5, 6, 7])
def test_every_row_has_its_four_figures_between_0_and_1(table):
    figures = PAPER.table(table)[list(SCORES)].astype(float)
    assert figures.notna().all(axis=None)
    assert ((figures > 0.5) & (figures <= 1)).all(axis=None)


def test_cotconet_s_own_row_is_the_same_in_tables_2_and_7():
    for column in SCORES:
        assert PAPER.text(2, "CoTCoNet", column) == PAPER.text(7, "CoTCoNet", column)
    assert PAPER.claims["abstract_accuracy"].value == PAPER.value(2, "CoTCoNet", "accuracy").value
    assert PAPER.claims["abstract_f1"].value == PAPER.value(2, "CoTCoNet", "f1").value


def test_the_misprint_is_shown_as_printed_and_calculated_as_meant():
    assert PAPER.text(5, "Jawahar et al.", "recall") == "0.76.00†"
    assert PAPER.table(5)["recall"]["Jawahar et al."] == 0.76


def test_claims_that_follow_from_table_1_do():
    for name, row in (("allidb1", "ALL-IDB1"), ("allidb2", "ALL-IDB2"), ("snam", "SN-AM"),
                      ("real", "C-NMC 2019")):  # fmt: skip
        both = [PAPER.value(1, row, column).value for column in ("cancer", "normal")]
        assert PAPER.claims[f"{name}_images"].value == sum(both)


def test_what_is_not_stated_says_why():
    cells = [(row, cell) for table in (1, 2, 4, 5, 6, 7) for row in PAPER.rows(table)
             for column in PAPER.table(table)
             if (cell := PAPER.value(table, row, column)) is not None]  # fmt: skip
    marked = [*PAPER.claims.items(), *PAPER.settings.items(), *cells]
    assert not [name for name, value in marked if value.mark != "stated" and not value.note]
    assert not [name for name, value in PAPER.settings.items()
                if value.mark in ("stated", "derived") and not value.section]  # fmt: skip


def test_the_derived_settings_follow_from_the_stated_ones():
    s = {name: value.value for name, value in PAPER.settings.items()}
    steps = s["leugan_generator_convolutions"]
    assert s["leugan_start_size"] * 2**steps == s["leugan_output_size"]
    side = s["input_size"] // s["smod_stride"] ** len(s["smod_filters"])
    assert s["smod_features"] == side * side * s["smod_filters"][-1]
    channels = [3, *s["smod_filters"]]
    # Convolution with bias, then scale and shift of the batch normalisation.
    weights = sum(
        s["smod_kernel"] ** 2 * before * after + 3 * after for before, after in pairwise(channels)
    )
    assert s["smod_parameters"] == weights
    assert s["gmod_width"] == 3 * s["gmod_patch_size"] ** 2
    assert len(s["hdlc_widths"]) == s["hdlc_dense_layers"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (1, r"^4454 of the 16982 annotated cells \(26\.2%\) are synthetic"),
        (2, r"exchanged in 2 rows"),
        (2, r"Gehlot et al\., Jawahar et al\. are of no two-class test"),
        (2, r"gain in accuracy over deep learning is said to be 2 – 7%.*7\.94%"),
        (4, r"one test of 8 \+ 9 images"),
        (4, r"Das et al\. are of no two-class test of up to 108 images"),
        (5, r"one test of 20 \+ 20 images, 3 of them only with"),
        (5, r"Das et al\., Depto et al\. are of no two-class test of up to 260 images"),
        (5, r"Khandekar et al\. on ALL-IDB2 has the figures of Khandekar et al\. on ALL-IDB1"),
        (5, r"recall is printed 0\.76\.00, which must mean 0\.7600"),
        (6, r"one test of 7 \+ 6 images, 4 of them only with"),
        (6, r"Depto et al\. are of no two-class test of up to 60 images"),
        (7, r"^16 of 21 figures are whole counts of 1698 images"),
        (7, r"^15 of 21 rows are whole counts of one test of 849 \+ 849 images, 13 of them only"),
        (7, r"^1698 test images are 10% of the 16982 images with the synthetic ones, and no round"),
        (7, r"^precision and recall are exchanged in 14 rows"),
        (7, r"^with graph, w/o selection: accuracy 0\.9510, but .* make it 0\.9741"),
        (7, r"^2 different values of the accuracy without graph and selection: 0\.9395.*0\.9435"),
        (7, r"without Sharpen is said to be 2\.83%, but the table has 1\.06%"),
        (7, r"without CLAHE is said to be 1\.06%, but the table has 2\.83%"),
        (7, r"with UNet is said to be 12\.57%, but the table has 12\.37%"),
        (7, r"with UNet\+\+ is said to be 9\.27%, but the table has 9\.74%"),
        (7, r"GMod's gain over a plain transformer is said to be 3 – 7%.*0\.70%.*2\.29%"),
        (7, r"leaving the graph out is said to be 0\.29%, but the table has -0\.29%"),
    ],
)
def test_the_numbers_give_away_what_hand_work_found(findings, table, says):
    (found,) = [f for f in findings if re.search(says, f.sentence)]
    assert table in found.tables


def test_two_more_rows_of_table_7_are_whole_counts_as_printed(findings):
    (found,) = [f for f in findings if f.sentence.endswith("exchanged in 14 rows")]
    assert "849 + 849 images; 2 of 21 rows are so as printed" in found.detail
    assert "CoTCoNet" in found.rows
    assert not {"ViT-L/32", "SMod", "UNet++", "No Augmentation"} & set(found.rows)


def test_sums_and_drops_that_are_right_are_not_mentioned(findings):
    text = " ".join(f.sentence for f in findings)
    assert "8491" not in text  # 8491 + 8491 = 16982, 4037 + 4454 = 8491
    for right in ("16.88", "5.61", "11.27", "8.82", "3.65", "1.84", "1.59"):
        assert f"said to be {right}" not in text
    assert not [f for f in findings if 3 in f.tables]


@pytest.mark.parametrize("table", range(1, 8))
def test_captions_are_one_short_line(table):
    lines = forensics.caption(PAPER, table)
    assert len(lines) == (table != 3)
    assert all(len(line) < 600 for line in lines)
