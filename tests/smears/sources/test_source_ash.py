"""ASH folders, named by their user, become the paper's five classes or a clear error."""

import pytest

from smears import sources


@pytest.mark.parametrize(
    ("folder", "label"),
    [
        ("Lymphoma", "Lymphoma"), ("follicular lymphomas", "Lymphoma"),
        ("MDS", "MDS"), ("Myelodysplastic Syndrome (MDS)", "MDS"),
        ("CLL", "CLL"), ("chronic_lymphocytic_leukaemia", "CLL"),
        ("cml", "CML"), ("Chronic Myelogenous Leukemia", "CML"),
        ("AML (256)", "AML"), ("acute-myeloid-leukemia", "AML"), ("AcuteMyeloidLeukemia", "AML"),
    ],
)  # fmt: skip
def test_names_are_read_tolerantly(folder, label, tmp_path, write_picture):
    write_picture(tmp_path / folder / "case 1/1.jpg")
    rows = sources.read(f"ash:{tmp_path}", tmp_path)
    assert rows["label"].tolist() == [label]
    assert rows["source"].tolist() == [f"ash:{folder}/case 1/1.jpg"]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("ALL", "names no disease"), ("normal", "names no disease"), ("xcml", "names no disease"),
        ("MDS to AML", "names MDS and AML"),
    ],
)  # fmt: skip
def test_a_folder_of_no_or_of_two_diseases_is_refused(folder, reason, tmp_path, write_picture):
    write_picture(tmp_path / folder / "1.jpg")
    with pytest.raises(sources.SourceError, match=f"{folder} {reason}.*: call it one of Lym"):
        sources.read(f"ash:{tmp_path}", tmp_path)


def test_a_picture_outside_any_folder_is_refused(tmp_path, write_picture):
    write_picture(tmp_path / "1.jpg")
    with pytest.raises(sources.SourceError, match="outside any class folder"):
        sources.read(f"ash:{tmp_path}", tmp_path)
