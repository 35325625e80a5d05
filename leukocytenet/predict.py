"""`python -m leukocytenet.predict --model RUN IMAGES...`: a trained network on new pictures."""

import sys

from smears import predict_command
from smears.predict import EXPLAINERS


def main(argv=None):
    """See `smears.predict_command.main`."""
    return predict_command.main("leukocytenet", _load, EXPLAINERS, argv)


def _load(path):
    from smears.classifier import Classifier

    return Classifier.load(path)


if __name__ == "__main__":
    sys.exit(main())
