"""What the command line says of bad data: exit code 2, one message, no traceback."""

from types import SimpleNamespace

import pytest

from leukocytenet import recipe, tables
from leukocytenet.recipe import CLASSES
from smears.material import Material
from smears.splits import LeakError
from smears.study import Study, main

TABLE = Study(paper="leukocytenet", table=2, recipe=recipe, make=tables.acquisition)


def _run(out, capsys, *specs, more=()):
    """(exit code, stdout, stderr) of Table 2 on the data."""
    data = [word for spec in specs for word in ("--data", spec)]
    code = 0
    try:
        main(TABLE, argv=["--profile", "quick", "--out", str(out), *data, *more])
    except SystemExit as end:
        code = end.code
    told = capsys.readouterr()
    return code, told.out, "\n".join(
        line for line in told.err.splitlines() if "Reading pictures" not in line
    ).strip()  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("folder:{}/none", "--data folder:{}/none: {}/none not found. Give folder:PATH."),
        ("flder:{}", "--data flder:{}: 'flder' is none of drawn, folder, csv"),
        ("{}", "Give NAME:PATH"),
        ("pbc", "--data pbc: no path given. Give pbc:PATH."),
        ("folder:{}/empty", "no pictures (.png, .jpg"),
        ("csv:{}/wrong.csv", "{}/wrong.csv, line 1: has the columns 'file', 'class'; lacks path"),
        ("folder:{}/tiny", "only 2 independent subjects or source images: a split needs at least"),
        ("folder:{}/lone", "- no test picture of rare: the class needs at least three subjects"),
        ("folder:{}/bad", "1 of 3 pictures cannot be used:\n  {}/bad/a/empty.png: empty file"),
    ],
)
def test_bad_data_ends_in_exit_code_2_and_one_message(
    spec, message, tmp_path, capsys, write_picture, recwarn
):
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong.csv").write_text("file,class\n")
    for seed in range(2):
        write_picture(tmp_path / f"tiny/{'ab'[seed]}/{seed}.png", seed)
        write_picture(tmp_path / f"bad/a/{seed}.png", seed)
    for seed in range(8):
        write_picture(tmp_path / f"lone/many/{seed}.png", seed)
    write_picture(tmp_path / "lone/rare/9.png", 9)
    (tmp_path / "bad/a/empty.png").touch()
    code, _, told = _run(tmp_path / "out", capsys, spec.replace("{}", str(tmp_path)))
    assert code == 2
    assert message.replace("{}", str(tmp_path)) in told
    assert "Traceback" not in told
    assert not recwarn.list


def test_skip_bad_counts_what_it_left_out_and_goes_on(tmp_path, capsys, write_picture):
    for seed in range(12):
        write_picture(tmp_path / f"set/{'ab'[seed % 2]}/{seed}.png", seed)
    (tmp_path / "set/a/empty.png").touch()
    code, out, _ = _run(tmp_path / "out", capsys, f"folder:{tmp_path / 'set'}", more=["--skip-bad"])
    assert code == 0
    assert "1 pictures left out (--skip-bad)" in out


def test_a_merge_prints_counts_beside_table_2_and_names_missing_classes(
    tmp_path, capsys, write_picture
):
    seeds = iter(range(1000))
    for kind in ("Benign", "Early", "Pre", "Pro"):
        for n in range(6):
            write_picture(tmp_path / f"taleqani/{kind}/WBC-{kind}-{n:03d}.jpg", next(seeds))
    for n in range(8):
        write_picture(tmp_path / f"idb/im/Im{n:03d}_{n % 2}.jpg", next(seeds))
    for disease in ("Lymphoma", "MDS", "CLL", "AML"):
        for n in range(5 + (disease == "AML")):
            write_picture(tmp_path / f"ash/{disease}/{n}.png", next(seeds))
    for n in range(2):
        write_picture(tmp_path / f"more/Healthy/{n}.png", next(seeds))
    code, out, _ = _run(
        tmp_path / "out", capsys, f"taleqani:{tmp_path / 'taleqani'}",
        f"allidb1-healthy:{tmp_path / 'idb'}", f"ash:{tmp_path / 'ash'}",
        f"folder:{tmp_path / 'more'}",
    )  # fmt: skip
    assert code == 0
    cells = {
        row[0]: row[1:]
        for row in ([cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines())
        if row and row[0] in CLASSES
    }
    assert set(cells) == set(CLASSES)
    # Published originals (Table 2), then ours.
    assert (cells["AML"][0], cells["AML"][2]) == ("256", "6")
    assert (cells["ALL-Pro-B"][0], cells["ALL-Pro-B"][2]) == ("804", "6")
    assert (cells["Healthy"][0], cells["Healthy"][2]) == ("1,180†", "6")
    assert cells["CML"][2] == "0"
    assert "lacks: CML." in out


def test_an_external_set_that_shows_the_same_cells_is_refused_before_it_is_read():
    options = SimpleNamespace(data=["allidb1-healthy:a", "cnmc:b"], external="allidb2:c")
    with pytest.raises(LeakError, match=r"cut from ALL-IDB1's fields.*another source"):
        _ = Material(options, recipe).external


def test_an_external_folder_may_name_its_people_as_ours_does_and_it_is_counted(
    tmp_path, two_hospitals
):
    north, south = two_hospitals(CLASSES)

    def external(ours, theirs):
        options = SimpleNamespace(
            data=[ours.format(north)], external=theirs.format(south),
            out=tmp_path / "out", skip_bad=False, profile="quick",
        )  # fmt: skip
        return Material(options, recipe).external

    frame = external("folder:{}", "folder:{}")
    assert (len(frame), frame.attrs["namesakes"]) == (10, 5)
    assert external("folder:{}", "csv:{}/list.csv").attrs["namesakes"] == 0
    material = SimpleNamespace(external=frame, external_name="folder-south")
    line = tables._external_line(
        SimpleNamespace(material=material, classes=CLASSES, own=True),
        SimpleNamespace(value="", note="", section=""),
    )
    assert "; 5 names of people stand in --data, too, and count as different people" in line
    with pytest.raises(LeakError, match=r"shares 5 subjects.*or other names where different"):
        external("csv:{}/list.csv", "csv:{}/list.csv")


def test_external_cells_cut_from_an_image_that_is_trained_on_are_refused(tmp_path, two_hospitals):
    north, south = two_hospitals(CLASSES)
    for place, first in ((north, 0), (south, 9)):
        rows = [line.split(",")[:2] for line in (place / "list.csv").read_text().split()[1:]]
        lines = [f"{path},{label},field {first + n}" for n, (path, label) in enumerate(rows)]
        (place / "list.csv").write_text("\n".join(["path,label,source", *lines]))
    options = SimpleNamespace(
        data=[f"csv:{north}/list.csv"], external=f"csv:{south}/list.csv",
        out=tmp_path / "out", skip_bad=False, profile="quick",
    )  # fmt: skip
    with pytest.raises(LeakError, match=r"shares 1 source images with --data.*other names"):
        _ = Material(options, recipe).external


@pytest.mark.parametrize("more", [[], ["--split", "image"]])
def test_two_sets_that_show_the_same_cells_are_refused_unless_images_are_split(
    more, tmp_path, capsys, write_picture
):
    for n in range(20):
        write_picture(tmp_path / f"one/im/Im{n:03d}_{n % 2}.jpg", n)
        write_picture(tmp_path / f"two/img/Im{n:03d}_{n % 2}.tif", 100 + n)
    specs = [f"allidb1:{tmp_path / 'one'}", f"allidb2:{tmp_path / 'two'}"]
    code, out, told = _run(tmp_path / "out", capsys, *specs, more=more)
    if more:
        assert code == 0
        assert "set of kindred pictures on two sides (1)" in out
    else:
        assert code == 2
        assert "ALL-IDB2's cells are cut from ALL-IDB1's fields" in told
        assert told.endswith("give one of the two")
        assert "Traceback" not in told
