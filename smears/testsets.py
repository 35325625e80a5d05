"""What published scores tell of the images behind them.

Checks for `smears.forensics`. They take printed texts ("83.00%") and return findings, none where
all agrees: "implied" is what the numbers tell beyond the text, "contradicted" what cannot hold.
"""

from fractions import Fraction

from smears import rounding
from smears.published import Finding

# A size, or durations, that made-up figures would fit as well with this chance imply nothing.
CHANCE = 0.05
CHANCE_IN_PART = 0.001


def sample_size(figures, images, limit=2000, stated=None, originals=None, share=0.2):
    """The number of images of which printed shares can all be whole counts.

    Args:
        figures: row -> printed share, all of one and the same set of images.
        images: what to call them, e.g. "validation images". limit: largest size tried.
        stated: their number, if the paper gives it; then only a misfit is a finding.
        originals: number of images before augmentation; a set much larger than its `share` of
            them holds augmented images.
    """
    printed = list(figures.values())
    if stated is not None:
        wrong = [row for row, text in figures.items() if not rounding.is_count(text, int(stated))]
        if not wrong:
            return []
        return [Finding(f"not whole counts of the stated {stated} {images}", tuple(wrong))]
    sizes = rounding.sizes(printed, limit)
    if not sizes:
        size, places, chance = rounding.best_size(printed, limit)
        if chance > CHANCE_IN_PART:
            return []
        rows = tuple(list(figures)[place] for place in places)
        sentence = f"{len(rows)} of {len(printed)} figures are whole counts of {size} {images}"
        return [Finding(sentence, rows, f"chance: {chance:.1g}", "implied")]
    chance = rounding.chance_of_sizes(printed, sizes[0])
    if chance > CHANCE:
        return []
    which = " or ".join(map(str, sizes))
    detail = (
        f"{', '.join(printed)}: no other size up to {limit} fits them all; as many made-up figures "
        f"would have one that small with a chance of at most {chance:.2g}"
    )
    sentence = f"{len(printed)} figures are all whole counts of {which} {images}"
    found = [Finding(sentence, tuple(figures), detail, "implied")]
    expected = originals and round(share * int(originals))
    if expected and sizes[0] > 1.1 * expected:
        sentence = f"{sizes[0]} {images} are more than {share:.0%} of the {originals} originals"
        detail = f"{share:.0%} are {expected}; unless the split is another, the rest is augmented"
        found.append(Finding(sentence, tuple(figures), detail, "implied"))
    return found


def which_fits(figures, printed, images, limit=2000):
    """Which of several printed shares can be of the one set of images behind `figures`.

    Args:
        figures, images, limit: as `sample_size`. printed: list of texts.
    """
    sizes = rounding.sizes(list(figures.values()), limit)
    fits = {text: any(rounding.is_count(text, size) for size in sizes) for text in printed}
    if not sizes or all(fits.values()):
        return []
    can, cannot = ([text for text in printed if fits[text] is wanted] for wanted in (True, False))
    known = f"{' and '.join(can)} can be a fraction of {' or '.join(map(str, sizes))} {images}, "
    return [Finding(f"{known if can else ''}{' and '.join(cannot)} cannot")]


def truncated_loop(figures, other, batch, limit=2000):
    """Whether the images of one set are whole batches of a loop over another, larger set.

    A loop of n // (k * batch) steps shows so many batches, not n images.

    Args:
        figures, other: row -> printed share, of the set in question and of the other one.
        batch: images a batch. limit: as `sample_size`.
    """
    batch, loops = int(batch), []
    whole = _telling_sizes(other, limit)
    if not whole:
        return []
    for size in _telling_sizes(figures, limit):
        for stride in (batch, 2 * batch):
            steps = whole[0] // stride
            if size == steps * batch < whole[0]:
                loops.append(f"{size} = {steps} × {batch} with {steps} = {whole[0]} // {stride}")
    if not loops:
        return []
    sentence = f"{', '.join(loops)}: whole batches of a loop over the other {whole[0]} images"
    return [Finding(sentence, tuple(figures), kind="implied")]


def _telling_sizes(figures, limit):
    """Sizes of which all printed shares can be whole counts, and made-up ones hardly could."""
    printed = list(figures.values())
    return [
        size
        for size in rounding.sizes(printed, limit)
        if rounding.chance_of_sizes(printed, size) < CHANCE
    ]


def images_of_class(row, recall, errors, original, augmented, share=0.2):
    """The number of test images of a class, from its recall and its errors.

    Args:
        row: the class. recall, errors: printed, of the test part. original, augmented: images
            before and after augmentation. share: of the test part.
    """
    low, high = rounding.images_behind(recall, int(errors))
    expected = round(share * int(original))
    if low - 1 <= expected and (high is None or expected <= high + 1):
        return []
    about = round(int(errors) / (1 - float(recall)))
    sentence = f"about {about} {row} test images, where {share:.0%} of {original} are {expected}"
    detail = (
        f"recall {recall} with {errors} errors: {low} to {high}; {augmented} after augmentation"
    )
    return [Finding(sentence, (row,), detail)]


def round_share(size, images, stated, others):
    """Whether a test set is a round share of other images than those it is said to be drawn from.

    Args:
        size: number of test images. images: what to call them. stated, others: name -> number of
            all images, as the text has it and as it might be.
    """

    def share(pool):
        """The first share of 5%, 10%, ..., 50% that gives the size, rounded up or down."""
        shares = (percent for percent in range(5, 51, 5) if abs(percent * pool / 100 - size) < 1)
        return next(shares, None)

    size = int(size)
    if any(share(int(pool)) for pool in stated.values()):
        return []
    told = " or ".join(f"{pool} {name}" for name, pool in stated.items())
    return [
        Finding(
            f"{size} {images} are {share(int(pool))}% of the {pool} {name}, and no round share "
            f"of the {told}", kind="implied",
        )
        for name, pool in others.items() if share(int(pool))
    ]  # fmt: skip


def class_sizes(scores, images, limit, within=0, positives=None, negatives=None):
    """The two-class test of which most rows' figures are whole counts, as printed or exchanged.

    Args:
        scores: row -> {"accuracy", "precision", "recall", "f1"}, printed. Rows without errors
            fit every test and are passed over.
        images: what to call them. limit: largest test tried, e.g. the whole data set.
        within: see `rounding.two_class_matrices`.
        positives, negatives: its class sizes, if the paper gives them; then only a misfit is a
            finding.
    """
    rows = {row: s for row, s in scores.items() if rounding.bounds(s["accuracy"])[1] < 1}
    if positives is not None:
        sizes = (int(positives), int(negatives))
        wrong = [row for row, s in rows.items() if not _matrices(s, *sizes, within)[0]]
        if not wrong:
            return []
        sentence = f"no whole counts of the stated {sizes[0]} + {sizes[1]} {images}"
        return [Finding(sentence, tuple(wrong))]
    fits = {}
    for row, s in rows.items():
        for way, order in enumerate((("precision", "recall"), ("recall", "precision"))):
            figures = (s["accuracy"], *(s[name] for name in order), s["f1"])
            for own, least, most in rounding.two_class_tests(*figures, int(limit), within):
                for rest in range(max(least, 1), most + 1):
                    fits.setdefault((own, rest), {}).setdefault(row, way)
    if not fits:
        return []

    def worth(sizes):
        """Many rows, then few images, then few exchanged rows, then even classes."""
        ways = fits[sizes].values()
        return -len(ways), sum(sizes), sum(ways), abs(sizes[0] - sizes[1])

    best = min(fits, key=worth)
    named = tuple(fits[best])
    chance = rounding.chance_of_classes(len(rows), len(named), sum(best))
    if chance > CHANCE_IN_PART:
        return []
    exchanged = sum(fits[best].values())
    sentence = (
        f"{len(named)} of {len(rows)} rows are whole counts of one test of {best[0]} + {best[1]} "
        f"{images}"
    )
    if exchanged:
        sentence += f", {exchanged} of them only with precision and recall exchanged"
    kind = "contradicted" if exchanged else "implied"
    return [Finding(sentence, named, f"chance: at most {chance:.1g}", kind)]


def impossible(scores, images, limit, within=0):
    """Rows whose four figures no two-class test of the data set can have, even exchanged.

    Args: as `class_sizes`.
    """
    limit = int(limit)
    wrong = [
        row for row, s in scores.items()
        if not any(
            next(
                rounding.two_class_tests(s["accuracy"], s[p], s[r], s["f1"], limit, within), None
            )
            for p, r in (("precision", "recall"), ("recall", "precision"))
        )
    ]  # fmt: skip
    if not wrong:
        return []
    sentence = (
        f"the figures of {', '.join(wrong)} are of no two-class test of up to {limit} {images}"
    )
    return [Finding(sentence, tuple(wrong))]


def exchanged(scores, positives, negatives, within=0):
    """Rows of a two-class test whose figures are whole counts only with P and R exchanged.

    Args:
        scores: row -> {"precision", "recall", "f1"} and, if it is to count, "accuracy", printed.
        positives, negatives: number of test images of each class.
        within: see `rounding.two_class_matrices`.
    """
    printed, other = [], []
    for row, s in scores.items():
        right, turned = _matrices(s, int(positives), int(negatives), within)
        if right or turned:
            (printed if right else other).append(row)
    if not other:
        return []
    sentence = f"precision and recall are exchanged in {len(other)} rows"
    detail = (
        f"only so are they whole counts of {positives} + {negatives} images; "
        f"{len(printed)} of {len(scores)} rows are so as printed"
    )
    return [Finding(sentence, tuple(other), detail)]


def accuracy_follows(scores, positives, negatives, within=0):
    """Rows whose precision, recall and F1 come from a test that has another accuracy.

    Args: as `exchanged`, with "accuracy".
    """
    found, images = [], int(positives) + int(negatives)
    for row, s in scores.items():
        others = {**s, "accuracy": None}
        right, turned = _matrices(others, int(positives), int(negatives), within)
        low, high = rounding.bounds(s["accuracy"])
        shares = [Fraction(tp + tn, images) for tp, _, _, tn in [*right, *turned]]
        if shares and not any(low <= share <= high for share in shares):
            known = " or ".join(dict.fromkeys(f"{float(share):.4f}" for share in shares))
            sentence = f"{row}: accuracy {s['accuracy']}, but its precision, recall and F1 make it"
            detail = f"as whole counts of {positives} + {negatives} images"
            found.append(Finding(f"{sentence} {known}", (row,), detail))
    return found


def _matrices(scores, positives, negatives, within):
    """(matrices as printed, matrices with precision and recall exchanged) of a row."""
    accuracy, p, r, f1 = (scores.get(k) for k in ("accuracy", "precision", "recall", "f1"))
    return tuple(
        rounding.two_class_matrices(accuracy, *pair, f1, positives, negatives, within)
        for pair in ((p, r), (r, p))
    )


def epochs_as_samples(t, p, epochs, stated=None):
    """The number of pairs behind a t-test, from its t and two-sided p.

    Args:
        t, p, epochs: printed. stated: number of independent runs or subjects, if it is given.
    """
    fits = rounding.degrees_of_freedom(t, p)
    if not fits:
        return [Finding(f"no degrees of freedom up to 1000 give t = {t} the p of {p}")]
    if stated is not None and int(stated) - 1 in fits:
        return []
    which = " or ".join(map(str, fits)) if len(fits) < 4 else f"{fits[0]} to {fits[-1]}"
    if int(epochs) - 1 in fits:
        sentence = (
            f"t and p have {which} degrees of freedom: the {epochs} epochs of a run as samples"
        )
        return [Finding(sentence, detail=f"t = {t}, p = {p}", kind="implied")]
    return [Finding(f"t and p have {which} degrees of freedom", detail=f"t = {t}, p = {p}",
                    kind="implied")]  # fmt: skip


def counted_seconds(figures, epochs, batch):
    """Durations in minutes that are whole steps times epochs at one second a step.

    Args:
        figures: phase -> printed minutes. epochs, batch: printed.
    """
    epochs, batch, chance, steps = int(epochs), int(batch), 1, {}
    for phase, text in figures.items():
        low, high = (60 * side / epochs for side in rounding.bounds(text))
        steps[phase] = round((low + high) / 2)
        if not low <= steps[phase] <= high:
            return []
        chance *= high - low
    if chance > CHANCE_IN_PART:
        return []
    counts = ", ".join(f"{phase} {count} steps" for phase, count in steps.items())
    held = ", ".join(f"{(n - 1) * batch + 1} to {(n + 1) * batch - 1}" for n in steps.values())
    sentence = f"durations are steps × {epochs} epochs at one second a step, not measured: {counts}"
    return [Finding(sentence, tuple(steps), f"in batches of {batch}: {held} images", "implied")]
