"""`python -m leukocytenet.predict --model RUN IMAGES...`: a trained network on new pictures."""

import argparse
import sys
from pathlib import Path

from smears import commandline, predict, predict_page
from smears.runs import Run, write_whole
from smears.study import exits

MOST = 20  # answers that are printed


def main(argv=None):
    """Predict; returns the exit code: 0, or 1 if some files have no answer (2: nothing done)."""
    options = _parse(argv)
    with exits():
        from smears import backend

        backend.start()
        # Registers the layers that a stored network may have.
        from leukocytenet import model  # noqa: F401
        from smears import card
        from smears.classifier import Classifier

        classifier = Classifier.load(options.model)
        run = Run.read(options.model.parent if options.model.suffix else options.model)
        out = options.out.expanduser().resolve()
        answers = predict.answer(classifier, options.images, out / "overlays", options.explain)
        table = predict.table(answers, classifier.classes)
        write_whole(out / "predictions.csv", table.to_csv(index=False, float_format="%.6g"))
        facts = card.summary(run)
        title = f"{run.settings['model']} on {len(answers)} files"
        text = predict_page.text(
            title, answers, classifier.classes, facts, card.text(run), options.explain or ""
        )
        write_whole(out / "report.html", text)
    return _tell(answers, out)


def _parse(argv):
    parser = argparse.ArgumentParser(
        prog="python -m leukocytenet.predict",
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
        "--explain", choices=predict.EXPLAINERS,
        help="overlay what the answer rests on; lime takes a minute a picture, gradcam a moment",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=commandline.ROOT / "out" / "predictions", metavar="FOLDER",
        help="where to write; files of an earlier call there are replaced. Default: "
        "out/predictions in the checkout",
    )  # fmt: skip
    return parser.parse_args(argv)


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


if __name__ == "__main__":
    sys.exit(main())
