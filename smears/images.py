"""The only decoder of pictures, for training and serving: a file or its bytes to RGB."""

import io
import warnings

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from smears import InputError

# Whole fields of view of the known sets have 5 million pixels; a 24 kB file can claim 200 million.
MAX_PIXELS = 100_000_000

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")


class BadImage(InputError):
    """A file that cannot be used as a picture; the text is the reason."""


def decode(source):
    """Decode a whole image, verified to its last byte.

    Args:
        source: path of an image file, or its bytes.

    Returns:
        uint8 array (height, width, 3), RGB. EXIF orientation is applied; grey, palette and CMYK
        are converted; transparent pixels become white; 16-bit grey is divided by 257, of 16-bit
        colour the high byte is kept.

    Raises:
        BadImage: not an image, truncated, more than one frame, or over `MAX_PIXELS`.
        OSError: the file cannot be read (missing, permissions).
    """
    return _decode(source)[0]


def describe(source):
    """Like `decode`, but returns (array, note): what had to be converted, "" if nothing."""
    return _decode(source)


def _decode(source):
    content = source if isinstance(source, bytes) else _read(source)
    if not content:
        raise BadImage("empty file")
    try:
        with warnings.catch_warnings():
            # Pillow warns of odd metadata, and of bombs from 89 million pixels on; our own limit
            # below decides.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with Image.open(io.BytesIO(content)) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise BadImage(
                        f"{width} x {height} pixels, more than {MAX_PIXELS:,}: cut it into fields"
                    )
                if getattr(image, "n_frames", 1) > 1:
                    raise BadImage(f"{image.n_frames} frames: save the one that counts")
                image.load()
                return _to_rgb(image)
    except BadImage:
        raise
    except Image.DecompressionBombError as problem:
        raise BadImage(f"more than {MAX_PIXELS:,} pixels") from problem
    except UnidentifiedImageError as problem:
        raise BadImage("not an image") from problem
    except Exception as problem:
        # Damaged headers make Pillow raise anything: TypeError, struct.error, KeyError, ...
        raise BadImage(f"not a whole image ({str(problem) or type(problem).__name__})") from problem


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _to_rgb(image):
    """(uint8 RGB array, note) of a loaded Pillow image."""
    turned = ImageOps.exif_transpose(image)
    rotated = image.getexif().get(ExifTags.Base.Orientation) in range(2, 9)
    notes = ["EXIF rotation applied"] if rotated else []
    mode = turned.mode
    if mode.startswith("I") or mode == "F":
        # Pillow's own conversion clips 16 bits at 255.
        values = np.asarray(turned).astype(np.float64)
        if values.max(initial=0) > 65535 or values.min(initial=0) < 0:
            raise BadImage(f"pixel values outside 0..65535 (mode {mode})")
        grey = np.round(values / 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2), "; ".join([*notes, "16-bit grey converted"])
    if mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
        whole = turned.convert("RGBA")
        white = Image.new("RGBA", whole.size, "white")
        turned = Image.alpha_composite(white, whole)
        notes.append("transparency laid on white")
    elif mode != "RGB":
        notes.append(f"{mode} converted to RGB")
    return np.asarray(turned.convert("RGB")).copy(), "; ".join(notes)


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
