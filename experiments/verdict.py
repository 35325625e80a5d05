"""REPRODUCTION.md: each claim of both papers, what became of it here, and on what evidence."""

import argparse
from pathlib import Path

import yaml

from smears import forensics, published, reports, verdicts
from smears.commandline import ROOT, place
from smears.ending import exits
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
    with exits("Stopped."):
        folder = place(options.out)
        parts = [_paper(package, claims) for package, claims in read().items()]
        page = folder / "REPRODUCTION.md"
        write_whole(page, INTRODUCTION + "\n".join(parts))
        print(f"Written: {page}")


def read():
    """Dict package -> list of claims, from claims.yaml."""
    return yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))


def judge(package, claim, findings):
    """The Verdict on a claim of claims.yaml."""
    if claim["kind"] == "better":
        return verdicts.better(RESULTS, claim, published.load(package))
    if claim["kind"] == "kept apart":
        return verdicts.kept_apart(RESULTS, claim)
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
        f"{reports.markdown(verdicts.overview(rows))}\n\nEvidence:\n\n{verdicts.evidence(rows)}\n"
    )


INTRODUCTION = """# What became of the papers' claims

The claims of both papers' abstracts, conclusions and main tables. For each paper a table of
verdicts, then what each rests on. Written by `python experiments/verdict.py` from
`experiments/claims.yaml`, the stored runs below `experiments/results` (each is named with its
evidence) and what the published numbers imply; `experiments/forensics.py` prints more of these.

- **Met**: of a comparison, our difference lies above 0 by more than the tolerance, and the
  published one not above ours by more. The tolerance is how far the 95% interval of ours reaches to
  either side: our own spread over subjects (source images where unknown) and, where several were
  trained, seeds. The last column tells whether half or twice of it would change the verdict. p is
  of an exact test by subject, not corrected for the number of claims; where it and the interval
  disagree, chance is not ruled out. What the same two rows reached on another set ("elsewhere") is
  told and decides nothing.
- **Not met**: the published difference lies above ours by more than the tolerance. Whether there is
  a difference of any size stands under "direction": as claimed or reversed where the interval
  leaves out 0, else open. This code did not find the published effect on the data named, which are
  seldom the papers' own and mostly few; that does not say that the papers are wrong.
- **Not testable here**: no data or test at hand could decide it, or our difference fits both the
  published one and none. What was measured near it is told.
- **Contradicted by the paper itself**: its own numbers or words do not allow it, or the description
  of the data set that it names.

The papers' own test images, splits and weights are not public. "The most frequent class" is the
accuracy of always giving that answer. Of CoTCoNet's stored trainings on C-NMC 2019 those with
another enhancement and those by the paper's protocol, and seed 2 on immature cells of PBC, are from
before the versions of its stages were written down
([results](experiments/results/README.md#cotconet)): where C3 to C5 and C28 rest on C-NMC 2019,
their two sides are of different code.
"""

if __name__ == "__main__":
    main()
