"""The only decoder of pictures, for training and serving: a file or its bytes to RGB."""

import io
import os
import re
import stat
import warnings
from contextlib import contextmanager
from operator import index
from pathlib import Path

import cv2
import numpy as np
from PIL import (
    ExifTags,
    Image,
    ImageOps,
    TiffImagePlugin,
    TiffTags,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from smears import InputError

# Whole fields of view of the known sets have 5 million pixels; a 24 kB file can claim 200 million.
MAX_PIXELS = 100_000_000

# The largest picture has 600 MB unpacked, with 16 bits a channel.
MAX_BYTES = 1_000_000_000

# A TIFF of one pixel's width can have a strip for each of its millions of rows.
MAX_SIDE = 50_000

# Bytes of the numbers that say where a TIFF's strips or tiles lie.
PLACES = {TiffTags.SHORT: 2, TiffTags.LONG: 4, TiffTags.LONG8: 8}

# Pillow opens more, among them EPS, for which it starts a program. Named ones it does not look
# for by itself: the two whose modules are imported above.
FORMATS = (
    "PNG", "JPEG", "BMP", "GIF", TiffImagePlugin.TiffImageFile.format,
    WebPImagePlugin.WebPImageFile.format,
)  # fmt: skip

# A progressive JPEG has some ten scans, each of which costs a pass over all its pixels.
MAX_SCANS = 50
MAX_MARKERS = 10_000  # ordinary ones have ten, with large metadata some hundred

# A JPEG's marker that has a length behind it, or the end of the picture (D9). In a scan, FF is
# followed by 00 or by D0 to D7; FF before a marker fills up.
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
SCAN, END = 0xDA, 0xD9

# Pillow joins the Exif segments of a JPEG one by one, so that thousands take minutes. Pictures have
# one, and one in each further frame; more where it is longer than 64 kB.
MAX_EXIF = 64
EXIF = b"Exif\0\0"

# What 12-bit cameras write into 16 bits comes out at 0 to 16.
DARKEST = 16
DARK = "nearly black: if its values have 12 bits, rescale them to 16"

# Pixels converted at once, so that large pictures need no further copy of themselves.
BAND = 4_000_000

FLOAT = "float pixels, whose range no one tells: save it with 8 bits a channel"

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")


class BadImage(InputError):
    """A file that cannot be used as a picture; the text is the reason."""


def decode(source, most=MAX_PIXELS):
    """Decode a whole image, verified to its last byte.

    Args:
        source: path of an image file, or its bytes.
        most: pixels it may have, at most `MAX_PIXELS`.

    Returns:
        uint8 array (height, width, 3), RGB. EXIF orientation is applied; grey, palette and CMYK
        are converted; transparent pixels become white; 16-bit grey is divided by 257, of 16-bit
        colour the high byte is kept. Of a phone's JPEG with more frames (MPO) the first is taken.

    Raises:
        BadImage: not an image of `FORMATS`, truncated, more than one frame, over `most` pixels,
            `MAX_SIDE` or `MAX_BYTES`, more strips or tiles than its pixels need, more than
            `MAX_SCANS` scans or `MAX_EXIF` Exif segments, pixels that are no integers of up to 16
            bits, or a path of something that is no file, as a pipe.
        OSError: the file cannot be read (missing, permissions).
    """
    return describe(source, most)[0]


def describe(source, most=MAX_PIXELS):
    """Like `decode`, but returns (array, note): what had to be converted, "" if nothing."""
    with _opened(source, most) as image:
        # Asked first, for to count the frames of a large GIF takes seconds.
        several = getattr(image, "is_animated", False)
        # Phones put a preview or a map of brightness behind a JPEG, which no viewer shows.
        if several and image.format != "MPO":
            raise BadImage("more than one frame: save the one that counts")
        # Asked before loading, in which Pillow turns TIFF by itself.
        turned = image.getexif().get(ExifTags.Base.Orientation) in range(2, 9)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        rgb, note = _to_rgb(image)
        notes = ["first of several frames taken"] * several
        notes += ["EXIF rotation applied"] * turned + [note] * bool(note)
        return rgb, "; ".join(notes + [DARK] * bool(rgb.max() <= DARKEST))


def size(source, most=MAX_PIXELS):
    """(width, height) of a picture, whose pixels are not decoded; raises as `decode`."""
    with _opened(source, most) as image:
        return image.size


@contextmanager
def _opened(source, most):
    """A Pillow image whose pixels are not read yet, within the limits of `decode`."""
    content = source if isinstance(source, bytes) else read(source)
    if not content:
        raise BadImage("empty file")
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata, and of bombs from 89 million pixels on; our own limit
            # below decides.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            if content[:2] in (b"II", b"MM"):
                _check_tiff(content, most)
            if content[:2] == b"\xff\xd8" and content.count(EXIF) > MAX_EXIF:
                raise BadImage(f"more than {MAX_EXIF} Exif segments: save it as an ordinary JPEG")
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _check_size(*image.size, most)
                if image.format in ("JPEG", "MPO") and _many_scans(content):
                    raise BadImage(f"more than {MAX_SCANS} scans: save it as an ordinary JPEG")
                yield image
    except BadImage:
        raise
    except Image.DecompressionBombError as problem:
        raise BadImage(f"more than {most:,} pixels") from problem
    except UnidentifiedImageError as problem:
        raise BadImage(_unknown(content)) from problem
    except Exception as problem:
        # Damaged headers make Pillow raise anything: TypeError, struct.error, KeyError, ...
        raise BadImage(f"not a whole image ({str(problem) or type(problem).__name__})") from problem


def _check_size(width, height, most):
    if width * height > most:
        raise BadImage(f"{width} x {height} pixels, more than {most:,}: cut it into fields")
    if max(width, height) > MAX_SIDE:
        raise BadImage(f"{width} x {height} pixels: a side of more than {MAX_SIDE:,}")


def _check_tiff(content, most):
    """Raise BadImage for a TIFF that is too large, or has strips or tiles beyond its pixels.

    Pillow keeps 250 bytes of each while it opens the file, before its size can be asked for.
    """
    size = TiffImagePlugin.IMAGEWIDTH, TiffImagePlugin.IMAGELENGTH
    try:
        tags = _directory(content)
        width, height = (index(tags[tag]) for tag in size)
        apart = tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
    except Exception:
        return  # Pillow stumbles over the same, and it is told why.
    _check_size(width, height, most)
    # A strip has at least a row, a tile 16 x 16 pixels, of one channel where these lie apart.
    channels = TiffImagePlugin.MAX_SAMPLESPERPIXEL if apart else 1
    for tag, needed in (
        (TiffImagePlugin.STRIPOFFSETS, height),
        (TiffImagePlugin.TILEOFFSETS, -(-width // 16) * -(-height // 16)),
    ):
        # As bytes: asked for in public, each becomes a number, which takes 36 of them.
        places = tags._tagdata.get(tag, b"")
        count = len(places) // PLACES.get(tags.tagtype.get(tag), 1)
        if count > needed * channels:
            raise BadImage(
                f"{count:,} strips or tiles in {width} x {height} pixels: save it as PNG"
            )


def _directory(content):
    """The first directory in a TIFF's bytes as Pillow reads it; damaged ones raise anything."""
    file = io.BytesIO(content)
    tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(16 if content[2] == 43 else 8))
    file.seek(tags.next)
    tags.load(file)
    return tags


def _many_scans(content):
    """Whether the first picture in a JPEG's bytes has more than `MAX_SCANS` scans.

    Others may follow it, or a phone's video, and a preview may stand in its EXIF. One with more
    than `MAX_MARKERS` markers, which would take seconds to count, is taken to have them.
    """
    if content.count(bytes([0xFF, SCAN])) <= MAX_SCANS:
        return False
    count, place = 0, 2
    for _ in range(MAX_MARKERS):
        found = MARKER.search(content, place)
        if not found or content[found.end() - 1] == END:
            return False
        place = found.end()
        count += content[place - 1] == SCAN
        if count > MAX_SCANS:
            return True
        place += int.from_bytes(content[place : place + 2])
    return True


def read(path):
    """A picture file's bytes.

    Raises:
        BadImage: no file, as a folder or a pipe, at which reading might never end; or more than
            `MAX_BYTES`.
        OSError: it cannot be read (missing, permissions).
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise BadImage("not a file but a folder, a pipe or a device: remove it")
    if status.st_size > MAX_BYTES:
        raise BadImage(f"too large, {status.st_size:,} bytes: cut it into fields")
    with open(path, "rb") as file:
        return file.read()


def read_mask(source):
    """Decode a mask of white cells.

    Args:
        source: path of a mask's file, or its bytes; grey levels, or colours that are grey but for
            a pixel in a hundred.

    Returns:
        uint8 array (height, width): 0 background, 128 cytoplasm, 255 nucleus; a mask of two
        values has no 128. Other levels, which drawing programs leave here and there, become the
        nearest of these.

    Raises:
        BadImage: as `decode`; colours, as in a picture given for its own mask; or no level above 63
            in a mask that is not empty, so that it must be numbered otherwise.
        OSError: as `decode`.
    """
    colours = decode(source)
    # JPEG leaves a tint of some levels at edges.
    if (np.ptp(colours, -1) > 32).mean() > 0.01:
        raise BadImage("it has colours: a mask has grey levels, 0 background, 255 nucleus")
    levels = colours[..., 0]
    if 0 < levels.max() < 64:
        raise BadImage(
            f"levels up to {levels.max()}: a mask has 0 background, 128 cytoplasm, 255 nucleus"
        )
    return np.array([0, 128, 255], np.uint8)[np.digitize(levels, [64, 192])]


def _unknown(content):
    """Why Pillow opens no picture of these bytes, which it does not say: a TIFF of odd pixels?"""
    try:
        with warnings.catch_warnings(action="ignore"):
            tags = _directory(content)
            bits = tags[TiffImagePlugin.BITSPERSAMPLE]
            if 3 in tags.get(TiffImagePlugin.SAMPLEFORMAT, ()):
                return FLOAT
        return f"TIFF with {len(bits)} channels of {max(bits)} bits: save it as RGB of 8 bits"
    except Exception:
        return "not an image"


def _to_rgb(image):
    """(uint8 RGB array, note) of a loaded Pillow image."""
    mode = image.mode
    if mode == "F":
        raise BadImage(FLOAT)
    note = "" if mode == "RGB" else f"{mode} converted to RGB"
    convert = _colours
    if mode.startswith("I"):
        convert, note = _from_16_bits, "16-bit grey converted"
    elif mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        convert, note = _on_white, "transparency laid on white"
    width, height = image.size
    rgb = np.empty((height, width, 3), np.uint8)
    rows = max(1, BAND // width)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        rgb[top : top + rows] = convert(band)
    return rgb, note


def _colours(image):
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _on_white(image):
    whole = image.convert("RGBA")
    return _colours(Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole))


def _from_16_bits(image):
    """uint8 (height, width, 1) of grey values; Pillow's own conversion clips them at 255."""
    values = np.asarray(image).astype(np.int32)
    if values.max() > 65535 or values.min() < 0:
        raise BadImage("pixel values outside 0..65535: save it with 8 or 16 bits a channel")
    # Rounded to the nearest: 257 is odd, so that nothing lies half-way.
    return ((values + 128) // 257)[..., None]


def check(number, picture):
    """Raise InputError unless this is a picture, uint8 (h, w, 3); `number` names it."""
    shape, kind = np.shape(picture), getattr(picture, "dtype", type(picture).__name__)
    if kind != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise InputError(
            f"picture {number} is {kind} of shape {shape}: give uint8 RGB, (height, width, 3), "
            "from 0 to 255; a single picture, too, stands in a list"
        )


def resize(image, size):
    """Resize to a square without keeping the proportions, as Keras's directory readers do (D17).

    Args:
        image: uint8 (height, width, 3). size: side in pixels.

    Returns:
        uint8 (size, size, 3): area means where it shrinks, cubic where it grows.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    way = cv2.INTER_AREA if min(height, width) >= size else cv2.INTER_CUBIC
    return cv2.resize(image, (size, size), interpolation=way)


def reduced(image, longest):
    """Reduce so far that the longer side has at most so many pixels; proportions are kept.

    Args:
        image: uint8 (height, width, 3). longest: pixels.

    Returns:
        uint8 (h, w, 3), area means; the picture itself where it is small enough.
    """
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def tile(pictures, columns=8, gap=2):
    """Equal-sized pictures on one white sheet, row by row.

    Args:
        pictures: uint8 (n, h, w, 3), n >= 1. columns: pictures a row. gap: pixels between two.

    Returns:
        uint8 (rows * (h + gap) - gap, columns * (w + gap) - gap, 3).
    """
    n, height, width = np.shape(pictures)[:3]
    rows = -(-n // columns)
    sheet = np.full((rows, height + gap, columns, width + gap, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        sheet[place // columns, :height, place % columns, :width] = picture
    sheet = sheet.reshape(rows * (height + gap), columns * (width + gap), 3)
    return sheet[: -gap or None, : -gap or None]


def save(image, path):
    """Write uint8 (height, width, 3) RGB to a file of its ending's format, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.stem}.partial{path.suffix}")
    Image.fromarray(image).save(fresh)
    os.replace(fresh, path)
