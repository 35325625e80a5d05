"""A CSV list of pictures; every fault is told with its line and column."""

import pytest

from smears import sources, splits


def _list(folder, text, encoding="utf-8"):
    path = folder / "list.csv"
    path.write_text(text, encoding=encoding)
    return f"csv:{path}"


@pytest.fixture
def home(tmp_path, write_picture):
    """A folder with cells/1.png and cells/2, b.png."""
    write_picture(tmp_path / "cells/1.png", 1)
    write_picture(tmp_path / "cells/2, b.png", 2)
    return tmp_path


def test_a_list_in_a_folder_whose_name_is_no_text_is_refused_by_name(home, not_utf8):
    _list(home / "cells", "path,label\n1.png,blast\n")
    folder = not_utf8(home / "cells", b"caf\xe9")
    with pytest.raises(sources.SourceError, match=r"udce9.*not UTF-8 text: rename it"):
        sources.read(f"csv:{folder}/list.csv", home)


def test_paths_start_at_the_list_and_columns_may_be_missing(home, monkeypatch):
    monkeypatch.chdir("/")
    spec = _list(home, 'label,path\nblast,cells/1.png\nnormal,"cells/2, b.png"\n\n')
    rows = sources.read(spec, home)
    assert rows["path"].tolist() == [str(home / "cells/1.png"), str(home / "cells/2, b.png")]
    assert rows["label"].tolist() == ["blast", "normal"]
    assert rows["source"].tolist() == ["csv:cells/1.png", "csv:cells/2, b.png"]
    assert (rows[["subject", "part", "mask"]] == "").all(axis=None)


def test_all_columns_are_taken_and_a_spreadsheets_mark_is_not(home):
    text = (
        "path,label,subject,source,part,mask\n"
        f"{home}/cells/1.png,blast, p1 ,slide 1,test,cells/1.png\n"
    )
    row = sources.read(_list(home, text, "utf-8-sig"), home).iloc[0]
    assert row[["label", "subject", "source", "part", "mask", "data"]].tolist() == [
        "blast", "csv:p1", "csv:slide 1", "test", str(home / "cells/1.png"), "csv",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\n", r"line 1: has the columns 'file', 'label'; lacks path; rename or.*'file'"),
        ("path;label\n", "line 1: has the columns 'path;label'; lacks path, label"),
        ("path,label,subjct\n", "rename or remove 'subjct'"),
        ("path,label,label\n", "line 1: has the columns 'path', 'label', 'label'"),
        ("", "line 1: .*lacks path, label"),
        ("path,label\n", "has a header but no pictures"),
        ("path,label\ncells/1.png,\n", "line 2, column label: empty"),
        ("path,label\ncells/1.png\n", "line 2, column label: empty"),
        ("path,label\n,blast\n", "line 2, column path: empty"),
        ("path,label\ncells/1.png,a\ncells/3.png,a\n", r"line 3, column path: .*3\.png is not a f"),
        ("path,label\ncells/2, b.png,blast\n", "line 2, 1 fields too many"),
        ("path,label,part\ncells/1.png,a,val\n", "line 2, column part: 'val' is none of train"),
        ("path,label,mask\ncells/1.png,a,m.png\n", r"line 2, column mask: .*m\.png is not a file"),
    ],
)
def test_faults_are_told_with_line_and_column(text, message, home):
    with pytest.raises(sources.SourceError, match=message):
        sources.read(_list(home, text), home)


@pytest.mark.parametrize("missing", ["nan", "NaN", "None", "NA"])
def test_what_programs_write_for_a_missing_value_is_no_class_and_no_subject(home, missing):
    text = 'path,label,subject,source\ncells/1.png,a,{0},{0}\n"cells/2, b.png",{1},p2,s2\n'
    rows = sources.read(_list(home, text.format(missing, "none")), home)
    assert rows["subject"].tolist() == ["", "csv:p2"]
    assert rows["source"].tolist() == ["csv:cells/1.png", "csv:s2"]
    assert rows["label"].tolist() == ["a", "none"]
    with pytest.raises(sources.SourceError, match=f"line 3, column label: '{missing}' is how"):
        sources.read(_list(home, text.format("", missing)), home)


def test_many_faults_are_cut_short(home):
    text = "path,label\n" + "cells/1.png,\n" * 25
    with pytest.raises(sources.SourceError, match="and 15 more") as caught:
        sources.read(_list(home, text), home)
    assert str(caught.value).count("column label") == 10


def test_another_encoding_and_a_folder_are_refused(home):
    with pytest.raises(sources.SourceError, match="UTF-8"):
        sources.read(_list(home, "path,label\ncells/é.png,a\n", "latin-1"), home)
    with pytest.raises(sources.SourceError, match="is a folder: give the CSV file"):
        sources.read(f"csv:{home}", home)


def test_a_picture_made_from_others_is_told_and_fails_the_audit_outside_training(home):
    text = 'path,label,part,derived\ncells/1.png,a,train,\n"cells/2, b.png",a,test,augmented\n'
    frame = sources.load([_list(home, text)], home / "cache")
    assert frame["derived"].tolist() == ["", "augmented"]
    failures = splits.audit(frame, frame["part"]).failures
    assert any("1 generated or augmented pictures outside training" in text for text in failures)


def test_a_file_that_may_not_be_looked_at_is_named_with_its_line(home):
    with pytest.raises(sources.SourceError, match=r"line 2, column path: .*x is not a file, or"):
        sources.read(_list(home, f"path,label\ncells/{'x' * 300},a\n"), home)
