"""Table 6. LeukocyteNet: precision, recall and F1 of each class (section 4-2).
CoTCoNet: six methods and CoTCoNet on SN-AM (section 4.3.1).
"""

from table2 import LONG, METHODS

from cotconet import recipe as cotconet
from cotconet.tables import comparison
from leukocytenet import recipe
from leukocytenet.tables import per_class
from smears.study import Study, main

REPORT = Study(
    paper="leukocytenet", table=6, recipe=recipe, make=per_class, rows={"LeukocyteNet": {}}
)

SNAM = Study(paper="cotconet", table=6, recipe=cotconet, make=comparison, long=LONG, rows=METHODS)

if __name__ == "__main__":
    main(REPORT, SNAM)
