"""C-NMC 2019: subjects from the names, both labels, the preliminary test set with its list."""

import pytest

from smears import sources, splits
from smears.morphology import MORPHOLOGY

CELLS = (
    "fold_0/all/UID_11_2_3_all.bmp", "fold_1/hem/UID_H10_7_1_hem.bmp",
    "fold_1/hem/UID_H10_7_2_hem.bmp", "fold_2/hem/UID_h3_1_1_hem.bmp",
)  # fmt: skip
LIST = "Patient_ID,new_names,labels\nUID_57_29_1_all.bmp,1.bmp,1\nUID_H49_35_1_hem.bmp,2.bmp,0\n"


def _read(folder):
    return sources.read(f"cnmc:{folder}", folder)


def _training(folder, write_picture, ending="bmp"):
    for seed, name in enumerate(CELLS):
        write_picture((folder / name).with_suffix(f".{ending}"), seed)


def _preliminary(folder, write_picture, names=("1.bmp", "2.bmp"), text=LIST, nested=False):
    place = folder / "C-NMC_test_prelim_phase_data"
    for seed, name in enumerate(names):
        write_picture(place / (place.name if nested else "") / name, 20 + seed)
    (place / "C-NMC_test_prelim_phase_data_labels.csv").write_text(text)


@pytest.mark.parametrize("ending", ["bmp", "png", "webp"])
@pytest.mark.parametrize("above", ["", "C-NMC_Leukemia/C-NMC_training_data"])
def test_subjects_and_source_images_come_from_the_names(ending, above, tmp_path, write_picture):
    _training(tmp_path / above, write_picture, ending)
    rows = _read(tmp_path)
    assert rows["label"].tolist() == ["ALL", "normal", "normal", "normal"]
    assert rows["subject"].tolist() == ["cnmc:11", "cnmc:H10", "cnmc:H10", "cnmc:H3"]
    assert rows["source"].tolist() == ["cnmc:11_2", "cnmc:H10_7", "cnmc:H10_7", "cnmc:H3_1"]
    assert rows["part"].tolist() == ["fold_0", "fold_1", "fold_1", "fold_2"]


def test_cells_outside_the_folds_have_no_part(tmp_path, write_picture):
    write_picture(tmp_path / "all/UID_1_1_1_all.bmp")
    assert _read(tmp_path)["part"].tolist() == [""]


def test_folds_are_for_cross_validation_and_a_single_split_passes_over_them(
    tmp_path, write_picture
):
    for n in range(45):
        kind = "all" if n % 3 else "hem"
        name = f"UID_{'H' if kind == 'hem' else ''}{n}_1_1_{kind}.bmp"
        write_picture(tmp_path / f"fold_{n // 15}" / kind / name, n)
    frame = sources.load([f"cnmc:{tmp_path}"], tmp_path / "cache")
    assert set(splits.split(frame)) == set(splits.PARTS)
    made = splits.folds(frame, "official")
    assert len(made) == 3
    for number, parts in enumerate(made):
        assert ((parts == "test") == (frame["part"] == f"fold_{number}")).all()


def test_its_labels_are_those_of_the_drawn_binary_task(tmp_path, write_picture):
    _training(tmp_path, write_picture)
    assert set(_read(tmp_path)["label"]) <= set(MORPHOLOGY)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("names", [("1.bmp", "2.bmp"), ("1.png", "2.png")])
def test_the_preliminary_set_is_the_test_part(nested, names, tmp_path, write_picture):
    _training(tmp_path / "C-NMC_training_data", write_picture)
    _preliminary(tmp_path, write_picture, names, nested=nested)
    rows = _read(tmp_path)
    assert rows["part"].value_counts().to_dict() == {"train": 4, "test": 2}
    test = rows[rows["part"] == "test"]
    assert test["label"].tolist() == ["ALL", "normal"]
    assert test["subject"].tolist() == ["cnmc:57", "cnmc:H49"]


def test_the_final_set_without_labels_is_left_out_and_told(tmp_path, write_picture):
    _training(tmp_path, write_picture)
    _preliminary(tmp_path, write_picture)
    write_picture(tmp_path / "C-NMC_test_final_phase_data/1.bmp")
    rows = _read(tmp_path)
    assert len(rows) == 6
    assert rows.attrs["notes"] == [
        "cnmc: 1 pictures of the final test set left out: no public labels"
    ]


def test_listed_pictures_that_are_not_there_are_counted(tmp_path, write_picture):
    _preliminary(tmp_path, write_picture, names=("2.bmp",))
    rows = _read(tmp_path)
    assert rows["label"].tolist() == ["normal"]
    assert rows.attrs["notes"][0].startswith("cnmc: 1 pictures of C-NMC_test_prelim")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,3\n", "must have the columns Patient_ID, new_names, labels"),
        (LIST.replace("hem.bmp,2.bmp,0", "hem.bmp,2.bmp,1"), "named hem, but its folder or list"),
        (LIST.replace("1.bmp,1", "1.bmp,yes"), "line 2: must be like"),
        (LIST.replace("UID_H49_35_1_hem.bmp", "H49"), "line 3: must be like"),
        (LIST.replace("2.bmp,0", "3.bmp,0"), r"does not name .*2\.bmp"),
    ],
)
def test_a_faulty_list_is_refused(text, message, tmp_path, write_picture):
    _preliminary(tmp_path, write_picture, text=text)
    with pytest.raises(sources.SourceError, match=message):
        _read(tmp_path)


def test_a_cell_in_the_folder_of_the_other_label_is_refused(tmp_path, write_picture):
    write_picture(tmp_path / "fold_0/all/UID_H1_1_1_hem.bmp")
    with pytest.raises(sources.SourceError, match="named hem, but its folder or list says all"):
        _read(tmp_path)


def test_numbered_cells_without_their_list_are_refused(tmp_path, write_picture):
    write_picture(tmp_path / "C-NMC_test_prelim_phase_data/1.bmp")
    with pytest.raises(sources.SourceError, match=r"1\.bmp is not named like UID_1_1_1_all\.bmp"):
        _read(tmp_path)
