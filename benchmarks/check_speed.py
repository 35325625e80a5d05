"""How long does `python -m smears check` take for a thousand pictures?

Goal: at most 10 s for each 1,000 pictures, start-up included, with nothing kept from an earlier
check. Whole fields of five megapixels take longer, for each is decoded to its last byte.

Measured three times on two calm AVX2 cores: 1,704 pictures of PBC 8.2 to 9.6 s (4.8 to 5.6 s for
each 1,000), 890 of C-NMC 6.8 to 7.5 s (7.6 to 8.4): reached. On the same cores under the load of
other work, 4 to 5, it was reached at times for PBC (8.5 and 12.8) and not for C-NMC (14.1).
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from smears import InputError, drawn
from smears.sources import listing

GOAL = 10  # seconds for each 1,000 pictures


def main():
    """Print seconds in all and for each 1,000 pictures; exit code 1 if these are above `GOAL`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of pictures. Default: drawn ones")
    parser.add_argument("--number", type=int, default=300, help="to be drawn. Default: 300")
    parser.add_argument("--size", type=int, default=96, help="of drawn ones. Default: 96 pixels")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.data
        if folder is None:
            if options.number < 20:
                parser.error(f"--number {options.number}: draw 20 or more.")
            folder = _draw(Path(place), options.number, options.size)
        try:
            count = len(listing.pictures(folder.absolute()))
        except InputError as problem:
            parser.error(f"--data {folder}: {problem}")
        began = time.perf_counter()
        command = [sys.executable, "-m", "smears", "check", str(folder), "--out", f"{place}/out"]
        code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
        seconds = time.perf_counter() - began
    each = 1000 * seconds / count
    print(f"{count} pictures, exit code {code}: {seconds:.1f} s, {each:.1f} s for each 1,000")
    print(f"Goal {GOAL} s: {'reached' if each <= GOAL else 'not reached'}")
    sys.exit(int(each > GOAL))


def _draw(place, number, size):
    """The folder of so many drawn pictures, of two classes."""
    rows = drawn.read(
        None, place, classes="all-normal", subjects=number // 10, images=5, size=size
    )  # fmt: skip
    folder = Path(rows["path"].iloc[0]).parents[1]
    shutil.rmtree(folder / "masks")  # class folders alone, as people have them
    return folder


if __name__ == "__main__":
    main()
