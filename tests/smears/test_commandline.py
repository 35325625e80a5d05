"""Where results go is settled before any work is done for them."""

import argparse
import ntpath
import os
import re
import runpy
import shlex
import sys
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest
from table5 import COMPARISON

from smears import InputError, backend, check, commandline, runs, sources
from smears.material import Material


def test_the_folder_is_made_and_comes_back_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = commandline.place(Path("a/b"), ["drawn", f"folder:{tmp_path / 'set'}"])
    assert place == tmp_path / "a" / "b"
    assert place.is_dir()
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    ("system", "text", "word"),
    [
        ("nt", r"folder:C:\data\mine", r"folder:C:\data\mine"),
        ("nt", r"folder:C:\my data", r'"folder:C:\my data"'),
        ("posix", "folder:/my data", "'folder:/my data'"),
    ],
)
def test_words_of_a_printed_command_are_quoted_as_the_system_s_shell_takes_them(
    monkeypatch, system, text, word
):
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", system)
        found = commandline.quoted(text)
    assert found == word


def test_pictures_on_two_drives_have_names_and_places_in_a_list(monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "Path", PureWindowsPath)
    monkeypatch.setattr(runs.os, "path", ntpath)
    monkeypatch.setattr(check.os, "path", ntpath)
    there = [r"C:\data\a\1.png", r"D:\more\b\2.png"]
    assert runs.names(there) == ["data/a/1.png", "more/b/2.png"]
    assert runs.names([there[0], r"C:\data\b\2.png"]) == ["a/1.png", "b/2.png"]
    assert check._place(there[1], PureWindowsPath("C:\\")) == there[1]
    assert check._place(there[0], PureWindowsPath(r"C:\data")) == r"a\1.png"


@pytest.mark.parametrize(
    ("files", "there"),
    [
        (["dev/nvidia0"], True),
        (["dev/nvidiactl"], False),
        (["dev/dxg", "usr/lib/wsl/lib/libcuda.so.1"], True),
        (["dev/dxg"], False),  # a GPU of another maker
        ([], False),
    ],
)
def test_an_nvidia_gpu_is_known_by_its_files_in_wsl2_too(monkeypatch, tmp_path, files, there):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(backend, "Path", lambda path: tmp_path / path.lstrip("/"))
    assert backend.nvidia() == there


@pytest.mark.parametrize(
    ("there", "seen", "profile"),
    [(True, True, "paper"), (True, False, "quick"), (False, None, "quick")],
)
def test_the_profile_is_the_papers_on_a_gpu_and_one_that_is_not_seen_is_told(
    there, seen, profile, monkeypatch, capsys, tmp_path
):
    monkeypatch.setattr(backend, "nvidia", lambda: there)
    monkeypatch.setattr(backend, "has_gpu", lambda: seen)
    options = commandline.parse([COMPARISON], ["--out", str(tmp_path)])
    assert options.profile == profile
    said = f"but {backend.load()} does not see it" in capsys.readouterr().err
    assert said == (there and not seen)


def test_folders_and_lists_give_their_own_names_to_files_and_captions():
    data = {
        "pbc:/data/PBC": "pbc", "drawn": "drawn", "folder:/data/hosp0": "folder-hosp0",
        "folder:/data/Blood smears/": "folder-Blood-smears", "csv:/x/cells.v2.csv": "csv-cells.v2",
        "folder:/": "folder",
    }  # fmt: skip
    assert [sources.short(spec) for spec in data] == list(data.values())
    options = SimpleNamespace(
        data=["folder:/a/one", "folder:/a/two"], split="subject", folds=0, profile="quick"
    )
    assert commandline.stem(options) == "folder-one-folder-two_quick"
    assert Material(options, None).name == "folder-one + folder-two"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (commandline.positive, {"1": 1, "12": 12}, ["0", "-1", "1.5", "x"]),
        (commandline.natural, {"0": 0, "7": 7}, ["-1", "1.5", ""]),
        (commandline.above_zero, {"1e-4": 1e-4, "2": 2.0}, ["0", "-1", "nan", "inf", "x"]),
        (commandline.folds, {"3": 3, "official": "official"}, ["2", "-3", "1", "most"]),
    ],
)
def test_numbers_are_taken_or_refused_in_words(kind, good, bad):
    assert {text: kind(text) for text in good} == good
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match="give a"):
            kind(text)


def test_folds_and_external_data_exclude_each_other(capsys):
    from table4 import ABLATION

    with pytest.raises(SystemExit):
        commandline.parse([ABLATION], ["--folds", "3", "--external", "zheng:x"])
    assert "leave --folds out" in capsys.readouterr().err


PARSING = sorted(
    path.name
    for path in (commandline.ROOT / "experiments").glob("*.py")
    if re.search(
        r"\bcommandline\.parse\(|from smears\.(study|gallery) import .*main",
        path.read_text(encoding="utf-8"),
    )
)


class _Asked(BaseException):
    """Ends a script where it reads its arguments."""


@pytest.mark.parametrize("script", PARSING)
def test_a_script_takes_the_arguments_that_its_help_gives_as_examples(
    script, monkeypatch, tmp_path, capsys
):
    asked = []

    def ask(*given, **more):
        asked.append((given[0], more))
        raise _Asked

    with monkeypatch.context() as patch:
        patch.setattr(commandline, "parse", ask)
        with pytest.raises(_Asked):
            runpy.run_path(str(commandline.ROOT / "experiments" / script), run_name="__main__")
    ((studies, more),) = asked
    with pytest.raises(SystemExit):
        commandline.parse(studies, ["--help"], **more)
    _, *lines = capsys.readouterr().out.partition("Examples:")[2].splitlines()
    assert lines
    (tmp_path / "keras_weights").mkdir()
    for line in lines:
        words = shlex.split(line.replace("/data/", f"{tmp_path}/"))
        options = commandline.parse(studies, ["--out", str(tmp_path), *words], **more)
        for name in options.data:
            assert name.partition(":")[0] in sources.SOURCES


def test_a_row_s_weights_may_lie_in_a_folder_with_an_equals_sign(tmp_path):
    from table5 import COMPARISON

    file = tmp_path / "run=3" / "vgg.h5"
    file.parent.mkdir()
    file.touch()
    asked = [f"VGG19={file}", str(file)]
    argv = [word for text in asked for word in ("--weights", text)]
    options = commandline.parse([COMPARISON], ["--out", str(tmp_path), *argv])
    assert options.weights == {"VGG19": file.resolve(), "": file.resolve()}


def test_two_class_methods_are_shown_with_two_class_data(capsys):
    from table2 import CNMC

    with pytest.raises(SystemExit):
        commandline.parse([CNMC], ["--help"])
    examples = capsys.readouterr().out.partition("Examples:")[2]
    assert "--data cnmc:" in examples
    assert "--data pbc:" not in examples


def test_a_row_is_known_whatever_its_capitals(tmp_path, capsys):
    from table4 import ABLATION

    rows = ["--rows", "vgg19 only", "LEUKOCYTENET (VGG19+Swin)", "--out", str(tmp_path)]
    found = commandline.parse([ABLATION], rows).rows
    assert found == ["VGG19 Only", "LeukocyteNet (VGG19+Swin)"]
    with pytest.raises(SystemExit):
        commandline.parse([ABLATION], ["--rows", "VGG19 fine-tuned"])
    assert "the nearest is 'VGG19 Only, fine-tuned';" in capsys.readouterr().err


@pytest.mark.parametrize("inside", ["", "out", "class/out"])
def test_a_folder_in_the_data_is_refused_and_not_made(tmp_path, inside):
    (tmp_path / "set").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "set")
    for data in ("set", "link"):
        with pytest.raises(InputError, match=r"lies in the data folder .*outside"):
            commandline.place(tmp_path / "set" / inside, [f"folder:{tmp_path / data}"])
    assert not list((tmp_path / "set").iterdir())
    assert commandline.place(tmp_path / "set 2", [f"folder:{tmp_path / 'set'}"]).is_dir()


@pytest.mark.parametrize(
    ("place", "message"),
    [("file", "a file, not a folder"), ("file/out", r"cannot be written \(Not a directory\)")],
)
def test_a_file_in_the_way_is_named(tmp_path, place, message):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message):
        commandline.place(tmp_path / place)


def test_a_folder_that_may_not_be_written_is_named_with_the_remedy(tmp_path, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied", dir)

    # The tests may run as root, who may write everywhere; so the system's answer is played.
    monkeypatch.setattr(commandline.tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match=r"\(Permission denied\): give another folder"):
        commandline.place(tmp_path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot be written"):
            commandline.place(tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "{}/set/out"], "lies in the data folder"),
        (["--out", "{}/file"], "a file, not a folder"),
        (["--out", "{}/file/out"], "cannot be written"),
        (["--out", "{}/out", "--list", "{}/file/list.csv"], "--list, folder"),
        (["--out", "{}/out", "--list", "{}"], "give the file to write"),
    ],
)
def test_the_check_refuses_a_place_that_cannot_be_written(
    tmp_path, write_picture, capsys, arguments, message
):
    write_picture(tmp_path / "set" / "a" / "1.png")
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as end:
        check.main([str(tmp_path / "set"), *(text.format(tmp_path) for text in arguments)])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "set").rglob("*")) == ["1.png", "a"]
