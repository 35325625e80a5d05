"""Taleqani's four classes under the paper's names, in each layout that is handed round."""

import pytest

from smears import sources

FILES = {
    "Benign": "WBC-Benign-001.jpg",
    "Early": "WBC-Malignant-Early-001.jpg",
    "Pre": "WBC-Malignant-Pre-001.jpg",
    "Pro": "WBC-Malignant-Pro-001.jpg",
}
LABELS = ["ALL-Benign", "ALL-Early Pre-B", "ALL-Pre-B", "ALL-Pro-B"]


def _read(folder):
    return sources.read(f"taleqani:{folder}", folder)


@pytest.mark.parametrize(
    "layout",
    [
        "{kind}/{name}", "Original/{kind}/{name}", "Segmented/{kind}/{name}", "{name}",
        "archive/original/{kind}/{name}",
    ],
)  # fmt: skip
def test_every_layout_gives_the_papers_four_classes(layout, tmp_path, write_picture):
    for seed, (kind, name) in enumerate(FILES.items()):
        write_picture(tmp_path / layout.format(kind=kind, name=name), seed)
    rows = _read(tmp_path)
    assert sorted(rows["label"]) == LABELS
    assert rows["source"].nunique() == 4


@pytest.mark.parametrize(
    "folders",
    [
        ("Benign", "[Malignant] early Pre-B", "[Malignant] Pre-B", "[Malignant] Pro-B"),
        ("all_benign", "early_pre_b", "all_pre", "Pro_B"),
    ],
)
def test_other_copies_tell_the_class_by_its_folder_alone(folders, tmp_path, write_picture):
    for folder in folders:
        write_picture(tmp_path / folder / "Sap_013 (1).jpg")
    rows = _read(tmp_path)
    assert sorted(rows["label"]) == LABELS
    assert rows["source"].nunique() == 4


def test_the_binary_task_tells_malignant_from_benign(tmp_path, write_picture):
    for seed, (kind, name) in enumerate(FILES.items()):
        write_picture(tmp_path / kind / name, seed)
    four = _read(tmp_path)
    rows = sources.read(f"taleqani-malignant:{tmp_path}", tmp_path)
    assert rows["label"].tolist() == ["benign", "malignant", "malignant", "malignant"]
    assert rows["source"].tolist() == four["source"].tolist()
    assert set(rows["data"]) == {"taleqani-malignant"}


@pytest.mark.parametrize("other", ["Segmented/Pro", "Pro"])
def test_originals_are_never_mixed_with_other_versions(other, tmp_path, write_picture):
    write_picture(tmp_path / "Original/Pro" / FILES["Pro"], 1)
    write_picture(tmp_path / other / FILES["Pro"], 2)
    rows = _read(tmp_path)
    assert len(rows) == 1
    assert "Original" in rows["path"][0]
    assert rows.attrs["notes"][0].startswith("taleqani: 1 segmented")


def test_segmented_ones_beside_class_folders_are_left_out_too(tmp_path, write_picture):
    write_picture(tmp_path / "Pro" / FILES["Pro"], 1)
    write_picture(tmp_path / "Segmented/Pro" / FILES["Pro"], 2)
    assert "Segmented" not in _read(tmp_path)["path"][0]


def test_a_name_that_contradicts_its_folder_is_refused(tmp_path, write_picture):
    write_picture(tmp_path / "Early" / FILES["Pro"])
    with pytest.raises(sources.SourceError, match="different classes"):
        _read(tmp_path)


def test_a_fifth_folder_of_another_origin_is_refused(tmp_path, write_picture):
    write_picture(tmp_path / "Pro" / FILES["Pro"])
    write_picture(tmp_path / "Normal/1.jpg")
    with pytest.raises(sources.SourceError, match="none of the folders Benign, Early, Pre, Pro"):
        _read(tmp_path)
