"""The command line that predicts with a finished run; each paper gives it a way to load one."""

import argparse
import sys
from pathlib import Path

from smears import commandline, predict, predict_page
from smears.ending import exits
from smears.runs import Run, write_whole

MOST = 20  # answers that are printed


def main(package, load, explainers, argv=None):
    """Predict, write the files, print the answers in short.

    Args:
        package: name for --help. load: function of the path given as --model ->
            smears.classifier.Classifier or what has its `scores`, `calibrated`, `classes`,
            `about`, `inspected` and, if it resizes, `size`; called once the backend runs.
        explainers: names among `smears.predict.EXPLAINERS`.
        argv: list of str; None: the process's own.

    Returns:
        Exit code: 0; 1 if some files have no answer; 2 if none has.
    """
    options = _parse(package, explainers, argv)
    with exits("Stopped: nothing is written but the overlays so far."):
        run = Run.read(options.model)
        out = commandline.place(options.out)
        from smears import backend

        backend.start()
        classifier = load(options.model)
        predict.clear(out / "overlays")
        answers = predict.answer(classifier, options.images, out / "overlays", options.explain)
        _write(answers, classifier, run, out, options.explain or "")
    return _tell(answers, out)


def _parse(package, explainers, argv):
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}.predict",
        description="Say what a trained network takes pictures for, and on which pixels that "
        "rests. Writes predictions.csv (calibrated and own probabilities), overlays/ and "
        "report.html, one page that can be moved alone. Research use only, not a medical device.",
        epilog="Exit code: 0; 1 if some files have no answer (each is listed with the reason, the "
        "others are done); 2 if nothing could be done.",
    )
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="picture files, or folders")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="RUN",
        help="folder of a finished run, out/runs/...: a training names it at its end",
    )  # fmt: skip
    parser.add_argument(
        "--explain", choices=explainers,
        help="overlay what the answer rests on; lime asks the network hundreds of times a picture",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=commandline.ROOT / "out" / "predictions", metavar="FOLDER",
        help="where to write; files of an earlier call there are replaced. Default: "
        "out/predictions in the checkout",
    )  # fmt: skip
    return parser.parse_args(argv)


def _write(answers, classifier, run, out, explainer):
    from smears import card

    table = predict.table(answers, classifier.classes)
    write_whole(out / "predictions.csv", table.to_csv(index=False, float_format="%.6g"))
    text = predict_page.text(
        f"{run.settings['model']} on {len(answers)} files", answers, classifier.classes,
        card.summary(run), card.text(run), explainer,
        card.warning(run, predict_page.NAMES.get(explainer)),
    )  # fmt: skip
    write_whole(out / "report.html", text)


def _tell(answers, out):
    """Print the answers in short; returns the exit code."""
    good = [one for one in answers if not one.problem]
    for one in good[:MOST]:
        share = 100 * one.calibrated[one.predicted]
        print(f"{one.path}: {one.predicted} ({share:.1f}%) {' '.join(one.warnings)}".strip())
    if len(good) > MOST:
        print(f"... and {len(good) - MOST} more in predictions.csv")
    bad = [one for one in answers if one.problem]
    for one in bad:
        print(f"{one.path}: no answer: {one.problem}", file=sys.stderr)
    print(f"Written: {out / 'predictions.csv'}, {out / 'report.html'}")
    print("Research use only, not a medical device.")
    if not good:
        return 2
    return 1 if bad else 0
