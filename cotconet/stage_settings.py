"""CoTCoNet's settings, looked at before any stage runs, for late ones take effect hours later."""

from inspect import signature

from cotconet import segmentation
from cotconet.enhancement import STEPS

LEAST = 32  # pixels that SMod's five poolings need


def check(method):
    """Refuse settings with which a stage could not run.

    Args:
        method: CoTCoNet, its arguments plain. Dicts of stages that it leaves out are not looked at.

    Raises:
        ValueError: it names the argument, what was given and what may be.
    """
    from cotconet.coupled import PARTS

    steps, known = method.enhance, (*STEPS, "mirnet")
    if not isinstance(steps, (list, tuple)) or not set(steps) <= set(known):
        raise ValueError(f"enhance={steps!r}: give a tuple of {', '.join(known)}; () for none")
    if isinstance(method.features, str) or tuple(method.features or ()) not in PARTS:
        raise ValueError(f"features={method.features!r}: give one of {', '.join(map(str, PARTS))}")
    for stage, names in _names(method).items():
        wrong = [name for name in getattr(method, stage) or {} if name not in names]
        if wrong:
            raise ValueError(
                f"{stage}: {wrong[0]!r} is none of its settings: {', '.join(sorted(names))}. "
                "Seeds, parts and the size of cells are arguments of CoTCoNet: random_state, "
                "features, size."
            )
    _check_size(method)


def check_leugan(method):
    """Refuse a side of pictures that LeuGAN cannot make. Args, Raises: as `check`."""
    side = (method.leugan or {}).get("size", method.size)
    if side % 16:
        raise ValueError(
            f"LeuGAN's pictures would have a side of {side}: give leugan={{'size': ...}}, or size, "
            "a multiple of 16."
        )


def _check_size(method):
    own = method.extractor or {}
    patch = own.get("patch_size", 16)
    if "gmod" in method.features and method.size % patch:
        raise ValueError(
            f"size={method.size}: patches of {patch} pixels do not fill it: give a multiple, or "
            "extractor={'patch_size': ...}."
        )
    if "smod" in method.features and method.size < LEAST:
        raise ValueError(f"size={method.size}: SMod needs {LEAST} pixels or more")


def _names(method):
    """Stage that runs -> names of the settings that its dict may hold."""
    from cotconet import coupled, hdlc

    found = {
        "extractor": _arguments(coupled.fit_extractor, coupled.extractor) - {"size", "parts"},
        "hdlc": _arguments(hdlc.fit_hdlc, hdlc.HDLC) - {"standardise", "name"},
    }
    if "mirnet" in method.enhance:
        from cotconet.mirnet import Enhancer

        found["mirnet"] = _arguments(Enhancer, Enhancer.fit)
    if method.segment == "leusam":
        kind = segmentation.learned(method.segment)
        found["leusam"] = _arguments(kind, kind.fit) | {"most"}
    elif method.segment in ("unet", "unet++"):
        kind = segmentation.learned(method.segment)
        found["unet"] = (_arguments(kind, kind.fit) | {"most"}) - {"kind", "cells"}
    for name in {"leusam", "unet"} & set(found):
        found[name] -= {"augmenter", "validation", "title"}
    if method.synthesise == "leugan":
        from cotconet import synthesis

        found["leugan"] = _arguments(synthesis.train)
    if method.graph:
        from cotconet.grafr import GraFR

        found["grafr"] = _arguments(GraFR)
    if method.select:
        from cotconet.selection import SineCosineSelector

        found["selector"] = _arguments(SineCosineSelector) - {"random_state"}
    return found


def _arguments(*functions):
    """Names of their arguments that have a default, but `seed`."""
    return {
        name
        for function in functions
        for name, argument in signature(function).parameters.items()
        if argument.default is not argument.empty and name != "seed"
    }
