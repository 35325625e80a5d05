"""Table 2. LeukocyteNet: images of each class, before and after augmentation (section 3-2-2).
CoTCoNet: six methods and CoTCoNet on C-NMC 2019 (section 4.3.1).
"""

from cotconet import recipe as cotconet
from cotconet.tables import comparison
from leukocytenet import recipe
from leukocytenet.tables import acquisition
from smears.study import Study, main

ACQUISITION = Study(paper="leukocytenet", table=2, recipe=recipe, make=acquisition)

CNMC = Study(paper="cotconet", table=2, recipe=cotconet, make=comparison, rows={"CoTCoNet": {}})

if __name__ == "__main__":
    main(ACQUISITION, CNMC)
