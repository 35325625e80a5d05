"""Finding pictures in folders; names and paths that cannot be used end in one clear error."""

import os

import pytest

from smears import sources
from smears.sources import listing


def test_what_operating_systems_leave_behind_is_passed_over(tmp_path, write_picture):
    kept = write_picture(tmp_path / "a/1.png")
    for stray in ("a/._1.png", "__MACOSX/a/1.png", ".cache/2.png"):
        write_picture(tmp_path / stray)
    for stray in (".DS_Store", "a/.DS_Store", "a/Thumbs.db", "a/desktop.ini", "a/notes.txt"):
        (tmp_path / stray).write_text("stray")
    assert listing.pictures(tmp_path) == [kept]


def test_pictures_come_sorted_and_with_any_case_of_ending(tmp_path, write_picture):
    paths = [write_picture(tmp_path / name) for name in ("b/1.JPG", "a/2.Tiff", "a/1.png")]
    assert listing.pictures(tmp_path) == sorted(paths)


def test_linked_class_folders_are_read_and_a_link_upwards_ends(tmp_path, write_picture):
    write_picture(tmp_path / "elsewhere/1.png")
    write_picture(tmp_path / "set/one/2.png")
    (tmp_path / "set/two").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set/one/up").symlink_to(tmp_path / "set")
    rows = sources.read(f"folder:{tmp_path / 'set'}", tmp_path)
    assert rows["label"].tolist() == ["one", "two"]


def test_folders_and_names_that_cannot_be_read_are_in_one_error_with_a_remedy(
    tmp_path, write_picture, unreadable, not_utf8
):
    for name in ("shut/1.png", "b/1.png", "b/2.png"):
        write_picture(tmp_path / name)
    not_utf8(tmp_path / "b/2.png", b"\xe9.png")
    with pytest.raises(sources.SourceError) as caught:
        listing.pictures(tmp_path)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}:", f"  {tmp_path}/b/\\udce9.png: its name is not UTF-8 text: rename it",
        f"  {tmp_path}/shut: cannot be read (Permission denied)",
        "Mend or remove them, or leave them out with --skip-bad.",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["folder", "taleqani"])
def test_skip_bad_leaves_out_and_names_what_cannot_be_read(
    name, tmp_path, write_picture, unreadable, not_utf8
):
    home = tmp_path / "set"
    for number in range(4):
        write_picture(home / f"Pro/{number}.png", number)
    write_picture(home / "Pro/shut/5.png")
    not_utf8(write_picture(home / "Pre/1.png", 6), b"\xff.png")
    (home / "Pro/gone.png").symlink_to("nowhere.png")
    (home / "Pro/round.png").symlink_to("round.png")
    (home / "Pro/up").symlink_to("..")
    frame = sources.load([f"{name}:{home}"], tmp_path / "cache", skip_bad=True)
    assert len(frame) == 4
    left_out = dict(frame.attrs["left_out"])
    assert sorted(os.path.relpath(path, home) for path in left_out) == [
        "Pre/\\udcff.png", "Pro/gone.png", "Pro/round.png", "Pro/shut",
    ]  # fmt: skip
    notes = "\n".join(frame.attrs["notes"])
    assert f"left out (--skip-bad): {home}/Pro/shut: cannot be read (Permission denied)" in notes
    assert "2 pictures left out (--skip-bad)" in notes
    # All of it goes into files and onto terminals that take UTF-8 alone.
    ("".join(left_out) + notes).encode()


# What each set's own text has, and no other's.
WHERE = {
    "allidb1": "scotti.di.unimi.it", "allidb1-healthy": "scotti.di.unimi.it",
    "allidb2": "scotti.di.unimi.it", "allidb2-healthy": "scotti.di.unimi.it",
    "ash": "imagebank.hematology.org", "bloodmnist": "zenodo.org/records/10519652",
    "cnmc": "10.7937/tcia.2019.dc64i46r", "pbc": "snkd93bnjr", "pbc-immature": "snkd93bnjr",
    "snam": "10.7937/tcia.2019.of2w8lxr", "taleqani": "mehradaria/leukemia",
    "taleqani-malignant": "mehradaria/leukemia", "zheng": "Zheng",
    "csv": "the columns path and label", "folder": "one folder a class",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(sources.SOURCES) - {"drawn"}))
def test_a_missing_path_tells_where_the_data_set_comes_from(name, tmp_path):
    for spec in (name, f"{name}:", f"{name}:{tmp_path / 'none'}"):
        with pytest.raises(sources.SourceError, match=f"Give {name}:PATH") as caught:
            sources.read(spec, tmp_path)
        assert WHERE[name] in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(sources.SOURCES) - {"drawn", "csv", "bloodmnist"}))
def test_an_empty_folder_and_a_file_in_its_place_are_refused(name, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(sources.SourceError, match="no pictures"):
        sources.read(f"{name}:{tmp_path / 'empty'}", tmp_path)
    with pytest.raises(sources.SourceError, match="is not a folder"):
        sources.read(f"{name}:{tmp_path / 'file'}", tmp_path)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(sources.SourceError, match="'pcb' is none of drawn, folder, csv"):
        sources.read("pcb:/data", None)


def test_a_path_with_spaces_colons_and_other_alphabets_is_taken_whole(tmp_path, write_picture):
    home = tmp_path / "C: Blut, è 细胞"
    write_picture(home / "Класс 1/α β.png")
    frame = sources.load([f"folder:{home}"], tmp_path / "cache")
    assert frame["label"].tolist() == ["Класс 1"]


def test_class_folders_may_be_nested_but_pictures_need_one(tmp_path, write_picture):
    write_picture(tmp_path / "one/deep/1.png")
    rows = sources.read(f"folder:{tmp_path}", tmp_path)
    assert rows[["label", "source", "data"]].to_numpy().tolist() == [
        ["one", "folder:one/deep/1.png", "folder"]
    ]
    write_picture(tmp_path / "2.png")
    with pytest.raises(sources.SourceError, match=r"2\.png lies outside any class folder"):
        sources.read(f"folder:{tmp_path}", tmp_path)


def test_sources_merge_into_one_catalogue_with_all_their_notes(tmp_path, write_picture):
    for seed, name in enumerate(("Original/Pro/WBC-Malignant-Pro-001.jpg",
                                 "Segmented/Pro/WBC-Malignant-Pro-001.jpg")):  # fmt: skip
        write_picture(tmp_path / "taleqani" / name, seed)
    write_picture(tmp_path / "one/im/Im001_0.jpg", 2)
    write_picture(tmp_path / "two/img/Im001_0.tif", 3)
    frame = sources.load(
        [f"taleqani:{tmp_path / 'taleqani'}", f"allidb1-healthy:{tmp_path / 'one'}",
         f"allidb2-healthy:{tmp_path / 'two'}"], tmp_path / "cache",
    )  # fmt: skip
    assert frame["label"].tolist() == ["Healthy", "Healthy", "ALL-Pro-B"]
    assert frame["source"].nunique() == 3
    notes = frame.attrs["notes"]
    assert any("1 segmented" in note for note in notes)
    assert any(note.endswith("a split of both leaks") for note in notes)


@pytest.mark.parametrize("source", ["folder", "ash", "csv"])
def test_pictures_of_one_name_in_two_folders_are_different_sources(source, tmp_path, write_picture):
    homes = [tmp_path / place for place in ("north/cells", "south/cells")]
    for seed, home in enumerate(homes):
        names = [f"{label}/{n}.png" for label in ("AML", "CML") for n in range(3)]
        for n, name in enumerate(names):
            write_picture(home / name, 100 * seed + n)
        (home / "list.csv").write_text("\n".join(["path,label", *(f"{n},a" for n in names)]))
    specs = [f"{source}:{home}{'/list.csv' * (source == 'csv')}" for home in homes]
    frame = sources.load(specs, tmp_path / "cache")
    assert len(frame) == frame["source"].nunique() == 12
    assert frame["source"][0] == f"{source}:north/cells:AML/0.png"
    # Neither the order nor where both lie is in the names; one folder alone may be renamed.
    assert set(sources.load(specs[::-1], tmp_path / "cache")["source"]) == set(frame["source"])
    alone = sources.load(specs[:1], tmp_path / "cache")
    assert alone["source"][0] == f"{source}:AML/0.png"
    twice = sources.load(specs[:1] * 2, tmp_path / "cache")
    assert set(twice["source"]) == set(alone["source"])
    beside = sources.load(specs[1:], tmp_path / "cache", beside=specs[:1])
    assert set(beside["source"]) == set(frame["source"][6:])


def test_people_of_one_name_in_two_folders_are_different_and_in_two_lists_the_same(
    tmp_path, two_hospitals
):
    places = two_hospitals("ab", shift=1)
    frame = sources.load([f"folder:{place}" for place in places], tmp_path / "cache")
    assert frame["subject"].nunique() == 10
    assert frame["subject"][0] == "folder:north:patient0"
    assert any(note.startswith("5 names of people stand in") for note in frame.attrs["notes"])
    frame = sources.load([f"csv:{place / 'list.csv'}" for place in places], tmp_path / "cache")
    assert set(frame["subject"]) == {f"csv:p{n}" for n in range(6)}
    assert any(note.startswith("4 subjects stand in several") for note in frame.attrs["notes"])


@pytest.mark.parametrize(
    ("specs", "number"),
    [
        (["allidb1:a", "allidb2-healthy:b"], 1), (["pbc:a", "bloodmnist:b"], 1),
        (["pbc-immature:a", "bloodmnist:b"], 1),
        (["allidb1:a", "allidb1-healthy:b"], 0), (["pbc:a", "cnmc:b", "drawn"], 0),
    ],
)  # fmt: skip
def test_sets_that_show_the_same_cells_are_known(specs, number):
    assert len(sources.kin(specs)) == number
