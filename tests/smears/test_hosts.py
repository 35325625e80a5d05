"""Several hosts at one training: what they agree on and take over from process 0."""

import sys
import textwrap

import numpy as np
import pytest
import two_hosts

from smears import InputError, commandline, hosts
from smears.pictures import Pictures

TOGETHER = """
    import os, sys
    from pathlib import Path
    import numpy as np
    from smears import InputError, hosts, parallel
    from smears.runs import Run

    hosts.join()
    number, count = hosts.place()
    assert hosts.own(sys.argv[1]) == Path(sys.argv[1]) / ("process-1" if number else "")
    given = [np.array([[1.5 + number, 2]]), np.array([], np.uint8), np.array(number, "int8")]
    taken = hosts.first(given)
    assert [a.tolist() for a in taken] == [[[1.5, 2.0]], [], 0], taken
    assert [a.dtype for a in taken] == [a.dtype for a in given]

    hosts.same("alike", "The data")
    try:
        hosts.same(f"data of {number}", "The data")
    except InputError as problem:
        assert "between process 0 and process 1" in str(problem), problem
    else:
        raise AssertionError("other data were not told apart")

    run = Run(hosts.own(sys.argv[1]) / "runs", "row", {"seed": 1})
    deep = run.folder / "checkpoint" / f"epoch-000{number}"
    deep.mkdir(parents=True)
    (deep / "state.json").write_text("of " + "0" * number)
    (run.folder / "alike").write_text("alike")
    (run.folder / "empty").touch()
    (run.folder / "other").write_bytes(bytes([number]) * (3 + number))
    if number:
        (run.folder / "stale").write_text("stale")
    before = (run.folder / "alike").stat().st_mtime_ns
    hosts.same_folder(run.folder, "The run")
    assert (run.folder / "alike").stat().st_mtime_ns == before
    found = {p.relative_to(run.folder).as_posix(): p.read_bytes()
             for p in run.folder.rglob("*") if p.is_file() and p.name != "settings.json"}
    assert found == {"checkpoint/epoch-0000/state.json": b"of ", "alike": b"alike", "empty": b"",
                     "other": bytes(3)}, found
    assert not (run.folder / "checkpoint/epoch-0001").exists()

    with parallel.devices("all", 6) as together:
        assert together == 2, together
    try:
        with parallel.devices("all", 5):
            raise AssertionError("five pictures were shared by two hosts")
    except InputError as problem:
        assert "as many as divide 5" in str(problem)
    print("shown by one alone", flush=True)
    print("DONE", file=sys.stderr)
"""


@pytest.mark.slow
def test_two_hosts_agree_and_take_over_what_process_0_has(tmp_path):
    pytest.importorskip("jax")
    command = [sys.executable, "-c", textwrap.dedent(TOGETHER), str(tmp_path)]
    done = two_hosts.run([command, command])
    for (_, output, errors), shown in zip(done, (True, False), strict=True):
        assert errors.rstrip().endswith("DONE"), errors[-3000:]
        assert ("shown by one alone" in output) == shown


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({hosts.COUNT: "2"}, f"set {hosts.ADDRESS}, {hosts.NUMBER} too"),
        ({hosts.ADDRESS: "a:1"}, f"set {hosts.COUNT}, {hosts.NUMBER} too"),
        ({hosts.COUNT: "2", hosts.ADDRESS: "a:1", hosts.NUMBER: "2"}, "from 0 to the second"),
        ({hosts.COUNT: "two", hosts.ADDRESS: "a:1", hosts.NUMBER: "0"}, "whole numbers"),
    ],
)
def test_variables_that_lack_or_do_not_fit_are_told(monkeypatch, given, message):
    for name in (hosts.ADDRESS, hosts.COUNT, hosts.NUMBER):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert hosts.asked()
    with pytest.raises(InputError, match=message):
        hosts.join()


def test_tensorflow_is_refused_and_one_process_needs_nobody(monkeypatch, tmp_path):
    assert not hosts.asked()
    monkeypatch.setenv(hosts.COUNT, "1")
    assert not hosts.asked()
    assert hosts.place() == (0, 1)
    assert hosts.own(tmp_path) == tmp_path
    hosts.same("anything", "The data")
    hosts.same_folder(tmp_path / "nowhere", "The run")
    arrays = [np.ones(2)]
    assert hosts.first(arrays) is arrays
    monkeypatch.setenv(hosts.COUNT, "2")
    monkeypatch.setenv(hosts.ADDRESS, "127.0.0.1:1")
    monkeypatch.setenv(hosts.NUMBER, "1")
    monkeypatch.setattr("smears.backend.load", lambda: "tensorflow")
    with pytest.raises(InputError, match="KERAS_BACKEND=jax"):
        hosts.join()


@pytest.mark.parametrize(
    ("address", "message"), [("10.0.0.1", "address and port"), ("127.0.0.1:1", "No process 0")]
)
def test_a_process_0_that_is_not_there_is_told(monkeypatch, address, message):
    given = {hosts.ADDRESS: address, hosts.COUNT: "2", hosts.NUMBER: "1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("smears.backend.load", lambda: "jax")
    monkeypatch.setattr(hosts, "PATIENCE", 0)
    with pytest.raises(InputError, match=message):
        hosts.join()


@pytest.mark.parametrize("given", [["--jobs", "2"], ["--finished"]])
def test_what_hosts_cannot_do_together_is_refused_before_they_meet(monkeypatch, capsys, given):
    monkeypatch.setenv(hosts.COUNT, "2")
    monkeypatch.setattr(hosts, "join", lambda: pytest.fail("they met"))
    with pytest.raises(SystemExit):
        commandline.parse([], ["--profile", "quick", "--devices", "all", *given])
    assert f"error: {given[0]}" in capsys.readouterr().err


def test_hosts_share_each_batch_and_together_see_all_of_it():
    pixels = np.random.default_rng(0).integers(0, 255, (10, 4, 4, 3), np.uint8)

    def dataset(share):
        found = Pictures(
            pixels, np.arange(10), np.arange(10) % 2, classes=2, batch_size=4, shuffle=True, seed=1
        )
        found.multiple, found.share = 4, share
        return found

    whole, first, second = (dataset(share) for share in ((0, 1), (0, 2), (1, 2)))
    assert len(whole) == len(first) == 3
    for index in range(3):
        parts = [first[index], second[index]]
        assert [len(x) for x, _ in parts] == [2, 2]
        for n in range(2):
            assert np.array_equal(np.concatenate([part[n] for part in parts]), whole[index][n])
