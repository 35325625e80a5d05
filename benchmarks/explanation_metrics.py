"""Our measures of heat maps beside Quantus's on the same maps, masks, pictures and noise.

Where definitions agree: pointing game, relevance mass and rank accuracy, the deletion curve and its
area (Quantus: pixel flipping), max-sensitivity, and the rank correlation and SSIM with which random
weights are judged. Maps have no equal values, for which definitions differ: of several maxima
Quantus takes the best, ours their share; it sorts equal values as they lie, ours by chance. IoU,
Dice, insertion and the randomisation itself have no like in Quantus.

Quantus runs in an environment of its own: --quantus PYTHON (python -m venv; pip install quantus);
without it that column says not run. Goal: all equal to 1e-6.

Measured with Quantus 0.6.0, NumPy 2.4.6, SciPy 1.17.1 and scikit-image 0.26.0: largest difference
1e-16.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

PICTURES, SIZE, CLASSES, SAMPLES, STEPS, RADIUS = 24, 64, 3, 4, 16, 5
GOAL = 1e-6


class Linear:
    """Softmax of a linear function of the pixels, and the maps that its weights give."""

    classes = tuple(range(CLASSES))

    def __init__(self, weights):
        self.weights = weights

    def scores(self, pictures):
        """float64 (n, classes) of pictures (n, h, w, 3), 0..255."""
        logits = np.asarray(pictures, float).reshape(len(pictures), -1) / 255 @ self.weights
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    def maps(self, pictures, targets):
        """Absolute values of input times weight, summed over colours: float64 (n, h, w)."""
        parts = np.asarray(pictures, float).reshape(len(pictures), -1) * self.weights[:, targets].T
        return np.abs(parts).reshape(len(pictures), SIZE, SIZE, 3).sum(-1) / 255


def shared():
    """Dict of arrays: pictures and masks of drawn cells, weights, targets, maps, noisy copies."""
    from smears import drawing

    rng = np.random.default_rng(0)
    labels = ("Healthy", "AML", "CLL")
    drawings = [drawing.draw(labels[n % 3], n, 0, SIZE) for n in range(PICTURES)]
    pictures = np.stack([picture for picture, _ in drawings])
    model = Linear(rng.normal(0, 0.02, (pictures[0].size, CLASSES)))
    targets = model.scores(pictures).argmax(1)
    # Noise, to which the cell adds more or less: some of these maps hit it, others do not.
    good = rng.uniform(0, 0.05, PICTURES)[:, None, None]
    masks = np.stack([mask for _, mask in drawings])
    maps = good * masks / 255 + rng.random(masks.shape)
    maps = (maps - maps.min((1, 2), keepdims=True)) / np.ptp(maps, (1, 2), keepdims=True)
    return {
        "pictures": pictures, "masks": masks, "weights": model.weights, "targets": targets,
        "maps": maps, "others": np.random.default_rng(1).permuted(maps, axis=0),
    }  # fmt: skip


def ours(data):
    """(dict measure -> list of floats, the noisy copies that max-sensitivity saw)."""
    from smears.explain import faithfulness, overlap, robustness

    model = Linear(data["weights"])
    pictures, maps, targets = data["pictures"], data["maps"], data["targets"]
    found, noisy = {}, []
    for part, limit in (("nucleus", 255), ("cell", 128)):
        pairs = list(zip(maps, data["masks"] >= limit, strict=True))
        found[f"pointing game, {part}"] = [overlap.pointing_game(*pair) for pair in pairs]
        found[f"mass accuracy, {part}"] = [overlap.mass_accuracy(*pair) for pair in pairs]
        found[f"rank accuracy, {part}"] = [overlap.rank_accuracy(*pair) for pair in pairs]
    curves = faithfulness.deletion(model, pictures, maps, targets, STEPS)
    found["deletion curve"] = curves[:, 1:].ravel().tolist()
    found["deletion area"] = faithfulness.area(curves).tolist()

    def explain(shown):
        noisy.append(np.stack(shown))
        return model.maps(shown, targets)

    found["max-sensitivity"] = robustness.max_sensitivity(
        explain, pictures, model.maps(pictures, targets), RADIUS, SAMPLES
    ).tolist()
    pairs = list(zip(maps, data["others"], strict=True))
    found["rank correlation"] = [robustness.rank_correlation(*pair) for pair in pairs]
    found["SSIM"] = [robustness.structural_similarity(*pair) for pair in pairs]
    return found, np.stack(noisy)


def rival(path):
    """Quantus's values (in its own environment), printed as a line of JSON."""
    import quantus
    from quantus.functions import similarity_func
    from quantus.helpers import utils

    if not hasattr(np, "trapz"):
        # Quantus 0.6.0 still calls it by the name that NumPy 2.4 dropped.
        np.trapz = np.trapezoid  # noqa: NPY201
    stored = np.load(path, allow_pickle=False)
    data = {name: stored[name] for name in stored.files}
    maps, targets = data["maps"], data["targets"]
    x = data["pictures"].transpose(0, 3, 1, 2).astype(float)
    quiet = {"disable_warnings": True, "display_progressbar": False}
    found = {}
    for part, limit in (("nucleus", 255), ("cell", 128)):
        own = (data["masks"] >= limit)[:, None]
        for name, metric in (
            ("pointing game", quantus.PointingGame),
            ("mass accuracy", quantus.RelevanceMassAccuracy),
            ("rank accuracy", quantus.RelevanceRankAccuracy),
        ):  # fmt: skip
            found[f"{name}, {part}"] = metric(**quiet)(
                model=None, x_batch=x, y_batch=targets, a_batch=maps[:, None], s_batch=own,
                channel_first=True,
            )  # fmt: skip
    model = _Wrapped(data["weights"])
    means = np.round(x.mean((2, 3), keepdims=True)) + np.zeros_like(x)

    def to_mean(arr, indices, **_):
        arr, rows = arr.copy(), np.arange(len(arr))[:, None]
        arr[rows, indices] = means.reshape(arr.shape)[rows, indices]
        return arr

    flipping = quantus.PixelFlipping(
        features_in_step=x[0].size // STEPS, perturb_func=to_mean, **quiet
    )
    curves = np.array(
        flipping.evaluate_batch(model=model, x_batch=x, y_batch=targets, a_batch=maps[:, None])
    )
    found["deletion curve"] = curves.ravel()
    start = model.predict(x)[np.arange(len(x)), targets]
    whole = np.concatenate([start[:, None], curves], axis=1)
    found["deletion area"] = utils.calculate_auc(whole, dx=1 / STEPS, batched=True)

    copies = iter(data["noisy"].transpose(0, 1, 4, 2, 3).astype(float))
    sensitivity = quantus.MaxSensitivity(
        nr_samples=SAMPLES, perturb_func=lambda arr, **_: next(copies).reshape(arr.shape), **quiet
    )
    sensitivity.explain_func, sensitivity.explain_func_kwargs = model.explain, {}
    found["max-sensitivity"] = sensitivity.evaluate_batch(
        model=model, x_batch=x, y_batch=targets, a_batch=model.explain(model, x, targets)
    )
    pairs = list(zip(maps, data["others"], strict=True))
    found["rank correlation"] = [
        similarity_func.correlation_spearman(a.ravel(), b.ravel()) for a, b in pairs
    ]
    found["SSIM"] = [similarity_func.ssim(a, b) for a, b in pairs]
    lists = {name: np.asarray(values, float).tolist() for name, values in found.items()}
    print(json.dumps([quantus.__version__, lists]))


class _Wrapped(Linear):
    """`Linear` with what Quantus asks of a model: pictures (n, 3, h, w)."""

    def shape_input(self, x, shape, **_):
        return x.reshape(shape)

    def predict(self, x):
        return self.scores(np.asarray(x).transpose(0, 2, 3, 1))

    def get_model(self):
        return self

    def explain(self, model, inputs, targets, **_):
        return self.maps(np.asarray(inputs).transpose(0, 2, 3, 1), targets)[:, None]


def main():
    """Print the mean of each measure, ours and Quantus's, and the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quantus", metavar="PYTHON", help="interpreter that has quantus")
    parser.add_argument("--rival", metavar="DATA", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rival:
        rival(options.rival)
        return
    data = shared()
    found, noisy = ours(data)
    theirs, name = {}, "Quantus: not run (--quantus PYTHON)"
    if options.quantus:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "shared.npz"
            np.savez(path, noisy=noisy, **data)
            done = subprocess.run(
                [options.quantus, __file__, "--rival", str(path)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"Quantus failed:\n{done.stderr[-3000:]}")
        version, theirs = json.loads(done.stdout.splitlines()[-1])
        name = f"Quantus {version}"
    print(f"{PICTURES} pictures of {SIZE} px; {name}; goal: equal to {GOAL:g}")
    print(f"{'':<24}{'ours':>10}{'Quantus':>10}{'largest difference':>20}")
    unequal = []
    for measure, values in found.items():
        line = f"{measure:<24}{np.mean(values):>10.6f}"
        if theirs:
            apart = np.abs(np.subtract(values, theirs[measure])).max()
            line += f"{np.mean(theirs[measure]):>10.6f}{apart:>20.1e}"
            # Not "apart > GOAL": NaN is unequal too.
            unequal += [measure] * (not apart <= GOAL)
        print(line)
    if unequal:
        raise SystemExit(f"Not equal: {', '.join(unequal)}")


if __name__ == "__main__":
    main()
