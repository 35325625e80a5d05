"""What a picture tells of itself: size, sharpness and colours, and how unlike known ones it is."""

import cv2
import numpy as np

from smears import images

# A picture's colours in grey levels, and how a warning names them.
COLOURS = {
    "brightness": "brightness", "contrast": "contrast", "red_green": "red less green",
    "blue_green": "blue less green", "saturation": "saturation",
}  # fmt: skip

# A picture is unlike the known ones where a number lies this share of their range outside it.
MARGIN = 0.25

# Sides in the relation 3 : 2 lose their proportions visibly when they become a square.
ELONGATED = 1.5

# Least contrast of a picture that shows something, in grey levels.
BLANK = 3.0


def sharpness(picture):
    """Variance of the Laplacian of the grey levels: low where no edge is sharp.

    Pech-Pacheco et al. 2000, Diatom autofocusing in brightfield microscopy. It grows with
    contrast and noise too, and depends on the size: compare pictures of equal size and kind.

    Args:
        picture: uint8 (h, w, 3) RGB.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def colours(picture):
    """Dict of `COLOURS` in grey levels: means over the pixels, of contrast the spread.

    Mean red, green and blue one by one would not tell grey pictures from stained ones where the
    light varies; their differences do.

    Args:
        picture: uint8 (h, w, 3) RGB.
    """
    pixels = picture.reshape(-1, 3)
    red, green, blue = pixels.mean(0).tolist()
    return {
        "brightness": (red + green + blue) / 3,
        "contrast": float(pixels.std(0).mean()),
        "red_green": red - green,
        "blue_green": blue - green,
        "saturation": float((pixels.max(1) - pixels.min(1)).mean()),
    }


def measure(picture, size):
    """Dict: width and height in pixels, `sharpness`, and `COLOURS`.

    Sharpness and colours are those of the square that the network sees, so that pictures of other
    sizes can be compared, and training pictures that are stored at that size.

    Args:
        picture: uint8 (h, w, 3) RGB. size: side of the network's input in pixels.
    """
    height, width = picture.shape[:2]
    square = images.resize(picture, size)
    return {"width": width, "height": height, "sharpness": sharpness(square), **colours(square)}


def summary(measures):
    """What many pictures have in common, to compare others with.

    Args:
        measures: list of dicts as `measure` gives them.

    Returns:
        Dict measure -> [low, middle, high]: percentiles 1, 50 and 99.
    """
    names = ("width", "height", "sharpness", *COLOURS)
    return {
        name: [round(float(value), 3) for value in np.percentile(values, [1, 50, 99])]
        for name, values in ((name, [one[name] for one in measures]) for name in names)
    }


def common(pictures, size, most=2000):
    """`summary` of at most so many of a sequence of pictures, drawn once.

    Args:
        pictures: sequence of uint8 (h, w, 3) RGB. size: see `measure`.
    """
    rows = np.random.default_rng(0).permutation(len(pictures))[:most]
    return summary([measure(pictures[row], size) for row in rows])


def warnings(measured, size, known=None, squared=True):
    """What is wrong with a picture, in words.

    Args:
        measured: dict as `measure` gives it. size: side of the network's input in pixels.
        squared: whether the whole picture is resized to that square.
        known: `summary` of the training pictures; None: sharpness and colours are not judged,
            for what is sharp or usual differs from camera to camera.

    Returns:
        List of sentences; [] if nothing is to be said.
    """
    found = [_blank(measured), *_size(measured, size, known, squared)]
    if known:
        found += [_blurred(measured, known), _colour(measured, known)]
    return [text for text in found if text]


def _blank(measured):
    if measured["contrast"] < BLANK:
        return "Blank: all pixels have nearly the same colour."
    return ""


def _size(measured, size, known, squared):
    width, height = measured["width"], measured["height"]
    shape = f"{width} × {height} pixels"
    if min(width, height) < size:
        yield (
            f"Small: {shape}, less than the {size} × {size} that the network sees; it was enlarged."
        )
    long = max(width, height) / min(width, height)
    if known:
        usual_width, usual_height = known["width"][1], known["height"][1]
        usual = max(usual_width, usual_height) / min(usual_width, usual_height)
        if max(width / usual_width, height / usual_height) > 3:
            yield (
                f"Wrong size: {shape}; training pictures have about {usual_width:.0f} × "
                f"{usual_height:.0f}. A whole field is no cell: cut the cells out first."
            )
    else:
        usual = 1.0
    if squared and long > ELONGATED * usual:
        yield f"Elongated: {shape}; made square, its shapes are distorted."


def _blurred(measured, known):
    low = known["sharpness"][0]
    if measured["sharpness"] < low / 2:
        return (
            f"Blurred: sharpness {measured['sharpness']:.0f}; 99 of 100 training pictures have "
            f"{low:.0f} or more."
        )
    return ""


def _colour(measured, known):
    parts = []
    for name, words in COLOURS.items():
        low, _, high = known[name]
        margin = MARGIN * max(high - low, 1)
        if not low - margin <= measured[name] <= high + margin:
            parts.append(f"{words} {measured[name]:.0f} (training {low:.0f} to {high:.0f})")
    return f"Unlike the training data in colour: {', '.join(parts)}." if parts else ""
