"""One HTML page of all tables and figures: one file, nothing fetched, readable on a phone."""

import base64
import datetime
from html import escape
from pathlib import Path

import pandas as pd

from smears.runs import write_whole

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff;
  max-width: 100rem; margin: 0 auto; padding: 0 1rem 4rem; }
h1, p, dl, div.problem, nav, ul.caption { max-width: 72rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.5rem 0 .5rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.5rem 0 .6rem; }
.verdict { border-left: 4px solid #d55e00; background: #fdf3ec; padding: .6rem 1rem; }
.problem { border-left: 4px solid #b00020; background: #fceef0; padding: .6rem 1rem; }
nav ol { list-style: none; padding: 0; columns: 24rem; }
nav li { break-inside: avoid; padding: .15rem 0; }
a { color: #0b5cad; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #d8dee4; padding: .35rem .6rem; text-align: left;
  vertical-align: top; }
thead th { background: #f3f5f7; border-bottom: 2px solid #9aa4ae; vertical-align: bottom; }
tbody th { font-weight: 600; background: #fff; min-width: 8rem; position: sticky; left: 0; }
td.published { color: #57606a; }
td.ours { background: #eef6fc; white-space: nowrap; }
td:last-child { white-space: nowrap; }
img { max-width: min(100%, 72rem); height: auto; display: block; }
ul.caption { font-size: .85em; color: #3d444d; padding-left: 1.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
.files { font-size: .85em; }
@media (max-width: 40rem) { dl { display: block; } tbody th { position: static; } }
@media print {
  body { font-size: 9pt; max-width: none; padding: 0; }
  nav, .files { display: none; }
  .wide { overflow: visible; }
  table { font-size: 6.5pt; }
  th, td { padding: .12rem .25rem; }
  td.ours, td:last-child { white-space: normal; }
  tbody th { position: static; min-width: 0; }
  section { break-inside: avoid; }
  @page { size: A4 landscape; margin: 12mm; }
}
"""

FILES = {".md": "Markdown", ".csv": "CSV", ".tex": "LaTeX"}
TYPES = {".csv": "text/csv", ".tex": "text/plain", ".md": "text/plain", ".png": "image/png"}


def write(path, title, verdict, facts, products, problems=(), waiting=()):
    """Write the page.

    Args:
        path: of the HTML file; pictures and files are inside it, so that it can be moved alone.
        title: heading. verdict: one line, what the run is and is not.
        facts: dict of name -> text, e.g. {"Data": "drawn smears, 600 images"}.
        products: list of smears.study.Product.
        problems: texts, what was not made or not run and why.
        waiting: texts, what is still to come.
    """
    body = [f"<h1>{escape(title)}</h1>", f'<p class="verdict">{escape(verdict)}</p>']
    terms = "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in facts.items())
    body.append(f"<dl>{terms}</dl>")
    for heading, texts in (("Not run, and why", problems), ("Still to come", waiting)):
        if texts:
            items = "".join(f"<li>{escape(text)}</li>" for text in texts)
            body.append(f'<div class="problem"><b>{heading}</b><ul>{items}</ul></div>')
    links = [(_anchor(product), product.title) for product in products]
    links.append(("trainings", "The trainings behind them"))
    contents = "".join(f'<li><a href="#{a}">{escape(text)}</a></li>' for a, text in links)
    body.append(f"<nav><h2>Contents</h2><ol>{contents}</ol></nav>")
    body += [_section(product) for product in products]
    body.append('<section id="trainings"><h2>The trainings behind them</h2>')
    body.append(f'<div class="wide">{html_table(trainings(products))}</div></section>')
    body.append(
        "<p>† The paper contradicts itself here. Intervals in brackets are 95% intervals. "
        "– There is no such number.</p>"
    )
    write_whole(path, document(title, body))


def document(title, body, style=""):
    """The text of a page.

    Args:
        title: plain text. body: list of HTML texts. style: CSS beside `STYLE`.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def html_table(table):
    """A DataFrame of texts as an HTML table; columns called published and ours are told apart."""
    heads = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in table.columns)
    kinds = [_kind(str(name)) for name in table.columns]
    rows = []
    for first, *others in table.astype(str).itertuples(index=False):
        cells = "".join(
            f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds[1:], others, strict=True)
        )
        rows.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _kind(name):
    for kind in ("published", "ours"):
        if kind in name.split():
            return f' class="{kind}"'
    return ""


def trainings(products):
    """DataFrame, a row a training: settings in short, minutes, machine, versions."""
    runs = {
        run.folder: (label, run)
        for product in products
        for label, runs in product.runs.items()
        for run in runs
    }
    rows = []
    for label, run in runs.values():
        seconds = run.history.filter(like="seconds").to_numpy().sum()
        packages = run.environment.get("packages", {})
        rows.append(
            {
                "Row": label,
                "Seed": run.settings["seed"],
                "Pixels": run.settings["size"],
                "Epochs": f"{len(run.history)} of {run.settings['epochs']}",
                "Minutes": f"{(seconds + run.facts.get('feature_seconds', 0)) / 60:.1f}",
                "Weights to start from": run.facts.get("weights", "not recorded"),
                "Machine": run.environment.get("hardware", "not recorded"),
                "Software": f"Python {run.environment.get('python', '?')}, "
                + ", ".join(
                    f"{name} {packages[name]}"
                    for name in ("keras", run.environment.get("backend", ""))
                    if name in packages
                ),
                "Code": run.environment.get("commit", ""),
                "Folder": run.folder.name,
            }
        )
    return pd.DataFrame(rows or [{"Row": "none"}])


def now():
    """The time of day for the page's facts, e.g. "2026-11-24 15:20"."""
    return datetime.datetime.now().strftime("%Y-%m-%d %H:%M")


def _anchor(product):
    return f"{product.study.paper}-{product.study.name.lower().replace(' ', '-')}"


def _section(product):
    title = escape(product.title)
    parts = [f'<section id="{_anchor(product)}"><h2>{title}</h2>']
    if product.table is not None:
        parts.append(f'<div class="wide">{html_table(product.table)}</div>')
    else:
        picture = next(path for path in product.paths if path.suffix == ".png")
        parts.append(f'<img alt="{title}" src="{_data(picture)}">')
    lines = "".join(f"<li>{escape(line)}</li>" for line in product.lines)
    parts.append(f'<ul class="caption">{lines}</ul>')
    files = [
        f'<a download="{escape(path.name)}" href="{_data(path)}">{FILES[path.suffix]}</a>'
        for path in product.paths
        if product.table is not None and path.suffix in FILES
    ]
    if files:
        parts.append(f'<p class="files">Save as {", ".join(files)}</p>')
    return "\n".join([*parts, "</section>"])


def _data(path):
    content = base64.b64encode(Path(path).read_bytes()).decode()
    return f"data:{TYPES[Path(path).suffix]};base64,{content}"
