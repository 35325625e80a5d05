"""Table 1. LeukocyteNet: published work as the paper cites it, and our measured row (section 2).
CoTCoNet: images of each class before and after synthesis (section 4.1).
"""

from cotconet import recipe as cotconet
from cotconet.premises import counts_table
from leukocytenet import recipe
from leukocytenet.tables import literature
from smears.study import Study, main

LITERATURE = Study(
    paper="leukocytenet", table=1, recipe=recipe, make=literature, rows={"LeukocyteNet": {}}
)

COUNTS = Study(paper="cotconet", table=1, recipe=cotconet, make=counts_table)

if __name__ == "__main__":
    main(LITERATURE, COUNTS)
