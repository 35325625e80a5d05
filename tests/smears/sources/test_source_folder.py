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


def test_a_person_of_two_classes_or_several_slides_is_one_subject(put):
    slides = [f"blast/person {n}/slide {k}/1.png" for n in range(5) for k in range(2)]
    frame = put(*slides, *_people("normal", 6))
    assert sorted(set(frame["subject"])) == [f"folder:person {n}" for n in range(6)]
    assert frame["source"].nunique() == 10 + 6
    assert "5 of these names stand in several class folders" in frame.attrs["notes"][0]


def test_names_in_one_class_alone_need_no_warning(put):
    frame = put(*[name.replace("person", "p") for name in _people("a", 5)], *_people("b", 5))
    assert frame["subject"].nunique() == 10
    assert "several class folders" not in frame.attrs["notes"][0]


def test_slides_do_not_count_as_people(put):
    slides = [f"{label}/person {n}/slide {k}/1.png" for label in "ab" for n in range(4)
              for k in range(3)]  # fmt: skip
    frame = put(*slides)
    assert set(frame["subject"]) == {""}
    assert "may stand on both sides" in frame.attrs["notes"][0]


def test_pictures_beside_folders_of_people_count_alone_and_it_is_said(put):
    frame = put(*_people("blast", 5), *_people("normal", 5), "normal/1.png", "normal/2.png")
    loose = frame[frame["subject"] == ""]
    assert loose["source"].tolist() == ["folder:normal/1.png", "folder:normal/2.png"]
    assert "2 pictures lie in no such folder" in frame.attrs["notes"][0]


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["train/blast/1.png", "Test/normal/1.png"], "Test, train"),
        (["images/1.png", "masks/1.png"], "masks"),
        (["blast/images/1.png", "blast/Masks/1.png", "normal/images/1.png"], "Masks"),
    ],
)
def test_folders_that_hold_no_class_are_refused_with_the_command_that_reads_them(
    put, tmp_path, names, what
):
    with pytest.raises(sources.SourceError) as refusal:
        put(*names)
    assert str(refusal.value).startswith(f"folders {what} in {tmp_path} ")
    assert f'python -m smears check "{tmp_path}" --list list.csv' in str(refusal.value)


def test_an_empty_class_folder_is_named(put, tmp_path):
    for name in ("basophil", ".hidden", "__MACOSX"):
        (tmp_path / name).mkdir()
    frame = put("blast/1.png", "normal/1.png")
    assert frame.attrs["notes"] == [
        "no picture in the class folder basophil, so it is no class here"
    ]


def test_masks_beside_their_pictures_are_no_pictures(put, tmp_path):
    with pytest.raises(sources.SourceError) as refusal:
        put("blast/1.png", "blast/1_mask.png", "normal/2.PNG", "normal/2_Mask.png")
    assert "2 files such as" in str(refusal.value)
    assert "1_mask.png are masks of pictures beside them" in str(refusal.value)
    assert f'python -m smears check "{tmp_path}" --list list.csv' in str(refusal.value)


def test_a_name_that_ends_like_a_mask_is_a_picture_where_it_has_no_other(put):
    frame = put("blast/1_mask.png", "blast/2_gt.png", "normal/1.png")
    assert len(frame) == 3
