"""Table 5. LeukocyteNet: five frozen ImageNet networks against LeukocyteNet (section 4-2).
CoTCoNet: six methods and CoTCoNet on ALL-IDB2 (section 4.3.1).
"""

from table2 import LONG, METHODS

from cotconet import recipe as cotconet
from cotconet.tables import comparison
from leukocytenet import recipe
from smears.study import Study, main
from smears.tables import accuracy_table

# The paper's precision and recall equal its validation accuracy: micro averages of validation
# pictures (D12). Ours are macro averages of test pictures.
COLUMNS = {
    "test_accuracy": ("Test accuracy", "test", "accuracy"),
    "precision": ("Precision", "test", "precision_macro"),
    "recall": ("Recall", "test", "recall_macro"),
    "f1": ("F1", "test", "f1_macro"),
    "validation_accuracy": ("Validation accuracy", "validation", "accuracy"),
}

# Figure 5 and Table 9 show the same rows.
ROWS = {
    "Xception": {"model": "Xception"},
    "Inception V3": {"model": "Inception V3"},
    "MobileNet": {"model": "MobileNet"},
    "DenseNet121": {"model": "DenseNet121"},
    "VGG19": {"model": "VGG19"},
    "LeukocyteNet": {},
}

COMPARISON = Study(
    paper="leukocytenet",
    table=5,
    recipe=recipe,
    make=lambda results: accuracy_table(results, COLUMNS),
    rows=ROWS,
)

ALLIDB2 = Study(
    paper="cotconet", table=5, recipe=cotconet, make=comparison, long=LONG, rows=METHODS
)

if __name__ == "__main__":
    main(COMPARISON, ALLIDB2)
