"""Which learning rate LeukocyteNet and VGG19, fine-tuned, do best with on validation pictures.

The paper names none (DEVIATIONS.md, D8, D14). Each network is tried with the same rates for the
same few epochs, warm-up and decay among them; test pictures are not looked at.
"""

from dataclasses import replace

import pandas as pd
from table4 import ABLATION

from smears import commandline, reports
from smears.ending import exits
from smears.study import Results
from smears.tables import interval, interval_line, scored, size

WHOLE = (
    "LeukocyteNet (VGG19+Swin)",
    "VGG19 Only, fine-tuned",
    "VGG19 Only, fine-tuned, AlphaDropout",
)
TRIED = replace(ABLATION, rows={label: ABLATION.rows[label] for label in WHOLE}, external=False)
RATES = (5e-5, 1e-4, 2e-4, 4e-4)
SHARE = 5  # a trial has a fifth of the profile's epochs


def main():
    """Train the trials that are missing, print and write the table."""
    options = commandline.parse(
        [TRIED],
        what="a table of learning rates by network, and which of them validation chooses",
        more=_arguments,
    )
    with exits():
        epochs = options.epochs or max(1, TRIED.recipe.PROFILES[options.profile].epochs // SHARE)
        asked = options.rows or WHOLE
        trials = {(label, rate): f"{label}, {rate:g}" for label in asked for rate in options.rates}
        rows = {
            name: {**TRIED.rows[label], "learning_rate": rate, "epochs": epochs}
            for (label, rate), name in trials.items()
        }
        options.rows = None
        results = Results(replace(TRIED, rows=rows), options)
        print("\n".join(results.material.opening))
        results.train()
        table, lines = _table(results, trials, epochs)
        title = "LeukocyteNet: learning rates on validation (not in the paper)"
        stem = f"learning_rates_{commandline.stem(options)}"
        paths = reports.write(table, title, lines, options.out / "tables", stem)
        reports.show(table, title, lines, paths)


def _arguments(parser):
    parser.add_argument(
        "--rates", nargs="+", type=commandline.above_zero, metavar="RATE", default=list(RATES),
        help="Adam's highest rate, after the warm-up. Default: "
        + " ".join(f"{rate:g}" for rate in RATES),
    )  # fmt: skip
    parser.add_argument(
        "--epochs", type=commandline.positive, metavar="N",
        help=f"of a trial. Default: the profile's number divided by {SHARE}",
    )  # fmt: skip


def _table(results, trials, epochs):
    """(DataFrame of texts, caption lines)."""
    part = "validation"
    predictions = {key: results.predictions(name) for key, name in trials.items()}
    reached = {
        key: interval(found, part, "f1_macro")[0] for key, found in predictions.items() if found
    }
    rows = []
    for (label, rate), found in predictions.items():
        # Of equally good rates the lowest.
        own = {key[1]: value for key, value in reached.items() if key[0] == label}
        chosen = own and min(own, key=lambda one: (-own[one], one))
        rows.append(
            {
                "Network": label,
                "Learning rate": f"{rate:g}",
                "Validation accuracy (95% CI)": scored(found, part, "accuracy"),
                "Validation macro F1 (95% CI)": scored(found, part, "f1_macro"),
                "Chosen": "yes" if found and rate == chosen else "",
                "n validation": size(found, part),
                "data": results.data,
            }
        )
    lines = [
        *results.captions(),
        interval_line(results),
        f"{epochs} epochs a trial, warm-up and cosine decay within them. Chosen: the highest macro "
        "F1 on validation; no test picture has a say.",
    ]
    return pd.DataFrame(rows), lines


if __name__ == "__main__":
    main()
