"""Pictures for the page: heat maps as transparent PNG, previews, both as base64 text."""

import base64
import io

import numpy as np
from PIL import Image

from smears import images
from smears.explain.lime import AGAINST, FOR
from smears.explain.overlay import strength

PREVIEW = 640  # longer side in pixels
REGIONS = 384  # longer side of a picture in which superpixels are sought


def layer(explanation):
    """A heat map to be laid over its picture: opaque where it matters most, clear where not.

    Args:
        explanation: smears.explain.Explanation.

    Returns:
        uint8 (h, w, 4), RGBA. With regions and weights (LIME) green speaks for, orange against
        the class; else the colours and the strength of `smears.explain.overlay`.
    """
    if explanation.weights is None:
        from matplotlib import colormaps

        opacity = strength(explanation.map)
        colour = np.round(255 * colormaps["viridis"](opacity)[..., :3])
    else:
        signed = np.asarray(explanation.weights)[explanation.regions]
        opacity = np.abs(signed) / max(np.abs(signed).max(), 1e-12)
        colour = np.where((signed > 0)[..., None], FOR, AGAINST)
    alpha = np.round(255 * np.clip(opacity, 0, 1))
    return np.concatenate([colour, alpha[..., None]], axis=2).astype(np.uint8)


def png(picture):
    """base64 text of a PNG of uint8 (h, w, 3 or 4)."""
    return _encoded(picture, "PNG", compress_level=3)


def preview(picture):
    """base64 text of a small JPEG of uint8 (h, w, 3), for browsers that show no TIFF."""
    return _encoded(images.reduced(picture, PREVIEW), "JPEG", quality=90)


def _encoded(picture, kind, **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return base64.b64encode(file.getvalue()).decode()
