"""CoTCoNet's settings and data, looked at before any stage runs: late ones use them hours later."""

from inspect import signature
from numbers import Real

import numpy as np

from cotconet import segmentation
from cotconet.enhancement import STEPS
from cotconet.given import units
from cotconet.wrapper import among, whole
from smears import InputError

LEAST = 32  # pixels that SMod's five poolings need


def _count(least, step=1):
    """Rule: a whole number. A rule is (function that takes a value, what must be)."""
    words = f"a whole number, {least} or more" if step == 1 else f"a multiple of {step}, above 0"
    return lambda v: not isinstance(v, bool) and whole(v, least) and v % step == 0, words


def _number(least, most=float("inf"), ends=True):
    """Rule: a number from the least to the most; these themselves only with `ends`."""
    words = f"from {least} to {most}" if most < float("inf") else f"{least} or more"
    if not ends:
        words = f"above {least}" if most == float("inf") else f"{least} or more, but below {most}"

    def fits(v):
        if isinstance(v, bool) or not isinstance(v, Real) or not among(v, least, most):
            return False
        return ends or v != (least if most == float("inf") else most)

    return fits, f"a number {words}"


def _several(count=None, last=None):
    """Rule: a list of whole numbers above 0, of this length and with this last one."""

    def fits(v):
        listed = isinstance(v, (list, tuple)) and len(v) == (count or max(1, len(v)))
        return listed and all(_count(1)[0](n) for n in v) and last in (None, v[-1])

    words = f"a list of {count or ''} whole numbers above 0".replace("  ", " ")
    return fits, words + f", the last of them {last}" * (last is not None)


def _among(*choices):
    """Rule: one of some texts."""
    return lambda v: isinstance(v, str) and v in choices, " or ".join(map(repr, choices))


FLAG = (lambda v: isinstance(v, bool), "True or False")
# Of settings that mean the same in every stage; "stage name" of those that do not.
RULES = {
    **dict.fromkeys(
        ("epochs", "batch_size", "most", "every", "patch_size", "depth", "num_heads", "width",
         "features", "blocks", "kernel", "k", "rows", "image_size", "hdlc filters"), _count(1),
    ),
    "CoTCoNet size": _count(1),
    **dict.fromkeys(("patience", "trained_layers"), _count(0)),
    **dict.fromkeys(("leugan size", "unet side"), _count(16, 16)),
    "leugan width": _count(8, 8), "mirnet side": _count(4, 4),
    **dict.fromkeys(("learning_rate", "clipnorm", "factor", "epsilon"), _number(0, ends=False)),
    **dict.fromkeys(("weight_decay", "jitter"), _number(0)),
    "warmup": _number(0, 1), "dropout": _number(0, 1, ends=False),
    "unet filters": _several(5), "widths": _several(last=1), "groups": _several(),
    **dict.fromkeys(
        ("class_weight", "normed_map", "batch_norm", "equal_rates", "turns", "blend", "literal",
         "standardise"), FLAG,
    ),
    "order": _among("equation", "algorithm"), "start": _among("picture", "random"),
    "augment": _among("traditional"), "projection": _among("linear", "flatten"),
    "loss": _among("non-saturating", "saturating"), "scope": _among("top-k", "all"),
    "estimator": _among("knn", "svc"),
    "weights": (lambda v: isinstance(v, str), "a text"),
    "leusam size": (
        lambda v: isinstance(v, dict) or v in ("tiny", "small", "base"),
        "'tiny', 'small', 'base' or a dict, see `sam.SIZES`",
    ),
}  # fmt: skip


def check(method):
    """Refuse settings with which a stage could not run.

    Args:
        method: CoTCoNet, its arguments plain. Dicts of stages that it leaves out are not looked at.

    Raises:
        InputError: it names the argument, what was given and what may be.
    """
    from cotconet.coupled import PARTS

    steps, known = method.enhance, (*STEPS, "mirnet")
    if not isinstance(steps, (list, tuple)) or not set(steps) <= set(known):
        raise InputError(f"enhance={steps!r}: give a tuple of {', '.join(known)}; () for none")
    if isinstance(method.features, str) or tuple(method.features or ()) not in PARTS:
        raise InputError(f"features={method.features!r}: give one of {', '.join(map(str, PARTS))}")
    _check_value("CoTCoNet", "size", method.size, 224)
    for stage, defaults in _defaults(method).items():
        given = getattr(method, stage) or {}
        if not isinstance(given, dict):
            raise InputError(f"{stage}={given!r}: give a dict of settings, or None")
        wrong = [name for name in given if name not in defaults]
        if wrong:
            raise InputError(
                f"{stage}: {wrong[0]!r} is none of its settings: {', '.join(sorted(defaults))}. "
                "Seeds, parts and the size of cells are arguments of CoTCoNet: random_state, "
                "features, size."
            )
        for name, value in given.items():
            _check_value(stage, name, value, defaults[name])
    _check_size(method)
    if method.select:
        from cotconet.selection import SineCosineSelector

        try:
            SineCosineSelector(**method.selector or {}).check_settings(2)
        except ValueError as problem:
            raise InputError(f"selector: {problem}") from problem


def _check_value(stage, name, value, default):
    """Refuse a value that breaks its rule; None where it is the default, or "none"."""
    fits, words = RULES.get(f"{stage} {name}") or RULES.get(name, (lambda _: True, ""))
    free = default is None or name in ("clipnorm", "weights")
    if not (fits(value) or (free and value is None)):
        raise InputError(f"{stage}: {name}={value!r}: must be {words}" + ", or None" * free + ".")


def check_data(method, codes, groups, synthetic=None):
    """Refuse what LeuGAN, GraFR or the selection could not use, not after the stages before them.

    HDLC and the extractor need one picture of each class, which a fit always has.

    Args:
        method: CoTCoNet with `classes_` and `positive_`, its settings checked.
        codes: int (n,), 1 for the positive class. groups: str (n,), "" where unknown.
        synthetic: (label, cells, side) as given to `CoTCoNet.fit`, or None.

    Raises:
        InputError: it says what there is too little of, and what would do without.
    """
    from cotconet import synthesis

    label, count = synthesis.to_parity(codes)
    if synthetic is not None:
        label, count = int(synthetic[0] == method.positive_), len(synthetic[1])
    elif method.synthesise is None:
        count = 0
    elif method.synthesise == "leugan" and count:
        synthesis.enough(int((codes == label).sum()))
        check_leugan(method)
    people = len(set(units(groups)))
    if synthetic is not None or method.synthesise == "leugan":
        people += count  # each alone; a changed copy is its person's
    if method.graph:
        from cotconet.grafr import GraFR

        GraFR(**method.grafr or {})  # refuses its settings
        if people < 2:
            raise InputError(
                f"all training pictures are of one subject, {groups[0]}: GraFR rebuilds each "
                "from other subjects' pictures. Add subjects, or give graph=False or no groups."
            )
    if method.select:
        counts = np.bincount(codes, minlength=2)
        counts[label or 0] += count
        few = int(counts.argmin())
        if counts[few] < 2:
            name = method.classes_[(method.classes_ == method.positive_) == few][0]
            raise InputError(
                f"class {name} has one picture for training: the selection needs two or more, "
                "one to learn from and one to judge by. Add pictures of it, or give select=False."
            )


def check_leugan(method):
    """Refuse a side of pictures that LeuGAN cannot make. Args, Raises: as `check`."""
    side = (method.leugan or {}).get("size", method.size)
    if side % 16:
        raise InputError(
            f"LeuGAN's pictures would have a side of {side}: give leugan={{'size': ...}}, or size, "
            "a multiple of 16."
        )


def _check_size(method):
    own = method.extractor or {}
    patch = own.get("patch_size", 16)
    if "gmod" in method.features and method.size % patch:
        raise InputError(
            f"size={method.size}: patches of {patch} pixels do not fill it: give a multiple, or "
            "extractor={'patch_size': ...}."
        )
    width, heads = own.get("width") or 3 * patch**2, own.get("num_heads", 12)
    if "gmod" in method.features and width % heads:
        raise InputError(
            f"extractor: num_heads={heads} does not divide the width of a token, {width}."
        )
    if "smod" in method.features and method.size < LEAST:
        raise InputError(f"size={method.size}: SMod needs {LEAST} pixels or more")


def _defaults(method):
    """Stage that runs -> the settings that its dict may hold, each with its default."""
    from cotconet import coupled, hdlc

    found = {
        "extractor": _without(
            _arguments(coupled.fit_extractor, coupled.extractor), "size", "parts"
        ),
        "hdlc": _without(_arguments(hdlc.fit_hdlc, hdlc.HDLC), "standardise", "name"),
    }
    if "mirnet" in method.enhance:
        from cotconet.mirnet import Enhancer

        found["mirnet"] = _arguments(Enhancer, Enhancer.fit)
    if method.segment == "leusam":
        kind = segmentation.learned(method.segment)
        found["leusam"] = _arguments(kind, kind.fit) | {"most": 400}
    elif method.segment in ("unet", "unet++"):
        kind = segmentation.learned(method.segment)
        found["unet"] = _without(_arguments(kind, kind.fit), "kind", "cells") | {"most": 400}
    for name in {"leusam", "unet"} & set(found):
        found[name] = _without(found[name], "augmenter", "validation", "title")
    if method.synthesise == "leugan":
        from cotconet import synthesis

        found["leugan"] = _arguments(synthesis.train)
    if method.graph:
        from cotconet.grafr import GraFR

        found["grafr"] = _arguments(GraFR)
    if method.select:
        from cotconet.selection import SineCosineSelector

        found["selector"] = _without(_arguments(SineCosineSelector), "random_state")
    return found


def _arguments(*functions):
    """Their arguments that have a default, but `seed`: name -> default."""
    return {
        name: argument.default
        for function in functions
        for name, argument in signature(function).parameters.items()
        if argument.default is not argument.empty and name != "seed"
    }


def _without(arguments, *names):
    return {name: default for name, default in arguments.items() if name not in names}
