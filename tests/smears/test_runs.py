"""A run folder is keyed by its settings, written whole, and read back exactly."""

import json
import threading

import numpy as np
import pandas as pd
import pytest

from smears import InputError, runs


def _frame(count=4):
    return pd.DataFrame(
        {
            "path": [f"/p/ä {n}.png" for n in range(count)],
            "subject": ["007", "", "NA", "null"][:count],
            "source": [str(n) for n in range(count)],
            "part": "test",
            "label": "Healthy",
        }
    )


def test_equal_settings_share_a_folder_and_any_change_makes_another(tmp_path):
    first = runs.Run(tmp_path, "VGG19 seed 0", {"a": 1, "b": [1, 2]})
    assert runs.Run(tmp_path, "VGG19 seed 0", {"b": [1, 2], "a": 1}).folder == first.folder
    assert runs.Run(tmp_path, "VGG19 seed 0", {"a": 1, "b": [2, 1]}).folder != first.folder


def test_float32_probabilities_and_odd_names_survive_the_file(tmp_path):
    run = runs.Run(tmp_path, "row", {})
    scores = np.random.default_rng(0).dirichlet([1, 1, 1], 4).astype(np.float32)
    run.write_predictions(_frame(), ["Healthy", "1", "ALL-Pro-B"], scores)
    back = run.predictions
    assert runs.classes_of(back) == ["Healthy", "1", "ALL-Pro-B"]
    assert (back[runs.classes_of(back)].to_numpy(np.float32) == scores).all()
    rest = [key for key in runs.KEYS if key != "path"]
    assert back[rest].equals(_frame()[rest].astype(back[rest].dtypes))


def test_predictions_name_pictures_below_the_folder_that_they_share():
    assert runs.names(["/data/pbc/a/1.png", "/data/pbc/b/1.png"]) == ["a/1.png", "b/1.png"]
    assert runs.names(["/data/pbc/a/1.png", "/data/pbc/a/2.png"]) == ["1.png", "2.png"]
    assert runs.names(["/x/im/1.png", "/y/é n/2.png"]) == ["x/im/1.png", "y/é n/2.png"]


def test_a_run_is_finished_by_its_predictions_alone_and_its_checkpoint_goes(tmp_path):
    run = runs.Run(tmp_path, "row", {})
    (run.folder / "checkpoint").mkdir()
    assert not run.finished
    run.write_predictions(_frame(), ["Healthy"], np.ones((4, 1)))
    assert run.finished
    assert not (run.folder / "checkpoint").exists()


@pytest.mark.parametrize("text", ["a\nb", "a\nb\n", "a\nb\n\n"])
def test_a_text_ends_with_one_line_feed_and_has_no_other_line_ends(tmp_path, monkeypatch, text):
    path = tmp_path / "file.txt"
    runs.write_whole(path, text)
    assert path.read_bytes() == b"a\nb\n"
    monkeypatch.setattr(runs.os, "linesep", "\r\n")  # with which pandas ends lines on Windows
    runs.write_whole(path, text.replace("\n", "\r\n"))
    assert path.read_bytes() == b"a\nb\n"


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    runs.write_whole(path, "old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runs.write_whole(path, "new")
    assert path.read_text() == "old\n"


def test_facts_add_up(tmp_path):
    run = runs.Run(tmp_path, "row", {})
    run.note(weights="random")
    run.note(seconds=2.5)
    assert run.facts == {"weights": "random", "seconds": 2.5}


def test_the_environment_names_versions_and_hardware():
    found = runs.environment()
    assert found["packages"]["numpy"] == np.__version__
    assert "cores" in found["hardware"]


def test_who_comes_second_waits_and_finds_what_the_first_made(tmp_path):
    order, held = [], threading.Event()

    def second():
        held.wait(10)
        with runs.Run(tmp_path, "row", {}).alone():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with runs.Run(tmp_path, "row", {}).alone():
        held.set()
        thread.join(0.5)
        assert thread.is_alive()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


@pytest.mark.parametrize("how", ["in a line", "after a line", "whole"])
def test_cut_off_predictions_are_refused_by_name(tmp_path, how):
    run = runs.Run(tmp_path, "row", {})
    run.write_predictions(_frame(), ["Healthy"], np.ones((4, 1)))
    path = run.folder / "predictions.csv"
    text = path.read_bytes()
    end = {"in a line": -3, "after a line": text[:-1].rindex(b"\n") + 1, "whole": 0}[how]
    path.write_bytes(text[:end])
    with pytest.raises(runs.InputError, match=r"predictions\.csv is cut off: .*delete it"):
        _ = run.predictions


def test_a_diverged_training_does_not_finish_a_run(tmp_path):
    run = runs.Run(tmp_path, "row", {})
    (run.folder / "checkpoint").mkdir()
    scores = np.array([[0.1, 0.9], [np.nan, 0.5], [0.5, np.inf], [0.9, 0.1]])
    with pytest.raises(runs.Diverged, match=r"2 of 4 predictions are no numbers; .*delete .*row-"):
        run.write_predictions(_frame(), ["Healthy", "AML"], scores)
    assert not run.finished
    assert (run.folder / "checkpoint").exists()


@pytest.mark.parametrize("cell", ["", "nan", "high"])
def test_stored_predictions_that_are_no_numbers_are_refused_by_name(tmp_path, cell):
    run = runs.Run(tmp_path, "row", {})
    run.write_predictions(_frame(), ["Healthy", "AML"], np.full((4, 2), 0.5))
    path = run.folder / "predictions.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("0.5", cell, 1), encoding="utf-8")
    with pytest.raises(runs.InputError, match=r"predictions\.csv has probabilities that are no"):
        _ = run.predictions


@pytest.mark.parametrize("name", ["facts", "environment"])
def test_damaged_facts_are_refused_with_the_remedy(tmp_path, name):
    run = runs.Run(tmp_path, "row", {})
    (run.folder / f"{name}.json").write_text('{"a": ')
    with pytest.raises(runs.InputError, match=rf"{name}\.json is damaged .*Delete the folder"):
        getattr(run, name)


@pytest.mark.parametrize("name", ["facts", "environment", "explanations"])
@pytest.mark.parametrize("how", ["list", "folder"])
def test_other_things_than_facts_are_refused_with_the_remedy(tmp_path, name, how):
    run = runs.Run(tmp_path, "row", {})
    path = run.folder / f"{name}.json"
    path.mkdir() if how == "folder" else path.write_text("[]")
    with pytest.raises(runs.InputError, match=rf"{name}\.json is damaged .*Delete"):
        getattr(run, name)


def test_settings_that_are_no_object_are_refused(tmp_path):
    (tmp_path / "settings.json").write_text("[1]")
    with pytest.raises(runs.InputError, match=r"no settings\.json to read"):
        runs.Run.read(tmp_path)


HISTORY = "accuracy,seconds\n0.5,3\n0.6,3\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "cut off"), (HISTORY[:-3].encode(), "cut off"), (b"\xff\xfe\n", "decode"),
        (HISTORY.encode() + b"1,2,3,4\n", "Expected 2 fields"),
        (HISTORY.replace("0.6", "high").encode(), "high"),
        (HISTORY.replace("accuracy", "rate").encode(), "lacks accuracy"),
    ],
)  # fmt: skip
def test_a_damaged_history_is_refused_with_the_remedy(tmp_path, content, says):
    run = runs.Run(tmp_path, "row", {})
    (run.folder / "history.csv").write_bytes(content)
    with pytest.raises(runs.InputError, match=rf"history\.csv .*{says}.*Delete the folder"):
        run.logged("accuracy")


def test_a_history_of_no_epochs_is_empty(tmp_path):
    run = runs.Run(tmp_path, "row", {})
    assert run.logged("accuracy").empty
    run.write_history([])
    assert run.logged("accuracy").empty


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("label", "kind", 1), "no column label"),
        (lambda text: text.replace("Healthy", "Sick", 1), "no column of the class Healthy"),
        (lambda text: text + "a,b,c,d,e,f,g,h,i,j\n", "Expected 7 fields"),
    ],
)
def test_predictions_of_another_form_are_refused_by_name(tmp_path, change, says):
    run = runs.Run(tmp_path, "row", {})
    run.write_predictions(_frame(), ["Healthy", "AML"], np.full((4, 2), 0.5))
    path = run.folder / "predictions.csv"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(runs.InputError, match=rf"predictions\.csv is damaged \(.*{says}"):
        _ = run.predictions


def test_who_waits_says_so(tmp_path, capsys):
    run, inside = runs.Run(tmp_path, "row", {}), threading.Event()

    def second():
        with runs.Run(tmp_path, "row", {}).alone():
            inside.set()

    thread = threading.Thread(target=second)
    with run.alone():
        thread.start()
        assert not inside.wait(0.5)
    thread.join(10)
    assert inside.is_set()
    assert f"{run.folder.name}: another command is at it" in capsys.readouterr().err


def test_what_was_measured_of_an_earlier_network_goes_when_another_is_trained(tmp_path):
    run = runs.Run(tmp_path, "a", {"seed": 0})
    (run.folder / "explanations").mkdir()
    stale = ["explanations/LIME-0.csv", "explanations.json", "external-0.csv"]
    for name in stale:
        (run.folder / name).write_text("of the earlier one")
    run.note(weights="random")
    run.begin()
    assert {path.name for path in run.folder.iterdir()} == {
        "settings.json", "facts.json", "environment.json",
    }  # fmt: skip


def test_a_training_anew_tells_its_own_machine_and_a_resumed_one_its_first(tmp_path, monkeypatch):
    run = runs.Run(tmp_path, "a", {"seed": 0})
    for hardware, resumed in (("first", False), ("second", False), ("third", True)):
        monkeypatch.setattr(runs, "environment", lambda hardware=hardware: {"hardware": hardware})
        if resumed:
            (run.folder / "checkpoint").mkdir()
        run.begin()
    assert run.environment == {"hardware": "second"}


def test_explanations_in_the_form_of_an_older_version_are_named_with_the_remedy(tmp_path):
    run = runs.Run(tmp_path, "a", {"seed": 0})
    known = {"drawn": {"pictures": 40, "scores": {"Grad-CAM": {"ranks": [0.3, 0.2, 0.4]}}}}
    (run.folder / "explanations.json").write_text(json.dumps(known))
    with pytest.raises(InputError, match=r"explanations\.json.*older version.*Delete it"):
        run.explanations  # noqa: B018


def test_a_network_is_kept_whole_or_not_at_all(tmp_path):
    class Network:
        def __init__(self, text):
            self.text = text

        def save(self, path, include_optimizer=True):
            path.write_text(f"{self.text} {include_optimizer}")
            if not self.text:
                raise OSError("No space left on device")

    run = runs.Run(tmp_path, "row", {})
    run.begin()
    run.keep(Network("first"))
    with pytest.raises(OSError, match="No space"):
        run.keep(Network(""))
    assert (run.folder / "model.keras").read_text() == "first False"
    run.keep(Network("other"), "gan", include_optimizer=True)
    assert (run.folder / "gan.keras").read_text() == "other True"


def test_a_checkpoint_is_dropped_also_where_there_is_none(tmp_path):
    run = runs.Run(tmp_path, "row", {})
    run.begin()
    (run.folder / "checkpoint" / "epoch-0001").mkdir(parents=True)
    for _ in range(2):
        run.drop_checkpoint()
        assert not (run.folder / "checkpoint").exists()
