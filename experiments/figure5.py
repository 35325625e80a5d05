"""Figure 5. LeukocyteNet: test accuracy of the five baselines and LeukocyteNet (section 4-2)."""

from leukocytenet import recipe
from leukocytenet.figures import accuracies
from smears.study import Study, main

ACCURACIES = Study(
    paper="leukocytenet",
    figure=5,
    recipe=recipe,
    make=accuracies,
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
    main(ACCURACIES)
