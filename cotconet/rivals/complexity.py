"""Parameters and operations of the compared methods, beside what their sources state."""

from math import prod

import keras
import pandas as pd

from cotconet.rivals import das, depto, gehlot, jawahar, mohammed, pretrained, profiles
from smears.flops import flops


def table(profile="paper", methods=tuple(profiles.METHODS)):
    """A row a method at a profile's size.

    Args:
        profile: key of `profiles.PROFILES`. methods: keys of `profiles.METHODS`.

    Returns:
        (DataFrame of texts, caption lines).
    """
    rows = []
    for name in methods:
        size = profiles.PROFILES[profile][name].get("size", "–")
        parts = networks(name, size, profiles.PROFILES[profile][name])
        total = sum(network.count_params() for network in parts)
        trained = sum(prod(w.shape) for network in parts for w in network.trainable_weights)
        rows.append(
            {
                "Method": profiles.METHODS[name].label,
                "stated": profiles.METHODS[name].stated,
                "Parameters ours": f"{total:,}" if parts else "–",
                "trained of them": f"{trained:,}" if parts else "–",
                "FLOPs ours": f"{sum(map(operations, parts)) / 1e9:,.2f} G" if parts else "–",
                "input": f"{size} px",
            }
        )
    unknown = ["–: of a method that this table does not know."]
    return pd.DataFrame(rows), [
        "FLOPs: two operations a multiply-add, one picture, forward pass; those of the support "
        "vector machines of Mohammed et al. and Gehlot et al. depend on the data and are left out.",
        f"Networks of the {profile} profile, with random weights.",
        *unknown * any(row["Parameters ours"] == "–" for row in rows),
    ]


def networks(name, size, settings):
    """The networks that a method shows a picture to, one after the other, with random weights.

    Of a method that is not known here, one of the user's own, there are none.
    """
    if name == "mohammed":
        backbone = pretrained.densenet("DenseNet201", size, None)[0]
        backbone.trainable = False
        _, height, width, channels = backbone.output_shape
        return [backbone, mohammed.recurrent(height * width, channels)]
    if name == "gehlot":
        return [gehlot.SDCTNet(size)]
    if name == "jawahar":
        return [jawahar.ALNett(size)]
    if name == "das":
        return [das.with_head(das.resnet18(size))]
    if name == "depto":
        return [depto.with_head(pretrained.densenet("DenseNet121", size, None)[0])]
    if name != "khandekar":
        return []
    from cotconet.rivals.yolov4 import yolov4

    shares = {key: settings[key] for key in ("width", "depth") if key in settings}
    return [yolov4(size, 2, **shares)]


def operations(network):
    """As `smears.flops.flops`; of GRU and LSTM by their products, for a loop is counted once."""
    if len(network.input_shape) == 4:
        return flops(network)
    total = 0
    for layer in network.layers:
        if isinstance(layer, (keras.layers.GRU, keras.layers.Bidirectional)):
            steps = layer.input.shape[1]
            total += sum(2 * steps * prod(w.shape) for w in layer.weights if "kernel" in w.name)
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * prod(layer.kernel.shape)
    return total
