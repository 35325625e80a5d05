"""Draw a stylised Romanowsky-stained field with white cells of one class, from seeds.

Colour does not give the class away: stain, light, white balance, blur and magnification belong to
the drawn subject.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from smears.morphology import MORPHOLOGY

# Another way of drawing must not be taken for pictures of this one.
VERSION = 1
OVERSAMPLE = 2

# Where further white cells may lie, in shares of the side.
ANYWHERE = (0.05, 0.95)


@dataclass(frozen=True)
class Stain:
    """What a subject fixes: colours (RGB, 0..1), light, blur, magnification."""

    ground: np.ndarray
    red: np.ndarray
    nucleus: np.ndarray
    basophilic: np.ndarray
    clear: np.ndarray
    gains: np.ndarray
    slope: np.ndarray
    blur: float
    scale: float
    density: float

    @classmethod
    def of(cls, seed):
        """The stain of a subject."""
        rng = np.random.default_rng([VERSION, 1, seed])
        depth = rng.uniform(0.85, 1.15)
        jitter = lambda spread=0.05: rng.uniform(-spread, spread, 3)  # noqa: E731
        nucleus = np.array([0.4, 0.24, 0.56]) + jitter(0.06)
        return cls(
            ground=np.array([0.93, 0.89, 0.88]) + jitter(0.025),
            red=np.array([0.85, 0.62, 0.6]) + jitter(0.05),
            nucleus=1 - (1 - nucleus) * depth,
            basophilic=np.array([0.55, 0.62, 0.84]) + jitter(0.05),
            clear=np.array([0.9, 0.78, 0.82]) + jitter(0.04),
            gains=rng.uniform(0.95, 1.04, 3) * rng.uniform(0.88, 1.04),
            slope=rng.uniform(-0.08, 0.08, 2),
            blur=rng.uniform(0.3, 0.9),
            scale=rng.uniform(0.85, 1.2),
            density=rng.uniform(4, 13),
        )


def draw(label, subject_seed, image_seed, size=128):
    """Draw one picture of a class.

    Args:
        label: key of `MORPHOLOGY`.
        subject_seed: integer; fixes stain, light, blur and magnification.
        image_seed: integer; fixes everything else.
        size: side in pixels.

    Returns:
        (image, mask): uint8 (size, size, 3) RGB, and uint8 (size, size) with 0 background,
        128 cytoplasm, 255 nucleus of white cells.
    """
    stain = Stain.of(subject_seed)
    rng = np.random.default_rng([VERSION, 2, subject_seed, image_seed])
    canvas = _Canvas(size * OVERSAMPLE, stain, rng)
    field = MORPHOLOGY[label]
    canvas.red_cells()
    canvas.platelets(giant=rng.random() < field.giant)
    if rng.random() < field.smudge:
        canvas.smudge()
    chances = [probability for probability, _ in field.kinds]
    for number in range(1 + rng.poisson(field.others)):
        kind = field.kinds[rng.choice(len(chances), p=np.array(chances) / sum(chances))][1]
        canvas.white_cell(kind, field.middle if number == 0 else ANYWHERE)
    return canvas.developed(size)


class _Canvas:
    """A picture being drawn, at twice its final size: colours float (s, s, 3), mask uint8."""

    def __init__(self, side, stain, rng):
        self.side, self.stain, self.rng = side, stain, rng
        self.colours = np.empty((side, side, 3), np.float32)
        self.colours[:] = stain.ground
        self.colours += 0.012 * self._noise(side, 12)[..., None]
        self.mask = np.zeros((side, side), np.uint8)
        self.taken = []

    def _noise(self, side, cells):
        """Smooth noise (side, side), about -1 to 1, with so many bumps along a side."""
        coarse = self.rng.normal(0, 0.6, (cells + 1, cells + 1)).astype(np.float32)
        return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)

    def _paint(self, shape, colour, strength=1.0):
        """Lay a colour, (3,) or (s, s, 3), on a uint8 shape, its edge softened."""
        left, top, width, height = cv2.boundingRect(shape)
        if not width:
            return
        part = np.s_[top : top + height, left : left + width]
        colour = np.asarray(colour, np.float32)
        if colour.ndim == 3:
            colour = colour[part]
        alpha = (shape[part].astype(np.float32) * (strength / 255))[..., None]
        self.colours[part] += alpha * (colour - self.colours[part])

    def _blob(self, centre, radius, wobble=0.03, squash=1.0, angle=0.0):
        """uint8 shape: a disc whose outline wobbles, squashed along an angle."""
        turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        outline = np.ones(48)
        for order in (2, 3, 5):
            outline += wobble * self.rng.normal() * np.cos(order * turns + self.rng.uniform(0, 6.3))
        x, y = radius * outline * np.cos(turns), squash * radius * outline * np.sin(turns)
        cos, sin = np.cos(angle), np.sin(angle)
        points = np.stack([centre[0] + cos * x - sin * y, centre[1] + sin * x + cos * y], 1)
        shape = np.zeros((self.side, self.side), np.uint8)
        cv2.fillPoly(shape, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return shape

    def red_cells(self):
        """Discs with a pale centre, overlapping now and then."""
        radius = 0.13 * self.side * self.stain.scale
        side = 2 * round(radius * 0.12) + 1
        for _ in range(self.rng.poisson(self.stain.density)):
            centre = self.rng.uniform(-0.05, 1.05, 2) * self.side
            own = radius * self.rng.uniform(0.88, 1.1)
            turn = self.rng.uniform(0, np.pi)
            squash = self.rng.uniform(0.82, 1.0)
            disc = self._blob(centre, own, 0.02, squash, turn)
            self._paint(disc, self.stain.red, 0.8)
            pale = self._blob(centre, own * self.rng.uniform(0.35, 0.5), 0.04, squash, turn)
            pale = cv2.blur(cv2.blur(pale, (side, side)), (side, side))
            self._paint(pale, 0.5 * self.stain.red + 0.5 * self.stain.ground, 0.75)

    def platelets(self, giant):
        """Small granular purple spots; giant ones are nearly as large as red cells."""
        colour = 0.5 * self.stain.nucleus + 0.5 * self.stain.ground
        speckle = np.clip(self._noise(self.side, 60), -1, 1)[..., None] * 0.09
        for _ in range(self.rng.poisson(1.5) + (2 if giant else 0)):
            size = self.rng.uniform(0.05, 0.085) if giant else self.rng.uniform(0.015, 0.03)
            spot = self._blob(self.rng.uniform(0, 1, 2) * self.side, size * self.side, 0.12)
            self._paint(spot, colour + speckle, 0.75)

    def smudge(self):
        """A burst nucleus, smeared without an outline."""
        centre = self.rng.uniform(0.1, 0.9, 2) * self.side
        shape = self._blob(centre, 0.15 * self.side, 0.25, 0.6, self.rng.uniform(0, 3.2))
        shape = cv2.GaussianBlur(shape, (0, 0), 0.02 * self.side)
        streaks = self._noise(self.side, 20)[..., None] * 0.1
        colour = 0.6 * self.stain.nucleus + 0.4 * self.stain.ground
        self._paint(shape, colour + streaks, 0.7)

    def white_cell(self, kind, spread):
        """Cytoplasm, nucleus and what lies in both; its centre in that range of each side."""
        rng = self.rng
        radius = rng.uniform(*kind.radius) * self.side * self.stain.scale
        centre = self._place(radius, spread)
        if centre is None:
            return
        cell = self._blob(centre, radius, 0.035, rng.uniform(0.9, 1.0), rng.uniform(0, np.pi))
        nucleus = self._nucleus(kind, centre, radius, cell)
        blue = rng.uniform(*kind.blue)
        cytoplasm = blue * self.stain.basophilic + (1 - blue) * self.stain.clear
        shade = 0.03 * self._noise(self.side, 24)[..., None]
        self._paint(cell, cytoplasm + shade, 0.9)
        rim = cv2.subtract(cell, cv2.erode(cell, np.ones((3, 3), np.uint8)))
        self._paint(rim, cytoplasm * 0.8, 0.5)
        body = cv2.subtract(cell, nucleus)
        self._spots(kind, centre, radius, body, cytoplasm)
        self._chromatin(kind, radius, nucleus)
        self.mask[cell > 127] = 128
        self.mask[nucleus > 127] = 255

    def _place(self, radius, spread):
        """A free place; None if the field is full."""
        for _ in range(12):
            centre = self.rng.uniform(*spread, 2) * self.side
            free = all(np.hypot(*(centre - c)) > 0.95 * (radius + r) for c, r in self.taken)
            if free:
                self.taken.append((centre, radius))
                return centre
        return None

    def _nucleus(self, kind, centre, radius, cell):
        """uint8 shape of the nucleus, inside the cell."""
        rng, wobble = self.rng, kind.irregular
        own = radius * rng.uniform(*kind.ratio)
        angle = rng.uniform(0, 2 * np.pi)
        room = max(radius * 0.93 - own, 0)
        middle = centre + room * rng.uniform(0, 0.9) * np.array([np.cos(angle), np.sin(angle)])
        turn = rng.uniform(0, 2 * np.pi)
        along = np.array([np.cos(turn), np.sin(turn)])
        if kind.nucleus == "segmented":
            shape = self._lobes(rng.integers(kind.lobes[0], kind.lobes[1] + 1), centre, own, turn)
        elif kind.nucleus == "bilobed":
            shape = self._blob(centre + 0.58 * own * along, 0.56 * own, 0.03)
            shape = cv2.max(shape, self._blob(centre - 0.58 * own * along, 0.56 * own, 0.03))
            ends = [tuple(int(v) for v in centre + s * 0.4 * own * along) for s in (-1, 1)]
            cv2.line(shape, *ends, 255, max(1, round(0.16 * own)), cv2.LINE_AA)
        elif kind.nucleus == "kidney":
            shape = self._blob(middle, own, wobble, 0.85, turn)
            side = np.array([-along[1], along[0]])
            dent = self._blob(middle + 0.85 * own * side, 0.55 * own, 0.05)
            shape = cv2.subtract(shape, dent)
        elif kind.nucleus == "cleft":
            shape = self._blob(middle, own, wobble, 0.93, turn)
            tip = middle + rng.uniform(0.05, 0.3) * own * along
            sideways = 0.11 * own * np.array([-along[1], along[0]])
            wedge = np.stack([tip, middle + 1.3 * own * along + 1.6 * sideways,
                              middle + 1.3 * own * along - 1.6 * sideways])  # fmt: skip
            points = np.round(wedge * 16).astype(np.int32)
            cv2.fillPoly(shape, [points], 0, cv2.LINE_AA, 4)
        else:
            shape = self._blob(middle, own, wobble, 0.82 if kind.nucleus == "oval" else 0.96, turn)
        return cv2.min(shape, cell)

    def _lobes(self, count, centre, own, turn):
        """Lobes along an arc, joined by threads."""
        turns = turn + np.linspace(0, 1.35 * np.pi, count)
        places = centre + 0.66 * own * np.stack([np.cos(turns), np.sin(turns)], 1)
        shape = np.zeros((self.side, self.side), np.uint8)
        for place, angle in zip(places, turns, strict=True):
            size = own * self.rng.uniform(0.38, 0.46) * (4 / (count + 1)) ** 0.4
            shape = cv2.max(shape, self._blob(place, size, 0.07, 0.8, angle + np.pi / 2))
        line = [np.round(places * 16).astype(np.int32)]
        cv2.polylines(shape, line, False, 255, max(1, round(0.1 * own)), cv2.LINE_AA, 4)
        return shape

    def _chromatin(self, kind, radius, nucleus):
        """The nucleus' colour: clumps of so many to its width, nucleoli paler with a dark rim."""
        bumps = max(4, round(kind.clumps * self.side / (2 * radius * 0.8)))
        field = np.tanh(2.5 * self._noise(self.side, bumps))[..., None]
        dark = self.stain.nucleus
        light = 0.55 * dark + 0.45 * self.stain.clear
        colour = dark + kind.contrast * (field + 0.4).clip(0) * (light - dark)
        edge = cv2.GaussianBlur(nucleus, (0, 0), 0.01 * self.side)
        self._paint(cv2.min(nucleus, edge), colour, 0.95)
        inside = np.argwhere(cv2.erode(nucleus, np.ones((5, 5), np.uint8)) > 200)
        low, high = kind.nucleoli
        for _ in range(self.rng.integers(low, high + 1)):
            if len(inside) == 0:
                return
            place = inside[self.rng.integers(len(inside))][::-1]
            spot = cv2.min(self._blob(place, radius * self.rng.uniform(0.1, 0.16), 0.06), nucleus)
            self._paint(cv2.dilate(spot, np.ones((3, 3), np.uint8)), dark * 0.85, 0.5)
            self._paint(spot, 0.45 * dark + 0.55 * self.stain.basophilic, 0.9)

    def _spots(self, kind, centre, radius, body, cytoplasm):
        """Granules, vacuoles and Auer rods in the cytoplasm."""
        rng = self.rng
        granules = np.zeros((self.side, self.side), np.uint8)
        for _ in range(rng.integers(kind.granules[0], kind.granules[1] + 1)):
            place = self._within(centre, radius)
            size = max(0.6, kind.coarse * radius * rng.uniform(0.6, 1.2))
            where = tuple(int(v * 16) for v in place)
            cv2.circle(granules, where, int(size * 16), 255, -1, cv2.LINE_AA, 4)
        pink = np.array([0.78, 0.5, 0.62])
        colour = (1 - kind.dark) * pink + kind.dark * 0.75 * self.stain.nucleus
        self._paint(cv2.min(granules, body), colour, 0.75)
        for _ in range(rng.integers(kind.vacuoles[0], kind.vacuoles[1] + 1)):
            hole = self._blob(self._within(centre, radius), radius * rng.uniform(0.05, 0.1), 0.05)
            self._paint(cv2.min(hole, body), 0.4 * cytoplasm + 0.6 * self.stain.ground, 0.9)
        if rng.random() < kind.auer:
            start, turn = self._within(centre, radius), rng.uniform(0, np.pi)
            end = start + 0.4 * radius * np.array([np.cos(turn), np.sin(turn)])
            rod = np.zeros((self.side, self.side), np.uint8)
            points = [tuple(int(v * 16) for v in p) for p in (start, end)]
            cv2.line(rod, *points, 255, max(1, round(0.04 * radius)), cv2.LINE_AA, 4)
            self._paint(cv2.min(rod, body), (0.7, 0.15, 0.4), 0.9)

    def _within(self, centre, radius):
        """A random point of the disc."""
        turn, far = self.rng.uniform(0, 2 * np.pi), np.sqrt(self.rng.random())
        return centre + 0.95 * radius * far * np.array([np.cos(turn), np.sin(turn)])

    def developed(self, size):
        """Light, lens and camera: (uint8 image, uint8 mask) at the final size."""
        stain = self.stain
        axis = np.linspace(-1, 1, self.side, dtype=np.float32)
        light = 1 + stain.slope[0] * axis[None, :] + stain.slope[1] * axis[:, None]
        seen = cv2.resize(
            self.colours * light[..., None] * stain.gains.astype(np.float32), (size, size),
            interpolation=cv2.INTER_AREA,
        )  # fmt: skip
        seen = cv2.GaussianBlur(seen, (0, 0), stain.blur * size / 128)
        seen = seen + self.rng.normal(0, 0.012, seen.shape)
        mask = cv2.resize(self.mask, (size, size), interpolation=cv2.INTER_NEAREST)
        return np.round(seen.clip(0, 1) * 255).astype(np.uint8), mask
