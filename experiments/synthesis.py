"""LeuGAN alone: train it on the smaller class, and say how real its pictures are."""

import argparse

from cotconet import recipe
from smears import InputError, backend, commandline, reports, sources
from smears.ending import exits
from smears.material import Material
from smears.runs import Run, hardware


def main():
    """Train or go on, synthesise, write grid, figure and table."""
    options = _options()
    with exits():
        options.out = commandline.place(options.out, options.data)
        backend.start()
        material = Material(options, recipe)
        for note in material.catalogue.attrs.get("notes", []):
            print(note)
        count = len(material.splits)
        if options.fold > count:
            raise InputError(f"--fold {options.fold}: give a number from 1 to {count}.")
        print(material.splits[options.fold - 1][1].line)
        table, lines, paths = _report(material, options)
        print(f"\n{reports.markdown(table)}\n\n" + "\n".join(f"- {line}" for line in lines))
        print("\nWritten: " + ", ".join(str(path) for path in paths))


def _options():
    parser = argparse.ArgumentParser(
        description="Train LeuGAN on the class with fewer pictures in the training part, "
        "synthesise, and report how real the pictures are: told apart by a classifier, kernel "
        "distance, variety, copies of training pictures. Without arguments: drawn smears, quick. "
        "A finished network is read from disk, a killed training resumed.",
        epilog="Example:  --data cnmc:/data/C-NMC_Leukemia --folds 5 --fold 2 --profile laptop",
    )
    parser.add_argument(
        "--data", action="append", metavar="NAME[:PATH]",
        help="two classes; repeat it to merge several. Names: " + ", ".join(sources.SOURCES)
        + ". Default: drawn",
    )  # fmt: skip
    parser.add_argument(
        "--profile",
        choices=commandline.PROFILES,
        default="quick",
        help="sizes and epochs of LeuGAN as in CoTCoNet's tables. Default: quick",
    )
    parser.add_argument(
        "--split",
        choices=("subject", "source", "image"),
        default="subject",
        help="what must not stand on two sides. Default: subject",
    )
    parser.add_argument(
        "--folds", type=commandline.folds, default=0, metavar="N|official",
        help="take a fold of so many. Default: none",
    )  # fmt: skip
    parser.add_argument(
        "--fold", type=commandline.positive, default=1, help="which, from 1 on. Default: 1"
    )
    parser.add_argument(
        "--epochs", type=commandline.positive, help="another number than the profile's"
    )
    parser.add_argument(
        "--discriminator", choices=("batch-norm", "dropout"), default="batch-norm",
        help="what steadies it (DEVIATIONS.md, C11). Default: batch-norm",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=commandline.natural, default=0, help="of the training. Default: 0"
    )
    commandline.add_places(parser)
    options = parser.parse_args()
    options.data = options.data or ["drawn"]
    return options


def _stem(options):
    """What the files are named: all that was asked for and is not usual."""
    parts = ["synthesis", commandline.stem(options)]
    if options.folds:
        parts.append(f"fold-{options.fold}")
    if options.epochs:
        parts.append(f"{options.epochs}-epochs")
    if options.discriminator != "batch-norm":
        parts.append(options.discriminator)
    if options.seed:
        parts.append(f"seed-{options.seed}")
    return "_".join(parts)


def _fold(material, options):
    """Which fold, for a caption; "" of a single split."""
    return f", fold {options.fold} of {len(material.splits)}" if options.folds else ""


def _report(material, options):
    """(table, caption lines, written paths)."""
    from cotconet import realism, synthesis
    from smears import images

    settings = dict(recipe.PROFILES[options.profile].leugan)
    if options.epochs:
        settings["epochs"] = options.epochs
    settings["batch_norm"] = options.discriminator == "batch-norm"
    parts, _, split = material.splits[options.fold - 1]
    frame, classes = material.catalogue, material.classes
    if recipe.refuse(classes):
        raise InputError(recipe.refuse(classes))
    codes = frame["label"].map(classes.index).to_numpy()
    training = (parts == "train").to_numpy()
    label, count = synthesis.to_parity(codes[training])
    if label is None:
        raise InputError("Both classes have as many training pictures: nothing is to be added.")
    own = codes == label
    sides = {"train": own & training, "held-out": own & ~training}
    realism.enough({name: side.sum() for name, side in sides.items()})  # before hours of training
    cells = _cells(frame, training, split, settings["size"], options.out / "cache")
    train, held_out = cells[sides["train"]], cells[sides["held-out"]]
    everything = {
        **settings, "seed": options.seed, "data": material.fingerprint, "split": split,
        "class": classes[label], "cell_scale": "common",
        "versions": {stage: recipe.VERSIONS[stage] for stage in ("prepare", "synthesise")},
    }  # fmt: skip
    run = Run(options.out / "runs", f"leugan {classes[label]} seed {options.seed}", everything)
    gan = synthesis.train(train, run, seed=options.seed, **settings)
    made = synthesis.synthesise(gan, max(count, len(held_out), 64), options.seed)
    found = realism.report(train, held_out, made, seed=options.seed)
    table, lines = realism.table(found)
    lines = [
        f"LeuGAN on {classes[label]} of {material.name}: {settings['size']} px, width "
        f"{settings['width']}, {options.discriminator}, {settings['epochs']} epochs, seed "
        f"{options.seed}{_fold(material, options)}; {options.profile} profile; trained on "
        f"{run.hardware or hardware()}.",
        f"Training pictures of {_people(frame[sides['train']])}, held-out ones of "
        f"{_people(frame[sides['held-out']])}; {count} synthetic pictures would bring the class "
        "to parity.",
        *lines,
    ]
    stem = _stem(options)
    grid = options.out / "figures" / f"{stem}_samples.png"
    images.save(images.tile(made[:64]), grid)
    drawn = realism.figure(train, held_out, made, found["memorised"]["nearest"])
    title = "CoTCoNet: how real LeuGAN's pictures are (not in the paper)"
    paths = [
        *reports.write(table, title, lines, options.out / "tables", stem),
        *reports.save_figure(drawn, lines, options.out / "figures", stem),
        grid,
    ]
    return table, lines, paths


def _people(frame):
    """How many people the pictures are of, for a caption."""
    known = set(frame["subject"]) - {""}
    if not known:
        return "unknown subjects"
    named = f"{len(known)} subject" + "s" * (len(known) > 1)
    unknown = (frame["subject"] == "").sum()
    return f"{named} and {unknown} of unknown ones" if unknown else named


def _cells(frame, training, split, size, cache):
    """uint8 (n, size, size, 3): every picture enhanced, its cell cut out on black, at one scale.

    The scale is measured on the rows of `training` (bool (n,)) alone; `split` names these.
    """
    import numpy as np

    from cotconet.fitting import FIELDS
    from cotconet.preparation import Files, common_side, prepare
    from smears import catalogue

    files = Files(frame)
    cells = "all" if FIELDS & set(frame["data"]) else "main"
    name = (
        f"cells-{catalogue.fingerprint(frame)}-{split}-{size}-{cells}-"
        f"v{recipe.VERSIONS['prepare']}.npy"
    )
    path = cache / name
    if not path.exists():
        known = {"steps": ["clahe", "sharpen"], "segmenter": "otsu-watershed", "cells": cells}
        side = common_side(files.take(np.flatnonzero(training)), **known)
        prepare(files, path, size, **known, side=side)
    return np.load(path)


if __name__ == "__main__":
    main()
