"""Uploaded files to pictures, in memory alone and within limits."""

import io
import os
import threading
import unicodedata
from dataclasses import dataclass

import flask
import numpy as np
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from leukocytenet.service.worker import PATIENCE, Busy
from smears import images

MAX_BYTES = 20_000_000  # of a request
MAX_FILES = 32  # in a request
MAX_PIXELS = 16_000_000  # of a picture; a whole field of ALL-IDB1 has 5 million

# Decoding takes up to 200 MB a picture, whatever the number of requests.
_decoding = threading.BoundedSemaphore(os.cpu_count() or 1)


class MemoryRequest(flask.Request):
    """A request that keeps files in memory, where werkzeug writes those from 500 kB on to disk."""

    max_form_parts = MAX_FILES + 8

    def make_form_data_parser(self):
        parser = super().make_form_data_parser()
        parser.silent = False  # else a form that it cannot read passes for an empty one
        return parser

    def _get_file_stream(
        self, total_content_length, content_type, filename=None, content_length=None
    ):
        return io.BytesIO()


@dataclass(frozen=True)
class Upload:
    """One file.

    Args:
        name: for people to tell it by; never used as a path.
        picture: uint8 (h, w, 3) RGB, or None with a problem.
        note: what had to be converted, "" if nothing.
        problem: why it cannot be used, "" if it can.
    """

    name: str
    picture: np.ndarray | None = None
    note: str = ""
    problem: str = ""


def files(field, most=MAX_FILES, others=()):
    """The files of the current request's field, as (name, bytes).

    Args:
        field: name. most: number of files. others: names of texts that the form may have too.

    Raises:
        BadRequest: none there, more than `most`, other fields or ones without a name, a text for a
            file or the reverse, or a body that is no form or cannot be read.
        RequestEntityTooLarge: more bytes or parts than any request may have.
    """
    if flask.request.mimetype != "multipart/form-data":
        raise BadRequest(f"Send files as multipart/form-data, {_example(field)}.")
    _check_fields(field, others)
    given = flask.request.files.getlist(field)
    if not given:
        raise BadRequest(f'No file in the field "{field}".')
    if len(given) > most:
        raise BadRequest(
            f"{len(given)} files in a request, more than {most}: send the others in another one."
        )
    return [(name(file.filename), file.stream.read()) for file in given]


def _example(field):
    return f'in the field "{field}", e.g. with curl -F "{field}=@cell.png"'


def _fields():
    """Names in the current request's form, (set of the files', set of the texts'), once it is read.

    Raises:
        BadRequest: it cannot be read. RequestEntityTooLarge: as `files`.
    """
    try:
        return set(flask.request.files), set(flask.request.form)
    except RequestEntityTooLarge as problem:
        if (flask.request.content_length or 0) > MAX_BYTES:
            raise
        raise RequestEntityTooLarge(
            f"Too many parts or too long texts in the form: up to {MAX_FILES} files are taken."
        ) from problem
    except UnicodeDecodeError as problem:
        raise BadRequest("The form cannot be read: file names must be UTF-8.") from problem
    except ValueError as problem:
        raise BadRequest(
            "The form cannot be read: it is empty, cut off or damaged, or its boundary is not the "
            "one in Content-Type."
        ) from problem


def _check_fields(field, others):
    """Raise BadRequest unless the form has a file in this field and texts in the others at most."""
    as_files, as_texts = _fields()
    known = ", ".join([field, *others])
    if None in as_files | as_texts:
        raise BadRequest(f"A part of the form has no field name: give {known}.")
    unknown = (as_files | as_texts) - {field, *others}
    if unknown:
        raise BadRequest(f"Unknown fields {', '.join(sorted(unknown))[:100]}: give {known}.")
    if field in as_texts:
        raise BadRequest(f"Send a file, not a text, {_example(field)}.")
    if as_files - {field}:
        raise BadRequest(f'Send a text, not a file, in the field "{min(as_files - {field})}".')


def name(text):
    """A file name as it is shown: its last part, without control and direction signs."""
    text = (text or "").replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(sign for sign in text if unicodedata.category(sign)[0] != "C")
    return shown.strip()[:100] or "unnamed"


def read(file):
    """Decode one file. Returns an Upload, with the reason if it cannot be used.

    Args:
        file: (name, bytes).

    Raises:
        Busy: other requests' pictures are decoded all the while.
    """
    title, content = file
    if not _decoding.acquire(timeout=PATIENCE):
        raise Busy(30, "Other pictures are being decoded")
    try:
        picture, note = images.describe(content, MAX_PIXELS)
    except images.BadImage as problem:
        return Upload(title, problem=str(problem))
    finally:
        _decoding.release()
    return Upload(title, picture, note)
