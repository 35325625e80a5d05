"""A paper.yaml keeps the decimals, marks and units that the paper prints."""

import pytest

from smears import published

TEXT = """
name: Example
title: An example
source: nobody
tables:
  1:
    caption: scores, %
    section: "4"
    unit: "%"
    rows:
      First: {accuracy: 83.00, f1: {value: 97.0, mark: contradicted, note: 96 elsewhere}, n: 1234}
      Second: {accuracy: 7.5, note: {value: text, section: "5"}}
    totals:
      Sum: {n: 2000}
    forensics:
      - {check: parts}
figures:
  2: a picture
claims:
  share: {value: 0.950, section: abstract}
  percent: {value: 94.12, unit: "%", mark: derived}
settings:
  epochs: {value: 50}
"""


@pytest.fixture
def paper():
    return published.read(TEXT)


def test_numbers_keep_the_decimals_they_are_printed_with(paper):
    assert paper.text(1, "First", "accuracy") == "83.00"
    assert paper.text(1, "Second", "accuracy") == "7.5"
    assert paper.claims["share"].printed == "0.950"
    assert paper.claims["percent"].printed == "94.12%"
    assert paper.value(1, "First", "accuracy").printed == "83.00%"


def test_printed_numbers_calculate_as_floats(paper):
    value = paper.value(1, "First", "accuracy").value
    assert value == 83.0
    assert value / 2 == 41.5
    assert paper.table(1)["accuracy"].tolist() == [83.0, 7.5]
    assert paper.table(1)["accuracy"].dtype == float


def test_contradicted_cells_carry_a_dagger_absent_ones_a_dash_and_counts_a_comma(paper):
    assert paper.text(1, "First", "f1") == "97.0†"
    assert paper.text(1, "First", "recall") == "–"
    assert paper.text(1, "Nobody", "f1") == "–"
    assert paper.text(1, "First", "n") == "1,234"


def test_a_cell_has_its_table_s_section_and_unit_unless_it_says_another(paper):
    assert paper.value(1, "First", "f1").section == "4"
    assert paper.value(1, "Second", "note").section == "5"
    assert paper.value(1, "First", "f1").unit == "%"
    assert paper.claims["share"].unit == ""


def test_totals_are_found_but_are_no_rows(paper):
    assert paper.value(1, "Sum", "n").value == 2000
    assert paper.rows(1) == ["First", "Second"]
    assert list(paper.table(1).index) == ["First", "Second"]
    assert list(paper.table(1, "totals").index) == ["Sum"]


def test_the_checks_of_a_table_are_kept_as_they_stand(paper):
    assert paper.checks == {1: [{"check": "parts"}]}
    assert paper.caption(1) == "scores, %"
    assert paper.figure_caption(2) == "a picture"


@pytest.mark.parametrize(
    "cell", ["{value: 1, mark: certain}", "{value: 1, colour: red}", "{mark: stated}"]
)
def test_an_unknown_mark_or_key_or_a_missing_value_is_named(cell):
    with pytest.raises(ValueError, match=r"paper\.yaml.*keys value, mark"):
        published.read(TEXT.replace("accuracy: 83.00", f"accuracy: {cell}"))


@pytest.mark.parametrize("package", ["leukocytenet", "cotconet"])
def test_the_packages_own_numbers_can_be_read(package):
    paper = published.load(package)
    assert paper.claims
    for number in paper.checks:
        assert paper.caption(number)
        assert len(paper.table(number))
