"""Segmentation of leukocytes: LeuSAM, U-Net, UNet++ and a threshold, on held-out images."""

import argparse
from pathlib import Path

from cotconet.segmentation_table import METHODS, PROFILES, Comparison
from smears import commandline, reports, sources
from smears.ending import exits


def main():
    """Train what has no scores yet; write the table and a sheet of each method's worst images."""
    parser = argparse.ArgumentParser(
        description="Train LeuSAM, U-Net and UNet++ on cells with masks and score them on held-out "
        "images, beside Otsu's thresholds with watershed. Without arguments: drawn smears, quick. "
        "The paper has no such table. Finished seeds are read from disk, killed ones resumed.",
        epilog="Example:  --data zheng:/data/segmentation_WBC --profile laptop --seeds 3",
    )
    parser.add_argument(
        "--data", action="append", metavar="NAME[:PATH]",
        help="cells with masks (zheng, drawn) or cut out on black (cnmc); repeat it to merge "
        "several. All names: " + ", ".join(sources.SOURCES) + ". Default: drawn",
    )  # fmt: skip
    parser.add_argument(
        "--profile", choices=list(PROFILES), default="quick",
        help="quick: tiny networks from scratch, minutes; laptop: small ones from scratch; paper: "
        "ViT-B with SA-1B's weights, its mask decoder trained, and the others at full width. "
        "Default: quick",
    )  # fmt: skip
    parser.add_argument(
        "--methods", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="METHOD",
        help="only these, of: " + ", ".join(METHODS),
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=commandline.positive, default=1, help="trainings. Default: 1"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FOLDER",
        help="keras-hub preset folder of SAM, for machines without network",
    )  # fmt: skip
    commandline.add_places(parser)
    options = parser.parse_args()
    options.data = options.data or ["drawn"]
    options.seeds = list(range(options.seeds))
    if options.weights and not options.weights.is_dir():
        parser.error(f"--weights {options.weights}: no folder")
    with exits():
        options.out = commandline.place(options.out, options.data)
        comparison = Comparison(options)
        print(comparison.audit.line)
        runs = comparison.train()
        table, lines = comparison.table(runs)
        stem = f"segmentation_{'-'.join(map(sources.short, options.data))}_{options.profile}"
        title = "CoTCoNet: masks of leukocytes on held-out images (not in the paper)"
        paths = reports.write(table, title, lines, options.out / "tables", stem)
        for method, (run, *_) in runs.items():
            sheet = options.out / "figures" / f"{stem}_{method.lower()}.jpg"
            if any(run.folder.glob("*.weights.h5")):
                paths.append(comparison.sheet(run, sheet))
            else:
                print(f"{method}: no sheet, for {run.folder.name} holds scores alone.")
        reports.show(table, title, lines, paths)


if __name__ == "__main__":
    main()
