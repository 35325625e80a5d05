"""Zheng's white cells: both layouts, classes from the two lists, every picture with its mask."""

import pytest

from smears import sources

LISTS = {1: "image ID,class label\n1,2\n2,1\n3,4\n", 2: "image ID,class\n1,5\n2,3\n"}


def _set(folder, write_picture, flat):
    for number, text in LISTS.items():
        (folder / f"Class Labels of Dataset {number}.csv").write_text(text)
        for picture in range(1, text.count("\n")):
            home, name = folder / f"Dataset {number}", f"{picture:03d}"
            image = home / f"{name}.bmp" if flat else home / "images" / f"{name}.png"
            mask = home / f"{name}.png" if flat else home / "masks" / f"{name}.png"
            write_picture(image, 10 * number + picture)
            write_picture(mask, 50 + 10 * number + picture)
    write_picture(folder / "Dataset 1.png")  # as in the authors' repository


@pytest.mark.parametrize("flat", [True, False])
def test_labels_come_from_the_lists_and_every_picture_has_its_mask(flat, tmp_path, write_picture):
    _set(tmp_path, write_picture, flat)
    rows = sources.read(f"zheng:{tmp_path}", tmp_path)
    assert rows["label"].tolist() == [
        "lymphocyte", "neutrophil", "eosinophil", "basophil", "monocyte",
    ]  # fmt: skip
    assert rows["source"].tolist() == [f"zheng:{n}" for n in ("1/001", "1/002", "1/003", "2/001",
                                                              "2/002")]  # fmt: skip
    for path, mask in zip(rows["path"], rows["mask"], strict=True):
        assert mask.endswith(path[-7:-4] + ".png")
        assert mask != path
    assert not set(rows["mask"]) & set(rows["path"])


def test_a_picture_without_a_mask_is_refused(tmp_path, write_picture):
    _set(tmp_path, write_picture, False)
    (tmp_path / "Dataset 2/masks/002.png").unlink()
    with pytest.raises(sources.SourceError, match=r"002\.png has no mask"):
        sources.read(f"zheng:{tmp_path}", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image ID,class\n1,5\n", r"002\.png: the list of Dataset 2 gives no class"),
        ("image ID,class\n1,5\n2,6\n", "must have a header and lines like 1,2"),
        ("", "must have a header and lines like 1,2"),
        (None, "not found: it tells the classes"),
    ],
)
def test_a_faulty_list_is_refused(text, message, tmp_path, write_picture):
    _set(tmp_path, write_picture, False)
    path = tmp_path / "Class Labels of Dataset 2.csv"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(sources.SourceError, match=message):
        sources.read(f"zheng:{tmp_path}", tmp_path)


def test_other_folders_are_refused(tmp_path, write_picture):
    write_picture(tmp_path / "cells/1.png")
    with pytest.raises(sources.SourceError, match="folder Dataset 1 or Dataset 2"):
        sources.read(f"zheng:{tmp_path}", tmp_path)
