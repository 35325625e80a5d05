"""Figure 3. LeukocyteNet: the effect of each augmentation on one image (section 3-2-3)."""

from leukocytenet import recipe
from leukocytenet.figure3 import augmentation
from smears.study import Study, main

AUGMENTATION = Study(
    paper="leukocytenet", figure=3, recipe=recipe, make=augmentation, needs_data=False
)

if __name__ == "__main__":
    main(AUGMENTATION)
