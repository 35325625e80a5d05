"""Train one row: a whole network on pictures, or a head on a frozen network's stored features."""

import time

import keras
import numpy as np

from leukocytenet import augmentation, baselines, model
from smears import features, initialisation, pictures, training, weights
from smears.study import Unavailable

# Where the batch-normalised tail of a network would be random, its last pretrained layer stands
# in; `--weights` decides by the layers that the file has.
FALLBACK = "random, scaled layer by layer to unit variance (no ImageNet weights without network)"


def train_whole(task, run):
    """Train LeukocyteNet, VGG19 alone or the Swin branch alone, all weights trainable.

    Adam with warm-up and cosine decay, categorical cross-entropy, class weights, augmentation of
    the training part alone (stated: 3-3-2, 4-4; learning rate and schedule assumed).
    """
    s = run.settings
    keras.utils.set_random_seed(s["seed"])
    began = time.perf_counter()
    store = pictures.store(task.catalogue, s["size"], task.cache)
    train = _pictures(task, store, "caffe", ["train"], s, augment="epoch")
    validation = _pictures(task, store, "caffe", ["validation"], s)
    network, kind = _network(task, s, train)
    steps = s["epochs"] * len(train)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=s["learning_rate"], warmup_steps=max(1, int(s["warmup"] * steps))
    )
    network.compile(
        keras.optimizers.Adam(rate, clipnorm=s["clipnorm"]),
        "categorical_crossentropy",
        metrics=["accuracy"],
    )
    weight = training.class_weights(train.labels, len(task.classes)) if s["balance"] else None
    run.note(weights=kind, parameters=network.count_params())
    training.fit(
        network, train, validation, run, s["epochs"], class_weight=weight, title=s["model"]
    )
    _finish(task, run, network, store, "caffe", began)


def train_head(task, run):
    """Train a softmax head on a frozen network's features, each picture seen once.

    As the authors' notebook has it, without its mistakes: the network's own preprocessing, every
    training picture in every epoch, labels and predictions of the same pictures in one order.
    """
    s = run.settings
    keras.utils.set_random_seed(s["seed"])
    began = time.perf_counter()
    mode = baselines.BACKBONES[s["model"]].preprocess
    store = pictures.store(task.catalogue, s["size"], task.cache)
    train = _pictures(task, store, mode, ["train"], s, augment="once", shuffle=False)
    validation = _pictures(task, store, mode, ["validation"], s)
    backbone, kind = _backbone(task, s, train)
    run.note(weights=kind, parameters=backbone.count_params())
    train_features = _features(task, backbone, train, s, "train")
    validation_features = _features(task, backbone, validation, s, "validation")
    head = baselines.head(backbone.output_shape[1:], len(task.classes), s["pooling"])
    head.compile(
        keras.optimizers.Adam(s["learning_rate"]), "categorical_crossentropy", metrics=["accuracy"]
    )
    weight = training.class_weights(train.labels, len(task.classes)) if s["balance"] else None
    callbacks = [
        keras.callbacks.ReduceLROnPlateau(monitor="val_accuracy", **s["plateau"]),
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=s["patience"], restore_best_weights=True
        ),
    ]
    training.fit(
        head, train_features, validation_features, run, s["epochs"],
        class_weight=weight, callbacks=callbacks, title=s["model"],
    )  # fmt: skip
    _finish(task, run, baselines.whole(backbone, head), store, mode, began)
