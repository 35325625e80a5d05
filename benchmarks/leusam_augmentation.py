"""Would augmentation and the best epoch make LeuSAM better in so short a training as CoTCoNet's?

The table of segmentation trains it for 40 epochs with augmentation and keeps the epoch that is best
on validation; CoTCoNet's laptop profile has 15 epochs, no augmentation and the last one
(DEVIATIONS, C9). Here it is trained for 15 on at most 300 enhanced pictures: as the pipeline does,
with augmentation, and with both; Dice of the cell on at most 300 test pictures of other subjects.

Measured on two Xeon cores, one seed, box from the colour threshold (as it is, with augmentation,
with both): C-NMC 2019 (890 cells on black) 0.984, 0.981 and 0.982; Zheng et al. (239 pictures)
0.950, 0.942 and 0.942. Neither helps at this length.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from cotconet import preparation, recipe, segmentation_table
from cotconet.segmentation import dice
from smears import backend
from smears.runs import Run

MOST = 300


def cells(comparison, part):
    """(enhanced pictures, masks) of at most so many rows of a part, drawn once."""
    found = comparison.cells(part)
    rows = np.random.default_rng(0).permutation(len(found.masks))[:MOST]
    steps = recipe.METHOD["enhance"]
    return (
        [preparation.enhance(found.images[row], steps) for row in rows],
        [found.masks[row] for row in rows],
    )


def main():
    """Train the three and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="drawn", metavar="NAME[:PATH]", help="Default: drawn")
    parser.add_argument("--seed", type=int, default=0, help="Default: 0")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        comparison = segmentation_table.Comparison(
            argparse.Namespace(
                data=[options.data], profile="laptop", methods=[], seeds=[options.seed],
                weights=None, skip_bad=False, out=Path(folder),
            )
        )  # fmt: skip
        backend.start()
        from cotconet.leusam import LeuSAM

        train, held, test = (cells(comparison, part) for part in ("train", "validation", "test"))
        print(f"{options.data}: {len(train[0])} pictures for training, {len(test[0])} for the test")
        augmented = {"augmenter": segmentation_table.AUGMENTER}
        ways = {
            "as in the pipeline": {},
            "with augmentation": augmented,
            "with augmentation and the best epoch": {**augmented, "validation": held},
        }
        for name, settings in ways.items():
            model = LeuSAM(size="small", weights=None, seed=options.seed)
            epochs = recipe.PROFILES["laptop"].leusam["epochs"]
            model.fit(*train, Run(Path(folder), name, {}), epochs=epochs, title=name, **settings)
            scores = [dice(*pair) for pair in zip(model.masks(test[0]), test[1], strict=True)]
            print(f"{name:<38}Dice {np.mean(scores):.4f}, least {min(scores):.3f}", flush=True)


if __name__ == "__main__":
    main()
