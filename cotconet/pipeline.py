"""CoTCoNet whole: pictures in, probabilities out, every stage kept under what decides it."""

import sys
import tempfile
import time
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from cotconet import preparation, segmentation, stage_settings
from cotconet.given import accepted, name_of, passing, plain, units
from cotconet.grafr import GraFR, floored
from cotconet.recipe import COLLAPSED, VERSIONS
from cotconet.segmentation import LEARNED
from smears import InputError, images
from smears.arrays import write_stream
from smears.runs import Run, model_folder
from smears.weights import by_content

SYNTHESES = ("leugan", "traditional", None)
SCALES = ("common", "own")
LEAST_COMPARED = 4  # synthetic pictures; how fewer vary says nothing


class CoTCoNet(ClassifierMixin, BaseEstimator):
    """Leukemic against normal cells (section 3): enhance, segment, synthesise, extract, rebuild,
    select, classify.

    Every stage learns from the training pictures alone, and every result is kept in `cache` under
    a name made of its settings and of all that comes before it: a change in a late stage reruns
    only what follows, and a killed fit goes on from its last finished epoch.

    Args:
        size: side in pixels of the cut-out cells (224; assumed, C15).
        enhance: steps of `enhancement.enhance`; () for none (stated: CLAHE, then sharpening);
            "mirnet" is trained first (Table 7).
        segment: "leusam" (stated), "unet" or "unet++" (Table 7), a name in
            `segmentation.SEGMENTERS`, or None: no segmentation.
        cells: "main": pictures show one cell each; "all": whole fields.
        cell_scale: "common": all cells are cut out at one scale, so that a large one stays larger
            than a small one, as in C-NMC's own pictures; "own": each fills its square (C7).
        synthesise: "leugan" (stated), "traditional" (as many copies of the smaller class
            instead, changed by `coupled.augmenter`) or None.
        features: ("gmod", "smod") (stated), ("gmod",) or ("smod",).
        graph: whether GraFR rebuilds the features.
        select: whether the sine-cosine search selects among them.
        mirnet, leusam, unet, leugan, extractor, grafr, selector, hdlc: dicts of settings of the
            stages, see `mirnet.Enhancer`, `leusam.LeuSAM`, `unet.UNetSegmenter`,
            `synthesis.train`, `coupled.fit_extractor`, `grafr.GraFR`,
            `selection.SineCosineSelector`, `hdlc.fit_hdlc`. Plain values (numbers, also NumPy's,
            text, lists), which settings.json can hold. None for their defaults, which are not all
            the paper's: leusam then is the small SAM from scratch, leugan makes pictures of
            `size` instead of 256 pixels, and extractor is a ViT-B/16 that starts at random. The
            paper's are the `leusam`, `leugan` and `extractor` of `recipe.PROFILES["paper"]`.
        positive: the class whose probability HDLC gives; None: the last of `classes_`.
        cache: folder of the stages' results; None: a temporary one, gone with this object, and
            for a prediction one that is gone with the call.
        random_state: int, of every stage.

    Attributes:
        classes_: the two labels, sorted. facts_: dict, what came out on the way: pictures
            synthesised, features kept, pictures in which no cell was found, dtype policy of the
            extractor, seconds of each stage.
        search_space_: (features float32 (n, d), labels 0 or 1, subjects, bool of those that judge)
            that the selection saw; real cells first.
        history_: DataFrame, a row an epoch of the extractor.
    """

    _made_facts = None  # those of `synthesised`, to which a fit with its cells adds
    only_kept = False  # whether `fit` may only read stages that `cache` holds

    def __init__(
        self,
        size=224,
        *,
        enhance=("clahe", "sharpen"),
        segment="leusam",
        cells="main",
        cell_scale="common",
        synthesise="leugan",
        features=("gmod", "smod"),
        graph=True,
        select=True,
        mirnet=None,
        leusam=None,
        unet=None,
        leugan=None,
        extractor=None,
        grafr=None,
        selector=None,
        hdlc=None,
        positive=None,
        cache=None,
        random_state=0,
    ):
        self.size = size
        self.enhance = enhance
        self.segment = segment
        self.cells = cells
        self.cell_scale = cell_scale
        self.synthesise = synthesise
        self.features = features
        self.graph = graph
        self.select = select
        self.mirnet = mirnet
        self.leusam = leusam
        self.unet = unet
        self.leugan = leugan
        self.extractor = extractor
        self.grafr = grafr
        self.selector = selector
        self.hdlc = hdlc
        self.positive = positive
        self.cache = cache
        self.random_state = random_state

    def fit(self, pictures, y, groups=None, validation=None, synthetic=None):
        """Train every stage.

        Args:
            pictures: sequence of uint8 (h, w, 3) RGB, sizes may differ: a list, an array
                (n, h, w, 3) or `preparation.Files`.
            y: labels (n,), two different ones.
            groups: str (n,), the subject of each picture; "", None or NaN where unknown. A
                subject's samples are no neighbours of each other in the graph and stand on one
                side of the inner split of the selection.
            validation: (pictures, y), for early stopping; None: a fifth of the pictures, whole
                subjects, is taken for it.
            synthetic: (label, uint8 (m, size, size, 3), side) as `synthesised` gives them, all
                its cells or some: used instead of what the training part alone would give (the
                paper's protocol, C29).

        Raises:
            InputError: not two classes, unequal lengths, or too few pictures of a class, or
                subjects, for a stage.
            ValueError: settings that mean nothing.
        """
        pictures, y, groups, validation = accepted(self, pictures, y, groups, validation)
        before = None if synthetic is None else self._made_facts
        self.facts_ = deepcopy(before or {"seconds": {}})
        self._open()
        stage_settings.check(self)
        codes, held = self._codes(y), self._codes(validation[1])
        stage_settings.check_data(self, codes, groups, synthetic)
        self._learn_enhancement(pictures)
        self._learn_masks(pictures)
        if synthetic is None:
            self._learn_scale(pictures)
        else:
            label, synthetic, self.side_ = synthetic
            synthetic = int(label == self.positive_), synthetic
        real, seen = self._prepared(pictures), self._prepared(validation[0])
        store, codes, groups = self._balanced(real, codes, groups, synthetic)
        self._learn_features(store, codes, seen, held)
        x, x_held = self._extracted(store), self._extracted(seen)
        x, x_held = self._learn_graph(x, x_held, groups)
        x, x_held = self._learn_selection(x, x_held, codes, groups)
        self._learn_classes(x, codes, x_held, held)
        return self

    def predict_proba(self, pictures, prepared=False):
        """Probabilities float (n, 2), columns as `classes_`.

        Args:
            pictures: as for `fit`.
            prepared: whether they are cut-out cells already, uint8 (n, size, size, 3).
        """
        check_is_fitted(self, "classes_")
        if len(pictures) == 0:
            return np.zeros((0, 2))
        from cotconet import hdlc

        x = self.describe(pictures, prepared)
        positive = hdlc.predict_hdlc(self.hdlc_, x).astype(float)
        table = np.stack([1 - positive, positive], axis=1)
        return table if self.positive_ == self.classes_[1] else table[:, ::-1]

    def cut_out(self, pictures):
        """The enhanced, segmented and cut-out cells, uint8 (n, size, size, 3)."""
        check_is_fitted(self, "classes_")
        with passing(self) as own:
            return np.load(own._prepared(pictures)[0])

    def describe(self, pictures, prepared=False):
        """What HDLC sees of pictures: rebuilt and selected features, float32 (n, features kept).

        Args: as `predict_proba`, at least one picture.
        """
        check_is_fitted(self, "classes_")
        with passing(self) as own:
            store = own._kept(pictures) if prepared else own._prepared(pictures)
            x = np.asarray(own._extracted(store)[0], np.float32)
        x = self.grafr_.transform(x) if self.graph else (x - self.mean_) / self.scale_
        return x[:, self.support_]

    def predict(self, pictures):
        """The more probable class of each picture, (n,)."""
        best = self.predict_proba(pictures).argmax(1)
        return self.classes_[best]

    def synthesised(self, pictures, y):
        """What LeuGAN makes of all these pictures' smaller class: the paper's protocol.

        Returns:
            (label, uint8 (m, size, size, 3), side of the square in which cells are cut out): as
            many as bring it to parity, none at parity.
        """
        from cotconet import synthesis

        y = np.asarray(y)
        self._open()
        stage_settings.check(self)
        names, codes = np.unique(y, return_inverse=True)
        label, count = synthesis.to_parity(codes)
        if self.synthesise == "leugan" and count:
            stage_settings.check_leugan(self)
        self.facts_ = {"seconds": {}}
        self._learn_enhancement(pictures)
        self._learn_masks(pictures)
        self._learn_scale(pictures)
        if not count:
            self._made_facts = self.facts_
            return None, np.zeros((0, self.size, self.size, 3), np.uint8), self.side_
        real, began = self._prepared(pictures), time.perf_counter()
        made, _ = self._synthetic(*real, np.flatnonzero(codes == label), count)
        self._timed("synthesise", began)
        self._made_facts = self.facts_
        return names[label], np.load(made), self.side_

    def save(self, folder):
        """Write all that `predict_proba` needs, as data that runs no code when it is loaded.

        Files: see `cotconet.saved`.
        """
        from cotconet import saved

        check_is_fitted(self, "classes_")
        saved.write(self, Path(folder))

    @classmethod
    def load(cls, folder, cache=None):
        """The fitted CoTCoNet that `save` wrote; runs none of its code.

        Args:
            folder: that folder, or a finished run's, whose model/ it is. cache: as for a new one.

        Raises:
            InputError: not such a folder, a damaged one, or one of another version.
        """
        from smears import backend

        backend.start()
        from cotconet import saved
        from smears import model_files

        folder = model_folder(folder)
        known = saved.settings(folder)
        with model_files.reading(folder):
            model = cls(**saved.arguments(known), cache=cache)
            model._open()
            vars(model).update(saved.state(folder, known))
        model._enhance_key = list(model.enhance)
        model._enhance_key += ["loaded"] * ("mirnet" in model.enhance)
        model._masks_key = model._extractor_key = saved.digest(folder)
        return model

    # === Stages ===

    def _open(self):
        from smears import backend

        backend.start()
        segmenters = (*LEARNED, *segmentation.SEGMENTERS, None)
        if self.segment not in segmenters:
            raise ValueError(f"segment={self.segment!r}: give one of {segmenters}")
        if self.synthesise not in SYNTHESES:
            raise ValueError(f"synthesise={self.synthesise!r}: give one of {SYNTHESES}")
        if self.cell_scale not in SCALES:
            raise ValueError(f"cell_scale={self.cell_scale!r}: give one of {SCALES}")
        plain(self)
        if self.cache is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="cotconet-")
        self._root = Path(self._temporary.name if self.cache is None else self.cache)
        self._empty = {}

    @contextmanager
    def _stage(self, name, what="", **settings):
        """The Run of a stage, kept to this process: its folder's name tells all that decides it."""
        label = f"{name} {what}" if what else name
        known = {"stage": name, "version": VERSIONS[name], **settings}
        self.facts_.setdefault("versions", {})[name] = VERSIONS[name]
        run = Run(self._root, label, known, create=not self.only_kept)
        if not run.folder.exists():
            raise InputError(
                f"{self._root} does not hold what the stage {label} once made: leave --finished "
                "out, and it is made again, which may take as long as the training did."
            )
        with run.alone():
            yield run

    def _timed(self, name, began):
        """Add the seconds that a stage took now; kept results take next to none."""
        seconds = self.facts_["seconds"]
        seconds[name] = round(seconds.get(name, 0.0) + time.perf_counter() - began, 2)

    def _codes(self, y):
        y = np.asarray(y)
        if not set(y.tolist()) <= set(self.classes_.tolist()):
            raise InputError(f"validation has other labels than {self.classes_.tolist()}")
        return (y == self.positive_).astype(int)

    def _learn_enhancement(self, pictures):
        """Train MIRNet-v2 on the training pictures, if it is one of the steps."""
        self.steps_, self._enhance_key = tuple(self.enhance), list(self.enhance)
        if "mirnet" not in self.enhance:
            return
        from cotconet.mirnet import Enhancer

        began = time.perf_counter()
        settings = {**(self.mirnet or {})}
        with self._stage(
            "enhance", "mirnet", pictures=name_of(preparation.marks(pictures)),
            seed=self.random_state, **settings,
        ) as run:  # fmt: skip
            names = ("side", "features", "factor", "blocks", "groups")
            network = {name: settings.pop(name) for name in names if name in settings}
            step = Enhancer(**network, seed=self.random_state).fit(pictures, run, **settings)
        self.steps_ = tuple(step if name == "mirnet" else name for name in self.enhance)
        self._enhance_key.append(run.folder.name)
        self._timed("enhance", began)

    def _learn_masks(self, pictures):
        """Train a segmenter on the training pictures' masks, or take the named one."""
        self.segmenter_, self._masks_key = self.segment, f"{self.segment} {self.cells}"
        if self.segment not in LEARNED:
            return
        began = time.perf_counter()
        settings = {**(getattr(self, LEARNED[self.segment]) or {})}
        if self.segment == "leusam":
            from cotconet import leusam

            settings = leusam.found(settings)
        else:
            settings["kind"] = self.segment  # a folder's name has no "++"
        most = settings.pop("most", 400)
        with self._stage(
            "segment", self.segment, pictures=name_of(preparation.marks(pictures)), most=most,
            masks=name_of(preparation.mask_marks(pictures)), cells=self.cells,
            enhance=self._enhance_key, seed=self.random_state, **by_content(settings),
        ) as run:  # fmt: skip
            self._masks_key = run.folder.name
            kind = segmentation.learned(self.segment)
            if not (run.folder / f"{LEARNED[self.segment]}.weights.h5").exists():
                names = ("size", "image_size", "weights", "kind", "side", "filters")
                network = {name: settings.pop(name) for name in names if name in settings}
                if self.segment != "leusam":
                    network["cells"] = self.cells
                shown, masks = self._masked(pictures, most)
                kind(**network, seed=self.random_state).fit(shown, masks, run, **settings)
            self.segmenter_ = kind.load(run.folder)
        self._timed("segment", began)

    def _masked(self, pictures, most):
        """(enhanced pictures, their masks) of at most so many that have a mask, drawn once."""
        shown, masks = [], []
        for row in np.random.default_rng(self.random_state).permutation(len(pictures))[:most]:
            picture = preparation.enhance(pictures[row], self.steps_)
            mask = preparation.truth(pictures, row, picture, self.cells)
            if mask.any():
                shown.append(picture)
                masks.append(mask)
        if not shown:
            raise InputError(
                "no cell is found in any training picture, so no mask can be learnt: give masks, "
                "or segment=None."
            )
        return shown, masks

    def _learn_scale(self, pictures):
        """Measure the square in which all cells are cut out, on training pictures."""
        self.side_ = None
        if self.cell_scale == "own":
            return
        began = time.perf_counter()
        with self._stage(
            "prepare", "scale", pictures=name_of(preparation.marks(pictures)),
            enhance=self._enhance_key, masks=self._masks_key,
        ) as run:  # fmt: skip
            if "side" not in run.facts:
                run.note(
                    side=preparation.common_side(
                        pictures, steps=self.steps_, segmenter=self.segmenter_, cells=self.cells
                    )
                )
        self.side_ = run.facts["side"]
        self._timed("prepare", began)

    def _prepared(self, pictures):
        """(path, key) of the pictures, enhanced, segmented and cut out."""
        began = time.perf_counter()
        with self._stage(
            "prepare", pictures=name_of(preparation.marks(pictures)), size=self.size,
            enhance=self._enhance_key, masks=self._masks_key, side=self.side_,
        ) as run:  # fmt: skip
            path = run.folder / "cells.npy"
            if "empty" not in run.facts:
                empty = preparation.prepare(
                    pictures, path, self.size, steps=self.steps_, segmenter=self.segmenter_,
                    cells=self.cells, side=self.side_,
                )  # fmt: skip
                run.note(empty=empty)
        self._empty[run.folder.name] = run.facts["empty"]  # once for each store, however often read
        self.facts_["no_cell_found"] = sum(self._empty.values())
        self._timed("prepare", began)
        return path, run.folder.name

    def _kept(self, cells):
        """(path, key) of cells that are cut out already."""
        with self._stage("prepare", "given", pictures=name_of(preparation.marks(cells))) as run:
            path = run.folder / "cells.npy"
            if not path.exists():
                write_stream(path, np.shape(cells), np.uint8, iter(cells))
        return path, run.folder.name

    def _balanced(self, real, codes, groups, synthetic):
        """Training cells with the synthetic ones behind them: ((path, key), codes, groups).

        `synthetic`: (their code, cells), or None to make them of the training cells.
        """
        from cotconet import synthesis

        began = time.perf_counter()
        label, count = synthesis.to_parity(codes)
        if synthetic is not None:
            # The smaller class of all pictures, which of the training part alone may be another.
            label, cells = synthetic
            path, key = self._kept(cells) if len(cells) else (None, "")
            count = len(cells)
        elif self.synthesise is None or not count:
            count = 0
        else:
            path, key = self._synthetic(*real, np.flatnonzero(codes == label), count)
        self.facts_["synthesised"] = count
        self._timed("synthesise", began)
        # Of each sample the row that it was made of, its own if of none.
        self._sources = np.arange(len(codes) + count)
        if not count:
            return real, codes, groups
        with self._stage("prepare", "balanced", real=real[1], synthetic=key) as run:
            whole = run.folder / "cells.npy"
            if not whole.exists():
                parts = [np.load(part, mmap_mode="r") for part in (real[0], path)]
                shape = (len(parts[0]) + len(parts[1]), *parts[0].shape[1:])
                write_stream(whole, shape, np.uint8, (cell for part in parts for cell in part))
        if self.synthesise == "traditional" and synthetic is None:
            # A copy is its person's, known or not: in the graph no neighbour of their cells.
            self._sources[len(codes) :] = np.resize(np.flatnonzero(codes == label), count)
            groups = units(groups)[self._sources]
        else:
            groups = np.concatenate([groups, np.full(count, "")])
        return (whole, run.folder.name), np.concatenate([codes, np.full(count, label)]), groups

    def _synthetic(self, store, key, rows, count):
        """(path, key) of `count` new pictures of the kind that stands in these rows."""
        from cotconet import synthesis

        settings = {**(self.leugan or {})} if self.synthesise == "leugan" else {}
        side = settings.pop("size", self.size)
        with self._stage(
            "synthesise", self.synthesise, cells=key, rows=name_of(map(str, rows)), count=count,
            size=side, seed=self.random_state, **settings,
        ) as run:  # fmt: skip
            path = run.folder / "synthetic.npy"
            if not path.exists():
                cells = np.load(store, mmap_mode="r")[rows]
                if self.synthesise == "traditional":
                    made = synthesis.changed(cells, count, self.random_state)
                else:
                    gan = synthesis.train(cells, run, size=side, seed=self.random_state, **settings)
                    made = synthesis.synthesise(gan, count, self.random_state)
                made = (images.resize(cell, self.size) for cell in made)
                write_stream(path, (count, self.size, self.size, 3), np.uint8, made)
        if self.synthesise == "leugan" and count >= LEAST_COMPARED:
            self._compare(path, store, rows)
        return path, run.folder.name

    def _compare(self, path, store, rows):
        """Note how various LeuGAN's pictures are, and say so if they are nearly one."""
        from cotconet import synthesis

        real = np.load(store, mmap_mode="r")[rows]
        found = synthesis.variety(np.load(path, mmap_mode="r"), real)
        self.facts_["synthetic_variety"] = round(found, 3)
        if found < COLLAPSED:
            print(
                f"LeuGAN's pictures are nearly one and the same: they vary {found:.2f} times as "
                "much as the cells that it learnt from. Take another seed, "
                'leugan={"equal_rates": True}, or synthesise="traditional" or None.',
                file=sys.stderr,
            )

    def _learn_features(self, train, codes, seen, held):
        from cotconet import coupled

        began = time.perf_counter()
        settings = coupled.found(dict(
            size=self.size, parts=tuple(self.features), seed=self.random_state,
            **(self.extractor or {}),
        ))  # fmt: skip
        with self._stage(
            "extract", "-".join(self.features), train=train[1], labels=name_of(map(str, codes)),
            validation=seen[1], validation_labels=name_of(map(str, held)),
            **by_content(settings),
        ) as run:  # fmt: skip
            self._extractor_key = run.folder.name
            self.extractor_ = coupled.fit_extractor(
                run,
                (train[0], np.arange(len(codes)), codes),
                (seen[0], np.arange(len(held)), held),
                **settings,
            )
        self.facts_["parameters"] = int(self.extractor_.count_params())
        self.facts_["weights"] = run.facts.get("weights", "random")
        self.facts_["precision"] = run.facts["precision"]
        self.history_ = run.history
        self._timed("extract", began)

    def _extracted(self, store):
        """(float16 array on disk (n, d), key) of the cells' features."""
        from cotconet import coupled

        began = time.perf_counter()
        with self._stage(
            "extract", "features", cells=store[1], extractor=self._extractor_key
        ) as run:
            path = run.folder / "features.npy"
            if not path.exists():
                coupled.features(self.extractor_, store[0], path)
        self._timed("extract", began)
        return np.load(path, mmap_mode="r"), run.folder.name

    def _learn_graph(self, x, x_held, groups):
        """((array, key) of training, array of validation features), rebuilt or standardised."""
        began = time.perf_counter()
        self.facts_["features"] = x[0].shape[1]
        if not self.graph:
            whole = np.asarray(x[0], np.float32)
            self.mean_ = whole.mean(0)
            spread = whole.std(0)
            self.scale_ = floored(spread)
            held = (np.asarray(x_held[0], np.float32) - self.mean_) / self.scale_
            return ((whole - self.mean_) / self.scale_, x[1]), held
        settings = self.grafr or {}
        self.grafr_ = GraFR(**settings)
        with self._stage("rebuild", features=x[1], groups=name_of(groups), **settings) as run:
            path = run.folder / "rebuilt.npy"
            if path.exists():
                self.grafr_.fit(x[0], groups)
            else:
                self.grafr_.fit_transform(x[0], groups, out=path)
        rebuilt = np.asarray(np.load(path, mmap_mode="r"), np.float32)
        held = self.grafr_.transform(x_held[0])
        self._timed("rebuild", began)
        return (rebuilt, run.folder.name), held

    def _learn_selection(self, x, x_held, codes, groups):
        """((array, key) of training, array of validation features) that are kept."""
        began = time.perf_counter()
        x, key = x
        apart = units(groups)
        # Synthetic cells are like those they were learnt from, on whatever side these stand: they
        # teach, and only real ones judge.
        judges = np.arange(len(codes)) < len(codes) - self.facts_["synthesised"]
        if np.bincount(codes[judges], minlength=2).min() < 2:
            judges[:] = True
        # One person cannot be on both sides of the search's inner split: split pictures, each with
        # its changed copies; where a class has one picture, these.
        for finer in (self._sources, np.arange(len(codes))):
            if min(len(set(apart[judges & (codes == code)])) for code in (0, 1)) < 2:
                apart = groups = finer.astype(str)
        self.search_space_ = (x, codes, apart, judges)
        if self.select:
            from cotconet.selection import SineCosineSelector

            settings = self.selector or {}
            known = {
                "features": key, "labels": name_of(map(str, codes)), "groups": name_of(groups),
                "judges": int(judges.sum()),
            }  # fmt: skip
            with self._stage("select", **known, seed=self.random_state, **settings) as run:
                path, key = run.folder / "support.npy", run.folder.name
                if not path.exists():
                    search = SineCosineSelector(random_state=self.random_state, **settings)
                    search.fit(x, codes, groups=apart, judges=judges)
                    write_stream(
                        run.folder / "convergence.npy", np.shape(search.convergence_curve_), float,
                        [np.asarray(search.convergence_curve_)],
                    )  # fmt: skip
                    run.note(evaluations=int(search.n_evaluations_))
                    write_stream(path, search.support_.shape, bool, [search.support_])
            self.support_ = np.load(path, allow_pickle=False)
            self.facts_["evaluations"] = run.facts["evaluations"]
        else:
            self.support_ = np.ones(x.shape[1], bool)
        self.facts_["kept"] = int(self.support_.sum())
        self._timed("select", began)
        return (x[:, self.support_], key), x_held[:, self.support_]

    def _learn_classes(self, x, codes, x_held, held):
        from cotconet import hdlc

        began = time.perf_counter()
        x, key = x
        settings = self.hdlc or {}
        with self._stage(
            "classify", "hdlc", features=key, labels=name_of(map(str, codes)), kept=len(x[0]),
            seed=self.random_state, **settings,
        ) as run:  # fmt: skip
            self.hdlc_ = hdlc.fit_hdlc(
                run, x, codes, x_held, held, seed=self.random_state, **settings
            )
        self.facts_["parameters"] += int(self.hdlc_.count_params())
        self._timed("classify", began)
