"""The protocol gap: the same methods under the paper's protocol and with subjects apart."""

import numpy as np
import pandas as pd

from cotconet import recipe
from smears import colour
from smears.tables import difference, fraction, scored, size, without

LINES = (
    "Paper's protocol: split by image, 9 to 1, after synthesis (and, where a method oversamples, "
    "after oversampling), as the published figures imply: made or copied pictures and pictures "
    "of people that were trained on stand in the test.",
    'In "real pictures alone" the same networks are scored without the synthetic test pictures; '
    "what is left of the gap comes from people, fields or copies on both sides.",
    "Gap: balanced accuracy (mean recall of both classes, for the two protocols test different "
    "shares of them) under the paper's protocol less that with subjects apart; 95% interval, each "
    "side's subjects (source images where unknown) and seeds drawn by themselves.",
)


def table(results, paper):
    """The protocol gap of every row.

    Args:
        results, paper: smears.study.Results of one study and one data set, trained: with subjects
            apart and with --split paper.

    Returns:
        (DataFrame of texts, caption lines).
    """
    rows = []
    for label in [*results.study.rows, *colour.CLASSIFIERS]:
        apart, mixed = results.predictions(label), paper.predictions(label)
        real = [without(found, recipe.SYNTHETIC) for found in mixed]
        rows.append(
            {
                "Method": label,
                **paper.beside("accuracy", label, "accuracy"),
                "accuracy, paper's protocol": scored(mixed, "test", "accuracy", fraction),
                "real pictures alone": scored(real, "test", "accuracy", fraction),
                "accuracy, subjects apart": scored(apart, "test", "accuracy", fraction),
                "balanced, paper's protocol": scored(mixed, "test", "balanced_accuracy", fraction),
                "balanced, subjects apart": scored(apart, "test", "balanced_accuracy", fraction),
                "gap in points (95% CI)": gap(mixed, apart),
                "gap of real pictures alone": gap(real, apart),
                "n paper's": size(mixed, "test"),
                "n of these real": size(real, "test"),
                "n apart": size(apart, "test"),
            }
        )
    lines = [f"Subjects apart. {line}" for line in results.captions()[:2]]
    lines.append(f"Paper's protocol. {paper.material.split_line}")
    lines += [line for line in results.captions()[2:] if line not in lines]
    return pd.DataFrame(rows), [*lines, *LINES]


def gap(mixed, apart):
    """Text: balanced accuracy of `mixed` less that of `apart`, in points, or "not run"."""
    if not mixed or not apart:
        return "not run"
    points = 100 * np.array(difference(mixed, apart, "test", "balanced_accuracy"))
    return "{:+.1f} ({:+.1f} to {:+.1f})".format(*points)
