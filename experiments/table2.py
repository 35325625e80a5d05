"""Table 2. LeukocyteNet: images of each class, before and after augmentation (section 3-2-2)."""

from leukocytenet import recipe
from leukocytenet.tables import acquisition
from smears.study import Study, main

ACQUISITION = Study(paper="leukocytenet", table=2, recipe=recipe, make=acquisition)

if __name__ == "__main__":
    main(ACQUISITION)
