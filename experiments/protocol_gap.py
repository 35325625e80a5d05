"""CoTCoNet's protocol gap: the same methods by the paper's split and with subjects apart."""

import copy

from table2 import CNMC

from cotconet import protocol_gap
from smears import InputError, commandline, reports
from smears.ending import exits
from smears.study import Results


def main():
    """Train what is missing under both protocols, print and write the table."""
    options = commandline.parse(
        [CNMC],
        what="the protocol gap: CoTCoNet and the methods it is compared with under the paper's "
        "protocol (by image, after synthesis) and with subjects apart, side by side",
        extra="Both splits are made, so --split is not taken; --folds holds for subjects apart.",
    )
    with exits():
        if options.split != "subject":
            raise InputError("--split: this table makes both splits; leave it out.")
        other = copy.copy(options)
        other.split, other.folds = "paper", 0
        both = [Results(CNMC, chosen) for chosen in (options, other)]
        if both[0].refused:
            raise InputError(both[0].refused)
        for results in both:
            print(results.material.split_line)
            results.train()
        made, lines = protocol_gap.table(*both)
        lines.append(both[0].verdict())
        title = f"CoTCoNet: the protocol gap on {both[0].data} (not in the paper)"
        stem = f"cotconet_protocol-gap_{commandline.stem(options)}"
        paths = reports.write(made, title, lines, options.out / "tables", stem)
        reports.show(made, title, lines, paths)


if __name__ == "__main__":
    main()
