"""ALL-IDB1 and ALL-IDB2 in their original layouts, told apart although their names overlap."""

import pytest

from smears import sources


def _set(folder, number, write_picture):
    place, ending = {1: ("im", "jpg"), 2: ("img", "tif")}[number]
    for seed, name in enumerate(("Im001_1", "Im002_1", "Im034_0")):
        write_picture(folder / place / f"{name}.{ending}", seed)
    (folder / "xyc").mkdir()
    (folder / "xyc/Im001_1.xyc").write_text("10\t20\n")
    return folder


@pytest.mark.parametrize("number", [1, 2])
def test_the_label_stands_in_the_name_and_every_picture_is_its_own_source(
    number, tmp_path, write_picture
):
    rows = sources.read(f"allidb{number}:{_set(tmp_path, number, write_picture)}", tmp_path)
    assert rows["label"].tolist() == ["ALL", "ALL", "Healthy"]
    assert rows["source"].tolist() == [f"allidb{number}:Im{n}" for n in ("001", "002", "034")]
    assert (rows["subject"] == "").all()


@pytest.mark.parametrize("number", [1, 2])
def test_the_healthy_pictures_alone_can_be_taken(number, tmp_path, write_picture):
    spec = f"allidb{number}-healthy:{_set(tmp_path, number, write_picture)}"
    rows = sources.read(spec, tmp_path)
    assert rows[["label", "data"]].to_numpy().tolist() == [["Healthy", f"allidb{number}-healthy"]]


def test_the_folder_with_the_pictures_may_be_given_itself(tmp_path, write_picture):
    folder = _set(tmp_path, 1, write_picture)
    assert len(sources.read(f"allidb1:{folder / 'im'}", tmp_path)) == 3


@pytest.mark.parametrize(("given", "named"), [(1, 2), (2, 1)])
def test_the_other_set_is_refused_by_name(given, named, tmp_path, write_picture):
    folder = _set(tmp_path, given, write_picture)
    with pytest.raises(sources.SourceError, match=f"Use the name allidb{given}"):
        sources.read(f"allidb{named}:{folder}", tmp_path)


@pytest.mark.parametrize("name", ["Im001.jpg", "Im001_2.jpg", "Im001_1 (copy).jpg"])
def test_a_name_of_another_form_is_refused(name, tmp_path, write_picture):
    write_picture(tmp_path / "im" / name)
    with pytest.raises(sources.SourceError, match=r"not named like Im001_1\.jpg"):
        sources.read(f"allidb1:{tmp_path}", tmp_path)


def test_no_healthy_picture_is_an_error(tmp_path, write_picture):
    write_picture(tmp_path / "im/Im001_1.jpg")
    with pytest.raises(sources.SourceError, match="no Healthy pictures"):
        sources.read(f"allidb1-healthy:{tmp_path}", tmp_path)
