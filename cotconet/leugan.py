"""LeuGAN: a generator and a discriminator of leukocyte pictures that train each other (3.3)."""

from functools import partial

import keras
import numpy as np
from keras import ops

from smears import backend

LOSSES = ("non-saturating", "saturating")
KERNEL, STRIDE, STEPS = 4, 2, 4
WIDTH, DISCRIMINATOR = 1024, (64, 128, 256, 512)  # feature maps of the two at the paper's size
FEWEST = 8  # maps of a narrow discriminator's layer
RATE = 2e-4  # DCGAN's learning rate
REAL = 0.9  # label of a real picture, smoothed on this side alone (assumed, C12)


def register(thing):
    """Register a class so that a saved model finds it without custom_objects."""
    return keras.saving.register_keras_serializable(package="cotconet")(thing)


def generator(size=256, latent=128, width=WIDTH):
    """Noise to pictures: a dense start and four strided transposed convolutions.

    Noise of 128 numbers, "1024 feature maps", four strided convolutions and 256 x 256 pixels are
    stated (3.3, Figure 3); the start of 16 x 16 follows from them, and the widths 512, 256, 128, 3
    (derived). Kernel 4, batch normalisation, ReLU and tanh are DCGAN's (assumed, C11). 44,574,467
    trainable parameters at the defaults.

    Args:
        size: side of the pictures, a multiple of 16; the start is size / 16, always four steps.
        latent: numbers of noise a picture.
        width: feature maps of the start, a multiple of 8; halved in each step but the last.

    Returns:
        keras.Model: float32 (n, latent) -> float32 (n, size, size, 3) in (-1, 1).

    Raises:
        ValueError: a size or width that cannot be divided so.
    """
    start = _start(size)
    if width < 8 or width % 8:
        raise ValueError(f"width={width}: must be a multiple of 8, for it is halved three times")
    noise = keras.Input((latent,), name="noise")
    x = keras.layers.Dense(start * start * width, use_bias=False, kernel_initializer=_small())(
        noise
    )
    x = keras.layers.Reshape((start, start, width))(x)
    for step in range(1, STEPS):
        x = keras.layers.ReLU()(_normalised(x))
        x = keras.layers.Conv2DTranspose(
            width // 2**step, KERNEL, STRIDE, "same", use_bias=False, kernel_initializer=_small()
        )(x)
    x = keras.layers.ReLU()(_normalised(x))
    # float32 whatever the policy: bfloat16 cannot tell 256 grey levels apart.
    pictures = keras.layers.Conv2DTranspose(
        3, KERNEL, STRIDE, "same", activation="tanh", kernel_initializer=_small(), dtype="float32"
    )(x)
    return keras.Model(noise, pictures, name="generator")


def discriminator(size=256, channels=3, width=WIDTH, batch_norm=True):
    """Pictures to one logit, high for real ones: four strided convolutions (Equation 1).

    Four convolutions are stated (3.3, Figure 3). Widths 64 to 512, kernel 4, LeakyReLU 0.2 and
    batch normalisation behind all but the first are DCGAN's (assumed, C11). 2,888,513 trainable
    parameters at 256 px.

    Args:
        size: side of the pictures, a multiple of 16.
        channels: of the pictures, 3, or more where something is laid behind their colours.
        width: feature maps of the generator's start; those of the discriminator are in proportion.
        batch_norm: False: dropout 0.3 behind each convolution instead, as Keras's and TensorFlow's
            examples have it (2,887,617 parameters). So trained, all pictures come out the same for
            long (measured, C11).

    Returns:
        keras.Model: float32 (n, size, size, channels) in [-1, 1] -> float32 (n, 1).

    Raises:
        ValueError: a size that is no multiple of 16.
    """
    _start(size)
    pictures = keras.Input((size, size, channels), name="pictures")
    x = pictures
    for number, filters in enumerate(DISCRIMINATOR):
        normalised = batch_norm and number > 0
        x = keras.layers.Conv2D(
            max(FEWEST, filters * width // WIDTH), KERNEL, STRIDE, "same",
            use_bias=not normalised, kernel_initializer=_small(),
        )(x)  # fmt: skip
        if normalised:
            x = _normalised(x)
        x = keras.layers.LeakyReLU(negative_slope=0.2)(x)
        if not batch_norm:
            x = keras.layers.Dropout(0.3)(x)
    logit = keras.layers.Dense(1, kernel_initializer=_small(), dtype="float32")
    return keras.Model(pictures, logit(keras.layers.Flatten()(x)), name="discriminator")


def discriminator_loss(real, fake):
    """-E[log D(x)] - E[log(1 - D(G(z)))], Equation 2 from the discriminator's side.

    Args:
        real, fake: logits of real and of synthetic pictures, any shape. Real ones are labelled
            0.9 instead of 1 (assumed, C12).

    Returns:
        Scalar tensor.
    """
    return ops.mean(ops.softplus(real) - REAL * real) + ops.mean(ops.softplus(fake))


def generator_loss(fake, kind="non-saturating"):
    """What the generator minimises.

    Args:
        fake: logits of synthetic pictures.
        kind: "saturating": E[log(1 - D(G(z)))], Equation 2 as printed, whose slope vanishes where
            the discriminator is sure; "non-saturating": -E[log D(G(z))], the same optimum with
            the slope where it is needed (assumed, C12).

    Returns:
        Scalar tensor.
    """
    if kind == "saturating":
        return -ops.mean(ops.softplus(fake))
    return ops.mean(ops.softplus(-fake))


@register
class LeuGAN(keras.Model):
    """Generator and discriminator with one training step on TensorFlow and on JAX.

    A step teaches the discriminator with a batch of real and as many synthetic pictures, then the
    generator with fresh noise. Called on noise, the model gives pictures.

    Args:
        size: side of the pictures, a multiple of 16. latent, width: see `generator`.
        batch_norm: see `discriminator`.
        loss: the generator's, "non-saturating" | "saturating" (`generator_loss`).
        seed: of the noise that training draws, uniform in (-1, 1) (stated).

    Raises:
        ValueError: an unknown loss, or a size or width that does not fit.
    """

    def __init__(
        self, size=256, latent=128, width=WIDTH, loss="non-saturating", batch_norm=True, seed=0,
        **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        if loss not in LOSSES:
            raise ValueError(f"loss={loss!r}: give one of {', '.join(LOSSES)}")
        self.size, self.latent, self.width, self.kind, self.seed = size, latent, width, loss, seed
        self.batch_norm = batch_norm
        with backend.policy(self.dtype_policy):
            self.generator, self.discriminator = self.networks()
        self.noise_seed = keras.random.SeedGenerator(seed)
        self.scores = [
            keras.metrics.Mean(name=name)
            for name in ("d_loss", "g_loss", "real_accuracy", "fake_accuracy")
        ]
        self.built = True

    def networks(self):
        """(generator, discriminator), made once."""
        return generator(self.size, self.latent, self.width), self.discriminates()

    def discriminates(self, channels=3):
        """The `discriminator` of this size, for pictures of so many channels."""
        return discriminator(self.size, channels, self.width, self.batch_norm)

    def get_config(self):
        names = ("size", "latent", "width", "batch_norm", "seed")
        config = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **config, "loss": self.kind}

    def compile(self, d_optimizer=None, g_optimizer=None):
        """Give each network its optimizer.

        Args:
            d_optimizer, g_optimizer: of discriminator and generator. Default: Adam with beta 1 of
                0.5 and 2e-4 (assumed: DCGAN's, C12). A generator narrower than 1024 gets
                `generator_rate`: at 2e-4 it is left behind for long (measured, C12).
        """
        rates = RATE, generator_rate(self.width)
        pair = [
            optimizer or keras.optimizers.Adam(rate, beta_1=0.5)
            for optimizer, rate in zip((d_optimizer, g_optimizer), rates, strict=True)
        ]
        for optimizer, network in zip(pair, (self.discriminator, self.generator), strict=True):
            optimizer.build(network.trainable_variables)
        super().compile(optimizer=Pair(*pair))

    def get_compile_config(self):
        return {
            "d_optimizer": keras.optimizers.serialize(self.optimizer.first),
            "g_optimizer": keras.optimizers.serialize(self.optimizer.second),
        }

    def compile_from_config(self, config):
        self.compile(**{name: keras.optimizers.deserialize(c) for name, c in config.items()})

    @property
    def metrics(self):
        """d_loss, g_loss, and the discriminator's accuracy on real and on synthetic pictures."""
        return self.scores

    def call(self, noise, training=False):
        """float32 (n, latent) in (-1, 1) -> float32 (n, size, size, 3) in (-1, 1)."""
        return self.generator(noise, training=training)

    def noise(self, count):
        """Fresh noise (count, latent), uniform in (-1, 1)."""
        return keras.random.uniform((count, self.latent), -1.0, 1.0, seed=self.noise_seed)

    def inputs_like(self, real):
        """What the generator gets for as many pictures as a batch of real ones: fresh noise."""
        return self.noise(ops.shape(real)[0])

    def train_step(self, *arguments):
        """One step of both networks: (data) -> logs; on JAX (state, data) -> (logs, state)."""
        if keras.backend.backend() == "jax":
            return self._jax_step(*arguments)
        return self._tensorflow_step(*arguments)

    def _discriminate(self, real):
        """(loss, [its value, accuracy on real, accuracy on synthetic]) of the discriminator."""
        fake = self.generator(self.inputs_like(real), training=True)
        of_real = self.discriminator(real, training=True)
        of_fake = self.discriminator(fake, training=True)
        loss = discriminator_loss(of_real, of_fake)
        right = [ops.mean(ops.cast(x, "float32")) for x in (of_real > 0, of_fake < 0)]
        return loss, [loss, *right]

    def _generate(self, real):
        """(loss, [its value]) of the generator for as many pictures as `real` has."""
        fake = self.generator(self.inputs_like(real), training=True)
        loss = generator_loss(self.discriminator(fake, training=True), self.kind)
        return loss, [loss]

    def _steps(self):
        """The two halves of a step, in order: (loss function, network, optimizer)."""
        yield self._discriminate, self.discriminator, self.optimizer.first
        yield self._generate, self.generator, self.optimizer.second

    def _tensorflow_step(self, data):
        import tensorflow as tf

        real = keras.utils.unpack_x_y_sample_weight(data)[0]
        found = []
        for function, network, optimizer in self._steps():
            with tf.GradientTape() as tape:
                loss, shown = function(real)
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply(gradients, network.trainable_variables)
            found.append(shown)
        for metric, value in zip(self.metrics, _ordered(found), strict=True):
            metric.update_state(value)
        return {metric.name: metric.result() for metric in self.metrics}

    def _jax_step(self, state, data):
        import jax

        real = keras.utils.unpack_x_y_sample_weight(data)[0]
        trained, others, slots, scores = state
        values = dict(zip(map(id, self.trainable_variables), trained, strict=True))
        slots = dict(zip(map(id, self.optimizer.variables), slots, strict=True))
        found = []
        for function, network, optimizer in self._steps():
            mine = network.trainable_variables
            before = [values[id(v)] for v in mine]
            half = partial(
                self._stateless,
                function=function,
                mine=mine,
                values=values,
                others=others,
                real=real,
            )
            (_, (shown, others)), gradients = jax.value_and_grad(half, has_aux=True)(before)
            own = [slots[id(v)] for v in optimizer.variables]
            after, own = optimizer.stateless_apply(own, gradients, before)
            values |= dict(zip(map(id, mine), after, strict=True))
            slots |= dict(zip(map(id, optimizer.variables), own, strict=True))
            found.append(shown)
        logs, fresh = {}, []
        for metric, value in zip(self.metrics, _ordered(found), strict=True):
            own, scores = scores[: len(metric.variables)], scores[len(metric.variables) :]
            own = metric.stateless_update_state(own, value)
            logs[metric.name] = metric.stateless_result(own)
            fresh += own
        trained = [values[id(v)] for v in self.trainable_variables]
        slots = [slots[id(v)] for v in self.optimizer.variables]
        return logs, (trained, others, slots, fresh)

    def _stateless(self, mine_now, *, function, mine, values, others, real):
        """(loss, (scores, non-trainable values after)) of one half of a step, without side effects.

        Args:
            mine_now: values of the variables `mine`, to differentiate by.
            values: dict id -> value of every trainable variable; others: of the non-trainable.
        """
        now = values | dict(zip(map(id, mine), mine_now, strict=True))
        mapping = [(variable, now[id(variable)]) for variable in self.trainable_variables]
        mapping += zip(self.non_trainable_variables, others, strict=True)
        with keras.StatelessScope(state_mapping=mapping) as scope:
            loss, shown = function(real)
        # Batch statistics, and the states of dropout and noise, go on to the next half.
        after = [scope.get_current_value(variable) for variable in self.non_trainable_variables]
        return loss, (shown, after)


@register
class Pair(keras.optimizers.Optimizer):
    """Two optimizers, each of its own network, as the one that Keras saves and carries along.

    On JAX, Keras hands a training step only the variables of `model.optimizer`.
    """

    def __init__(self, first, second):
        super().__init__(learning_rate=float(ops.convert_to_numpy(first.learning_rate)))
        self.first, self.second = first, second
        self.built = True

    @property
    def variables(self):
        return [*self.first.variables, *self.second.variables]

    def build(self, variables):
        """Nothing: each of the two was built on its own network."""

    def save_own_variables(self, store):
        """Nothing: Keras saves the two of them, as attributes, by themselves."""

    def load_own_variables(self, store):
        """Nothing, see `save_own_variables`."""


def generator_rate(width):
    """Adam's rate for a generator of that width: 2e-4 x sqrt(1024 / width) (assumed, C12)."""
    return RATE * (WIDTH / width) ** 0.5


def to_pictures(output):
    """float (n, s, s, 3) in [-1, 1] -> uint8, as `smears.pictures.preprocess` "tf" undone."""
    return np.round((np.clip(output, -1, 1) + 1) * 127.5).astype(np.uint8)


def _ordered(found):
    """The values of both halves in the order of `LeuGAN.metrics`."""
    (d_loss, real, fake), (g_loss,) = found
    return [d_loss, g_loss, real, fake]


def _start(size):
    """Side of the generator's first map."""
    if size < 2**STEPS or size % 2**STEPS:
        raise ValueError(
            f"size={size}: LeuGAN's four steps double the side, so it must be a multiple of "
            f"{2**STEPS}, e.g. {max(1, round(size / 2**STEPS)) * 2**STEPS}"
        )
    return size // 2**STEPS


def _normalised(x):
    # Momentum 0.9: with Keras's 0.99 the averages lag behind a generator trained for few steps.
    return keras.layers.BatchNormalization(momentum=0.9)(x)


def _small():
    """Normal, deviation 0.02: DCGAN's start (assumed, C11)."""
    return keras.initializers.RandomNormal(stddev=0.02)
