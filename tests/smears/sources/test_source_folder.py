"""Class folders, and folders of people inside them."""

import pytest

from smears import sources


@pytest.fixture
def put(tmp_path):
    """Function that writes an empty file a name below a folder and reads it as class folders."""

    def write(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return sources.read(f"folder:{tmp_path}", tmp_path)

    return write


def _people(label, count):
    return [f"{label}/person {n}/{k}.png" for n in range(count) for k in range(2)]


def test_each_picture_is_a_source_of_its_own(put):
    frame = put("blast/1.png", "blast/2.png", "normal/1.png")
    assert frame["label"].tolist() == ["blast", "blast", "normal"]
    assert frame["source"].tolist() == [
        "folder:blast/1.png", "folder:blast/2.png", "folder:normal/1.png",
    ]  # fmt: skip
    assert frame.attrs["notes"] == []


def test_folders_inside_classes_are_people_and_stay_together(put):
    frame = put(*_people("blast", 5), *_people("normal", 6))
    assert frame["source"].nunique() == 11
    assert (frame.groupby("source").size() == 2).all()
    assert frame["source"].iloc[0] == "folder:blast/person 0"
    assert "taken for people" in frame.attrs["notes"][0]


def test_too_few_of_them_are_no_people_and_it_is_said(put):
    frame = put(*_people("blast", 5), *_people("normal", 4))
    assert frame["source"].nunique() == len(frame)
    assert "may stand on both sides" in frame.attrs["notes"][0]
