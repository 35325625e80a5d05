"""The items of three reporting guidelines that a run can answer, or must leave open.

CLAIM 2024: Tejani et al., Radiology: Artificial Intelligence 6 (2024) e240300. REFORMS: Kapoor et
al., Science Advances 10 (2024) eadk3452; where a letter is missing, the whole module is meant.
TRIPOD+AI: Collins et al., BMJ 385 (2024) e078378. Numbers are theirs, words are ours. Items on the
text of an article (title, abstract, background, discussion, funding) are left out.
"""

from smears import reports

# Topic, CLAIM's items, REFORMS', TRIPOD+AI's, key of the answer that `smears.card` gives.
ITEMS = (
    ("Data sources", "7", "2a, 3a", "5a", "sources"),
    ("Dates, places and centres of collection", "13", "3a", "5b, 6a", ""),
    ("Sampling frame; who was included", "8", "3b", "6b", ""),
    ("Pictures left out, and why", "8, 35", "4", "20a", "left_out"),
    ("Choice of a part of the data", "10", "3b", "", "subset"),
    ("De-identification", "11", "", "", ""),
    ("Missing data", "12", "3", "11", "missing"),
    ("Microscope, camera, stain, magnification", "13", "", "", ""),
    ("Outcome, and its numbers by class", "14", "3d", "8a, 21", "outcome"),
    ("Who labelled, how, how well raters agree", "16, 17, 18", "3a", "8b", ""),
    ("Preprocessing", "9", "4", "7, 12b", "preprocessing"),
    ("Size of the sample and its reason", "21", "3", "10", "sample"),
    ("How parts were assigned", "19", "5", "12a", "split"),
    ("Level at which parts are disjoint; duplicates", "20", "6", "12a", "disjoint"),
    ("Model", "22", "5", "12c, 22", "model"),
    ("Start of the weights", "24", "5", "12c", "start"),
    ("Training", "25", "5", "12c", "training"),
    ("Choice of the final model", "26", "5", "12c", "selection"),
    ("Ensemble", "27", "", "", "ensemble"),
    ("Class imbalance", "25", "5", "13", "imbalance"),
    ("What it gives out; thresholds", "22", "", "15", "output"),
    ("Metrics", "28", "7", "12e", "metrics"),
    ("Uncertainty and tests", "29", "7", "12e, 23a", "uncertainty"),
    ("Calibration and recalibration", "28", "7", "12f, 23a, 24", "calibration"),
    ("Test on held-out pictures of the same sources", "32, 37", "7", "23a", "internal"),
    ("Test on another source", "33", "8", "16, 23a", "external"),
    ("Differences between training and test pictures", "", "8", "16", "difference"),
    ("Robustness, sensitivity", "30", "", "", "robustness"),
    ("Explanations, and whether they were validated", "31", "", "", "explanations"),
    ("Failures", "39", "", "", "failures"),
    ("Age, sex, diagnosis of the people", "36", "3", "20b", ""),
    ("Fairness between groups of people", "", "8", "14, 23b", ""),
    ("Baselines", "", "5", "", "baselines"),
    ("Software", "23", "2c", "12g", "software"),
    ("Machine", "", "2c", "", "machine"),
    ("Code, its version, and how to repeat it", "43", "2b, 2d, 2e", "18f", "code"),
    ("Data and weights to be had", "43", "2a", "18e, 22", "available"),
    ("Population that a claim is about", "", "1a", "3b", "population"),
    ("Limits", "40", "8", "26", "limits"),
    ("Use with poor pictures; users", "", "", "27a, 27b", "poor"),
    ("Ethics committee and consent", "", "", "17", ""),
    ("Protocol, registration", "34, 42", "", "18c, 18d", ""),
)

OPEN = "not available"


def table(answers):
    """Markdown lines: topic, items of each guideline, the answer.

    Args:
        answers: dict of the keys in `ITEMS` to one phrase each; "" and absent: not available.
    """
    lines = [
        "| Topic | CLAIM | REFORMS | TRIPOD+AI | Answer |",
        "| --- | --- | --- | --- | --- |",
    ]
    for topic, claim, reforms, tripod, key in ITEMS:
        answer = reports.cell(answers.get(key) or OPEN)
        cells = [topic, *(text or "–" for text in (claim, reforms, tripod)), answer]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
