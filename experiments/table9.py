"""Table 9. LeukocyteNet: the paper's statistics over epochs, and what its claim needs (4-3)."""

from leukocytenet import recipe
from leukocytenet.tables import significance
from smears.study import Study, main

SIGNIFICANCE = Study(
    paper="leukocytenet",
    table=9,
    recipe=recipe,
    make=significance,
    rows={
        "Xception": {"model": "Xception"},
        "Inception V3": {"model": "Inception V3"},
        "MobileNet": {"model": "MobileNet"},
        "DenseNet121": {"model": "DenseNet121"},
        "VGG19": {"model": "VGG19"},
        "LeukocyteNet": {},
    },
)

if __name__ == "__main__":
    main(SIGNIFICANCE)
