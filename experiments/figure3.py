"""Figure 3. LeukocyteNet: the effect of each augmentation on one image (section 3-2-3)."""

import argparse
import sys
from pathlib import Path

from leukocytenet.figure3 import figure3
from smears import drawn, images, reports

ROOT = Path(__file__).resolve().parent.parent
SIZE = 384  # what the network sees (stated: 384 x 384)


def main():
    """Draw the figure of a given image, or of a drawn smear."""
    parser = argparse.ArgumentParser(
        description="Make LeukocyteNet's Figure 3: an image in the middle, and around it height "
        "shift, zoom, shear, width shift, horizontal flip and rotation at the paper's values. "
        "Without arguments it takes an invented smear; nothing is trained. Takes seconds.",
        epilog="Example:  --image /data/ALL_IDB1/im/Im001_1.jpg",
    )
    parser.add_argument(
        "--image", type=Path, metavar="PATH", help="a picture of your own. Default: a drawn smear"
    )
    parser.add_argument("--label", default="AML", help="class of the drawn smear. Default: AML")
    parser.add_argument("--seed", type=int, default=0, help="of the drawn smear. Default: 0")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "out", metavar="FOLDER",
        help="the figure goes into its folder figures/. Default: out/ in the checkout",
    )  # fmt: skip
    options = parser.parse_args()
    if options.image:
        try:
            image, what = images.decode(options.image), f"Image: {options.image.name}."
        except (images.BadImage, OSError) as problem:
            print(f"{options.image}: {problem}", file=sys.stderr)
            sys.exit(2)
    else:
        image, _ = drawn.draw(options.label, options.seed, 0, SIZE)
        what = f"Image: a drawn smear ({options.label}), not a photograph."
    figure, lines = figure3(images.resize(image, SIZE))
    folder = options.out.expanduser().resolve() / "figures"
    paths = reports.save_figure(figure, [what, *lines], folder, "leukocytenet_figure3")
    print("\n".join([what, *lines]))
    print("\nWritten: " + ", ".join(str(path) for path in paths))


if __name__ == "__main__":
    main()
