"""The application around a tiny network, and pictures to send to it."""

import io

import numpy as np
import pytest
import tiny_service
from PIL import Image

from leukocytenet.service.app import create_app


@pytest.fixture(scope="session")
def classifier():
    """Three classes, 8 pixels."""
    return tiny_service.classifier()


@pytest.fixture(scope="session")
def app(classifier):
    return create_app(classifier, methods=tiny_service.METHODS)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture(scope="session")
def encoded():
    """Function (seed=0, kind="PNG", size=(20, 16), **options of Pillow's save) -> bytes."""

    def make(seed=0, kind="PNG", size=(20, 16), **options):
        noise = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).resize(size).save(file, kind, **options)
        return file.getvalue()

    return make
