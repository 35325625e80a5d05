"""The catalogue takes good pictures, names every bad one, and keeps its memory flat."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from smears import InputError, catalogue, copies, sources


def _rows(paths, **columns):
    """Catalogue rows of class "cell", each picture its own source, with some columns set."""
    frame = pd.DataFrame({"path": [str(path) for path in paths]})
    frame["label"], frame["data"] = "cell", "set"
    frame["source"] = [f"set:{n}" for n in range(len(frame))]
    for name in ("subject", "part", "mask", "derived"):
        frame[name] = ""
    return frame.assign(**columns)


def _twins(folder, write_picture):
    """Two files of equal bytes and a third of others."""
    first = write_picture(folder / "a.png", 1)
    second = Path(shutil.copy(first, folder / "b.png"))
    return [first, second, write_picture(folder / "c.png", 2)]


def test_the_scan_tells_hash_size_and_colours(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (30, 20), (200, 10, 0)).save(path)
    row = catalogue.build(_rows([path]), tmp_path / "cache").iloc[0]
    assert (row["width"], row["height"]) == (30, 20)
    assert [row[name] for name in catalogue.COLOURS] == [200, 10, 0, 0, 0, 0]
    assert len(row["sha256"]) == 64
    assert row["thumbnail"] == copies.thumbnail(np.asarray(Image.open(path)))


def test_rows_without_a_column_are_refused(tmp_path):
    with pytest.raises(ValueError, match="subject"):
        catalogue.build(_rows([]).drop(columns="subject"), tmp_path)


def _bad_folder(folder, write_picture):
    """Six good pictures of two classes, and one of each kind that cannot be used."""
    for seed in range(6):
        write_picture(folder / ("one" if seed < 3 else "two") / f"{seed}.png", seed)
    (folder / "one/empty.png").touch()
    (folder / "one/text.jpg").write_text("this is not a picture")
    whole = write_picture(folder / "one/truncated.png", 7).read_bytes()
    (folder / "one/truncated.png").write_bytes(whole[: len(whole) // 2])
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "two/film.gif", save_all=True, append_images=frames[1:])
    Image.new("1", (11_000, 11_000)).save(folder / "two/bomb.png")
    with open(folder / "two/slide.tif", "wb") as file:
        file.truncate(1_000_000_001)
    return {
        "slide.tif": "too large, 1,000,000,001 bytes",
        "empty.png": "empty file", "text.jpg": "not an image", "truncated.png": "not a whole image",
        "film.gif": "more than one frame", "bomb.png": "11000 x 11000 pixels",
    }  # fmt: skip


def test_one_error_lists_every_bad_picture_with_its_reason(tmp_path, write_picture):
    reasons = _bad_folder(tmp_path / "set", write_picture)
    with pytest.raises(catalogue.BadImages) as caught:
        sources.load([f"folder:{tmp_path / 'set'}"], tmp_path / "cache")
    text = str(caught.value)
    assert text.startswith("6 of 12 pictures cannot be used:")
    assert "--skip-bad" in text
    lines = text.splitlines()
    for name, reason in reasons.items():
        assert any(name in line and reason in line for line in lines)
    assert "0.png" not in text


def test_skip_bad_leaves_the_bad_ones_out_and_counts_them(tmp_path, write_picture):
    reasons = _bad_folder(tmp_path / "set", write_picture)
    frame = sources.load([f"folder:{tmp_path / 'set'}"], tmp_path / "cache", skip_bad=True)
    assert catalogue.counts(frame).to_dict() == {"one": 3, "two": 3}
    assert "6 pictures left out (--skip-bad)" in frame.attrs["notes"]
    assert {Path(path).name for path, _ in frame.attrs["left_out"]} == set(reasons)


def test_nothing_but_bad_pictures_is_an_error_even_with_skip_bad(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(catalogue.BadImages, match="no usable picture"):
        catalogue.build(_rows([tmp_path / "a.png"]), tmp_path / "cache", skip_bad=True)


def test_converted_pictures_are_kept_and_told(tmp_path, write_picture):
    grey = tmp_path / "grey.png"
    Image.open(write_picture(tmp_path / "a.png")).convert("L").save(grey)
    frame = catalogue.build(_rows([grey]), tmp_path / "cache")
    assert frame.attrs["notes"][0] == "1 pictures: L converted to RGB"


def test_a_path_with_spaces_and_other_alphabets_is_read_and_remembered(tmp_path, write_picture):
    path = write_picture(tmp_path / 'Blut "1", è' / "细胞 1,2.png")
    cache = tmp_path / "ein Ort"
    frame = catalogue.build(_rows([path]), cache)
    assert catalogue.build(_rows([path]), cache).equals(frame)
    assert frame["path"].tolist() == [str(path)]


def test_a_file_that_may_not_be_read_is_named_and_tried_again_later(
    tmp_path, write_picture, monkeypatch
):
    path = write_picture(tmp_path / "a.png")

    def refuse(name, *args, **options):
        if name == str(path):
            raise PermissionError(13, "Permission denied", name)
        return open(name, *args, **options)

    # The tests may run as root, who may read everything; so the system's answer is played.
    monkeypatch.setattr(catalogue.images, "open", refuse, raising=False)
    with pytest.raises(catalogue.BadImages, match=r"a\.png: cannot be read \(Permission denied\)"):
        catalogue.build(_rows([path]), tmp_path / "cache")
    monkeypatch.undo()
    assert len(catalogue.build(_rows([path]), tmp_path / "cache")) == 1


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(catalogue.BadImages, match=r"gone\.png: cannot be read \(No such file"):
        catalogue.build(_rows([tmp_path / "gone.png"]), tmp_path / "cache")


def test_twins_of_one_label_and_subject_are_kept_once(tmp_path, write_picture):
    frame = catalogue.build(_rows(_twins(tmp_path, write_picture)), tmp_path / "cache")
    assert [Path(path).name for path in frame["path"]] == ["a.png", "c.png"]
    assert any("1 byte-identical" in note for note in frame.attrs["notes"])


def test_twins_of_different_labels_are_both_refused(tmp_path, write_picture):
    rows = _rows(_twins(tmp_path, write_picture), label=["eosinophil", "neutrophil", "monocyte"])
    with pytest.raises(catalogue.BadImages, match="different labels eosinophil/neutrophil"):
        catalogue.build(rows, tmp_path / "cache")
    frame = catalogue.build(rows, tmp_path / "cache", skip_bad=True)
    assert frame["label"].tolist() == ["monocyte"]


def test_of_twins_the_one_of_a_known_subject_is_kept(tmp_path, write_picture):
    rows = _rows(_twins(tmp_path, write_picture), subject=["", "set:21", "set:22"])
    frame = catalogue.build(rows, tmp_path / "cache", skip_bad=True)
    assert frame["subject"].tolist() == ["set:21", "set:22"]


def test_a_twin_of_another_subject_is_refused_and_the_first_kept(tmp_path, write_picture):
    rows = _rows(_twins(tmp_path, write_picture), subject=["set:20", "set:21", "set:22"])
    with pytest.raises(catalogue.BadImages, match=r"1 of 3 pictures(.|\n)*another subject"):
        catalogue.build(rows, tmp_path / "cache")
    frame = catalogue.build(rows, tmp_path / "cache", skip_bad=True)
    assert frame["subject"].tolist() == ["set:20", "set:22"]


@pytest.mark.parametrize(
    ("numbers", "noted"),
    [({"many": 5}, False), ({"many": 5, "few": 1}, True), ({"many": 5, "few": 4}, True)],
)
def test_a_class_too_small_for_a_split_is_told(tmp_path, write_picture, numbers, noted):
    paths = [
        write_picture(tmp_path / label / f"{n}.png", 10 * len(label) + n)
        for label, number in numbers.items() for n in range(number)
    ]  # fmt: skip
    rows = _rows(paths, label=[path.parent.name for path in paths])
    notes = catalogue.build(rows, tmp_path / "cache").attrs["notes"]
    assert any(note.startswith("class few has only") for note in notes) == noted


def test_a_class_of_one_subject_is_told_however_many_pictures_it_has(tmp_path, write_picture):
    paths = [write_picture(tmp_path / f"{n}.png", n) for n in range(8)]
    notes = catalogue.build(_rows(paths, subject="set:1"), tmp_path / "cache").attrs["notes"]
    assert notes[0].startswith("class cell has only 1 subject or source image:")


def test_a_picture_is_read_again_only_when_its_file_changes(tmp_path, write_picture, monkeypatch):
    path = write_picture(tmp_path / "a.png", 1)
    first = catalogue.scan(pd.Series([str(path)]), tmp_path / "cache")
    describe, read = catalogue.images.describe, []
    monkeypatch.setattr(
        catalogue.images, "describe", lambda content: read.append(1) or describe(content)
    )
    assert catalogue.scan(pd.Series([str(path)]), tmp_path / "cache").equals(first)
    assert read == []
    write_picture(path, 2)
    os.utime(path, ns=(1, 1))
    assert (
        catalogue.scan(pd.Series([str(path)]), tmp_path / "cache")["sha256"][0]
        != (first["sha256"][0])
    )
    assert read == [1]


@pytest.mark.parametrize("content", ["", "key,sha256\n1", "\0\1\2"])
def test_a_torn_scan_file_counts_as_none(tmp_path, write_picture, content):
    path = write_picture(tmp_path / "a.png")
    (tmp_path / f"scan-{catalogue.SCAN_VERSION}.csv").write_text(content)
    assert catalogue.scan(pd.Series([str(path)]), tmp_path)["problem"].tolist() == [""]


def test_a_torn_line_of_a_scan_file_counts_as_none(tmp_path, write_picture):
    paths = pd.Series([str(write_picture(tmp_path / f"{n}.png", n)) for n in range(2)])
    first = catalogue.scan(paths, tmp_path)
    store = tmp_path / f"scan-{catalogue.SCAN_VERSION}.csv"
    whole = store.read_text()
    for kept in range(0, len(whole), 17):
        store.write_text(whole[:kept])
        assert catalogue.scan(paths, tmp_path).equals(first)


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be given there")
@pytest.mark.parametrize("name", ["a\nb.png", 'a"b.png', "a,b.png"])
def test_an_odd_name_leaves_the_scan_of_all_others_readable(tmp_path, write_picture, name):
    odd, plain = write_picture(tmp_path / "odd" / name), write_picture(tmp_path / "plain.png", 2)
    first = catalogue.build(_rows([odd, plain]), tmp_path / "cache")
    assert catalogue.build(_rows([odd, plain]), tmp_path / "cache").equals(first)
    assert list(catalogue._stored(tmp_path / "cache" / f"scan-{catalogue.SCAN_VERSION}.csv")) == [
        catalogue._key(path) for path in (odd, plain)
    ]
    assert catalogue.build(_rows([plain]), tmp_path / "cache")["width"].tolist() == [24]


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be given there")
@pytest.mark.parametrize("name", ["a\rb.png", "a\r\nb.png"])
def test_a_carriage_return_in_a_name_is_a_bad_file_and_spoils_no_other(
    tmp_path, write_picture, name
):
    odd, plain = write_picture(tmp_path / "odd" / name), write_picture(tmp_path / "plain.png", 2)
    for _ in range(2):
        with pytest.raises(catalogue.BadImages, match=r"rename 'a\\r.*carriage return"):
            catalogue.build(_rows([odd, plain]), tmp_path / "cache")
        frame = catalogue.build(_rows([odd, plain]), tmp_path / "cache", skip_bad=True)
        assert frame["width"].tolist() == [24]
    masks = [write_picture(tmp_path / "masks" / name, 3)]
    Image.open(masks[0]).convert("L").save(masks[0])
    for _ in range(2):
        frame = catalogue.build(_rows([plain], mask=[str(masks[0])]), tmp_path / "cache")
        assert frame["width"].tolist() == [24]


def _masked(folder, write_picture):
    """Catalogue rows of pictures with masks, the first good, each other bad in another way."""
    marked = np.zeros((20, 24), np.uint8)
    marked[9, 9] = 255
    masks = {
        "good": marked, "small": marked[:12, :11], "blank": marked * 0, "numbered": marked // 255,
        "coloured": np.dstack([marked | 200, marked, marked]),
    }  # fmt: skip
    for name, mask in masks.items():
        Image.fromarray(mask).save(folder / f"{name} mask.png")
    (folder / "empty mask.png").touch()
    (folder / "text mask.png").write_text("no mask")
    names = [*masks, "empty", "text", "gone"]
    paths = [write_picture(folder / f"{name}.png", seed) for seed, name in enumerate(names)]
    return _rows(paths, mask=[str(folder / f"{name} mask.png") for name in names])


def test_a_mask_that_cannot_be_used_is_named_with_its_picture_and_the_reason(
    tmp_path, write_picture
):
    rows = _masked(tmp_path, write_picture)
    with pytest.raises(catalogue.BadImages, match=r"^7 of 8 pictures cannot be used") as caught:
        catalogue.build(rows, tmp_path / "cache")
    for name, reason in {
        "small": "11 x 12 pixels, but its picture has 24 x 20", "blank": "nothing is marked in it",
        "numbered": "levels up to 1", "coloured": "it has colours", "empty": "empty file",
        "text": "not an image", "gone": "cannot be read (No such file",
    }.items():  # fmt: skip
        mask = tmp_path / f"{name} mask.png"
        assert f"{tmp_path / name}.png: mask {mask}: {reason}" in str(caught.value)
    frame = catalogue.build(rows, tmp_path / "cache", skip_bad=True)
    assert frame["path"].tolist() == [str(tmp_path / "good.png")]
    assert len(frame.attrs["left_out"]) == 7


def test_a_picture_is_not_its_own_mask(tmp_path, write_picture):
    path = str(write_picture(tmp_path / "cell.png", 0))
    with pytest.raises(catalogue.BadImages, match="it has colours"):
        catalogue.build(_rows([path], mask=[path]), tmp_path / "cache")


def test_a_mask_is_read_again_only_when_its_file_changes(tmp_path, write_picture, monkeypatch):
    rows = _masked(tmp_path, write_picture).head(1)
    catalogue.build(rows, tmp_path / "cache")
    read_mask, read = catalogue.images.read_mask, []
    monkeypatch.setattr(
        catalogue.images, "read_mask", lambda path: read.append(path) or read_mask(path)
    )
    catalogue.build(rows, tmp_path / "cache")
    assert read == []
    (tmp_path / "good mask.png").write_bytes(b"")
    with pytest.raises(catalogue.BadImages, match="empty file"):
        catalogue.build(rows, tmp_path / "cache")
    assert len(read) == 1


def test_the_fingerprint_names_the_data_wherever_it_lies(tmp_path, write_picture):
    paths = [write_picture(tmp_path / "here" / f"{n}.png", n) for n in range(3)]
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    here = catalogue.build(_rows(paths), tmp_path / "cache")
    there = catalogue.build(
        _rows([tmp_path / "there" / path.name for path in paths]), tmp_path / "cache"
    )
    assert catalogue.fingerprint(here) == catalogue.fingerprint(there)
    other = catalogue.build(_rows(paths, subject="set:1"), tmp_path / "cache")
    assert catalogue.fingerprint(here) != catalogue.fingerprint(other)


def test_bad_pictures_are_an_input_error_so_that_scripts_print_the_text_alone():
    assert issubclass(catalogue.BadImages, InputError)


MEMORY = """
import sys
from pathlib import Path
import pandas as pd
from smears import catalogue, pictures

def work(name):
    paths = pd.Series(sorted(map(str, Path(sys.argv[1], name).iterdir())))
    scanned = catalogue.scan(paths, Path(sys.argv[1], "cache " + name))
    pictures.store(scanned.assign(path=paths), 256, Path(sys.argv[1], "cache " + name))
    # Not getrusage: its peak starts at that of the process which started this one.
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024

few = work("few")
print(work("many") - few)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    # 128 and 384 pictures of 0.75 MiB decoded: kept, the additional 256 would take 192 MiB, and
    # 48 MiB at the store's size.
    for name, number in (("few", 128), ("many", 384)):
        (tmp_path / name).mkdir()
        for n in range(number):
            colour = (n % 256, n // 256, 0 if name == "few" else 9)
            Image.new("RGB", (512, 512), colour).save(
                tmp_path / name / f"{n}.png", compress_level=1
            )
    out = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert float(out.stdout.split()[-1]) < 24


def test_masks_are_named_by_whose_they_are_and_not_by_where_they_lie(tmp_path):
    def name(contents, folder):
        paths = [tmp_path / folder / f"{number}.png" for number in range(len(contents))]
        paths[0].parent.mkdir()
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        frame = pd.DataFrame({"sha256": ["a", "b", "c"], "mask": [*map(str, paths), ""]})
        return catalogue.mask_name(frame), catalogue.mask_name(frame[::-1])

    found = name([b"1", b"2"], "first")
    assert len(set(found)) == 1
    assert name([b"1", b"2"], "second") == found
    assert name([b"2", b"1"], "exchanged")[0] != found[0]
    assert catalogue.mask_name(pd.DataFrame({"sha256": ["a"], "mask": [""]})) == ""


def test_two_source_images_that_show_one_picture_are_one(tmp_path, write_picture):
    paths = _twins(tmp_path, write_picture)
    paths += [write_picture(tmp_path / f"{seed}.png", seed) for seed in (3, 4)]
    rows = _rows(paths, source=["one", "two", "two", "one", "three"])
    frame = catalogue.build(rows, tmp_path / "cache")
    names = [Path(path).name for path in frame["path"]]
    assert dict(zip(names, frame["source"], strict=True)) == {
        "a.png": "one", "c.png": "one", "3.png": "one", "4.png": "three",
    }  # fmt: skip
