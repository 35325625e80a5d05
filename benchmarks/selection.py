"""Evaluations a second of our selector, beside mealpy's SCA driving scikit-learn's neighbours.

800 samples of 512 features, two thirds teach and a third judges, five neighbours, one thread each,
equal numbers of evaluations, the same split and the same fitness. mealpy needs an older NumPy, so
it runs in an environment of its own: --mealpy PYTHON (python -m venv; pip install mealpy
scikit-learn); without it that column says not run. Goals: 10 times its evaluations a second over
the whole fit, 40 times while hill climbing, the same predictions as scikit-learn, and a median best
fitness that is no worse.

Seconds are the processor's. Work is cut into pieces of about 0.15 s (a whole fit is one piece):
"median" is over all pieces, "undisturbed" the fastest tenth of them, since other work on a machine
slows down what lives in its caches.

Measured on one of two shared cores (AMD EPYC, AVX2), NumPy 2.4.6, scikit-learn 1.9.1, mealpy 3.0.3,
medians: mealpy 54 evaluations a second, the whole fit 769 (14.3 times), hill climbing 3,190 (59.1
times), best fitness 0.1273 against 0.1371.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

SAMPLES, FEATURES, NEIGHBOURS = 800, 512, 5
ITERATIONS, POPULATION, LOCAL = 50, 20, 10
EVALUATIONS = ITERATIONS * (POPULATION + LOCAL)
WEIGHT = 0.99
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def rival(path, seed):
    """Run mealpy's SCA (in its own environment) and print a line of JSON."""
    import mealpy
    from sklearn.neighbors import KNeighborsClassifier

    data = np.load(path)

    clock = []

    def fitness(position):
        clock.append(time.process_time())
        mask = position > 0.5
        if not mask.any():
            return 1.0
        model = KNeighborsClassifier(NEIGHBOURS, algorithm="brute", n_jobs=1)
        model.fit(data["X_train"][:, mask], data["y_train"])
        error = np.mean(model.predict(data["X_valid"][:, mask]) != data["y_valid"])
        return WEIGHT * error + (1 - WEIGHT) * mask.mean()

    data = {name: data[name] for name in data.files}
    problem = {
        "obj_func": fitness, "minmax": "min", "log_to": None,
        "bounds": mealpy.FloatVar(lb=[0.0] * FEATURES, ub=[1.0] * FEATURES),
    }  # fmt: skip
    # The first population counts as well.
    model = mealpy.SCA.OriginalSCA(epoch=EVALUATIONS // POPULATION - 1, pop_size=POPULATION)
    best = model.solve(problem, seed=seed)
    print(json.dumps([len(clock), _pieces(clock, POPULATION), float(best.target.fitness)]))


def _pieces(clock, size):
    """Seconds an evaluation, for each piece of so many, from readings after each evaluation."""
    return [(b - a) / size for a, b in zip(clock[::size], clock[size::size], strict=False)]


def ours(X, y, seed):
    """(seconds an evaluation over the whole fit, best fitness, fitted selector)."""
    from cotconet.selection import SineCosineSelector

    selector = SineCosineSelector(random_state=seed)
    began = time.process_time()
    selector.fit(X, y)
    seconds = (time.process_time() - began) / selector.n_evaluations_
    return seconds, selector.convergence_curve_[-1], selector


def climbing(parts, mask, pieces=5, rounds=60):
    """(seconds an evaluation for each piece of hill climbing, features changed in one)."""
    from threadpoolctl import threadpool_limits
    from tqdm import tqdm

    from cotconet.hill_climbing import climb
    from cotconet.neighbours import HoldoutNeighbours
    from cotconet.wrapper import Judge

    rng = np.random.default_rng(0)
    with threadpool_limits(1), tqdm(disable=True) as bar:
        model = HoldoutNeighbours(*parts, NEIGHBOURS)
        judge = Judge(model, WEIGHT, bar)
        fitness, columns, clock = judge(mask), model.columns, [time.process_time()]
        for _ in range(pieces):
            for _ in range(rounds):
                mask, fitness = climb(mask, fitness, judge.near, rng, iterations=LOCAL)
            clock.append(time.process_time())
    count = rounds * LOCAL
    return (np.diff(clock) / count).tolist(), (model.columns - columns) / count / pieces


def floor(parts, columns):
    """Processor seconds of a glance's bare work: a product of that rank, compared and counted."""
    from threadpoolctl import threadpool_limits

    from cotconet.neighbours import HoldoutNeighbours

    rng = np.random.default_rng(0)
    m, rank, width = len(parts[3]), round(columns) + 2, HoldoutNeighbours(*parts, NEIGHBOURS).width
    train, valid = rng.random((rank, width), np.float32), rng.random((rank, m), np.float32)
    kept, change = (rng.random((m, width), np.float32) for _ in range(2))
    nearer = np.empty((m, width), bool)
    with threadpool_limits(1):
        began = time.process_time()
        for _ in range(1000):
            np.matmul(valid.T, train, out=change)
            np.less_equal(change, kept, out=nearer)
            np.add.reduce(nearer.view(np.uint64), 1)
        return (time.process_time() - began) / 1000


def same_predictions(parts, count=100):
    """Of so many random masks, those on which ours and scikit-learn's predictions are equal."""
    from sklearn.neighbors import KNeighborsClassifier

    from cotconet.neighbours import HoldoutNeighbours

    rng = np.random.default_rng(0)
    model, equal = HoldoutNeighbours(*parts, NEIGHBOURS), 0
    mask = rng.random(FEATURES) < 0.5
    for i in range(count):
        mask = (
            rng.random(FEATURES) < rng.random() if i % 2 else mask ^ (rng.random(FEATURES) < 0.01)
        )
        mask[rng.integers(FEATURES)] = True
        own = KNeighborsClassifier(NEIGHBOURS).fit(parts[0][:, mask], parts[1])
        equal += np.array_equal(own.predict(parts[2][:, mask]), model.predict(mask))
    return equal


def _row(name, seconds, beside=None, goal=None):
    """Print evaluations a second, and times mealpy's."""
    rates = 1 / np.array([np.median(seconds), np.quantile(seconds, 0.1)])
    line = f"{name:<36}{rates[0]:8.0f}{rates[1]:13.0f}"
    if beside is not None:
        line += f"    {rates[0] / beside[0]:.1f} and {rates[1] / beside[1]:.1f} (goal {goal})"
    print(line)
    return rates


def main():
    """Run both by turns over the seeds; print rates, ratios, fitness and the limit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mealpy", metavar="PYTHON", help="interpreter that has mealpy")
    parser.add_argument("--seeds", type=int, default=5, help="Default: 5")
    parser.add_argument("--rival", nargs=2, metavar=("DATA", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rival:
        rival(options.rival[0], int(options.rival[1]))
        return
    from sklearn.datasets import make_classification

    X, y = make_classification(
        SAMPLES, FEATURES, n_informative=20, n_redundant=20, class_sep=0.6, random_state=0
    )
    environment = os.environ | dict.fromkeys(ONE_THREAD, "1")
    fits, climbs, theirs, fitness, their_fitness, bare = [], [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            seconds, best, selector = ours(X, y, seed)
            fits.append(seconds)
            fitness.append(best)
            train, valid = selector.inner_train_, selector.inner_valid_
            parts = X[train], y[train], X[valid], y[valid]
            pieces, columns = climbing(parts, selector.support_)
            climbs += pieces
            bare.append(floor(parts, columns))
            if options.mealpy:
                path = Path(folder) / f"{seed}.npz"
                names = ("X_train", "y_train", "X_valid", "y_valid")
                np.savez(path, **dict(zip(names, parts, strict=True)))
                command = [options.mealpy, __file__, "--rival", str(path), str(seed)]
                done = subprocess.run(
                    command, capture_output=True, text=True, check=True, env=environment
                )
                count, pieces, best = json.loads(done.stdout.splitlines()[-1])
                if count != EVALUATIONS:
                    raise SystemExit(f"mealpy judged {count} sets, ours {EVALUATIONS}")
                theirs += pieces
                their_fitness.append(best)
    print(f"{SAMPLES} x {FEATURES}, {EVALUATIONS} evaluations, {options.seeds} seeds")
    print(f"{'evaluations a second':<36}{'median':>8}{'undisturbed':>13}    times mealpy's")
    rates = None
    if theirs:
        rates = _row("mealpy SCA, KNeighborsClassifier", theirs)
    else:
        print("mealpy SCA, KNeighborsClassifier: not run (--mealpy PYTHON)")
    _row("ours, whole fit", fits, rates, 10)
    reached = _row("ours, hill climbing", climbs, rates, 40)
    beside = f", mealpy {np.median(their_fitness):.4f}" if theirs else ""
    print(f"Best fitness, median: ours {np.median(fitness):.4f}{beside} (lower is better)")
    print(f"Same predictions as scikit-learn: {same_predictions(parts)} of 100 masks")
    limit = 1 / np.median(bare)
    print(
        f"Limit: hill climbing changes {columns:.1f} features an evaluation. The matrix product of "
        f"that rank with one class's samples, compared and counted, again and again on the same "
        f"numbers, allows {limit:.0f} a second; {reached[0] / limit:.0%} of that is reached. The "
        "rest: the bound for each sample, samples that this leaves open, drawing of the next sets"
    )


if __name__ == "__main__":
    main()
