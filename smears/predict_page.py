"""One HTML page of predicted pictures: bars, overlays, warnings, and what the model is not for."""

import base64
import io
from html import escape

from PIL import Image

from smears import page

STYLE = """
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr));
  gap: 1rem; }
.picture { border: 1px solid #d8dee4; border-radius: 6px; padding: .7rem; break-inside: avoid; }
.picture h3 { font-size: 1rem; margin: 0 0 .4rem; overflow-wrap: anywhere; }
.picture figure { margin: 0 0 .5rem; }
.picture figcaption { font-size: .85rem; color: #3d444d; margin-top: .3rem;
  overflow-wrap: anywhere; }
.scale { display: block; height: .5rem; border-radius: .25rem; margin-top: .3rem;
  background: linear-gradient(90deg, #440154, #3b528b, #21918c, #5ec962, #fde725); }
.picture figcaption > span { display: inline-block; }
.key { display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem;
  margin-right: .3rem; vertical-align: -.08rem; }
.key.for { background: rgb(0, 158, 115); }
.key.against { background: rgb(213, 94, 0); }
.picture .pair { display: flex; gap: .4rem; }
.picture .pair img { width: calc(50% - .2rem); height: auto; object-fit: contain;
  align-self: start; }
.bar { display: grid; grid-template-columns: 9rem 1fr 3.5rem; gap: .4rem; font-size: .85rem;
  align-items: center; }
.bar span:first-child { overflow-wrap: anywhere; }
.track { background: #eef1f5; height: .7rem; border-radius: 2px; }
.track i { display: block; height: 100%; background: #0072b2; border-radius: 2px; }
.bar b, .bar span:last-child { text-align: right; font-variant-numeric: tabular-nums; }
.warn { font-size: .85rem; border-left: 3px solid #d55e00; padding-left: .5rem; margin: .4rem 0; }
pre { white-space: pre-wrap; font-size: .8rem; }
"""
USE = (
    "Research use only. Not a medical device: nothing on this page may bear on a diagnosis. A "
    "network gives every picture to one of its classes, also one that shows none of them."
)
MOST = 400  # pictures on the page; the CSV file has all
BARS = 5  # classes a picture
NAMES = {"gradcam": "Grad-CAM", "saliency": "Saliency", "lime": "LIME"}


def text(title, answers, classes, facts, card, explainer="", warning=""):
    """The page's HTML.

    Args:
        title: heading. answers: list of smears.predict.Answer. classes: class names.
        facts: dict of name -> text on the model. card: its model card, Markdown.
        explainer: key of `NAMES`, whose overlays the answers have; "" without.
        warning: what must be told of its maps (`smears.card.warning`).
    """
    good = [one for one in answers if not one.problem]
    bad = [one for one in answers if one.problem]
    body = [f"<h1>{escape(title)}</h1>", f'<p class="verdict">{escape(USE)}</p>']
    terms = "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in facts.items())
    body.append(f"<dl>{terms}</dl>")
    if bad:
        items = "".join(f"<li>{escape(str(o.path))}: {escape(o.problem)}</li>" for o in bad)
        body.append(
            f'<div class="problem"><b>{len(bad)} without an answer</b><ul>{items}</ul></div>'
        )
    body.append(f"<h2>{len(good)} pictures</h2><p>{_counts(good, classes)}</p>")
    if len(good) > MOST:
        body.append(f"<p>The first {MOST} of them; predictions.csv has all.</p>")
    if warning:
        body.append(f'<p class="problem">{escape(warning)}</p>')
    cells = "".join(_picture(one, explainer) for one in good[:MOST])
    body.append(f'<div class="pictures">{cells}</div>')
    body.append(f"<h2>Model card</h2><details><summary>Show it</summary><pre>{escape(card)}</pre>")
    body.append("</details>")
    return page.document(title, body, STYLE)


def _counts(good, classes):
    found = {name: sum(one.predicted == name for one in good) for name in classes}
    return escape(", ".join(f"{name} {count}" for name, count in found.items() if count))


def _picture(one, explainer):
    shown = [(one.picture, "picture")]
    if one.overlay is not None:
        shown.append((one.overlay, f"{NAMES[explainer]} for {one.predicted}"))
    pair = "".join(
        f'<img alt="{escape(words)}" title="{escape(words)}" src="{_data(array)}">'
        for array, words in shown
    )
    ranked = sorted(one.calibrated.items(), key=lambda item: -item[1])[:BARS]
    bars = "".join(
        f'<div class="bar"><span>{escape(name)}</span><div class="track">'
        f'<i style="width:{100 * share:.1f}%"></i></div><span>{100 * share:.1f}%</span></div>'
        for name, share in ranked
    )
    notes = [*one.warnings, *([f"{NAMES[explainer]}: {one.note}."] if one.note else [])]
    warned = "".join(f'<p class="warn">{escape(note)}</p>' for note in notes)
    return (
        f'<div class="picture"><h3>{escape(one.path.name)}: {escape(one.predicted)}</h3>'
        f'<figure><div class="pair">{pair}</div>{_legend(one, explainer)}</figure>'
        f"{bars}{warned}</div>"
    )


def _legend(one, explainer):
    """What the overlay's colours mean; "" without an overlay."""
    if one.overlay is None:
        return ""
    name, label = NAMES[explainer], escape(one.predicted)
    if explainer == "lime":
        words = (
            f'{name}: <span><i class="key for"></i>green, light line: speaks for {label};</span> '
            '<span><i class="key against"></i>orange, dark line: against it</span>'
        )
    else:
        words = f'{name}: yellow matters most for {label}, violet least<i class="scale"></i>'
    return f"<figcaption>{words}</figcaption>"


def _data(array):
    content = io.BytesIO()
    Image.fromarray(array).save(content, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
