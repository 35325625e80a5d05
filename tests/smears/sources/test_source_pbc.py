"""PBC's eight class folders, wherever below the given one they lie."""

import pytest

from smears import sources
from smears.sources.pbc import CLASSES


def test_eight_classes_are_read_and_strays_are_not(tmp_path, write_picture):
    for seed, label in enumerate(CLASSES):
        write_picture(tmp_path / "PBC_dataset_normal_DIB" / label / f"X_{seed}.jpg", seed)
    # The published archive holds such a file.
    write_picture(tmp_path / "PBC_dataset_normal_DIB/neutrophil/.DS_189452.jpg")
    rows = sources.read(f"pbc:{tmp_path}", tmp_path)
    assert rows["label"].tolist() == sorted(CLASSES)
    assert rows["source"][0] == "pbc:basophil/X_0"


def test_a_folder_of_other_classes_is_refused(tmp_path, write_picture):
    write_picture(tmp_path / "blast/1.jpg")
    with pytest.raises(sources.SourceError, match="none of the folders basophil"):
        sources.read(f"pbc:{tmp_path}", tmp_path)


def test_the_binary_task_tells_immature_cells_from_mature_ones(tmp_path, write_picture):
    for seed, label in enumerate(CLASSES):
        write_picture(tmp_path / label / f"X_{seed}.jpg", seed)
    rows = sources.read(f"pbc-immature:{tmp_path}", tmp_path)
    assert dict(zip(rows["source"].str.split("[:/]").str[1], rows["label"], strict=True)) == {
        "basophil": "mature", "eosinophil": "mature", "erythroblast": "immature",
        "ig": "immature", "lymphocyte": "mature", "monocyte": "mature", "neutrophil": "mature",
    }  # fmt: skip
    assert set(rows["data"]) == {"pbc-immature"}
    assert rows.attrs["notes"] == ["pbc-immature: 1 platelets left out"]


def test_platelets_alone_are_no_binary_task(tmp_path, write_picture):
    write_picture(tmp_path / "platelet/X_1.jpg")
    with pytest.raises(sources.SourceError, match="only platelets"):
        sources.read(f"pbc-immature:{tmp_path}", tmp_path)
