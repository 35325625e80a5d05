"""The API's description in OpenAPI 3, served at /openapi.json."""

from leukocytenet.service import card, uploads

PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
TEXT = {"type": "string"}
WHOLE = {"type": "integer", "minimum": 0}
INTERVAL = {
    "type": "array", "items": PROBABILITY, "minItems": 2, "maxItems": 2,
    "description": "Low and high; null where no resample differs, so that no spread is known.",
}  # fmt: skip
ALWAYS = ("408", "431", "500")  # the first two before the application is asked
TRAINING = {
    "data": {
        "type": "object", "description": "Empty where the run did not record it.",
        "properties": {
            "sets": {"type": "array", "items": TEXT}, "pictures": WHOLE, "subjects": WHOLE,
            "counts": {"type": "object", "description": "Pictures of each class in each part."},
            "audit": TEXT | {"description": "The split, and what its audit found."},
        },
    },
    "settings": {"type": "object"}, "weights": TEXT, "environment": {"type": "object"},
    "pictures": {
        "type": "object",
        "description": "1st, 50th and 99th percentile of what a picture is measured by.",
    },
}  # fmt: skip


def describe(classes, methods):
    """The description as a JSON-able dict.

    Args:
        classes: class names. methods: names of the explanations.
    """
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Leukocyte images",
            "version": card.version(),
            "description": f"{card.NOTICE} Pictures are decoded in memory and not kept.",
            "license": {"name": "Apache-2.0"},
        },
        "paths": {
            "/api/predict": {"post": _predict()},
            "/api/explain": {"post": _explain(classes, methods)},
            "/api/model": {
                "get": _get("What is known of the network: classes, training, metrics.", "Model")
            },
            "/health": {
                "get": _get(
                    "Whether the network answers, and how many pictures wait.",
                    "Health",
                    {"503": _answer("The network has stopped: start the server again.", "Error")},
                )
            },
        },
        "components": {"schemas": _schemas(classes, methods)},
    }


def _get(summary, schema, more=()):
    return {
        "summary": summary,
        "operationId": schema.lower(),
        "responses": {"200": _answer(summary, schema), **_errors("403", "405"), **dict(more)},
    }


def _predict():
    files = {
        "type": "array", "minItems": 1, "maxItems": uploads.MAX_FILES,
        "items": {"type": "string", "format": "binary"},
        "description": "PNG, JPEG, BMP, TIFF, WebP or GIF of one frame, each up to "
        f"{uploads.MAX_PIXELS:,} pixels; {uploads.MAX_BYTES:,} bytes together.",
    }  # fmt: skip
    return {
        "summary": "Probabilities of each class, of one or many pictures.",
        "operationId": "predict",
        "parameters": [
            {
                "name": "preview", "in": "query", "required": False,
                "description": "1: also send a small JPEG of each picture.",
                "schema": {"type": "string", "enum": ["0", "1"], "default": "0"},
            }
        ],
        "requestBody": _form({"images": files}, ["images"]),
        "responses": {
            "200": _answer("A result, or the reason why there is none, a picture.", "Predictions"),
            **_errors("400", "403", "405", "413", "422", "503"),
        },
    }  # fmt: skip


def _explain(classes, methods):
    fields = {
        "image": {
            "type": "string", "format": "binary",
            "description": "One picture, of the kinds that /api/predict takes.",
        },
        "method": {"type": "string", "enum": methods, "default": methods[0]},
        "class": {
            "type": "string", "enum": list(classes),
            "description": "The class to explain; without it the most probable one.",
        },
    }  # fmt: skip
    return {
        "summary": "What in a picture speaks for a class: a heat map to be laid over it.",
        "operationId": "explain",
        "requestBody": _form(fields, ["image"]),
        "responses": {
            "200": _answer("The heat map and what it was computed from.", "Explanation"),
            **_errors("400", "403", "405", "413", "422", "503"),
        },
    }


def _form(fields, required):
    schema = {"type": "object", "properties": fields, "required": required}
    schema["additionalProperties"] = False
    # The others that the fields' descriptions name are taken too; a tester can draw PNGs.
    encoding = {name: {"contentType": "image/png"} for name in required}
    return {
        "required": True,
        "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}},
    }


def _answer(text, schema):
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _errors(*codes):
    """Answers with these codes, and with those that any request may get."""
    texts = {
        "400": "A field is missing or wrong.",
        "403": "A page of another site asks, or a name that is not this server's.",
        "405": "This address takes other methods.",
        "408": "The request came too slowly.",
        "413": "Too many bytes or files.",
        "422": "No file is a picture that can be used; the reason says why.",
        "431": "The request's headers are too long.",
        "500": "The server could not do this; its log says why.",
        "503": "Others are served first: Retry-After says when to come again. Or, without it, the "
        "network has stopped.",
    }
    found = {code: _answer(texts[code], "Error") for code in sorted({*codes, *ALWAYS})}
    if "503" in found:
        found["503"]["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
        }
    return found


def _schemas(classes, methods):
    failed = _object({"name": TEXT, "error": TEXT})
    ranked = _object(
        {
            "class": {"type": "string", "enum": list(classes)},
            "probability": PROBABILITY | {"description": "Calibrated on the validation part."},
            "uncalibrated": PROBABILITY | {"description": "The network's own."},
        }
    )
    result = _object(
        {
            "name": TEXT, "width": WHOLE, "height": WHOLE,
            "note": TEXT | {"description": "What had to be converted."},
            "warnings": {"type": "array", "items": TEXT},
            "predicted": {"type": "string", "enum": list(classes)},
            "probabilities": {
                "type": "array", "items": ranked, "description": "Most probable first.",
            },
        },
        preview={"type": "string", "format": "byte", "description": "JPEG"},
    )  # fmt: skip
    return {
        "Predictions": _object(
            {"notice": TEXT, "images": {"type": "array", "items": {"oneOf": [result, failed]}}}
        ),
        "Explanation": _object(
            {
                "name": TEXT, "method": TEXT, "class": {"type": "string", "enum": list(classes)},
                "note": TEXT | {"description": "Why the map is not to be relied on, or empty."},
                "source": {"type": "object", "description": "What it was computed from."},
                "overlay": {
                    "type": "string", "format": "byte",
                    "description": "PNG with transparency, smaller than the picture: stretch it "
                    "over the whole of it.",
                },
            }
        ),
        "Model": _object(
            {
                "name": TEXT, "run": TEXT, "version": TEXT, "notice": TEXT,
                "classes": {"type": "array", "items": TEXT}, "input": {"type": "object"},
                "training": {"type": "object", "properties": TRAINING},
                "metrics": _metrics(classes),
                "calibration": {"type": "object", "nullable": True},
                "warnings": {"type": "object"},
                "explanations": {"type": "array", "items": {"type": "string", "enum": methods}},
                "limits": {"type": "object"}, "card": TEXT | {"description": "Markdown, or empty."},
            }
        ),
        "Health": _object({"status": {"type": "string", "enum": ["ok"]}, "waiting": WHOLE}),
        "Error": _object(
            {"status": {"type": "integer"}, "error": TEXT | {"minLength": 1}},
            images={"type": "array", "items": failed},
        ),
    }  # fmt: skip


def _metrics(classes):
    """Schema of the scores on the test part, each beside its interval."""

    def with_intervals(names):
        return {
            key: value | {"nullable": True}
            for name in names
            for key, value in ((name, PROBABILITY), (f"{name}_interval", INTERVAL))
        }

    of_class = {
        "class": {"type": "string", "enum": list(classes)},
        **with_intervals(card.OF_CLASS), "support": WHOLE,
    }  # fmt: skip
    return _object(
        {
            "part": {"type": "string", "enum": ["test"]}, "pictures": WHOLE, "subjects": WHOLE,
            "intervals": TEXT | {"description": "Their level, and what was drawn anew."},
            **with_intervals(card.OVERALL),
            "classes": {"type": "array", "items": _object(of_class)},
        }
    ) | {
        "nullable": True,
        "description": "Of the run's stored predictions; null without a run or a test part.",
    }  # fmt: skip


def _object(fields, **optional):
    return {
        "type": "object", "properties": {**fields, **optional}, "required": list(fields),
        "additionalProperties": False,
    }  # fmt: skip
