"""What CoTCoNet's other tables stand on: which images there are (Table 1), how they are scored (3).

Both functions take smears.study.Results and return (DataFrame of texts, caption lines).
"""

import pandas as pd

from smears import metrics
from smears.tables import confusions

# Names of the command line -> rows of Table 1 (C1, C3).
DATA_SETS = {"cnmc": "C-NMC 2019", "allidb1": "ALL-IDB1", "allidb2": "ALL-IDB2", "snam": "SN-AM"}

# A count of the formulas -> (true class, predicted class): 0 the positive one, 1 the other. The
# paper's index is the predicted class (section 4.2.2).
COUNTS = {"TP_leuk": (0, 0), "FN_nor": (0, 1), "FP_leuk": (1, 0), "TN_nor": (1, 1)}


def counts_table(results):
    """Table 1: images of each class before and after synthesis, published beside this data's.

    Somebody's own data stand alone, without columns of published counts.

    Ours are synthesised up to parity of the training part alone (C4); with --split paper of all
    images, as the published numbers are.
    """
    frame, parts = results.catalogue, results.split[0]
    positive = results.positive
    labels = [positive, *(name for name in results.classes if name != positive)]
    whole = results.options.split == "paper"
    pool = frame["label"] if whole else frame["label"][parts == "train"]
    base = {label: int((pool == label).sum()) for label in labels}
    own = DATA_SETS.get(results.data, results.data)
    shown = "all" if whole else "training"
    rows = []
    for name in dict.fromkeys([*([] if results.own else results.paper.rows(1)), own]):
        for kind, label in zip(("cancer", "normal"), labels, strict=True):
            missing = max(base.values()) - base[label]
            ours = (int((frame["label"] == label).sum()), base[label], missing, max(base.values()))
            texts = [f"{count:,}" for count in ours] if name == own else ["–"] * 4
            rows.append(
                {
                    "Data set": name,
                    "Class": f"{kind} ({label})" if name == own else kind,
                    **results.beside("original", name, kind),
                    **results.beside("synthetic", name, f"synthetic_{kind}"),
                    **results.beside("total", name, f"total_{kind}"),
                    "original ours": texts[0],
                    f"{shown} ours": texts[1],
                    "synthetic for parity ours": texts[2],
                    f"{shown} with synthetic ours": texts[3],
                }
            )
    lines = [results.material.split_line]
    if len(results.material.splits) > 1:
        lines.append("Training part: of the first fold.")
    lines.append(
        f"Ours: synthetic images bring the smaller class of {shown} images to parity"
        + ("; a tenth of them is tested on, as in the paper's numbers." if whole else
           "; none is ever in validation or test.")
    )  # fmt: skip
    if not results.own:
        lines.append(f"SN-AM: {results.paper.value(1, 'SN-AM', 'normal').note}.")
    return pd.DataFrame(rows), lines


def formulas_table(results):
    """Table 3: each metric's formula as printed, with our classes' names, and worked out.

    The counts are those of the first seed's test part; either class is once the positive one,
    because the published tables do not tell which is.
    """
    positive = results.positive
    names = [positive, *(name for name in results.classes if name != positive)]
    order = [results.classes.index(name) for name in names]
    predictions = results.predictions("CoTCoNet")[:1]
    matrix = confusions(predictions, "test")[0].sum(0)[order][:, order] if predictions else None
    cells = {count: f"{names[true]}→{names[said]}" for count, (true, said) in COUNTS.items()}
    rows = []
    for metric in results.paper.rows(3):
        formula = ours = results.published(metric, "formula")
        for count, text in cells.items():
            ours = ours.replace(count, text)
        row = {"Metric": metric, "formula as printed": formula, "in this data's classes": ours}
        for number, name in enumerate(names):
            value = "not run"
            if predictions:
                score = metric.partition("-")[0].lower()
                value = f"{float(metrics.binary(matrix, number)[score]):.4f}"
            row[f"ours, {name} positive"] = value
        rows.append(row)
    lines = results.captions()
    lines.append("A→B: images of class A called B; the paper's index names the class called.")
    if predictions:
        counts = [f"{text} {matrix[COUNTS[count]]}" for count, text in cells.items()]
        lines.append(f"Test part, first seed: {', '.join(counts)}.")
    return pd.DataFrame(rows), lines
