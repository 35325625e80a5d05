"""Gehlot, Gupta, Gupta 2020: SDCT-AuxNet, stain deconvolution and DCT before a bilinear network.

Stated, by the authors' code (shivgahlout/SDCT-AuxNet-theta-DCT-augmented-stain-deconvolutional-
CNN-with-auxiliary-classifier): all numbers below, the order of augmentation, the oversampling,
the optimiser and its steps, the auxiliary machine and its rule.
Derived: 95,371 trainable parameters and 480 moving statistics. That code's "spectral average"
reshapes its map without transposing it, which mixes places and channels, and its reference
picture is read BGR beside RGB pictures.
Assumed: the map is transposed (`legacy_reshape=True` does as the code does) and both are RGB, for
the paper's words decide; the reference is the first leukemic training picture; pictures are first
resized so that the crop is 350 of 450 pixels, as in C-NMC; where the machine overrules the
network, the two probabilities change places.
Contradicted: CoTCoNet's F1 for C-NMC is this paper's own, its precision and recall are not.
"""

from dataclasses import dataclass

import cv2
import keras
import numpy as np
from keras import layers

from cotconet.rivals import Unsuited, svm
from cotconet.rivals.classifier import SCRATCH, Rival, oversampled, probabilities
from cotconet.rivals.stain import DCT, BilinearPooling, StainDeconvolution, stain_matrix
from smears import images
from smears.augmentation import Augmenter, Transform

WHOLE = 450 / 350  # side of a C-NMC picture in sides of its crop
DECAY = 1e-2  # of every weight, as PyTorch adds it to the gradient
STEPS = (70 / 120, 105 / 120, 115 / 120)  # of the epochs, after which the rate falls to a tenth
C, GAMMA, CONFIDENCE = 10, 100, 0.9
# (filters, kernel, stride, pool behind it) of the six convolutions.
CONVOLUTIONS = (
    (16, 5, 2, False), (16, 3, 1, True), (32, 3, 1, True), (48, 3, 1, True), (64, 3, 1, True),
    (64, 3, 1, False),
)  # fmt: skip


def SDCTNet(size=350):
    """The network, without the auxiliary machine.

    Args:
        size: side of the pictures in pixels, at least 64.

    Returns:
        keras.Model, RGB pixels 0..255 (n, size, size, 3) -> probabilities (n, 2). Layer "map" has
        the last convolution's map, (n, 10, 10, 64) at 350 pixels.
    """
    decay = keras.regularizers.L2(DECAY / 2)
    x = pixels = keras.Input((size, size, 3), name="pixels")
    x = StainDeconvolution(decay, dtype="float32", name="stains")(x)
    x = DCT(dtype="float32", name="dct")(x)
    for number, (filters, kernel, stride, pool) in enumerate(CONVOLUTIONS, 1):
        x = layers.ZeroPadding2D(1, name=f"pad{number}")(x)
        spread = (2 / (kernel * kernel * filters)) ** 0.5
        x = layers.Conv2D(
            filters, kernel, stride, kernel_initializer=keras.initializers.RandomNormal(0, spread),
            kernel_regularizer=decay, bias_regularizer=decay, name=f"conv{number}",
        )(x)  # fmt: skip
        x = layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, gamma_regularizer=decay, beta_regularizer=decay,
            name=f"norm{number}",
        )(x)  # fmt: skip
        last = number == len(CONVOLUTIONS)
        x = layers.ReLU(name="map" if last else f"relu{number}")(x)
        if pool:
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = BilinearPooling(dtype="float32", name="bilinear")(x)
    x = layers.Dense(
        2, kernel_initializer=keras.initializers.RandomNormal(0, 0.01), kernel_regularizer=decay,
        bias_regularizer=decay, dtype="float32", name="logits",
    )(x)  # fmt: skip
    return keras.Model(pixels, probabilities(x), name="sdct_net")


def spectral_average(maps, legacy=False):
    """The mean over channels at each place of a map.

    Args:
        maps: float (n, h, w, c). legacy: average blocks of c consecutive numbers of the flat
            channels-first map instead, as the authors' code does.

    Returns:
        float (n, h * w).
    """
    count, height, width, channels = maps.shape
    if legacy:
        maps = maps.transpose(0, 3, 1, 2)
    return maps.reshape(count, height * width, channels).mean(2)


@dataclass(frozen=True)
class Shaken:
    """Flips, a shear, a blur and a turn, in this order; corners are black.

    An augmenter as `smears.pictures.Pictures` takes it: `draw` numbers, `apply` them.
    """

    flips = Augmenter(horizontal_flip=True, vertical_flip=True)
    warp = Augmenter(fill_mode="constant")

    def draw(self, rng):
        """(flips, shear in degrees, sigma of the blur in pixels, turn in degrees)."""
        shear = rng.uniform(-20, 20) if rng.random() < 0.5 else 0.0
        sigma = rng.uniform(0, 0.75) if rng.random() < 0.2 else 0.0
        return self.flips.draw(rng), float(shear), float(sigma), float(rng.uniform(-360, 360))

    def apply(self, picture, drawn):
        """uint8 (h, w, 3), changed; same shape and type."""
        flip, shear, sigma, turn = drawn
        picture = self.flips.apply(picture, flip)
        picture = self.warp.apply(picture, Transform(shear=shear))
        if sigma > 0:
            picture = cv2.GaussianBlur(picture, (0, 0), sigma)
        return self.warp.apply(picture, Transform(theta=turn))


@dataclass(eq=False, repr=False)
class Gehlot(Rival):
    """SDCT-AuxNet with its auxiliary machine. Arguments: see `Rival`, and

    Args:
        size: side of the centre crop. patience: 120, no early end: the best of all epochs is kept.
        legacy_reshape: features of the auxiliary machine as the authors' code has them.
    """

    size: int = 350
    epochs: int = 120
    batch_size: int = 64
    learning_rate: float = 1e-3
    patience: int = 120
    legacy_reshape: bool = False

    mode = None
    monitor = "val_accuracy"
    settled = 0  # the source keeps the moving averages of training
    augmenter = Shaken()

    def build(self, train):
        network = SDCTNet(self.size)
        shown = np.load(train.store, mmap_mode="r")
        network.get_layer("stains").set_weights([_unmixing(shown, train.codes)])
        return network, SCRATCH

    def view(self, picture):
        side = round(self.size * WHOLE)
        start = (side - self.size) // 2
        stop = start + self.size
        return images.resize(picture, side)[start:stop, start:stop]

    def rows(self, codes):
        return oversampled(codes, self.random_state)

    def optimizer(self, steps):
        ends = [max(1, round(share * self.epochs * steps)) for share in STEPS]
        rates = [self.learning_rate * 0.1**n for n in range(len(ends) + 1)]
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(ends, rates)
        return keras.optimizers.SGD(schedule, momentum=0.9)

    def learn(self, train, held):
        """Train the network, then the machine on what the network gets right in training."""
        super().learn(train, held)
        self._both = _answer_and_map(self.network_)
        positive, features = self._seen(train)
        right = (positive > 0.5) == train.codes
        self.facts_["auxiliary_trained_on"] = int(right.sum())
        if len(set(train.codes[right])) == 2:
            self.arrays_ = svm.fit(features[right], train.codes[right], C, GAMMA)

    def scores(self, part):
        positive, features = self._seen(part)
        if not self.arrays_:  # the network was right about one class alone
            return positive
        unsure = np.maximum(positive, 1 - positive) <= CONFIDENCE
        other = (svm.decide(self.arrays_, features) > 0) != (positive > 0.5)
        return np.where(unsure & other, 1 - positive, positive)

    @classmethod
    def _restored(cls, folder, known, cache):
        model = super()._restored(folder, known, cache)
        model._both = _answer_and_map(model.network_)
        return model

    def _seen(self, part):
        """(the network's probability of label 1 (n,), the spectral averages (n, places))."""
        shown = self.pictures(part)
        found = [self._both.predict_on_batch(shown[number][0]) for number in range(len(shown))]
        positive = np.concatenate([np.asarray(first)[:, 1] for first, _ in found])
        maps = np.concatenate([np.asarray(second, np.float64) for _, second in found])
        return positive.astype(float), spectral_average(maps, self.legacy_reshape)


def _answer_and_map(network):
    """A network's probabilities and its last map; made once, for it is traced when first used."""
    return keras.Model(network.input, [network.output, network.get_layer("map").output])


def _unmixing(shown, codes):
    """The stain layer's start: inverse stain matrix of the first leukemic picture that has one."""
    for row in np.flatnonzero(codes == 1):
        matrix = stain_matrix(shown[row])
        if matrix is not None:
            # Applied to a row of pixels: OD S^-T.
            return np.linalg.inv(matrix).T.astype(np.float32)
    raise Unsuited("no positive training picture has two stains: all are of one colour")
