"""What six colour numbers alone achieve on a split: the row under every accuracy table."""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from smears.catalogue import COLOURS
from smears.runs import KEYS

CLASSIFIERS = {
    "Colour statistics only (nearest neighbour)": lambda: KNeighborsClassifier(1),
    "Colour statistics only (logistic regression)": lambda: LogisticRegression(max_iter=2000),
}


def predictions(frame, parts, classes, row):
    """Predictions of a classifier that sees mean and spread of R, G and B, and no shape.

    Args:
        frame: catalogue with the colour columns of its scan. parts: Series of parts.
        classes: class names. row: key of `CLASSIFIERS`.

    Returns:
        DataFrame like predictions.csv of a run: validation and test pictures.
    """
    model = make_pipeline(StandardScaler(), CLASSIFIERS[row]())
    train = (parts == "train").to_numpy()
    model.fit(frame.loc[train, COLOURS], frame.loc[train, "label"])
    held = frame.loc[~train].assign(part=parts[~train])
    scores = pd.DataFrame(
        model.predict_proba(held[COLOURS]), columns=model.classes_, index=held.index
    )
    scores = scores.reindex(columns=list(classes), fill_value=0.0)
    return pd.concat([held[KEYS], scores], axis=1).reset_index(drop=True)
