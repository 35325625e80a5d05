"""How networks that give masks are trained, LeuSAM and those that Table 7 puts in its place."""

import shutil

import cv2
import keras
import numpy as np

from cotconet.sam import dice_bce, mask_dice
from smears import training
from smears.images import check as check_picture


def fit(model, train, validation, run, epochs, learning_rate, title):
    """Train on batches of pictures and masks: Dice and cross-entropy, AdamW (assumed, C9).

    Weight decay 0.01, a short warm-up and cosine decay; with validation the weights of the epoch
    with its least loss are kept.

    Args:
        model: keras.Model that gives logits (n, side, side).
        train: keras.utils.PyDataset. validation: one, or None.
        run: smears.runs.Run, which a killed training goes on from.
        epochs, learning_rate: of the training. title: on the progress bar.
    """
    schedule = training.WarmedCosine(learning_rate, epochs * len(train), 0.05)
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.01, clipnorm=1.0), dice_bce,
        metrics=[mask_dice],
    )  # fmt: skip
    callbacks = []
    if validation is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor="val_loss", patience=epochs, restore_best_weights=True
            )
        )
    run.begin()
    masks = train[0][1]
    training.trace_once(model, masks, np.zeros_like(masks))
    training.fit(model, train, validation, run, epochs, callbacks=callbacks, title=title)


def clear(run):
    """Remove what a finished training needs no more: its inputs and its checkpoints."""
    for name in ("cache", "checkpoint"):
        shutil.rmtree(run.folder / name, ignore_errors=True)


def check(images, masks):
    """Raise ValueError unless there are pictures, uint8, and of each one mask that shows a cell.

    Args: as `LeuSAM.fit`.
    """
    count = len(images)
    if count == 0 or count != len(masks):
        raise ValueError(f"{count} pictures and {len(masks)} masks: give as many, not none")
    wrong = []
    for number in range(count):
        picture, mask = images[number], masks[number]
        check_picture(number, picture)
        if picture.shape[:2] != mask.shape or not mask.any():
            wrong.append(number)
    if wrong:
        raise ValueError(
            f"masks {', '.join(map(str, wrong[:5]))} ({len(wrong)} of {count}) have nothing in "
            "them, or another size than their picture: leave those pictures out"
        )


def shrunk(masks, side):
    """Each mask as uint8 (1, side, side), 255 inside, the share of the cell at its rim.

    Inside is what is not 0: masks are bool, or 0 and 255 as image files have them.
    """
    for mask in masks:
        plane = (np.asarray(mask) > 0).astype(np.uint8) * 255
        yield cv2.resize(plane, (side, side), interpolation=cv2.INTER_AREA)[None]
