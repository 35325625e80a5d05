"""Table 3. LeukocyteNet: every layer's output shape and parameters (section 3-3-2).
CoTCoNet: the metrics' formulas, and what they give for our run (section 4.2.2).
"""

from cotconet import recipe as cotconet
from cotconet.premises import formulas_table
from leukocytenet import recipe
from leukocytenet.tables import architecture
from smears.study import Study, main

ARCHITECTURE = Study(
    paper="leukocytenet", table=3, recipe=recipe, make=architecture, needs_data=False
)

FORMULAS = Study(
    paper="cotconet", table=3, recipe=cotconet, make=formulas_table, rows={"CoTCoNet": {}}
)

if __name__ == "__main__":
    main(ARCHITECTURE, FORMULAS)
