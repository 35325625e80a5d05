"""BloodMNIST: PBC cut and reduced to 28, 64, 128 or 224 px, as one .npz with its own split."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from smears.runs import fill_folder
from smears.sources.listing import SourceError, frame
from smears.sources.pbc import CLASSES

HOW_TO_GET = (
    "Yang et al., MedMNIST v2, CC BY 4.0, https://zenodo.org/records/10519652: give the file "
    "bloodmnist.npz (28 px), bloodmnist_64.npz, bloodmnist_128.npz or bloodmnist_224.npz."
)
# Published with the data set (medmnist's INFO, version 3); the file's name does not count.
MD5 = {
    "7053d0359d879ad8a5505303e11de1dc": 28,
    "2b94928a2ae4916078ca51e05b6b800b": 64,
    "adace1e0ed228fccda1f39692059dd4c": 128,
    "b718ff6835fcbdb22ba9eacccd7b2601": 224,
}
PARTS = {"train": "train", "val": "validation", "test": "test"}


def read(folder, cache):
    """Rows of a BloodMNIST file (`folder` is its path), each picture written once as PNG.

    Its labels 0..7 are PBC's classes in alphabetical order, under PBC's names. Its pictures are
    PBC's, so neither set is an external test of the other.

    Args:
        cache: folder in which `bloodmnist-<md5>/<part>/<number>.png` are kept.

    Raises:
        SourceError: a folder, or a file whose MD5 is none of the published ones.
    """
    if not folder.is_file():
        raise SourceError(f"{folder} is not a file. {HOW_TO_GET}")
    with open(folder, "rb") as file:
        digest = hashlib.file_digest(file, "md5").hexdigest()
    if digest not in MD5:
        raise SourceError(
            f"{folder} has the MD5 {digest}, none of the published ones "
            f"({', '.join(MD5)}): fetch it again. {HOW_TO_GET}"
        )
    home = Path(cache) / f"bloodmnist-{digest[:10]}"
    if not home.exists():
        fill_folder(home, lambda fresh: _write(folder, fresh))
    rows = []
    with np.load(folder, allow_pickle=False) as arrays:
        for name, part in PARTS.items():
            for number, code in enumerate(arrays[f"{name}_labels"].ravel().tolist()):
                rows.append(
                    {"path": home / part / f"{number:05d}.png", "label": CLASSES[code],
                     "source": f"bloodmnist:{part}/{number:05d}", "part": part}
                )  # fmt: skip
    return frame(rows)


def _write(path, fresh):
    """Write all pictures into a folder."""
    for name, part in PARTS.items():
        (fresh / part).mkdir(parents=True)
        for number, picture in enumerate(_stream(path, f"{name}_images")):
            Image.fromarray(picture).save(fresh / part / f"{number:05d}.png", compress_level=1)


def _stream(path, name):
    """Pictures of one array of a .npz, one at a time: the 224 px file is 2.6 GB in memory."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = header(file)
        if fortran or dtype != np.uint8 or len(shape) != 4 or shape[3] != 3:
            raise SourceError(f"{path}: {name} is {dtype} {shape}, not uint8 (n, h, w, 3).")
        size = int(np.prod(shape[1:]))
        for _ in tqdm(range(shape[0]), desc=f"Writing {name}", unit="picture"):
            yield np.frombuffer(file.read(size), np.uint8).reshape(shape[1:])
