"""SN-AM: both kinds of cancer from the names; masks and reference images left out and told."""

import pytest

from smears import sources


@pytest.mark.parametrize("above", ["", "SN-AM/Original"])
def test_labels_come_from_the_names_and_what_is_no_picture_is_left_out(
    above, tmp_path, write_picture
):
    home = tmp_path / above
    for seed, name in enumerate(("ALL_1", "ALL_29", "MM_1", "MM_30", "ALL_1_mask", "MM_1_mask")):
        write_picture(home / f"{name}.bmp", seed)
    write_picture(home / "Reference_image_ALL.bmp", 7)
    write_picture(home / "MM_reference" / "MM_2.bmp", 8)
    write_picture(home / "masks" / "ALL_1.bmp", 9)
    rows = sources.read(f"snam:{tmp_path}", tmp_path)
    assert rows["label"].tolist() == ["B-ALL", "B-ALL", "MM", "MM"]
    assert rows["source"].tolist() == ["snam:ALL_1", "snam:ALL_29", "snam:MM_1", "snam:MM_30"]
    assert (rows["subject"] == "").all()
    first, second = rows.attrs["notes"]
    assert "no normal class" in first
    assert second == "snam: 5 masks and reference images left out"


def test_the_missing_normal_class_is_always_told(tmp_path, write_picture):
    write_picture(tmp_path / "ALL_1.bmp", 0)
    write_picture(tmp_path / "MM_1.bmp", 1)
    notes = sources.load([f"snam:{tmp_path}"], tmp_path / "cache").attrs["notes"]
    assert "both cancers, and no normal class" in notes[0]
    assert "must be MM" in notes[0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["normal_1.bmp"], r"normal_1\.bmp is not named like ALL_1\.bmp or MM_1\.bmp"),
        (["a/MM_1.bmp", "b/MM_1.bmp"], "two pictures of one name"),
        (["ALL_1_mask.bmp"], "only masks and reference images"),
    ],
)
def test_what_cannot_be_right_is_refused(names, message, tmp_path, write_picture):
    for name in names:
        write_picture(tmp_path / name)
    with pytest.raises(sources.SourceError, match=message):
        sources.read(f"snam:{tmp_path}", tmp_path)
