"""The command line that every experiment shares, with help that teaches."""

import argparse
import difflib
import os
import shlex
import subprocess
import sys
import tempfile
import textwrap
from functools import partial
from pathlib import Path

from smears import InputError, backend, hosts, published, sources, splits

ROOT = Path(__file__).resolve().parent.parent
PROFILES = ("quick", "laptop", "paper")

# Examples for --help: pictures of many classes, or of the two that some methods tell apart.
MANY = (
    "--data pbc:/data/PBC_dataset_normal_DIB --profile laptop --seeds 3",
    "--data taleqani:/data/Taleqani --data allidb1-healthy:/data/ALL_IDB1",
)
TWO = (
    "--data cnmc:/data/C-NMC_Leukemia --profile laptop --folds 5",
    "--data allidb2:/data/ALL_IDB2 --profile laptop --seeds 3",
)


def stem(options):
    """What the files of a command carry in their names: data, split unless usual, profile."""
    names = [sources.short(spec) for spec in options.data]
    if options.split != "subject":
        names.append(f"by-{options.split}")
    if options.folds:
        names.append(f"{options.folds}-folds")
    return f"{'-'.join(dict.fromkeys(names))}_{options.profile}"


def quoted(text):
    """A word as this system's shell takes it: Windows' passes single quotes on."""
    return subprocess.list2cmdline([text]) if os.name == "nt" else shlex.quote(text)


def parse(studies, argv=None, extra="", *, what="", more=None, examples=()):
    """Read the arguments of a script.

    Args:
        studies: list of smears.study.Study that the script makes.
        argv: list of str; None: the process's own.
        extra: a sentence for --help about what this script alone does.
        what: what it makes, if that is not the studies' own tables.
        more: function that adds arguments of this script alone to an ArgumentParser, or None.
        examples: arguments for --help, if those of the studies' papers do not suit.

    Returns:
        argparse.Namespace with data (list of str), profile, seeds (list of int), split, folds,
        weights (dict row or "" -> Path), skip_bad, devices, jobs, finished, out (absolute Path),
        paper, rows, external, positive.
        Ends the process with exit code 2 and one message on a wrong argument.
    """
    parser = argparse.ArgumentParser(
        description="\n".join(
            [
                textwrap.fill(f"Make {what or _named(studies)}.", 88),
                "",
                textwrap.fill(
                    "Trains what has not been trained yet and shows the published numbers beside "
                    "ours. Without arguments: drawn smears, and the quick profile unless there is "
                    f"a GPU. Finished rows are read from disk, killed ones resumed. {extra}",
                    88,
                ),
            ]
        ),
        epilog="\n  ".join(["Examples:", *(examples or _examples(studies))]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments(parser)
    papers = sorted({study.paper for study in studies})
    parser.add_argument(
        "--paper", choices=papers,
        help="only this paper's table" if len(papers) > 1 else "whose table; only one paper here",
    )  # fmt: skip
    rows = list(dict.fromkeys(label for study in studies for label in study.rows))
    if rows:
        parser.add_argument(
            "--rows", nargs="+", metavar="ROW", type=partial(_row, rows),
            help="train and show only these rows (the others are printed as not run), of: "
            + ", ".join(f'"{label}"' if " " in label else label for label in rows),
        )  # fmt: skip
    if any(hasattr(study.recipe, "positive") for study in studies):
        parser.add_argument(
            "--positive", metavar="CLASS",
            help="which of two classes CoTCoNet's precision, recall and F1 are of: the disease. "
            "Default: the class that is not healthy by its name, else the first",
        )  # fmt: skip
    if any(study.external for study in studies):
        parser.add_argument(
            "--external", metavar="NAME:PATH",
            help="another data set, not trained on, that the trained networks are tested on",
        )  # fmt: skip
    parser.set_defaults(rows=None, external=None, positive=None)
    if more:
        more(parser)
    options = _finish(parser, parser.parse_args(argv))
    _check_weights(parser, options, studies)
    try:
        options.out = place(hosts.own(options.out), [*options.data, options.external or ""])
    except InputError as problem:
        parser.error(str(problem))
    return options


def _named(studies):
    """E.g. "LeukocyteNet, Table 5: five pretrained networks", of up to two studies."""
    if len(studies) > 2:
        return " and ".join(
            f"every table and figure of {published.load(paper).name}"
            for paper in sorted({study.paper for study in studies})
        )
    return "; ".join(study.title for study in studies)


def _examples(studies):
    """Lines of arguments that these studies' command line takes."""
    shown = {study.paper: study for study in studies if study.needs_data}
    several = len({study.paper for study in studies}) > 1
    lines = [
        f"--paper {paper} {line}" if several else line
        for paper, study in shown.items()
        for line in (TWO if study.recipe.refuse(("one", "two", "three")) else MANY)
    ]
    full = [label for study in studies for label, row in study.rows.items() if not row]
    rows = f"--rows {quoted(full[0])} --weights /data/keras_weights " if full else ""
    return [*lines, f"{rows}--out /data/results"]


def _row(rows, text):
    """The row of that name, whatever its capitals, as a type of argparse."""
    known = {label.casefold(): label for label in rows}
    name = text.casefold()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"the nearest is {quoted(known[near[0]])}; " if near else ""
        raise argparse.ArgumentTypeError(f"no row {text!r}: {hint}--help names them all")
    return known[name]


def _add_arguments(parser):
    parser.add_argument(
        "--data", action="append", metavar="NAME[:PATH]",
        help="where pictures come from; repeat it to merge several. Names: "
        + ", ".join(sources.SOURCES) + ". folder takes any folder of class folders, csv a list of "
        "pictures; -healthy takes ALL-IDB's healthy pictures alone, as the paper does, "
        "-immature and -malignant make two classes of PBC's and Taleqani's. Default: drawn "
        "(invented smears, nothing to fetch)",
    )  # fmt: skip
    parser.add_argument(
        "--profile", choices=PROFILES,
        help="quick: minutes on two cores, small pictures and few epochs; laptop: real images "
        "on a CPU within hours; paper: sizes and epochs as published, for a GPU. The method is "
        "the same in all; CoTCoNet's networks start pretrained in paper alone. Default: paper "
        "with a GPU, else quick",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=positive, metavar="N",
        help="trainings a row; intervals then span seeds too. Default: 1, in paper: 3",
    )  # fmt: skip
    parser.add_argument(
        "--split", choices=(*splits.UNITS, "paper"), default="subject",
        help="what must not stand on two sides: subject (where unknown, source image), source "
        "(people stand on two sides, which is counted), or image, which leaks more; paper is each "
        "paper's own protocol, by image, which leaks too. Default: subject",
    )  # fmt: skip
    parser.add_argument(
        "--folds", type=folds, default=0, metavar="N|official",
        help="cross-validate: N trainings a row, each picture tested once; official takes the "
        "folds that the data set names (C-NMC). Default: one split",
    )  # fmt: skip
    parser.add_argument(
        "--weights", action="append", default=[], metavar="FOLDER|NAME=FILE",
        help="pretrained weights for machines without network: a folder with a file a network, or "
        "NAME=FILE (.h5, .weights.h5, .npz) of a row or network; files that lack layers are loaded "
        "by layer name. CoTCoNet's networks are SAM and ViT: FILE may be a preset folder of "
        "keras-hub; in a folder they are looked for in the profile paper alone",
    )  # fmt: skip
    parser.add_argument(
        "--devices", choices=("one", "all"), default="one",
        help="all: train LeukocyteNet and its branches data-parallel on every GPU of this machine, "
        "and of the others that KERAS_DISTRIBUTION_... names (README, GPU); what else there is "
        "trains on one. Default: one",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=positive, default=1, metavar="N",
        help="train so many rows at a time, each in a process of its own: for machines with many "
        "cores, or a GPU that one row leaves idle, and memory for all of them. Default: 1",
    )  # fmt: skip
    parser.add_argument(
        "--finished", action="store_true",
        help="train nothing: show the rows and seeds that are finished, say while a long command "
        "still trains the others",
    )  # fmt: skip
    add_places(parser)


def add_places(parser, reads=True):
    """Add --out, and with `reads` --skip-bad: what every script that reads pictures takes."""
    if reads:
        parser.add_argument(
            "--skip-bad", action="store_true",
            help="leave unreadable and contradictory pictures out and count them, instead of "
            "stopping",
        )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=ROOT / "out", metavar="FOLDER",
        help="where everything that is made goes, in folders of its own (data, runs, tables, "
        "figures). Default: out/ in the checkout",
    )  # fmt: skip


def place(folder, data=(), option="--out"):
    """Make the folder that results go to, before work is done that could not be kept.

    Args:
        folder: pathlib.Path. data: list of "NAME[:PATH]", the pictures that are read.
        option: what it was given with.

    Returns:
        pathlib.Path, absolute.

    Raises:
        InputError: it cannot be made or written, or lies in a folder of `data`.
    """
    folder = _absolute(folder)
    for name, _, path in (spec.partition(":") for spec in data):
        if path and name in sources.SOURCES and folder.is_relative_to(_absolute(path)):
            raise InputError(
                f"{option} {folder} lies in the data folder {path}, where what is written would "
                "be read as pictures: give a folder outside of it."
            )
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{option} {folder}: a file, not a folder")
        folder.mkdir(parents=True, exist_ok=True)
        # Rights alone do not tell: a whole disk may be read-only.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise InputError(
            f"{option} {folder} cannot be written ({problem.strerror}): give another folder."
        ) from problem
    return folder


def _absolute(path):
    """Like Path.resolve, which raises on links in a circle and on homes of nobody."""
    return Path(os.path.realpath(os.path.expanduser(path)))


def positive(text):
    """A whole number from 1 on, as a type of argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 1 on")
    return int(text)


def natural(text):
    """A whole number from 0 on, as a type of argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 0 on")
    return int(text)


def above_zero(text):
    """A number above 0, as a type of argparse."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: give a number above 0")
    return value


def folds(text):
    """A number of folds, or "official", as a type of argparse."""
    if text == "official":
        return text
    if not text.isdecimal() or int(text) < 3:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 3 on, or official")
    return int(text)


def _finish(parser, options):
    """Fill in the defaults that depend on the machine; turn texts into values, and check them."""
    options.data = options.data or ["drawn"]
    if options.folds and options.split == "paper":
        parser.error("--folds: the papers' own protocol is one split; leave one of the two out")
    if options.folds and options.external:
        parser.error(
            "--external: the networks of one split are tested on other data; leave --folds out"
        )
    if options.devices == "all" and hosts.asked():
        if options.jobs > 1:
            parser.error("--jobs: several hosts train one row at a time; leave one of the two out")
        if options.finished:
            parser.error("--finished trains nothing: leave --devices out, on one host")
        try:
            hosts.join()
        except InputError as problem:
            parser.error(str(problem))
    if options.jobs > 1:
        backend.share_gpu()  # before the next line may start the backend
    if options.profile is None:
        options.profile = "paper" if _gpu() else "quick"
    options.seeds = list(range(options.seeds or (3 if options.profile == "paper" else 1)))
    given = {}
    for text in options.weights:
        named = "=" in text and not os.path.exists(text)
        row, _, file = text.partition("=") if named else ("", "", text)
        path = Path(os.path.realpath(os.path.expanduser(file)))
        if not os.path.exists(path):
            parser.error(f"--weights {text}: {path} does not exist")
        given[row] = path
    options.weights = given
    return options


def _check_weights(parser, options, studies):
    """Refuse weights for a network that no row has: they would be passed over in silence."""
    rows = [
        (study, study.recipe.settings(options.profile, **row))
        for study in studies for row in study.rows.values()
    ]  # fmt: skip
    known = {row["model"] for _, row in rows if row["trunk"]}
    known |= {name for study, row in rows for name in study.recipe.networks(row)}
    for name in set(options.weights) - {"", *known}:
        there = ", ".join(sorted(known))
        parser.error(f"--weights {name}=...: no network of this name; there are {there}")


def _gpu():
    """Whether there is a GPU; asks the backend only where the machine may have one."""
    if not backend.nvidia():
        return False
    if not backend.has_gpu():
        print(
            f"There is an NVIDIA GPU, but {backend.load()} does not see it, so the CPU is taken: "
            "README, GPU, says what to install.",
            file=sys.stderr,
        )
        return False
    return True
