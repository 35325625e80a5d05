"""Published numbers held against each other: averages, sums, ranges, copies.

Checks for `smears.forensics`. They take printed texts ("83.00%") and return findings, none where
all agrees: "implied" is what the numbers tell beyond the text, "contradicted" what cannot hold.
"""

from fractions import Fraction

from smears import rounding
from smears.published import Finding


def f1_follows(scores, average):
    """Rows whose F1 cannot go with their precision and recall.

    Args:
        scores: row -> {"precision", "recall", "f1"}, printed.
        average: "one" (of one class, or micro averages) or "mean" (macro or weighted); see
            `rounding.f1_bounds`.
    """
    wrong = {}
    for row, text in scores.items():
        low, high = rounding.f1_bounds(text["precision"], text["recall"], average)
        f1_low, f1_high = rounding.bounds(text["f1"])
        if f1_high < low or f1_low > high:
            wrong[row] = f"{row}: {text['f1']}, not {_near(low, high, text['f1'])}"
    if not wrong:
        return []
    said = "is not the harmonic mean of" if average == "one" else "is no mean that goes with"
    sentence = f"F1 {said} precision and recall in {len(wrong)} of {len(scores)} rows"
    return [Finding(sentence, tuple(wrong), "; ".join(wrong.values()))]


def _near(low, high, like):
    """A range as text, with the unit of a printed number and one more decimal."""
    scale, unit = (100, "%") if like.endswith("%") else (1, "")
    places = len(like.strip("%").partition(".")[2]) + 1
    return f"{scale * float(low):.{places}f} to {scale * float(high):.{places}f}{unit}"


def agree(values, what):
    """Claims of one number that cannot all be true within their rounding.

    Args:
        values: where it stands -> printed text, or row -> text, whose mean is meant.
        what: the number, e.g. "macro F1".
    """
    ranges, texts = {}, []
    for place, text in values.items():
        parts = list(text.values()) if isinstance(text, dict) else [text]
        low, high = rounding.mean_bounds(parts)
        ranges[place] = (low, high)
        shown = f"{float(low + high) / 2:.3f}" if len(parts) > 1 else parts[0]
        texts.append(f"{shown} ({place})")
    count, reached = 0, None
    for low, high in sorted(ranges.values(), key=lambda pair: pair[1]):
        if reached is None or low >= reached:
            count, reached = count + 1, high
    if count < 2:
        return []
    return [Finding(f"{count} different values of {what}: {', '.join(texts)}")]


def covers(stated, figures, what):
    """Figures outside a stated range.

    Args:
        stated: "95 – 96%" or "1.00 – 1.00". figures: row -> printed. what: of what it is said.
    """
    low, high, said = _range(stated)
    wrong = {}
    for row, text in figures.items():
        figure_low, figure_high = rounding.bounds(text)
        if figure_high <= low or figure_low >= high:
            wrong[row] = f"{row} {text}"
    if not wrong:
        return []
    sentence = f"{what} is said to be {said}, but it is {', '.join(wrong.values())}"
    return [Finding(sentence, tuple(wrong))]


def differences(stated, reference, figures, what):
    """Figures that do not lie as far below a reference as the text says.

    Args:
        stated: one number or a range, as in `covers`, in points if it ends with "%".
        reference: printed. figures: row -> printed. what: the difference, in words.
    """
    low, high, said = _range(stated)
    top_low, top_high = rounding.bounds(reference)
    wrong = {}
    for row, text in figures.items():
        figure_low, figure_high = rounding.bounds(text)
        least, most = top_low - figure_high, top_high - figure_low
        if most <= low or least >= high:
            scale, unit = (100, "%") if stated.endswith("%") else (1, "")
            far = f"{scale * float(least + most) / 2:.{2 if unit else 4}f}{unit}"
            wrong[row] = f"{far} ({row})"
    if not wrong:
        return []
    sentence = f"{what} is said to be {said}, but the table has {', '.join(wrong.values())}"
    return [Finding(sentence, tuple(wrong))]


def _range(stated):
    """(low, high, as people say it) of "95 – 96%", "1.00 – 1.00" or "7.94%"."""
    unit = "%" if stated.endswith("%") else ""
    ends = [text.strip(" %") + unit for text in stated.split("–")]
    said = ends[0] if ends[0] == ends[-1] else stated
    return rounding.bounds(ends[0])[0], rounding.bounds(ends[-1])[1], said


def contains(total, what, part, kind):
    """That a number of images holds some of another kind, which its name hides.

    Args:
        total, part: printed whole numbers. what: as the text calls all. kind: of the part.
    """
    total, part = int(total), int(part)
    if not part:
        return []
    return [
        Finding(f"{part} of the {total} {what} ({part / total:.1%}) are {kind}", kind="implied")
    ]


def equal_columns(scores, reference, meaning):
    """Columns that repeat another column, row for row.

    Args:
        scores: row -> {column: printed}. reference: the column they are held against.
        meaning: what follows if they are equal.
    """
    others = [column for column in next(iter(scores.values())) if column != reference]
    equal = {
        column: [row for row, text in scores.items() if text[column] == text[reference]]
        for column in others
    }
    # Rounding makes single rows equal by accident; four in five rows do not come about so.
    same = [c for c in others if len(equal[c]) >= max(3, 0.8 * len(scores))]
    if not same:
        return []
    names = " and ".join(same).replace("_", " ")
    detail = ", ".join(f"{c}: equal in {len(equal[c])} of {len(scores)} rows" for c in same)
    sentence = f"{names} repeat the {reference.replace('_', ' ')}: {meaning}"
    return [Finding(sentence, tuple(scores), detail, "implied")]


def copied(row, other, pairs, meaning, within=0):
    """A row whose figures are those of another row, maybe of another table.

    Args:
        row, other: names of the two rows. pairs: list of [printed here, printed there].
        meaning: what follows. within: so many units of the last decimal count as equal, if at
            least one pair is equal to the letter.
    """
    near, exact = True, False
    for first, second in pairs:
        low, high = rounding.bounds(first)
        middle = sum(rounding.bounds(second)) / 2
        near &= abs((low + high) / 2 - middle) <= within * (high - low)
        # 0 and 1 come about by themselves.
        exact |= first == second and low > 0 and high < 1
    if not (near and exact):
        return []
    detail = ", ".join(f"{first} and {second}" for first, second in pairs)
    return [Finding(f"{row} has the figures of {other}: {meaning}", (row,), detail)]


def parts(total, figures, unit=""):
    """Parts that are larger than their total, or do not add up to it.

    Args:
        total: printed. figures: part -> printed. unit: to print behind the total.
    """
    low, high = rounding.bounds(total)
    ranges = {part: rounding.bounds(text) for part, text in figures.items()}
    lows, highs = (sum(pair[side] for pair in ranges.values()) for side in (0, 1))
    if all(text.isdigit() for text in [total, *figures.values()]):
        lows = highs = sum(Fraction(text) for text in figures.values())
        low = high = Fraction(total)
    if lows <= high and low <= highs:
        return []
    summed = f"{' + '.join(figures)} is {float(lows + highs) / 2:.10g}"
    larger = [part for part, (least, _) in ranges.items() if least >= high]
    if larger:
        names = ", ".join(f"{part} {figures[part]}" for part in larger)
        sentence = f"{names} is larger than its total of {total}{unit}"
        return [Finding(sentence + (f": {summed}" if len(figures) > 1 else ""), tuple(larger))]
    return [Finding(f"{summed}, not {total}{unit}", tuple(figures))]


def best(row, figures, what):
    """Rows that are better than the one that the text calls best."""
    least = rounding.bounds(figures[row])[1]
    better = [name for name, text in figures.items() if rounding.bounds(text)[0] >= least]
    return _not_first(row, better, figures, f"called best, but its {what}", "less")


def worst(row, figures, what):
    """Rows that are worse than the one that the text calls worst."""
    most = rounding.bounds(figures[row])[0]
    lower = [name for name, text in figures.items() if rounding.bounds(text)[1] <= most]
    return _not_first(row, lower, figures, f"called worst, but its {what}", "more")


def _not_first(row, others, figures, said, than):
    if not others:
        return []
    names = ", ".join(f"{name} {figures[name]}" for name in others)
    return [Finding(f"{row} is {said} {figures[row]} is {than} than {names}", (row, *others))]
