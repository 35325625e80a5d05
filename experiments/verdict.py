"""REPRODUCTION.md: each claim of both papers, what became of it here, and on what evidence."""

import argparse
from pathlib import Path

import yaml

from smears import forensics, published, reports, verdicts
from smears.commandline import ROOT
from smears.runs import write_whole

CLAIMS = Path(__file__).with_name("claims.yaml")
RESULTS = Path(__file__).parent / "results"


def main(argv=None):
    """Judge every claim and write the page."""
    parser = argparse.ArgumentParser(
        description="Write REPRODUCTION.md: each claim of both papers with one of met, not met, "
        "not testable here, contradicted by the paper itself, and the evidence: stored runs below "
        "experiments/results, findings of forensics.py, or the network itself. Claims stand in "
        "experiments/claims.yaml. Nothing is trained."
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT, metavar="FOLDER",
        help="where REPRODUCTION.md is written. Default: the checkout",
    )  # fmt: skip
    options = parser.parse_args(argv)
    parts = [_paper(package, claims) for package, claims in read().items()]
    page = options.out.expanduser().resolve() / "REPRODUCTION.md"
    write_whole(page, INTRODUCTION + "\n".join(parts))
    print(f"Written: {page}")


def read():
    """Dict package -> list of claims, from claims.yaml."""
    return yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))


def judge(package, claim, findings):
    """The Verdict on a claim of claims.yaml."""
    if claim["kind"] == "better":
        return verdicts.better(RESULTS, claim)
    if claim["kind"] == "contradicted":
        return verdicts.contradicted(findings, claim)
    if claim["kind"] == "untestable":
        return verdicts.untestable(RESULTS, claim)
    return _counted(published.load(package), claim["count"])


def _counted(paper, what):
    """LeukocyteNet's parameters or operations, from the network at the paper's size."""
    from smears import backend

    backend.start()
    from leukocytenet import LeukocyteNet
    from smears import flops

    network = LeukocyteNet(weights=None)
    if what == "parameters":
        ours, row = f"{network.count_params():,}", "Total Parameters"
    else:
        ours, row = f"{flops.flops(network) / 1e6:,.2f} M", "FLOPs"
    return verdicts.equal(paper.text(7, row, "value"), ours, what)


def _paper(package, claims):
    paper = published.load(package)
    findings = forensics.findings(paper)
    rows = [
        (f"{paper.name[0]}{number}", claim["text"], claim["section"],
         judge(package, claim, findings))
        for number, claim in enumerate(claims, 1)
    ]  # fmt: skip
    return (
        f"\n## {paper.name}\n\n{paper.source}. {len(rows)} claims: {verdicts.tally(rows)}.\n\n"
        f"{reports.markdown(verdicts.table(rows))}\n"
    )


INTRODUCTION = """# What became of the papers' claims

Written by `python experiments/verdict.py` from `experiments/claims.yaml`, the stored runs below
`experiments/results`, and what the published numbers imply (`experiments/forensics.py`). The
tolerance of a comparison is half the 95% interval of the difference, from our own spread over
subjects and seeds; the exact test's p stands beside it, and where one says more than the other the
claim is open. "Not met" says that this code did not find it on the data named, which are not
the papers' own; it does not say that the papers are wrong. The papers' own test images, splits and
weights are not public.
"""

if __name__ == "__main__":
    main()
