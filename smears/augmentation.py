"""Random rotations, shifts, shears, zooms and flips of an image, drawn as numbers, warped once."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

# What stands where a warped image has no pixel: names as ImageDataGenerator's.
FILL_MODES = {
    "nearest": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT,
    "constant": cv2.BORDER_CONSTANT,
}


class Band(NamedTuple):
    """A range of sizes whose sign is drawn apart: |value| is uniform in [low, high].

    In a plain range r, ImageDataGenerator draws from the whole of [-r, r], so that most rotations
    of `rotation_range=30` are smaller than 15 degrees; `Band(15, 30)` has none of those.
    """

    low: float
    high: float


@dataclass(frozen=True)
class Transform:
    """One drawn transformation, with the numbers that ImageDataGenerator calls by these names.

    The coordinates are those that the output takes its pixels from. So theta > 0 turns the
    picture anticlockwise, tx, ty > 0 move it left and up, and zx, zy > 1 make it smaller.

    Args:
        theta: rotation in degrees.
        tx, ty: horizontal shift as a fraction of the width, vertical of the height.
        shear: degrees.
        zx, zy: horizontal and vertical zoom factor.
        flip_horizontal, flip_vertical: mirror after everything else.
    """

    theta: float = 0.0
    tx: float = 0.0
    ty: float = 0.0
    shear: float = 0.0
    zx: float = 1.0
    zy: float = 1.0
    flip_horizontal: bool = False
    flip_vertical: bool = False

    def matrix(self, height, width):
        """3 x 3 matrix from output to input pixel coordinates (x, y, 1), float64.

        Rotation, shift, shear and zoom about the image's centre, composed in this order as
        ImageDataGenerator does, which has the same pixels on square images. On others it swaps
        height and width in the centre, and this does not.
        """
        theta, shear = np.deg2rad((self.theta, self.shear))
        cos, sin = np.cos(theta), np.sin(theta)
        rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        shift = np.array([[1, 0, self.tx * width], [0, 1, self.ty * height], [0, 0, 1]])
        sheared = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
        zoom = np.diag([self.zx, self.zy, 1])
        x, y = (width - 1) / 2, (height - 1) / 2
        centre = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
        back = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
        mirror = np.diag([-1.0 if self.flip_horizontal else 1, -1 if self.flip_vertical else 1, 1])
        return centre @ rotation @ shift @ sheared @ zoom @ mirror @ back


@dataclass(frozen=True)
class Augmenter:
    """What to draw from, with the parameters of Keras's ImageDataGenerator.

    Every range takes a number, meaning what it means there, or a `Band`, whose size and sign are
    drawn apart.

    Args:
        rotation_range, shear_range: degrees r, drawn uniformly from [-r, r].
        width_shift_range, height_shift_range: fraction f < 1 of that side, from [-f, f]. (In
            Keras 3 ImageDataGenerator moves sideways by its height_shift_range and up and down by
            its width_shift_range; here each name means what it says.)
        zoom_range: f < 1, each axis by its own factor from [1 - f, 1 + f]; `Band(low, high)`:
            factors 1 - s or 1 + s with s in [low, high]. Not ImageDataGenerator's pair of factors.
        horizontal_flip, vertical_flip: mirror half of the images.
        quarter_turns: turn by 0, 90, 180 or 270 degrees first (not in ImageDataGenerator): a
            smear has no up, and a square loses no pixel.
        fill_mode: "nearest" (the edge pixel goes on), "reflect" or "constant" (black).

    Raises:
        ValueError: a range outside these, or an unknown fill mode.
    """

    rotation_range: float | Band = 0
    width_shift_range: float | Band = 0
    height_shift_range: float | Band = 0
    shear_range: float | Band = 0
    zoom_range: float | Band = 0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    quarter_turns: bool = False
    fill_mode: str = "nearest"

    def __post_init__(self):
        limits = {
            "rotation_range": 180, "shear_range": 90, "width_shift_range": 1,
            "height_shift_range": 1, "zoom_range": 1,
        }  # fmt: skip
        for name, limit in limits.items():
            value = getattr(self, name)
            if isinstance(value, (tuple, list)) and not isinstance(value, Band):
                raise ValueError(f"{name}={value}: give a number, or Band(low, high) of its size")
            low, high = _band(value)
            if not 0 <= low <= high <= limit or (limit == 1 and high == 1):
                raise ValueError(f"{name}={value}: must lie between 0 and {limit}")
        if self.fill_mode not in FILL_MODES:
            raise ValueError(f"fill_mode={self.fill_mode!r}: give one of {', '.join(FILL_MODES)}")

    def draw(self, rng):
        """Draw a Transform; the same state of the generator `rng` gives the same one."""
        quarter = 90.0 * rng.integers(4) if self.quarter_turns else 0.0
        return Transform(
            theta=_draw(self.rotation_range, rng) + quarter,
            tx=_draw(self.width_shift_range, rng),
            ty=_draw(self.height_shift_range, rng),
            shear=_draw(self.shear_range, rng),
            zx=1 + _draw(self.zoom_range, rng),
            zy=1 + _draw(self.zoom_range, rng),
            flip_horizontal=self.horizontal_flip and bool(rng.random() < 0.5),
            flip_vertical=self.vertical_flip and bool(rng.random() < 0.5),
        )

    def apply(self, image, transform):
        """Warp an image (height, width, 3) of uint8 or float32; same shape and type.

        All of the transform is one matrix, so the image is interpolated (linearly) only once.
        """
        if transform == Transform():
            return image
        height, width = image.shape[:2]
        return cv2.warpAffine(
            image,
            transform.matrix(height, width)[:2],
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=FILL_MODES[self.fill_mode],
        )


def _band(value):
    return value if isinstance(value, Band) else Band(0, value)


def _draw(value, rng):
    low, high = _band(value)
    if low == 0:
        return float(rng.uniform(-high, high))
    return float(rng.uniform(low, high)) * (1 if rng.random() < 0.5 else -1)
