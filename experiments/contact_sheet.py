"""Look before you train: some pictures of every class on one sheet, drawn or your own."""

import argparse

import numpy as np

from smears import commandline, images, reports, sources
from smears.catalogue import unit_of
from smears.ending import exits

SIDE = 160  # pixels of a picture on the sheet


def main():
    """Read the data, choose pictures of each class by seed, write the sheet."""
    parser = argparse.ArgumentParser(
        description="Write a sheet of pictures, a row a class, each of another subject or source "
        "image where there are enough. Without arguments: drawn smears. Nothing is trained.",
        epilog="Example:  --data pbc:/data/PBC_dataset_normal_DIB --columns 8",
    )
    parser.add_argument(
        "--data", action="append", metavar="NAME[:PATH]",
        help="where pictures come from; repeat it to merge several. Names: "
        + ", ".join(sources.SOURCES) + ". Default: drawn",
    )  # fmt: skip
    parser.add_argument(
        "--columns", type=commandline.positive, default=6, help="pictures a class. Default: 6"
    )
    parser.add_argument(
        "--seed", type=commandline.natural, default=0, help="of the choice. Default: 0"
    )
    commandline.add_places(parser)
    options = parser.parse_args()
    with exits():
        print(f"Written: {_write(options)}")


def _write(options):
    """Write the sheet; its path."""
    specs = options.data or ["drawn"]
    out = commandline.place(options.out, specs)
    drawn = {"subjects": options.columns, "images": 1, "size": 2 * SIDE, "seed": options.seed}
    frame = sources.load(specs, out / "data", skip_bad=options.skip_bad, drawn=drawn)
    pictures, titles = [], []
    for label, own in frame.groupby("label", sort=True):
        chosen = own.iloc[_different(own, options.columns, options.seed)]
        for path in chosen["path"]:
            pictures.append(images.resize(images.decode(path), SIDE))
            titles.append(label)
        missing = options.columns - len(chosen)
        pictures += [np.full((SIDE, SIDE, 3), 255, np.uint8)] * missing
        titles += [""] * missing
    names = "-".join(dict.fromkeys(sources.short(spec) for spec in specs))
    path = out / "figures" / f"contact_sheet_{names}.jpg"
    heading = f"{names}: {len(frame)} images" if specs != ["drawn"] else "Drawn smears"
    reports.contact_sheet(pictures, titles, path, columns=options.columns, heading=heading)
    return path


def _different(own, count, seed):
    """Positions of `count` pictures of one class, of as many subjects or sources as there are."""
    shuffled = np.random.default_rng(seed).permutation(len(own))
    unit = unit_of(own).to_numpy()
    seen, first, rest = set(), [], []
    for position in shuffled:
        (rest if unit[position] in seen else first).append(position)
        seen.add(unit[position])
    return [*first, *rest][:count]


if __name__ == "__main__":
    main()
