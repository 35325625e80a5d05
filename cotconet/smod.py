"""SMod, the spatial feature module (3.4.2): five convolution blocks, flattened to features."""

import keras
from keras import layers

FILTERS = (32, 64, 128, 256, 256)
ORDERS = ("equation", "algorithm")


def SMod(input_shape=(224, 224, 3), *, filters=FILTERS, dropout=0.2, order="equation", name="smod"):
    """Five blocks of convolution, batch normalisation, ReLU, pooling and dropout, flattened.

    979,968 trainable and 1,472 moving parameters; 12,544 features at 224 x 224 (derived).

    Args:
        input_shape: (height, width, channels), sides of at least 2 ** len(filters).
        filters: of each block's 3 x 3 convolution (stated).
        dropout: rate at the end of each block; 0.2 (stated).
        order: "equation": Equation 9, with the dropout that Figure 5 adds; "algorithm": the text
            below it and Algorithm 1, pooling first and no ReLU (C18).
        name: of the model.

    Returns:
        keras.Model, pictures or GMod's map -> features (batch, d).

    Raises:
        ValueError: a picture of which nothing is left after the last pooling, or another order.
    """
    inputs = keras.Input(input_shape, name="map")
    return keras.Model(inputs, blocks(inputs, filters, dropout, order), name=name)


def blocks(x, filters=FILTERS, dropout=0.2, order="equation"):
    """`SMod`'s graph on a tensor (batch, height, width, channels). Returns (batch, d)."""
    if order not in ORDERS:
        raise ValueError(f"order={order!r}: give one of {', '.join(ORDERS)}.")
    least = 2 ** len(filters)
    if min(x.shape[1:3]) < least:
        raise ValueError(
            f"{len(filters)} poolings leave nothing of {x.shape[1]} x {x.shape[2]}: give sides of "
            f"at least {least}."
        )
    for number, count in enumerate(filters, 1):
        parts = {
            "conv": layers.Conv2D(
                count, 3, padding="same", kernel_initializer="he_normal", name=f"sfl{number}_conv"
            ),
            "norm": layers.BatchNormalization(name=f"sfl{number}_norm"),
            "relu": layers.ReLU(name=f"sfl{number}_relu"),
            "pool": layers.MaxPooling2D(2, name=f"sfl{number}_pool"),
            "drop": layers.Dropout(dropout, name=f"sfl{number}_drop"),
        }
        names = ("conv", "norm", "relu", "pool", "drop")
        if order == "algorithm":
            names = ("pool", "conv", "norm", "drop")
        for part in names:
            x = parts[part](x)
    return layers.Flatten(name="spatial_features")(x)
