"""The trained pipeline on new pictures, from the command line."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cotconet import pipeline, rivals
from cotconet import predict as command
from smears import drawing
from smears.explain import lime
from smears.runs import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of CoTCoNet in its smallest sizes."""
    place = tmp_path_factory.mktemp("runs")
    pictures = [drawing.draw("ALL-Pro-B", n, n, 64)[0] for n in range(10)]
    pictures += [drawing.draw("Healthy", 50 + n, n, 64)[0] for n in range(10)]
    model = pipeline.CoTCoNet(
        size=32, segment="otsu-watershed", synthesise=None, graph=False, select=False,
        extractor={"patch_size": 8, "depth": 1, "num_heads": 3, "epochs": 1, "batch_size": 8},
        hdlc={"epochs": 1, "batch_size": 8}, positive="ALL", cache=place / "cache",
    )  # fmt: skip
    labels = np.array(["ALL"] * 10 + ["normal"] * 10)
    model.fit(pictures, labels, None, (pictures[::2], labels[::2]))
    run = Run(place, "CoTCoNet", {"model": "CoTCoNet", "seed": 0, "size": 32, "split": "s"})
    model.save(run.folder / "model")
    run.note(**{**model.facts_, "weights": "random", "classes": ["normal", "ALL"]})
    frame = pd.DataFrame(
        {"path": [f"/d/{n}.png" for n in range(20)], "subject": "", "label": labels,
         "source": [str(n) for n in range(20)], "part": ["validation", "test"] * 10}
    )  # fmt: skip
    run.write_predictions(frame, ["normal", "ALL"], model.predict_proba(pictures)[:, ::-1])
    return run


@pytest.mark.slow
def test_answers_are_the_pipeline_s_in_the_run_s_order_of_classes(run, tmp_path, monkeypatch):
    for name in ("samples", "most"):  # each goes through every stage of the pipeline
        monkeypatch.setitem(lime.explain.__kwdefaults__, name, 16)
    pictures = [drawing.draw("Healthy", 90, 0, 50)[0]]
    for n, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{n}.png")
    arguments = [*map(str, sorted(tmp_path.glob("*.png"))), "--model", str(run.folder)]
    assert command.main([*arguments, "--out", str(tmp_path / "o"), "--explain", "lime"]) == 0
    table = pd.read_csv(tmp_path / "o" / "predictions.csv")
    model = pipeline.CoTCoNet.load(run.folder / "model")
    expected = model.predict_proba(pictures)[:, ::-1]
    np.testing.assert_allclose(table[["own normal", "own ALL"]], expected, atol=1e-5)
    assert len(list((tmp_path / "o" / "overlays").glob("*_lime.png"))) == 1


@pytest.mark.slow
def test_a_compared_method_answers_too(tmp_path):
    pictures = [drawing.draw(label, n, n, 64)[0] for n in range(4) for label in ("AML", "Healthy")]
    labels = np.array(["AML", "Healthy"] * 4)
    model = rivals.method("jawahar")(size=64, epochs=1, batch_size=4, positive="AML")
    model.fit(pictures, labels, validation=(pictures, labels))
    run = Run(
        tmp_path, "Jawahar", {"model": "Jawahar et al.", "method": "jawahar", "seed": 0, "size": 64}
    )
    model.save(run.folder / "model")
    run.note(classes=["Healthy", "AML"])
    frame = pd.DataFrame(
        {"path": [f"/d/{n}.png" for n in range(8)], "subject": "", "label": labels,
         "source": [str(n) for n in range(8)], "part": ["validation", "test"] * 4}
    )  # fmt: skip
    own = model.predict_proba(pictures)[:, ::-1]
    run.write_predictions(frame, ["Healthy", "AML"], own)
    Image.fromarray(pictures[0]).save(tmp_path / "a.png")
    arguments = [str(tmp_path / "a.png"), "--model", str(run.folder), "--out", str(tmp_path / "o")]
    assert command.main(arguments) == 0
    table = pd.read_csv(tmp_path / "o" / "predictions.csv")
    np.testing.assert_allclose(table[["own Healthy", "own AML"]], own[:1], atol=1e-5)


def test_a_run_of_another_paper_is_refused(tmp_path, capsys):
    run = Run(tmp_path, "x", {"model": "LeukocyteNet", "seed": 0, "size": 32})
    with pytest.raises(SystemExit) as end:
        command.main(["--model", str(run.folder), "a.png", "--out", str(tmp_path / "o")])
    assert end.value.code == 2
    assert "no finished run of CoTCoNet's tables with its networks" in capsys.readouterr().err


def test_one_network_s_file_is_refused_for_the_folder(tmp_path, capsys):
    run = Run(tmp_path, "x", {"model": "CoTCoNet", "seed": 0, "size": 32})
    (run.folder / "one.keras").touch()
    with pytest.raises(SystemExit) as end:
        command.main(["--model", f"{run.folder}/one.keras", "a.png", "--out", str(tmp_path / "o")])
    assert end.value.code == 2
    assert f"or the run's folder, {run.folder}" in capsys.readouterr().err
