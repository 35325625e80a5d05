"""LeukocyteNet (Apon et al. 2026): ten kinds of leukocyte images, VGG19 and a Swin block joined."""

from leukocytenet.recipe import CLASSES

# Networks need Keras, which takes seconds to start: they are imported when first asked for.
NETWORKS = ("LeukocyteNet", "VGG19Only", "SwinOnly")

__all__ = ["CLASSES", *NETWORKS]


def __getattr__(name):
    if name in NETWORKS:
        from leukocytenet import model

        return getattr(model, name)
    raise AttributeError(f"module 'leukocytenet' has no attribute {name!r}")
