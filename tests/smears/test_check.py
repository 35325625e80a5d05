"""`python -m smears check`: what it says of layouts, right ones and wrong ones."""

import csv
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from smears import __main__, check, commandline, copies, drawing, layouts, likeness
from smears.sources.folder import DATE

# The last line where people are known, but fewer than 15 a class.
FEW = "Not usable as it is: cross-validate, --folds 3, as the commands above do."


@pytest.fixture
def look(tmp_path, capsys):
    """Function path -> (exit code, output, last line) of the check."""

    def run(path, *arguments):
        code = __main__.main(["check", str(path), "--out", str(tmp_path / "out"), *arguments])
        out = capsys.readouterr().out
        return code, out, out.strip().splitlines()[-1]

    return run


@pytest.fixture
def fill(write_picture):
    """Function (folder, names) that writes a picture a name, each another one."""
    count = iter(range(10_000))

    def write(folder, names):
        for name in names:
            write_picture(folder / name, next(count))
        return folder

    return write


def _classes(*labels, number=6, ending="png"):
    return [f"{label}/{n}.{ending}" for label in labels for n in range(number)]


def test_class_folders_are_usable_and_the_commands_name_them(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", _classes("blast", "normal"))
    code, out, last = look(folder)
    assert (code, last) == (0, "Usable as it is.")
    assert "Pictures: 12, classes: 2, no known subjects" in out
    assert "experiments/table5.py --paper leukocytenet --rows LeukocyteNet" in out
    assert f"--data folder:{folder}\n" in out
    assert "--paper cotconet" in out  # two classes
    assert "audit: one person's pictures may stand on both sides; nothing else on two sides." in out
    assert "| your pictures with such colours | pictures of a single cell" in out
    assert "Note: too few" not in out
    assert "--folds" not in out


def test_each_training_has_its_predict_line(look, fill, tmp_path):
    _, out, _ = look(fill(tmp_path / "mine", _classes("blast", "normal")))
    lines = out.splitlines()
    assert "python -m leukocytenet.predict " in _after(lines, "--paper leukocytenet ")
    two = _after(lines, "--paper cotconet ")
    assert two.startswith("Predict:  python -m cotconet.predict ")
    assert two.endswith(" PICTURES --explain lime")
    _, out, _ = look(fill(tmp_path / "three", _classes("AML", "CML", "normal")))
    assert "cotconet" not in out


def _after(lines, text):
    """The line behind the one with a text."""
    return lines[next(n for n, line in enumerate(lines) if text in line) + 1]


def test_the_commands_go_where_the_check_was_sent(look, fill, tmp_path, monkeypatch, capsys):
    folder = fill(tmp_path / "mine", _classes("blast", "normal"))
    _, out, _ = look(folder)
    place = tmp_path / "out"
    assert out.count(f"--out {place} --data folder:{folder}\n") == 3  # look, train, CoTCoNet
    use = f"--model {place / 'runs' / 'RUN'} --out {place / 'predictions'} PICTURES"
    assert out.count(use) == 2
    monkeypatch.setattr(commandline, "ROOT", tmp_path)
    __main__.main(["check", str(folder)])
    out = capsys.readouterr().out
    assert "--out" not in out
    assert out.count("--model out/runs/RUN PICTURES") == 2


def test_the_positive_of_two_classes_is_told_where_their_names_tell_it(look, fill, tmp_path):
    _, out, _ = look(fill(tmp_path / "mine", _classes("AML", "Healthy")))
    assert "Positive class, whose recall is the sensitivity: AML.\n" in out
    _, out, _ = look(fill(tmp_path / "other", _classes("large blast", "small")))
    assert "--positive" not in look(tmp_path / "mine")[1]
    given = f"--positive {commandline.quoted('large blast')}"
    assert f"the names do not tell; give CoTCoNet's commands {given} (or small).\n" in out
    assert f"--data folder:{tmp_path / 'other'} {given}\n" in out
    assert f"\n  {given} (or small): the disease.\n" in out
    _, out, _ = look(fill(tmp_path / "three", _classes("AML", "CML", "Healthy")))
    assert "Positive class" not in out


def test_look_alikes_are_sought_once_and_scikit_learn_is_not_loaded(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", _classes("blast", "normal"))
    copies._pairs.cache_clear()
    look(folder)
    assert copies._pairs.cache_info().misses == 1
    code = f"import sys; from smears import __main__; __main__.main(['check', {str(folder)!r}, "
    code += f"'--out', {str(tmp_path)!r}]); assert not {{'sklearn', 'keras'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_split_is_the_one_that_a_training_makes(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", _classes("a", "b", "c", number=10))
    _, out, _ = look(folder)
    after = out[out.index("Split by subject") :].splitlines()
    table = [line for line in after if line.startswith(("| a ", "| b ", "| c "))]
    counts = np.array([[int(cell) for cell in line.split("|")[2:-1]] for line in table])
    assert (counts.sum(1) == 10).all()
    assert "train 18 / validation 6 / test 6 of 30 images" in out
    assert counts.sum(0).tolist() == [18, 6, 6]


@pytest.fixture
def listed(fill, tmp_path):
    """Function (dict label -> pictures of each person, parts of the first) -> path of a list."""

    def write(classes, parts=()):
        part = dict(enumerate(parts))
        lines = [
            f"{label}-{person}-{n}.png,{label},{label}-{person},{part.get(person, '')}"
            for label, people in classes.items()
            for person, count in enumerate(people)
            for n in range(count)
        ]
        fill(tmp_path / "people", [line.partition(",")[0] for line in lines])
        path = tmp_path / "people" / "list.csv"
        path.write_text("\n".join(["path,label,subject,part", *lines]))
        return path

    return write


def test_a_class_of_too_few_people_in_a_part_is_told_with_the_folds_that_help(look, listed):
    code, out, last = look(listed({"AML": [2] * 20, "normal": [2] * 4 + [14]}))
    assert (code, last) == (1, FEW)
    assert "| AML    | 24 (12 people) | 8 (4 people) | 8 (4 people) |" in out
    assert "| normal | 18 (3 people)  | 2 (1 person) | 2 (1 person) |" in out
    assert (
        "Note: too few people or pictures of a class for one split: validation has normal 2 (1 "
        "person) of 10 pictures; test has normal 2 (1 person) of 10 pictures. Scores would rest"
    ) in out
    assert "so that each picture is tested once: --folds 3.\n" in out
    assert out.count("--profile quick --folds 3 ") == 2
    assert "Usable as it is" not in out


def test_people_enough_in_every_part_are_usable(look, listed):
    code, out, last = look(listed({"AML": [2] * 20, "normal": [2] * 15}))
    assert (code, last) == (0, "Usable as it is.")
    assert "6 (3 people)" in out
    assert "Note: too few" not in out


def test_a_class_of_too_few_pictures_in_a_part_is_told_where_nobody_is_known(look, fill, tmp_path):
    names = _classes("AML", number=60) + _classes("normal", number=5)
    code, out, last = look(fill(tmp_path / "mine", names))
    assert (code, last) == (1, FEW)
    assert "validation has normal 1 of 13 pictures; test has normal 1 of 13 pictures." in out
    assert "| normal | 3     | 1          | 1    |" in out
    many = fill(tmp_path / "many", _classes(*"abcdefghijkl", number=5))  # 1 of 12 in each part
    assert look(many)[2] == "Usable as it is."


def test_folds_that_would_leave_a_part_without_a_class_are_not_advised(look, listed):
    _, out, last = look(listed({"AML": [2] * 12, "normal": [2] * 4}))
    assert last == FEW.replace("3", "4")
    assert out.count("--profile quick --folds 4 ") == 2
    code, out, last = look(listed({"AML": [1] * 4, "normal": [5, 2, 2]}))
    told = "add people or pictures of the classes that the note names, or leave these out."
    assert (code, last) == (1, f"Not usable as it is: {told}")
    assert f"Nor do folds reach every class: {told}" in out
    assert "--folds" not in out


def test_parts_of_the_data_that_folds_give_up_are_told(look, listed):
    classes = {"AML": [4] * 5, "normal": [4] * 5}
    path = listed(classes, ["validation", "test", "train", "train", "train"])
    _, out, last = look(path)
    assert last == FEW
    assert "test has AML 4 (1 person), normal 4 (1 person) of 8 pictures. " in out
    assert "--folds 3; the parts that the data names are given up for these.\n" in out


def test_one_wrapping_folder_names_the_inner_one(look, fill, tmp_path):
    fill(tmp_path / "mine" / "Data set", _classes("blast", "normal"))
    code, _, last = look(tmp_path / "mine")
    assert code == 1
    assert f'python -m smears check "{tmp_path / "mine" / "Data set"}"' in last
    assert look(tmp_path / "mine" / "Data set")[0] == 0


@pytest.mark.parametrize("parts", [("train", "val", "test"), ("Train", "dev", "holdout")])
def test_a_split_that_is_made_becomes_a_list_that_keeps_its_parts(look, fill, tmp_path, parts):
    for part in parts:
        fill(tmp_path / "mine" / part, _classes("blast", "normal", number=3))
    code, out, last = look(tmp_path / "mine")
    assert code == 1
    assert "--list" in last
    assert "validation" in out
    code, _, last = look(tmp_path / "mine", "--list", str(tmp_path / "list.csv"))
    assert code == 1
    assert f'python -m smears check "{tmp_path / "list.csv"}"' in last
    code, out, _ = look(tmp_path / "list.csv")
    assert code == 0
    assert "train 6 / validation 6 / test 6" in out


def test_pictures_with_labels_in_a_table_of_other_columns(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [f"{n}.png" for n in range(12)])
    with open(folder / "labels.csv", "w", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["Image", "Diagnosis", "Patient", "age"])
        rows.writerows([n, "AML" if n % 2 else "healthy", f"p{n // 2 if n < 2 else n}", 40]
                       for n in range(12))  # fmt: skip
    code, out, last = look(folder)
    assert code == 1
    assert "labels.csv with their label, subject" in out
    assert "--list" in last
    look(folder, "--list", str(tmp_path / "l.csv"))
    table = pd.read_csv(tmp_path / "l.csv")
    assert table.columns.tolist() == ["path", "label", "subject"]
    assert look(tmp_path / "l.csv")[2] == FEW


@pytest.mark.parametrize("folder", ["mine", "mine/inner"])
def test_lines_of_a_table_that_name_no_picture_or_several_are_told(look, fill, tmp_path, folder):
    fill(tmp_path / folder, [f"cells/{n}.png" for n in range(12)] + ["cells/11.jpg"])
    lines = [f"{n},{'AML' if n % 2 else 'healthy'}" for n in range(13)]
    (tmp_path / folder / "labels.csv").write_text("\n".join(["image,diagnosis", *lines]))
    told = "2 of 13 lines of labels.csv name no picture, or several, and are left out: 11, 12; "
    assert told + "write it in the columns" in look(tmp_path / "mine")[2]
    code, _, last = look(tmp_path / "mine", "--list", str(tmp_path / "l.csv"))
    assert (code, told + "go on with: " in last) == (1, True)
    assert len(pd.read_csv(tmp_path / "l.csv")) == 11


def test_a_list_in_our_columns_is_found_in_the_folder_and_given_itself(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [f"{n}.png" for n in range(12)])
    lines = [f"{n}.png,{'AML' if n % 2 else 'CML'}" for n in range(12)]
    (folder / "list.csv").write_text("path,label\n" + "\n".join(lines))
    for place in (folder, folder / "list.csv"):
        code, out, _ = look(place)
        assert code == 0
        assert f"--data csv:{folder / 'list.csv'}" in out


def test_an_empty_list_is_refused_wherever_it_lies(look, fill, tmp_path):
    fill(tmp_path / "mine", [f"cells/{n}.png" for n in range(4)])
    (tmp_path / "mine" / "empty.csv").touch()
    for place in ("mine", "mine/empty.csv"):
        code, _, last = look(tmp_path / place)
        assert code == 1
        assert last.startswith("Not usable as it is: ")


def test_a_mask_that_cannot_be_used_is_a_bad_file(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [f"{n}.png" for n in range(12)])
    (folder / "m.png").touch()
    lines = [f"{n}.png,{'AML' if n % 2 else 'CML'},{'m.png' * (n == 3)}" for n in range(12)]
    (folder / "list.csv").write_text("path,label,mask\n" + "\n".join(lines))
    code, out, last = look(folder / "list.csv")
    assert code == 1
    assert f"{folder / '3.png'}: mask {folder / 'm.png'}: empty file" in out
    assert "mend or remove 1 bad file, " in last


def test_pictures_without_labels_get_a_list_to_fill_in(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [f"{n}.png" for n in range(4)])
    code, _, last = look(folder)
    assert code == 1
    assert "a folder a class" in last
    _, _, last = look(folder, "--list", str(tmp_path / "l.csv"))
    assert "fill in the column label of 4 lines" in last
    assert "column label: empty" in look(tmp_path / "l.csv")[1]


@pytest.mark.parametrize(("place", "ending", "name"), [("im", "jpg", "allidb1"),
                                                       ("img", "tif", "allidb2")])  # fmt: skip
def test_all_idb_is_known_by_its_names(look, fill, tmp_path, place, ending, name):
    names = [f"{place}/Im{n:03d}_{n % 2}.{ending}" for n in range(12)]
    code, out, _ = look(fill(tmp_path / "ALL_IDB", names))
    assert code == 0
    assert f"--data {name}:" in out


ALLIDB1, ALLIDB2 = (
    [f"{place}Im{n:03d}_{n % 2}.{ending}" for n in range(1, 13)]
    for place, ending in (("ALL_IDB1/im/", "jpg"), ("ALL_IDB2/img/", "tif"))
)
PBC = [f"PBC/{name}" for name in _classes("basophil", "ig", "platelet", ending="jpg")]
TALEQANI = [
    f"Taleqani/Original/{kind}/WBC-{kind}-{n:03d}.jpg"
    for kind in ("Benign", "Early", "Pre", "Pro")
    for n in range(5)
]


@pytest.mark.parametrize(
    ("names", "sets", "more"),
    [
        (ALLIDB1 + ALLIDB2, {"ALL_IDB1": "allidb1", "ALL_IDB2": "allidb2"},
         "but leave out one of those that show the same cells: ALL-IDB2's cells are cut from"),
        (PBC + TALEQANI, {"PBC": "pbc", "Taleqani": "taleqani"}, "or, if each folder is meant as"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrapped", ["", "unpacked/"])
def test_different_sets_in_one_folder_are_no_classes(
    look, fill, tmp_path, names, sets, more, wrapped
):
    home = tmp_path / "sets"
    fill(home, [name.replace("/", f"/{wrapped}", 1) for name in names])
    code, out, last = look(home)
    assert code == 1
    told = ", ".join(f"{folder} is {name}" for folder, name in sets.items())
    assert f"Layout: different sets: {told}." in out
    for folder, name in sets.items():
        assert f"--data {name}:{home / folder}" in last
    assert more in last


def test_a_known_set_with_a_strange_picture_is_refused_though_it_has_class_folders(
    look, fill, tmp_path
):
    home = fill(tmp_path, [*TALEQANI, *(f"Taleqani/Original/Normal/{n}.jpg" for n in range(5))])
    folder = home / "Taleqani" / "Original"
    code, out, last = look(folder)
    assert code == 1
    assert "Layout: a known set, not whole." in out
    assert "is in none of the folders Benign, Early, Pre, Pro: remove it." in last
    assert f"each folder is a class, give --data folder:{folder}." in last


def test_own_pictures_that_are_named_like_one_half_of_a_set_are_class_folders(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [f"{c}/{c}_{n}.png" for c in ("ALL", "CML") for n in range(6)])
    code, out, _ = look(folder)
    assert code == 0
    assert f"--data folder:{folder}" in out


def test_a_list_says_more_than_the_names_of_the_pictures(look, fill, tmp_path):
    names = [f"cells/UID_{n}_1_1_all.bmp" for n in range(11)]
    folder = fill(tmp_path / "mine", [*names, "cells/other.png"])
    lines = [f"{name},{'hem' if n % 2 else 'all'}" for n, name in enumerate(names)]
    (folder / "list.csv").write_text("\n".join(["path,label", *lines]))
    code, out, _ = look(folder)
    assert code == 0
    assert f"--data csv:{folder / 'list.csv'}" in out


def test_taleqani_reads_the_originals_alone(look, fill, tmp_path):
    kinds = ("Benign", "Early", "Pre", "Pro")
    for version in ("Original", "Segmented"):
        names = [f"{kind}/WBC-{kind}-{n:03d}.jpg" for kind in kinds for n in range(5)]
        fill(tmp_path / "T" / version, names)
    code, out, _ = look(tmp_path / "T")
    assert code == 0
    assert "Pictures: 20, classes: 4" in out
    assert "20 segmented or other versions of the pictures left out" in out


def test_c_nmc_gives_the_subjects_of_its_names(look, fill, tmp_path):
    names = [f"fold_{n % 3}/all/UID_{n}_1_1_all.bmp" for n in range(6)]
    names += [f"fold_{n % 3}/hem/UID_H{n}_1_1_hem.bmp" for n in range(6)]
    _, out, last = look(fill(tmp_path / "C-NMC", names))
    assert last == FEW
    assert "--folds 3, or --folds official, the data set's own.\n" in out
    assert "12 subjects" in out
    assert "--data cnmc:" in out


def test_pbc_is_known_by_its_classes(look, fill, tmp_path):
    folder = fill(tmp_path / "PBC", _classes("basophil", "ig", "platelet", ending="jpg"))
    code, out, _ = look(folder)
    assert code == 0
    assert f"--data pbc:{folder}" in out


@pytest.mark.parametrize(
    ("name", "advice"),
    [("slide.pdf", "PDF"), ("a.dcm", "8-bit PNG"), ("film.mp4", "save the frames"),
     ("set.zip", "unpack it first"), ("notes.docx", "give one with pictures")],
)  # fmt: skip
def test_a_folder_of_other_files_says_what_to_do_with_them(look, tmp_path, name, advice):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_bytes(b"1")
    code, _, last = look(tmp_path / "mine")
    assert code == 1
    assert advice in last


def test_an_empty_folder_says_what_belongs_in_it(look, tmp_path):
    (tmp_path / "mine").mkdir()
    code, _, last = look(tmp_path / "mine")
    assert code == 1
    assert "mine/<class>/1.png" in last


def test_an_archive_comes_with_the_command_that_unpacks_it(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", _classes("blast", "normal"))
    with zipfile.ZipFile(tmp_path / "my set.zip", "w") as archive:
        for path in folder.rglob("*.png"):
            archive.write(path, path.relative_to(folder))
    code, _, last = look(tmp_path / "my set.zip")
    assert code == 1
    command = last[last.index("-m zipfile") :].partition(", and")[0]
    assert command == f'-m zipfile -e "{tmp_path / "my set.zip"}" "{tmp_path / "my set"}"'


def test_one_class_only(look, fill, tmp_path):
    for place, names in (("one", _classes("blast")), ("two", ["blast/a/1.png", "blast/2.png"])):
        code, _, last = look(fill(tmp_path / place, names))
        assert code == 1
        assert "a classifier needs two" in last


def test_a_class_of_one_picture_is_named(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [*_classes("blast", "normal"), "rare/1.png"])
    code, out, last = look(folder)
    assert code == 1
    assert "Note: class rare has only 1 subject or source image" in out
    assert "rare" in last
    assert "leave the class out" in last


def test_images_and_masks_mixed_become_a_list_that_joins_them(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", _classes("blast", "normal"))
    fill(folder, [f"{label}/{n}_mask.png" for label in ("blast", "normal") for n in range(6)])
    for mask in folder.glob("*/*_mask.png"):
        Image.open(mask).convert("L").save(mask)
    code, out, _ = look(folder, "--list", str(tmp_path / "l.csv"))
    assert code == 1
    assert "12 pictures, 12 masks, 12 joined" in out
    assert look(tmp_path / "l.csv")[0] == 0
    table = pd.read_csv(tmp_path / "l.csv")
    assert table["mask"].str.endswith("_mask.png").all()
    assert not table["path"].str.contains("mask").any()


def test_classes_nested_below_other_folders_become_a_list(look, fill, tmp_path):
    for place in ("hospital A", "hospital B"):
        fill(tmp_path / "mine" / place, _classes("blast", "normal"))
    code, out, last = look(tmp_path / "mine", "--list", str(tmp_path / "l.csv"))
    assert code == 1
    assert "(blast, normal) in each of 2 folders" in out
    assert "l.csv" in last
    assert look(tmp_path / "l.csv")[0] == 0


def test_bad_files_are_named_with_their_reasons(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", _classes("blast", "normal"))
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "blast" / "film.gif", save_all=True, append_images=frames[1:])
    (folder / "normal" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    (folder / "normal" / "film.mp4").write_bytes(b"1")
    code, out, last = look(folder)
    assert code == 1
    assert "film.gif: " in out
    assert "frame" in out[out.index("film.gif: ") :].splitlines()[0]
    assert "torn.jpg: not" in out
    assert "passed over: 1 .mp4" in out
    assert "mend or remove 2 bad files" in last
    assert "--skip-bad" in out


def test_pictures_beside_class_folders_are_counted(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [*_classes("blast", "normal"), "stray.png"])
    code, _, last = look(folder)
    assert code == 1
    assert "move 1 pictures" in last
    assert "stray.png" in last


def test_copies_and_look_alikes_are_told(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", _classes("blast", "normal"))
    (folder / "blast" / "copy.png").write_bytes((folder / "blast" / "1.png").read_bytes())
    with Image.open(folder / "normal" / "1.png") as picture:
        picture.save(folder / "normal" / "again.bmp")
    code, out, _ = look(folder)
    assert code == 0
    assert "1 byte-identical copies" in out
    assert "Look-alikes: 1 pair, which a split keeps on one side." in out
    assert "again.bmp" in out
    with Image.open(folder / "normal" / "2.png") as picture:
        picture.save(folder / "blast" / "other.bmp")
    _, out, _ = look(folder)
    assert "Look-alikes: 2 pairs, " in out
    assert "  1 of these pairs has different labels: look at it." in out


def test_spaces_and_other_letters_in_names(look, fill, tmp_path):
    folder = fill(tmp_path / "Größe и 血", _classes("Blast (früh)", "здоров"))
    code, out, _ = look(folder)
    assert code == 0
    assert f"--data 'folder:{folder}'" in out


def test_a_path_that_does_not_exist_shows_what_is_there(look, tmp_path):
    (tmp_path / "Blood").mkdir()
    code, _, last = look(tmp_path / "blod" / "deep")
    assert code == 1
    assert f"in {tmp_path} there is: Blood" in last


def test_a_single_picture_points_to_its_folder(look, fill, tmp_path):
    fill(tmp_path / "mine", ["1.png"])
    code, _, last = look(tmp_path / "mine" / "1.png")
    assert code == 1
    assert str(tmp_path / "mine") in last


def test_grey_pictures_and_black_ground_are_measured():
    noise = np.random.default_rng(0).integers(30, 255, (40, 40), dtype=np.uint8)
    assert likeness.bodies(np.zeros((50, 50, 3), np.uint8)) == 0
    cell = np.full((120, 120, 3), 230, np.uint8)
    cell[40:80, 40:80] = (110, 40, 150)
    assert likeness.bodies(cell) == 1
    cell[5:30, 85:110] = (110, 40, 150)
    assert likeness.bodies(cell) == 2
    assert likeness.bodies(np.repeat(noise[..., None], 3, 2)) == 0


def test_pictures_like_a_set_are_told_apart_from_others(tmp_path):
    means = np.tile([11.0, 5.0, 13.0], (4, 1))
    assert likeness._inside(means, likeness.MEASURED["C-NMC 2019"]["colours"]) == 1
    assert likeness._inside(means, likeness.MEASURED["Taleqani"]["colours"]) == 0


def test_grey_and_black_are_said(look, tmp_path):
    for label in ("a", "b"):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for n in range(6):
            picture, mask = drawing.draw("CLL", n, n + 10 * (label == "b"), 64)
            picture[mask == 0] = 0
            Image.fromarray(picture).convert("L").save(
                tmp_path / "mine" / label / f"{label}{n}.png"
            )
    code, out, _ = look(tmp_path / "mine")
    assert "12 of 12 pictures are grey" in out
    assert "100% stand on black" in out
    assert code == 0


def test_nothing_is_written_into_the_folder(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", _classes("blast", "normal"))
    before = sorted(folder.rglob("*"))
    look(folder)
    assert sorted(folder.rglob("*")) == before
    assert layouts.recognise(folder).spec == f"folder:{folder}"
    assert check.check(folder, tmp_path / "c")[1] == ""


def test_people_of_two_classes_stand_on_one_side(look, fill, tmp_path):
    for label, people in (("blast", range(8)), ("normal", range(1, 10))):
        fill(tmp_path / "mine" / label, [f"patient{p}/{n}.png" for p in people for n in range(2)])
    _, out, last = look(tmp_path / "mine")
    assert last == FEW
    assert "10 known subjects; audit: nothing on two sides" in out
    assert "7 of these names stand in several class folders" in out


def _people(name, count):
    """Two pictures each of so many people, the same in both class folders."""
    return [
        f"{label}/{name}{person}/{number}.png"
        for label in ("AML", "normal")
        for person in range(count)
        for number in range(2)
    ]


def test_the_same_people_in_each_class_folder_are_not_taken_for_classes(look, fill, tmp_path):
    _, out, last = look(fill(tmp_path / "mine", _people("patient", 8)))
    assert last == FEW
    assert "(AML, normal), in each the same 8 folders (patient0" in out
    assert "classes: 2, 8 subjects" in out


def test_few_people_in_each_class_folder_become_subjects_of_a_list(look, fill, tmp_path):
    _, out, _ = look(fill(tmp_path / "mine", _people("p", 3)), "--list", str(tmp_path / "l.csv"))
    assert "the same 3 folders (p0, p1, p2), taken for people" in out
    table = pd.read_csv(tmp_path / "l.csv")
    assert set(table["label"]) == {"AML", "normal"}
    assert set(table["subject"]) == {"p0", "p1", "p2"}


def test_numbered_folders_round_the_same_classes_are_people(look, fill, tmp_path):
    names = [f"{p}/{label}/1.png" for label in ("AML", "normal") for p in range(6)]
    _, out, _ = look(fill(tmp_path / "mine", names), "--list", str(tmp_path / "l.csv"))
    assert "or else" not in out
    assert set(pd.read_csv(tmp_path / "l.csv")["label"]) == {"AML", "normal"}
    assert pd.read_csv(tmp_path / "l.csv")["subject"].nunique() == 6


@pytest.mark.parametrize("count", [3, 2])
def test_people_below_the_classes_of_several_hospitals_are_kept(look, fill, tmp_path, count):
    names = [
        f"{site}/{label}/p{p}/slide{n}/a.png"
        for site in ("siteA", "siteB") for label in ("blast", "normal")
        for p in range(count) for n in range(2)
    ]  # fmt: skip
    fill(tmp_path / "mine", names)
    _, out, _ = look(tmp_path / "mine", "--list", str(tmp_path / "l.csv"))
    table = pd.read_csv(tmp_path / "l.csv")
    if count == 2:  # of the four in each class: too few to be kept apart
        assert "folders p0, p1 inside, fewer than 5 in a class, are not taken for people" in out
        assert list(table) == ["path", "label"]
        return
    assert "; folders p0, p1, p2 inside are taken for people" in out
    assert set(table["subject"]) == {f"site{s}/p{p}" for s in "AB" for p in range(3)}
    assert set(table[table["subject"] == "siteA/p0"]["label"]) == {"blast", "normal"}
    assert "classes: 2, 6 subjects" in look(tmp_path / "l.csv")[1]


def test_two_levels_that_names_do_not_tell_apart_are_named_both_ways(look, fill, tmp_path):
    for top in ("AML", "normal"):
        fill(tmp_path / "mine" / top, _classes("Meier", "Schmid"))
    _, out, last = look(tmp_path / "mine")
    assert "class folders (Meier, Schmid) in each of 2 folders; or else folders of people" in out
    assert f"if the outer folders are the classes, give --data 'folder:{tmp_path / 'mine'}'" in last


def test_parts_inside_class_folders_are_no_classes(look, fill, tmp_path):
    for label in ("AML", "normal"):
        fill(tmp_path / "mine" / label, _classes("train", "test"))
    look(tmp_path / "mine", "--list", str(tmp_path / "l.csv"))
    table = pd.read_csv(tmp_path / "l.csv")
    assert set(table["label"]) == {"AML", "normal"}
    assert set(table["part"]) == {"train", "test"}


def _masks(tmp_path):
    """Dict picture -> mask ("" for none) of the list that was written, both below `mine`."""
    table = pd.read_csv(tmp_path / "l.csv", keep_default_na=False)
    masks = table["mask"] if "mask" in table else [""] * len(table)
    pairs = zip(table["path"], masks, strict=True)
    return {path.removeprefix("mine/"): mask.removeprefix("mine/") for path, mask in pairs}


@pytest.mark.parametrize(
    ("picture", "mask"),
    [("{}/{}.png", "{}/{}_mask.png"), ("{}/{}.png", "masks/{}/{}.png"),
     ("images/{}/{}.png", "masks/{}/{}.png"), ("{}/images/{}.png", "{}/masks/{}.png")],
)  # fmt: skip
def test_masks_are_those_of_the_same_class_where_names_recur(look, fill, tmp_path, picture, mask):
    pairs = {picture.format(c, n): mask.format(c, n) for c in ("AML", "normal") for n in range(3)}
    folder = fill(tmp_path / "mine", [*pairs, *pairs.values()])
    _, out, _ = look(folder, "--list", str(tmp_path / "l.csv"))
    assert "6 pictures, 6 masks, 6 joined by name." in out
    assert _masks(tmp_path) == pairs


def test_masks_that_may_be_several_pictures_are_left_out_and_counted(look, fill, tmp_path):
    names = ["AML/0.png", "normal/0.png", "normal/1.png", "normal/2.png"]
    folder = fill(tmp_path / "mine", [*names, "masks/0.png", "masks/1.png"])
    _, out, _ = look(folder, "--list", str(tmp_path / "l.csv"))
    assert "4 pictures, 2 masks, 1 joined by name, 2 ambiguous and left without a mask" in out
    assert _masks(tmp_path) == dict.fromkeys(names, "") | {"normal/1.png": "masks/1.png"}


def test_a_mask_left_over_in_one_class_is_not_joined_with_a_picture_of_another(
    look, fill, tmp_path
):
    names = ["AML/0.png", "AML/1.png", "normal/0.png"]
    folder = fill(tmp_path / "mine", [*names, "normal/0_mask.png", "normal/1_mask.png"])
    _, out, _ = look(folder, "--list", str(tmp_path / "l.csv"))
    assert "1 joined by name, 1 ambiguous" in out
    assert _masks(tmp_path) == dict.fromkeys(names, "") | {"normal/0.png": "normal/0_mask.png"}


def test_two_masks_of_one_picture_are_ambiguous(look, fill, tmp_path):
    names = ["AML/0.png", "AML/0_mask.png", "AML/0_seg.png", "normal/1.png", "normal/1_mask.png"]
    _, out, _ = look(fill(tmp_path / "mine", names), "--list", str(tmp_path / "l.csv"))
    assert "1 joined by name, 1 ambiguous" in out


def test_a_split_that_is_made_keeps_its_parts_beside_masks(look, fill, tmp_path):
    names = [f"{part}/{c}/0.png" for part in ("train", "test") for c in ("AML", "normal")]
    folder = fill(tmp_path / "mine", [*names, *(f"masks/{name}" for name in names)])
    _, out, _ = look(folder, "--list", str(tmp_path / "l.csv"))
    assert "4 joined by name." in out
    table = pd.read_csv(tmp_path / "l.csv")
    assert set(table["label"]) == {"AML", "normal"}
    assert set(table["part"]) == {"train", "test"}


@pytest.mark.parametrize("notes", ["annotations.json", "labels/1.txt", "labels.xlsx"])
def test_pictures_in_a_folder_called_images_are_no_class(look, fill, tmp_path, notes):
    folder = fill(tmp_path / "mine", [f"images/{n}.png" for n in range(6)])
    (folder / notes).parent.mkdir(exist_ok=True)
    (folder / notes).write_text("labels")
    code, out, _ = look(folder, "--list", str(tmp_path / "l.csv"))
    assert code == 1
    assert f"pictures in a folder images, which is no class; labels in {notes}?" in out
    assert len(pd.read_csv(tmp_path / "l.csv")) == 6


def test_a_table_s_own_parts_and_sources_are_kept_and_an_unknown_part_is_refused(
    look, fill, tmp_path
):
    folder = fill(tmp_path / "mine", [f"{n}.png" for n in range(12)])
    parts = ["Train"] * 6 + ["dev"] * 3 + ["holdout"] * 3

    def table(parts):
        rows = [
            f"{n}.png,{'AML' if n % 2 else 'healthy'},{part},field {n // 2},{'flipped' * (n == 0)}"
            for n, part in enumerate(parts)
        ]
        (folder / "t.csv").write_text("\n".join(["file,class,split,source,derived", *rows]))

    table(parts)
    look(folder, "--list", str(tmp_path / "l.csv"))
    written = pd.read_csv(tmp_path / "l.csv", keep_default_na=False)
    assert written["part"].tolist() == ["train"] * 6 + ["validation"] * 3 + ["test"] * 3
    assert written["source"].tolist() == [f"field {n // 2}" for n in range(12)]
    assert written["derived"].tolist() == ["flipped"] + [""] * 11
    table(parts[:9] + ["locked away"] * 3)
    look(folder, "--list", str(tmp_path / "other.csv"))
    code, _, last = look(tmp_path / "other.csv")
    assert code == 1
    assert "'locked away' is none of train, validation, test" in last


def test_a_list_that_may_be_filled_in_is_not_written_over(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [f"{n}.png" for n in range(12)])
    there = tmp_path / "l.csv"
    for _ in range(2):  # the same list again is no loss
        assert "fill in the column label" in look(folder, "--list", str(there))[2]
    there.write_text(there.read_text().replace(".png,", ".png,AML"))
    kept = there.read_text()
    code, _, last = look(folder, "--list", str(there))
    assert code == 1
    assert "is there already" in last
    assert there.read_text() == kept


def test_numbers_of_patients_are_no_dates():
    dates = ["2024-02-11", "20240211", "11.02.2024", "2-31-2024", "2024_12_31"]
    people = ["2023-0001", "20230001", "20010345", "2024-1301", "1.2-2024", "2024-02.11"]
    assert all(DATE.fullmatch(name) for name in dates)
    assert not any(DATE.fullmatch(name) for name in people)


def test_folders_of_dates_are_passed_over_on_the_way_to_people(look, fill, tmp_path):
    names = [
        f"{label}/{date}/P{person}{label}/{n}.jpg"
        for label in ("AML", "normal")
        for number, date in enumerate(("2024-01-03", "2024-02-11"))
        for person in range(number, 4 + number)  # three come twice
        for n in range(2)
    ]
    _, out, last = look(fill(tmp_path / "mine", names))
    assert last == FEW
    assert "classes: 2, 10 subjects" in out
    assert f"--data folder:{tmp_path / 'mine'}" in out


@pytest.mark.parametrize("head", ["path,label", "File,Diagnosis"])
@pytest.mark.parametrize("place", ["cells\\", "C:\\Users\\me\\cells\\"])
def test_lists_with_paths_of_windows_are_read_or_written_anew(look, fill, tmp_path, head, place):
    folder = fill(tmp_path / "mine", [f"cells/{n}.jpg" for n in range(12)])
    lines = [f"{place}{n}.jpg,{'AML' if n % 2 else 'CML'}" for n in range(12)]
    (folder / "list.csv").write_text("\n".join([head, *lines]))
    code, out, _ = look(folder)
    if code:
        assert "list.csv with their label" in out
        look(folder, "--list", str(tmp_path / "l.csv"))
        code, out, _ = look(tmp_path / "l.csv")
    else:
        assert (head, place) == ("path,label", "cells\\")
    assert code == 0
    assert "Pictures: 12, classes: 2" in out


def test_a_name_that_two_pictures_have_is_not_guessed(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [f"cells/{day}/{n}.jpg" for day in "ab" for n in range(3)])
    lines = [f"C:\\me\\{n}.jpg,{'AML' if n % 2 else 'CML'}" for n in range(3)]
    (folder / "list.csv").write_text("\n".join(["path,label", *lines]))
    code, _, last = look(folder / "list.csv")
    assert code == 1
    assert "is not a file" in last


@pytest.mark.parametrize("place", ["", "images/"])
def test_a_spreadsheet_beside_pictures_is_to_be_saved_as_csv(look, fill, tmp_path, place):
    folder = fill(tmp_path / "mine", [f"{place}{n}.jpg" for n in range(4)])
    (folder / "labels.xlsx").write_bytes(b"PK")
    code, _, last = look(folder)
    assert code == 1
    assert "save labels.xlsx as CSV beside it" in last


def test_several_lists_are_all_named(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", [f"{n}.png" for n in range(12)])
    for name, rows in (("train", range(8)), ("test", range(8, 12))):
        lines = [f"{n}.png,{'AML' if n % 2 else 'CML'}" for n in rows]
        (folder / f"{name}.csv").write_text("path,label\n" + "\n".join(lines))
    code, out, last = look(folder)
    assert code == 1
    assert "2 lists: test.csv, train.csv" in out
    assert "a column part (train, validation, test)" in last
    assert f"csv:{folder / 'test.csv'} csv:{folder / 'train.csv'}" in last


def test_classes_that_differ_in_case_and_tiny_pictures_are_told(look, fill, tmp_path):
    folder = fill(tmp_path / "mine", _classes("Blast", "blast", "normal", number=8))
    for path in folder.glob("*/*.png"):
        Image.open(path).resize((80, 64)).save(path)
    code, out, _ = look(folder)
    assert code == 0
    assert "Note: Blast, blast are different classes, though they differ in case alone." in out
    assert "are enlarged" not in out
    Image.open(path).resize((30, 80)).save(path)
    code, out, _ = look(folder)
    assert code == 0
    assert "Note: 1 of 24 pictures have less than 64 pixels on a side and are enlarged." in out
