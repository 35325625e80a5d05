"""REPRODUCTION.md is what verdict.py makes of the claims, the runs and the findings as they are."""

from pathlib import Path

import pytest
import verdict

from smears import forensics, published, verdicts

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("package", ["leukocytenet", "cotconet"])
def test_every_claim_has_a_verdict_and_the_page_shows_it(package):
    findings = forensics.findings(published.load(package))
    page = (ROOT / "REPRODUCTION.md").read_text(encoding="utf-8")
    claims = verdict.read()[package]
    assert len(claims) >= 10
    for claim in claims:
        assert claim["text"] in page
        if claim["kind"] != "equal":  # those need the whole network: the slow test
            found = verdict.judge(package, claim, findings)
            assert all(text in page for text in (found.evidence, *found.more))
            (line,) = [row for row in page.splitlines() if row[:1] == "|" and claim["text"] in row]
            assert found.result in [cell.strip() for cell in line.split("|")]


@pytest.mark.slow
def test_the_page_is_what_the_script_writes(tmp_path):
    verdict.main(["--out", str(tmp_path)])
    pages = [(place / "REPRODUCTION.md").read_text("utf-8") for place in (tmp_path, ROOT)]
    assert pages[0] == pages[1]


def test_a_claim_without_a_finished_run_ends_with_2_and_names_the_folder(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(verdict, "RESULTS", tmp_path)
    with pytest.raises(SystemExit) as end:
        verdict.main(["--out", str(tmp_path)])
    assert end.value.code == 2
    assert f"{tmp_path}" in capsys.readouterr().err


def test_numbers_of_the_network_that_differ_would_not_be_met():
    assert verdicts.equal("1", "2", "parameters").result == verdicts.NOT_MET
