"""Architecture and recipe numbers of CoTCoNet's paper.yaml against the code that follows them."""

from inspect import signature

import keras
import numpy as np
import pytest

from cotconet import (
    coupled,
    enhancement,
    gmod,
    grafr,
    hdlc,
    leugan,
    pipeline,
    recipe,
    selection,
    smod,
)
from cotconet import synthesis as synthesising
from smears import published

SETTINGS = {name: value.value for name, value in published.load("cotconet").settings.items()}
# LeuSAM is held by its own tests.
ELSEWHERE = {"leusam_encoder", "leusam_epochs", "leusam_learning_rate"}


def _defaults(function):
    return {name: p.default for name, p in signature(function).parameters.items()}


def _layers(network, kind):
    return [layer for layer in network.layers if type(layer) is kind]


def _only(values):
    """The one value that all of these have."""
    (value,) = set(values)
    return value


@pytest.fixture(scope="module")
def code():
    """What the code uses, under the names of paper.yaml's settings."""
    profile = recipe.PROFILES["paper"]
    clahe, extractor = _defaults(enhancement.clahe), _defaults(coupled.extractor)
    training, transformer = _defaults(coupled.fit_extractor), _defaults(gmod.GMod)
    selector, graph = _defaults(selection.SineCosineSelector), _defaults(grafr.GraFR)
    head, fit = _defaults(hdlc.HDLC), _defaults(hdlc.fit_hdlc)
    whole = _defaults(pipeline.CoTCoNet)
    gan, traditional = _defaults(leugan.LeuGAN), coupled.augmenter("traditional")
    # The same steps at a quarter of the side and a thirty-second of the width.
    small = leugan.LeuGAN(64, width=32)
    small.compile()
    up = _layers(small.generator, keras.layers.Conv2DTranspose)
    down = _layers(small.discriminator, keras.layers.Conv2D)
    noise = np.asarray(small.noise(2000))
    # One level above its neighbours, a pixel is raised by the kernel's centre.
    dot = np.full((5, 5, 3), 100, np.uint8)
    dot[2, 2] = 101
    spatial = smod.SMod()
    convolutions = _layers(spatial, keras.layers.Conv2D)
    pools = _layers(spatial, keras.layers.MaxPooling2D)
    assert profile.leugan["size"] == gan["size"]
    assert profile.leugan["width"] == gan["width"]
    return {
        "input_size": _only((profile.size, extractor["size"])),
        "clahe_clip": clahe["clip"],
        "clahe_tiles": clahe["tiles"],
        "sharpen_centre": int(enhancement.sharpen(dot)[2, 2, 0]) - 100,
        "leugan_latent": gan["latent"],
        "leugan_latent_low": round(noise.min()),
        "leugan_latent_high": round(noise.max()),
        "leugan_start_filters": gan["width"],
        "leugan_start_size": gan["size"] // np.prod([layer.strides[0] for layer in up]),
        "leugan_generator_convolutions": len(up),
        "leugan_discriminator_convolutions": len(down),
        "leugan_output_size": gan["size"],
        "leugan_batch_norm": gan["batch_norm"],
        "leugan_kernel": _only(layer.kernel_size[0] for layer in [*up, *down]),
        "leugan_batch_size": _defaults(synthesising.train)["batch_size"],
        "leugan_learning_rate": float(small.optimizer.first.learning_rate),
        "leugan_beta_1": small.optimizer.first.beta_1,
        "leugan_smoothing": leugan.REAL,
        "gmod_patch_size": _only(
            (transformer["patch_size"], extractor["patch_size"], profile.extractor["patch_size"])
        ),
        "gmod_width": transformer["width"] or 3 * transformer["patch_size"] ** 2,
        "gmod_layers": _only(
            (transformer["depth"], extractor["depth"], profile.extractor["depth"])
        ),
        "gmod_heads": _only((transformer["num_heads"], profile.extractor["num_heads"])),
        "gmod_trained_layers": extractor["trained_layers"],
        "smod_filters": [layer.filters for layer in convolutions],
        "smod_kernel": _only(layer.kernel_size[0] for layer in convolutions),
        "smod_pool": _only(layer.pool_size[0] for layer in pools),
        "smod_stride": _only(layer.strides[0] for layer in pools),
        "smod_padding": _only(layer.padding for layer in convolutions),
        "smod_dropout": _only(layer.rate for layer in _layers(spatial, keras.layers.Dropout)),
        "smod_parameters": sum(int(np.prod(w.shape)) for w in spatial.trainable_weights),
        "smod_features": spatial.output.shape[-1],
        "extractor_batch_size": training["batch_size"],
        "extractor_epochs": _only((training["epochs"], profile.extractor["epochs"])),
        "extractor_learning_rate": training["learning_rate"],
        "traditional_rotation": traditional.rotation_range,
        "traditional_shift": _only((traditional.width_shift_range, traditional.height_shift_range)),
        "traditional_zoom": traditional.zoom_range,
        "cell_scale": _only((whole["cell_scale"], recipe.METHOD["cell_scale"])),
        "grafr_neighbours": graph["k"],
        "grafr_epsilon": graph["epsilon"],
        "sca_a": selector["a"],
        "sca_population": selector["population"],
        "sca_iterations": selector["iterations"],
        "hill_p": selector["power"],
        "hill_iterations": selector["local_iterations"],
        "hill_beta_min": selector["beta"][0],
        "hill_beta_max": selector["beta"][1],
        "fitness_error_weight": selector["weight"],
        "fitness_neighbours": selector["n_neighbors"],
        "hdlc_filters": head["filters"],
        "hdlc_kernel": head["kernel"],
        "hdlc_dense_layers": len(head["widths"]),
        "hdlc_widths": list(head["widths"]),
        "hdlc_dropout": head["dropout"],
        "hdlc_learning_rate": fit["learning_rate"],
        "hdlc_batch_size": fit["batch_size"],
        "hdlc_epochs": fit["epochs"],
        "hdlc_patience": fit["patience"],
        "positive_class": {"ALL": "cancer"}[recipe.positive(["normal", "ALL"])],
        "test_share": 1 / recipe.PAPER_SPLIT[1],
    }


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - ELSEWHERE))
def test_the_code_uses_the_value_that_paper_yaml_names(code, name):
    value = SETTINGS[name]
    if isinstance(value, float):
        assert code[name] == pytest.approx(float(value), rel=1e-6)
    else:
        assert code[name] == value


def test_nothing_is_held_against_a_number_that_paper_yaml_lacks(code):
    assert set(code) == set(SETTINGS) - ELSEWHERE
