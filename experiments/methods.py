"""Parameters and operations of the methods that CoTCoNet is compared with."""

import argparse

from cotconet.rivals import profiles
from smears import backend, reports
from smears.commandline import add_places, place
from smears.ending import exits


def main(argv=None):
    """Print the table and write it as Markdown, CSV, LaTeX and PNG."""
    parser = argparse.ArgumentParser(
        description="Build every compared method's network and count its parameters and the "
        "operations of one picture, beside what its source states. Needs no data, trains nothing."
    )
    parser.add_argument(
        "--profile", choices=list(profiles.PROFILES), default="paper",
        help="whose sizes; Default: paper",
    )  # fmt: skip
    add_places(parser, reads=False)
    options = parser.parse_args(argv)
    with exits():
        folder = place(options.out) / "tables"
        backend.start()
        from cotconet.rivals.complexity import table

        made, lines = table(options.profile)
        title = "CoTCoNet: the compared methods' networks (not in the paper)"
        paths = reports.write(made, title, lines, folder, f"cotconet_methods_{options.profile}")
        reports.show(made, title, lines, paths)


if __name__ == "__main__":
    main()
