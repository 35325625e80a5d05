"""How commands end: exit codes and messages, whatever the terminal can show or is closed."""

import errno
import os
import subprocess
import sys

import pytest

from smears import __main__, card, check, commandline
from smears.ending import exits


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_ends_with_2_and_the_remedy(capsys, number):
    problem = RuntimeError("could not write")
    problem.__cause__ = OSError(number, os.strerror(number))
    with pytest.raises(SystemExit) as end, exits():
        raise problem
    assert end.value.code == 2
    assert "The disk is full" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="another"), exits():
        raise RuntimeError("another")


def test_a_file_where_a_folder_belongs_ends_with_2_and_the_remedy(tmp_path, capsys):
    (tmp_path / "tables").touch()
    with pytest.raises(SystemExit) as end, exits():
        (tmp_path / "tables").mkdir()
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / 'tables'}: " in error
    assert "give another --out" in error
    (tmp_path / "report.md").mkdir()
    with pytest.raises(SystemExit), exits():
        (tmp_path / "tables").replace(tmp_path / "report.md")
    assert f"{tmp_path / 'report.md'}: " in capsys.readouterr().err
    with pytest.raises(FileNotFoundError), exits():
        (tmp_path / "none").read_text()


def test_what_a_terminal_cannot_show_or_no_one_reads_is_no_error():
    code = "from smears.ending import exits\nwith exits():\n    print('93.7 – 95.9 ' * 9999)"
    latin = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, env=latin, cwd=commandline.ROOT)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"93.7 ? 95.9")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=latin, cwd=commandline.ROOT
    )
    process.stdout.read(1)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 1


def test_a_check_of_classes_that_a_terminal_cannot_show_ends_as_any_other(tmp_path, write_picture):
    for number, name in enumerate(["淋巴细胞/1.png", "单核细胞/1.png"]):
        write_picture(tmp_path / "mine" / name, number)
    western = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "smears", "check", str(tmp_path / "mine"), "--out"]
    done = subprocess.run(
        [*command, str(tmp_path / "out")], capture_output=True, env=western, cwd=commandline.ROOT
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"| ???? " in done.stdout


@pytest.mark.parametrize("command", ["check", "card"])
def test_checks_and_cards_can_be_interrupted(command, tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "check", interrupt)
    monkeypatch.setattr(card, "write", interrupt)
    monkeypatch.setattr(card.Run, "read", lambda folder: folder)
    with pytest.raises(SystemExit) as end:
        __main__.main([command, str(tmp_path)])
    assert end.value.code == 130
    assert capsys.readouterr().err == "\nStopped.\n"
