"""Train one row: a whole network on pictures, or a head on a frozen network's stored features."""

import time

import keras
import numpy as np

from leukocytenet import augmentation, baselines, model
from smears import (
    InputError,
    backend,
    features,
    hosts,
    initialisation,
    inspection,
    model_files,
    parallel,
    pictures,
    training,
)
from smears import weights as weight_files
from smears.study import Unavailable

WHOLE = {
    "LeukocyteNet": model.LeukocyteNet,
    "VGG19 Only": model.VGG19Only,
    "Swin Transformer Only": model.SwinOnly,
}

# The recipe that trained in trials rescales random layers to this deviation (assumed, D15).
START_DEVIATION = 0.7

# Parts that the network predicts when it is trained.
JUDGED = ("validation", "test")

# Training pictures whose sharpness and colours are summed up; percentiles need no more.
MEASURED = 2000


def train_whole(task, run):
    """Train LeukocyteNet, VGG19 alone or the Swin branch alone, all weights trainable.

    Adam with warm-up and cosine decay, categorical cross-entropy, class weights, augmentation of
    the training part alone (stated: 3-3-2, 4-4; learning rate and schedule assumed, D8).
    """
    s = run.settings
    backend.seed(s["seed"])
    store = pictures.store(task.catalogue, s["size"], task.cache)
    train = _pictures(task, store, "caffe", ["train"], s, augment="epoch", shuffle=True)
    validation = _pictures(task, store, "caffe", ["validation"], s)
    # The machine's, not the method's; a run that another machine goes on with keeps its own.
    precision = run.facts.get("precision", backend.precision())
    with backend.policy(precision):
        network, kind = _network(task, s, store)
    hosts.same(f"{kind}; {precision}", "What training starts from")
    network.set_weights(hosts.first(network.get_weights()))
    _begin(run, kind)
    run.note(parameters=network.count_params(), precision=precision)
    rate = training.WarmedCosine(s["learning_rate"], s["epochs"] * len(train), s["warmup"])
    weight = training.class_weights(train.labels, len(task.classes)) if s["class_weight"] else None
    with parallel.devices(task.devices, s["batch_size"]) as count:
        run.note(devices=count, hosts=hosts.place()[1])
        train.multiple = validation.multiple = count
        train.share = validation.share = hosts.place()
        trained = parallel.twin(network) if count > 1 else network
        trained.compile(
            parallel.adam(rate, s["clipnorm"], count),
            "categorical_crossentropy",
            metrics=["accuracy"],
        )
        training.fit(
            trained, train, validation, run, s["epochs"], class_weight=weight, title=s["model"]
        )
        found = trained.get_weights()
    network.set_weights(found)
    probabilities = training.predict(network, _pictures(task, store, "caffe", JUDGED, s))
    _finish(task, run, network, store, "caffe", probabilities)


def train_head(task, run):
    """Train a softmax head on a frozen network's features, each picture seen once.

    As the authors' notebook has it, without its mistakes (D11): the network's own preprocessing,
    every training picture in every epoch, labels and predictions of the same pictures in one
    order.
    """
    s = run.settings
    backend.seed(s["seed"])
    mode = baselines.BACKBONES[s["model"]].preprocess
    store = pictures.store(task.catalogue, s["size"], task.cache)
    train = _pictures(task, store, mode, ["train"], s, augment="once")
    judged = _pictures(task, store, mode, JUDGED, s)
    validated = np.isin(task.positions(*JUDGED), task.positions("validation")).nonzero()[0]
    frozen, kind = _backbone(task, s, store, mode)
    _begin(run, kind)
    run.note(parameters=frozen.count_params())
    began = time.perf_counter()
    key = f"{s['model']} {s['size']} {features.weights_hash(frozen)}"
    taught, shown = (
        features.frozen_features(frozen, part, task.cache, key) for part in (train, judged)
    )
    common = {"classes": len(task.classes), "batch_size": s["batch_size"], "seed": s["seed"]}
    sets = [
        features.Features(taught, train.labels, shuffle=True, **common),
        features.Features(shown, judged.labels[validated], rows=validated, **common),
    ]
    run.note(feature_seconds=time.perf_counter() - began)
    head = baselines.head(frozen.output_shape[1:], len(task.classes), s["pooling"])
    head.compile(
        keras.optimizers.Adam(s["learning_rate"]), "categorical_crossentropy", metrics=["accuracy"]
    )
    weight = training.class_weights(train.labels, len(task.classes)) if s["class_weight"] else None
    callbacks = [
        keras.callbacks.ReduceLROnPlateau(monitor="val_accuracy", **s["plateau"]),
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=s["patience"], restore_best_weights=True
        ),
    ]
    training.fit(
        head, *sets, run, s["epochs"], class_weight=weight, callbacks=callbacks, title=s["model"]
    )
    probabilities = training.predict(head, features.Features(shown, judged.labels, **common))
    _finish(task, run, baselines.whole(frozen, head), store, mode, probabilities)


def _begin(run, kind):
    """Note which weights a training starts from; one that was begun from others is not mixed."""
    before = run.facts.get("weights", kind)
    if before != kind and (run.folder / "checkpoint").exists():
        raise InputError(
            f"{run.folder} was begun from other weights than there are now ({before}; now {kind}): "
            "give those again, or move that folder away to begin anew."
        )
    run.note(weights=kind)


def predict(run, frame, task):
    """Probabilities of other pictures by the run's stored network, float32 (pictures, classes).

    Args:
        run: finished smears.runs.Run. frame: catalogue. task: for its classes and the cache.
    """
    network = model_files.load(run.folder / "model.keras")
    store = pictures.store(frame, run.settings["size"], task.cache)
    shown = pictures.Pictures(
        store, np.arange(len(frame)), np.zeros(len(frame), int), classes=len(task.classes),
        batch_size=run.settings["batch_size"], preprocess=run.facts["preprocess"],
    )  # fmt: skip
    return training.predict(network, shown)


def _pictures(task, store, mode, parts, s, augment=None, shuffle=False):
    """The Pictures of some parts; with `augment`, balanced and augmented (training alone)."""
    positions, copies = task.positions(*parts), None
    if augment and s["augment"]:
        names = task.catalogue["label"].iloc[positions].tolist()
        chosen, copies = augmentation.balance(names)
        positions = positions[chosen]
    return pictures.Pictures(
        store, positions, task.labels(positions), classes=len(task.classes),
        batch_size=s["batch_size"], preprocess=mode, copies=copies,
        augmenter=augmentation.augmenter(s["augment"]) if augment and s["augment"] else None,
        augment=augment or "epoch", shuffle=shuffle, seed=s["seed"],
    )  # fmt: skip


def _network(task, s, store):
    """(network with its starting weights, what they are in words)."""
    arguments = {
        key: s[key] for key in ("shift_size", "head", "alpha_dropout", "patch_size") if key in s
    }
    if s["model"] == "VGG19 Only":
        arguments.pop("shift_size", None)
    network = WHOLE[s["model"]](
        (s["size"], s["size"], 3), len(task.classes), weights=None, **arguments
    )
    convolutions = [layer.name for layer in network.layers if "_conv" in layer.name]
    if s["model"] == "Swin Transformer Only":
        return network, "random (nothing to transfer)"
    path = weight_files.find(task.weights, s["trunk"], s["model"])
    if path is not None:
        report = weight_files.load(network, path)
        lacking = [name for name in convolutions if name in report.missing]
        if lacking:
            _rescale(network, task, store, "caffe", lacking)
        return network, _taken(path, report, convolutions, lacking)
    try:
        model.copy_imagenet(network)
    except weight_files.NotAvailable as reason:
        if not task.fallback:
            raise Unavailable("no weights") from reason
        _rescale(network, task, store, "caffe", convolutions, by_channel=True)
        return network, _random("each channel normalised on one batch")
    return network, "ImageNet"


def _taken(path, report, convolutions, lacking):
    """In words which part of a network a weights file gave.

    Args:
        path: of the file. report: of `smears.weights.load`. convolutions, lacking: names of VGG19's
            layers, and of those that the file lacks.
    """
    if not report.missing:
        return f"{path.name}, the whole network with its head"
    more = len(set(report.loaded) - set(convolutions))
    further = f", and {more} other layers by name" * bool(more)
    if not lacking:
        return f"ImageNet, from {path.name}, for all convolutions{further}; the rest random"
    return (
        f"{path.name} for {len(convolutions) - len(lacking)} of {len(convolutions)} "
        f"convolutions{further}; the others random, layer-sequential unit variance"
    )


def _backbone(task, s, store, mode):
    """(frozen network with its weights, what they are in words)."""
    shape = (s["size"], s["size"], 3)
    path = weight_files.find(task.weights, s["trunk"], s["model"])
    if path is not None:
        return weight_files.take(baselines.backbone(s["model"], shape, None), path)
    try:
        return baselines.backbone(s["model"], shape, "imagenet"), "ImageNet"
    except weight_files.NotAvailable as reason:
        if not task.fallback:
            raise Unavailable("no weights") from reason
    # The first try of a download draws a network's weights before it fails, later ones do not.
    backend.seed(s["seed"])
    network = baselines.backbone(s["model"], shape, None)
    _rescale(network, task, store, mode, None)
    return network, _random("layer-sequential unit variance")


def _random(start):
    return (
        f"random, {start}, because the ImageNet weights could not be downloaded: this row says "
        "nothing about transfer"
    )


def _rescale(network, task, store, mode, only, by_channel=False):
    """Give random layers a start that the signal survives, on some training pictures (D15)."""
    count, target = (32, 1.0) if by_channel else (16, START_DEVIATION)
    chosen = np.sort(np.random.default_rng(0).permutation(task.positions("train"))[:count])
    batch = pictures.preprocess(np.load(store, mmap_mode="r")[chosen], mode)
    initialisation.unit_variance(network, batch, target=target, only=only, by_channel=by_channel)


def _finish(task, run, network, store, mode, probabilities):
    """Keep the network and the probabilities of the JUDGED parts, finish the run."""
    positions = task.positions(*JUDGED)
    run.keep(network)
    run.note(
        preprocess=mode,
        classes=list(task.classes),
        training_pictures=_training_pictures(task, store),
    )
    frame = task.catalogue.iloc[positions].assign(part=task.parts.iloc[positions])
    run.write_predictions(frame, task.classes, probabilities)


def _training_pictures(task, store):
    """`inspection.summary` of the training part, with which serving compares pictures."""
    positions = task.positions("train")
    if len(positions) > MEASURED:
        positions = np.random.default_rng(0).choice(positions, MEASURED, replace=False)
    stored, frame = np.load(store, mmap_mode="r"), task.catalogue
    measures = []
    for position in positions:
        measured = inspection.measure(stored[position], stored.shape[1])
        # The store has them at the network's size; their own stand in the catalogue.
        own = {name: int(frame[name].iloc[position]) for name in ("width", "height")}
        measures.append(measured | own)
    return inspection.summary(measures)
