"""The page of all tables: whole in one file, nothing fetched, honest about what is not there."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
import standin
from figure6 import CURVES
from table2 import ACQUISITION
from table5 import COMPARISON
from table8 import DURATIONS

from smears import gallery, page

VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Collects tags, links and texts; fails on tags that do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.ids, self.texts, self.tables = [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.links += [attrs[name] for name in ("href", "src") if name in attrs]
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


def _make(out, *studies, arguments=()):
    """Exit code of the gallery of studies on the stand-in recipe."""
    standin.put_drawings(out)
    studies = [replace(study, recipe=standin) for study in studies]
    with pytest.raises(SystemExit) as end:
        gallery.main(*studies, argv=["--profile", "quick", "--out", str(out), *arguments])
    return end.value.code


@pytest.fixture(scope="module", autouse=True)
def plain_tables():
    with standin.plain_tables():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(exit code, folder, text of the page) of three tables and a figure."""
    standin.trained.clear()
    out = tmp_path_factory.mktemp("all of it")
    code = _make(out, ACQUISITION, COMPARISON, DURATIONS, CURVES)
    return code, out, (out / "index_drawn_quick.html").read_text(encoding="utf-8")


def test_the_page_holds_every_table_cell_for_cell_and_every_figure(made):
    _, out, text = made
    reader = Reader(text)
    for number, table in zip((2, 5, 8), reader.tables[:3], strict=True):
        path = out / "tables" / f"leukocytenet_table{number}_drawn_quick.csv"
        kept = pd.read_csv(path, dtype=str, keep_default_na=False)
        assert table == [list(kept.columns), *kept.to_numpy().tolist()]
    picture = (out / "figures" / "leukocytenet_figure6_drawn_quick.png").read_bytes()
    assert f"data:image/png;base64,{base64.b64encode(picture).decode()}" in reader.links


def test_nothing_outside_the_page_is_needed(made):
    _, _, text = made
    reader = Reader(text)
    assert all(link.startswith(("#", "data:")) for link in reader.links)
    assert {link[1:] for link in reader.links if link[0] == "#"} == set(reader.ids)
    assert not re.search(r"@import|url\(|<script|<link", text)


def test_the_files_in_the_page_are_those_on_disk(made):
    _, out, text = made
    links = Reader(text).links
    for ending, kind in ((".csv", "text/csv"), (".tex", "text/plain"), (".md", "text/plain")):
        content = (out / "tables" / f"leukocytenet_table5_drawn_quick{ending}").read_bytes()
        assert f"data:{kind};base64,{base64.b64encode(content).decode()}" in links


def test_the_page_says_what_the_run_is_what_was_not_run_and_on_what(made):
    code, _, text = made
    words = "\n".join(Reader(text).texts)
    assert code == 0  # one row without weights is no failure of a table
    assert "says nothing about blood or disease" in words
    assert "DenseNet121 (Table 5): no weights" in words
    assert "drawn smears, 100 images" in words
    assert "by subject: train 60" in words
    assert "cores" in words
    assert "Still to come" not in words


def test_the_page_lists_each_training_once(made):
    _, _, text = made
    trainings = Reader(text).tables[-1]
    assert [row[0] for row in trainings[1:]] == [
        "Xception", "Inception V3", "MobileNet", "VGG19", "LeukocyteNet",
    ]  # fmt: skip
    minutes = dict(zip(trainings[0], trainings[-1], strict=True))["Minutes"]
    assert minutes == "1.8"  # three epochs of 36 seconds
    assert len(standin.trained) == 5


def test_published_and_ours_are_told_apart(made):
    _, _, text = made
    assert '<td class="published">84.44</td><td class="ours">' in text


def test_signs_of_html_in_cells_are_shown_not_obeyed():
    table = pd.DataFrame({"<b>": ["<script>alert(1)</script>"], "a & b": ['"x"']})
    text = page.html_table(table)
    assert "<script" not in text
    assert Reader(text).tables == [[["<b>", "a & b"], ["<script>alert(1)</script>", '"x"']]]


def test_a_second_run_trains_nothing(made):
    _, out, _ = made
    standin.trained.clear()
    assert _make(out, COMPARISON, CURVES) == 0
    assert standin.trained == []


def _broken(results):
    raise ZeroDivisionError("the table of <nothing>")


def test_a_table_that_fails_is_listed_and_the_others_are_made(tmp_path, capsys):
    broken = replace(ACQUISITION, table=3, make=_broken)
    code = _make(tmp_path, broken, ACQUISITION, arguments=["--seeds", "2"])
    shown = capsys.readouterr()
    assert code == 1
    assert (
        "- LeukocyteNet, Table 3: not made: ZeroDivisionError: the table of <nothing>" in shown.out
    )
    assert "Traceback" in shown.err
    text = (tmp_path / "index_drawn_quick.html").read_text(encoding="utf-8")
    assert (
        "LeukocyteNet, Table 3: not made: ZeroDivisionError: the table of &lt;nothing&gt;" in text
    )
    assert len(Reader(text).tables) == 2


def test_tables_of_one_number_that_fail_in_both_papers_are_both_listed(tmp_path, capsys):
    broken = replace(ACQUISITION, table=3, make=_broken)
    assert _make(tmp_path, broken, replace(broken, paper="cotconet")) == 1
    out = capsys.readouterr().out
    assert "- LeukocyteNet, Table 3: not made: ZeroDivisionError" in out
    assert "- CoTCoNet, Table 3: not made: ZeroDivisionError" in out


def test_a_table_of_which_nothing_could_be_run_counts_as_a_failure(tmp_path, capsys):
    lacking = replace(DURATIONS, rows={"LeukocyteNet": {"model": "DenseNet121"}})
    assert _make(tmp_path, lacking) == 1
    assert "LeukocyteNet (Table 8): no weights" in capsys.readouterr().out


def test_rows_that_nobody_asked_for_are_no_failure(tmp_path):
    assert _make(tmp_path, DURATIONS, COMPARISON, arguments=["--rows", "MobileNet"]) == 0


def test_ctrl_c_leaves_a_page_of_what_is_there(tmp_path, capsys, monkeypatch):
    def stopped(task, run):
        raise KeyboardInterrupt

    monkeypatch.setattr(standin, "train", stopped)
    assert _make(tmp_path, ACQUISITION, DURATIONS) == 130
    assert "the same command goes on" in capsys.readouterr().err
    words = "\n".join(
        Reader((tmp_path / "index_drawn_quick.html").read_text(encoding="utf-8")).texts
    )
    assert "LeukocyteNet, Table 2" in words
    assert "Still to come" in words


def test_wrong_data_is_told_once_and_makes_no_page(tmp_path, capsys):
    assert _make(tmp_path, ACQUISITION, DURATIONS, arguments=["--data", "pbc:/no/where"]) == 2
    assert capsys.readouterr().err.count("/no/where not found") == 1
    assert not (tmp_path / "index_drawn_quick.html").exists()


def test_the_bar_counts_every_row_seed_and_table(tmp_path, capsys):
    _make(tmp_path, ACQUISITION, DURATIONS, arguments=["--seeds", "2"])
    assert "4/4" in capsys.readouterr().err  # two trainings and two tables
