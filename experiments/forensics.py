"""What the papers' published numbers imply by themselves, computed from paper.yaml alone."""

import argparse

from smears import forensics, published, reports
from smears.commandline import add_places, place
from smears.ending import exits

PAPERS = ("leukocytenet", "cotconet")


def main(argv=None):
    """Print the findings of each paper and write them as Markdown, CSV, LaTeX and PNG."""
    parser = argparse.ArgumentParser(
        description="What the published numbers imply and where they cannot all be right: sizes "
        "of the test sets behind them, averages, sums, degrees of freedom. Reads the numbers and "
        "the list of checks from each package's paper.yaml; needs no data and trains nothing."
    )
    parser.add_argument("--paper", choices=PAPERS, help="only this paper's numbers")
    add_places(parser, reads=False)
    options = parser.parse_args(argv)
    with exits():
        folder = place(options.out) / "tables"
        for package in [options.paper] if options.paper else PAPERS:
            paper = published.load(package)
            found = forensics.findings(paper)
            table = forensics.table(found)
            title = f"{paper.name}: what the published numbers imply"
            contradicted = sum(finding.kind == "contradicted" for finding in found)
            lines = [
                f"{len(found)} findings, {contradicted} of them contradictions, of the numbers and "
                f"checks in {package}/paper.yaml ({paper.source}).",
                "Implied: follows from the numbers, though the text does not say it. Contradicted: "
                "the numbers cannot all hold within their rounding.",
            ]
            paths = reports.write(table, title, lines, folder, f"{package}_forensics")
            reports.show(table, title, lines, paths)


if __name__ == "__main__":
    main()
