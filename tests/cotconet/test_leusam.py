"""LeuSAM, tiny, on hand-made cells: it learns, it is kept, it obeys its box."""

import cv2
import keras
import numpy as np
import pytest

from cotconet import leusam, region, sam, segmentation
from smears.runs import Run
from smears.weights import NotAvailable, WrongFile

pytest.importorskip("keras_hub")

TINY = {
    "image_size": 32, "patch_size": 8, "hidden_size": 16, "num_layers": 1, "num_heads": 2,
    "global_layers": [0], "window_size": 2, "channels": 16, "decoder_dim": 16, "decoder_heads": 2,
}  # fmt: skip


def _cells(count, seed=0, side=40):
    """Pictures (n, side, side, 3) of one purple disc each on pink, and the masks."""
    rng = np.random.default_rng(seed)
    images = np.full((count, side, side, 3), (230, 200, 205), np.uint8)
    masks = np.zeros((count, side, side), bool)
    for image, mask in zip(images, masks, strict=True):
        centre, radius = rng.integers(14, side - 14, 2), int(rng.integers(7, 12))
        mask |= cv2.circle(np.zeros((side, side), np.uint8), centre, radius, 1, -1) > 0
        image[mask] = (110, 60, 150)
    return images, masks


@pytest.fixture(scope="module")
def untrained():
    """A LeuSAM with random weights, whose mask hangs on its box and picture all the same."""
    return leusam.LeuSAM(TINY, seed=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(LeuSAM, its finished run, the pictures, the masks)."""
    images, masks = _cells(12)
    run = Run(tmp_path_factory.mktemp("runs"), "leusam", {"a": 1})
    model = leusam.LeuSAM(TINY, seed=1)
    model.fit(
        images, masks, run, epochs=40, batch_size=6, learning_rate=5e-3,
        validation=_cells(4, seed=9),
    )  # fmt: skip
    return model, run, images, masks


@pytest.mark.slow
@pytest.mark.contract
def test_training_lowers_the_loss_and_finds_the_cells(trained):
    model, run, images, masks = trained
    history = run.history
    assert len(history) == 40
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    boxes = [region.box(mask, 0) for mask in masks]
    filled = [np.zeros(mask.shape, bool) for mask in masks]
    for whole, (x0, y0, x1, y1) in zip(filled, boxes, strict=True):
        whole[y0:y1, x0:x1] = True

    def right(found):
        return np.mean([segmentation.dice(*pair) for pair in zip(found, masks, strict=True)])

    # Who knew the box alone would be as right as it filled.
    assert right(model.masks(images, boxes)) > right(filled) + 0.02


@pytest.mark.slow
@pytest.mark.contract
def test_a_finished_run_is_read_not_trained_again(trained):
    model, run, images, masks = trained
    names = {path.name for path in run.folder.iterdir()}
    assert names == {
        "settings.json", "environment.json", "history.csv", "leusam.json", "leusam.weights.h5",
    }  # fmt: skip
    other = leusam.LeuSAM(TINY, seed=2)
    before = (run.folder / "history.csv").stat().st_mtime_ns
    other.fit(images, masks, run, epochs=40)
    assert (run.folder / "history.csv").stat().st_mtime_ns == before
    for first, second in zip(other.network.weights, model.network.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.contract
@pytest.mark.usefixtures("op_by_op")
def test_it_is_kept_as_numbers_and_text_and_loads_the_same(untrained, tmp_path):
    untrained.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"leusam.json", "leusam.weights.h5"}
    loaded, (images, _) = leusam.LeuSAM.load(tmp_path), _cells(2)
    assert loaded.config == untrained.config == TINY
    boxes = [(5, 5, 35, 30), (0, 0, 40, 40)]
    for first, second in zip(
        loaded.masks(images, boxes), untrained.masks(images, boxes), strict=True
    ):
        np.testing.assert_array_equal(first, second)


@pytest.mark.usefixtures("op_by_op")
def test_without_a_box_the_colour_threshold_gives_one(untrained):
    images, masks = _cells(1)
    found = segmentation.otsu_watershed(images[0])
    assert segmentation.dice(found, masks[0]) > 0.9
    np.testing.assert_array_equal(untrained(images[0]), untrained(images[0], region.box(found, 0)))
    blank = np.full((20, 30, 3), 200, np.uint8)
    np.testing.assert_array_equal(untrained(blank), untrained(blank, (0, 0, 30, 20)))


@pytest.mark.usefixtures("op_by_op")
def test_a_mask_has_its_pictures_own_size_alone_and_in_sets(untrained):
    images, _ = _cells(3)
    wide = cv2.resize(images[1], (90, 61))
    several = untrained.masks([images[0], wide, images[2]])
    assert [mask.shape for mask in several] == [(40, 40), (61, 90), (40, 40)]
    assert segmentation.dice(several[1], untrained(wide)) > 0.99


@pytest.mark.contract
def test_one_box_is_encoded_as_the_prompt_encoder_itself_does():
    backbone = sam.sam(TINY)
    boxes = np.array([[[3, 4], [20, 31]], [[0, 0], [32, 32]]], np.float32)
    ours = sam.BoxPrompt(backbone.prompt_encoder)(boxes)
    theirs = backbone.prompt_encoder(boxes=boxes[:, None])
    names = ("sparse_embeddings", "dense_embeddings", "dense_positional_embeddings")
    for found, name in zip(ours, names, strict=True):
        expected = np.asarray(theirs[f"prompt_{name}"])
        np.testing.assert_allclose(np.asarray(found), expected, atol=1e-6)


def test_the_box_layer_can_be_rebuilt():
    backbone = sam.sam(TINY)
    layer = sam.BoxPrompt(backbone.prompt_encoder, name="own")
    twin = sam.BoxPrompt.from_config(layer.get_config())
    boxes = np.zeros((1, 2, 2), np.float32)
    assert [np.shape(x) for x in twin(boxes)] == [np.shape(x) for x in layer(boxes)]
    assert twin.name == "own"
    twin.set_weights(layer.get_weights())
    for first, second in zip(twin(boxes), layer(boxes), strict=True):
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


@pytest.mark.contract
def test_loss_and_dice_against_plain_loops():
    rng = np.random.default_rng(0)
    truth = rng.random((3, 4, 4)).round(1).astype(np.float32)
    logits = rng.normal(0, 3, (3, 4, 4)).astype(np.float32)
    truth[2], logits[2] = 0, -100  # nothing there and nothing said
    for n in range(3):
        common = squares = entropy = hits = total = 0.0
        for t, z in zip(truth[n].ravel().astype(float), logits[n].ravel(), strict=True):
            p = 1 / (1 + np.exp(-float(z)))
            common += t * p
            squares += t * t + p * p
            entropy += -t * np.log(p) - (1 - t) * np.log1p(-p)
            hits += (t >= 0.5) and (z > 0)
            total += int(t >= 0.5) + int(z > 0)
        loss = 1 - (2 * common + 1e-5) / (squares + 1e-5) + entropy / 16
        assert float(sam.dice_bce(truth, logits)[n]) == pytest.approx(loss, abs=1e-5)
        dice = 2 * hits / total if total else 1.0
        assert float(sam.mask_dice(truth, logits)[n]) == pytest.approx(dice, abs=1e-6)


def test_where_sa1b_cannot_be_had_the_small_one_stands_in_and_says_so(monkeypatch, capsys):
    from keras_hub.models import SAMImageSegmenter

    def offline(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(SAMImageSegmenter, "from_preset", offline)
    monkeypatch.setitem(sam.SIZES, "small", TINY)
    model = leusam.LeuSAM("base")
    assert not model.frozen
    assert model.config == TINY
    assert "from scratch" in model.title
    assert "sam_base_sa1b cannot be had" in capsys.readouterr().err
    with pytest.raises(NotAvailable, match="preset folder"):
        leusam.LeuSAM("base", weights="sa1b")


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path):
    sam.sam({**TINY, "hidden_size": 8}).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(WrongFile, match=r"other\.weights\.h5"):
        sam.sam(TINY, weights=tmp_path / "other.weights.h5")
    (tmp_path / "empty").mkdir()
    with pytest.raises(WrongFile, match="empty: no preset folder of keras-hub with a SAM"):
        sam.sam(TINY, weights=tmp_path / "empty")


def test_bad_masks_are_named(untrained, tmp_path):
    model, (images, masks) = untrained, _cells(12)
    run = Run(tmp_path, "bad", {})
    empty = masks.copy()
    empty[3] = False
    with pytest.raises(ValueError, match=r"masks 3 \(1 of 12\) have nothing"):
        model.fit(images, empty, run)
    with pytest.raises(ValueError, match="another size"):
        model.fit(images, masks[:, 1:], run)
    with pytest.raises(ValueError, match="12 pictures and 11 masks"):
        model.fit(images, masks[1:], run)
    with pytest.raises(ValueError, match="0 pictures"):
        model.fit(images[:0], masks[:0], run)


def test_validation_boxes_are_never_jittered(untrained, tmp_path, monkeypatch):
    model, (images, masks), seen = untrained, _cells(4), []

    def fit(model, train, held, *_, **__):
        seen.append((train.jitter, held.jitter, train.shuffle, held.shuffle, held.augmenter))

    monkeypatch.setattr(leusam.mask_training.training, "fit", fit)
    model.fit(images, masks, Run(tmp_path, "r", {}), jitter=0.3, validation=(images, masks))
    assert seen == [(0.3, 0.0, True, False, None)]


@pytest.mark.slow
@pytest.mark.contract
def test_with_weights_only_the_decoder_learns_on_embeddings_made_once(tmp_path):
    from keras_hub.models import SAMImageSegmenter

    keras.utils.set_random_seed(3)
    given = sam.sam(TINY)
    SAMImageSegmenter(backbone=given).save_to_preset(str(tmp_path / "preset"))
    images, masks = _cells(8)
    model = leusam.LeuSAM(weights=tmp_path / "preset")
    assert model.frozen
    assert model.config == TINY
    before = [np.array(w) for w in (*given.image_encoder.weights, *given.prompt_encoder.weights)]
    run = Run(tmp_path, "frozen", {})
    model.fit(images, masks, run, epochs=6, learning_rate=1e-2)
    after = [*model.encoder.weights, *model.network.get_layer("box_prompt").weights]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
    assert run.history["loss"].iloc[-1] < run.history["loss"].iloc[0]
    loaded = leusam.LeuSAM.load(run.folder)
    assert loaded.frozen
    np.testing.assert_array_equal(loaded(images[0]), model(images[0]))
    with pytest.raises(ValueError, match="sees each picture once"):
        model.fit(images, masks, Run(tmp_path, "other", {}), augmenter=object())


@pytest.mark.slow
def test_stopped_embeddings_go_on_and_are_the_same_to_the_byte(tmp_path, monkeypatch):
    sam.sam(TINY).save_weights(tmp_path / "sam.weights.h5")
    model = leusam.LeuSAM(TINY, weights=tmp_path / "sam.weights.h5")
    images, masks = _cells(10)
    whole, _ = model._stored(images, masks, tmp_path / "whole", "train")
    embeddings, begun = model._embeddings, []

    def stopped(images, first):
        begun.append(first)
        for number, batch in enumerate(embeddings(images, first)):
            if first == 0 and number == 2:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(model, "_embeddings", stopped)
    with pytest.raises(KeyboardInterrupt):
        model._stored(images, masks, tmp_path / "cache", "train")
    path, _ = model._stored(images, masks, tmp_path / "cache", "train")
    assert begun == [0, 8]
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_another_box_gives_another_cell(tmp_path):
    rng = np.random.default_rng(0)
    images, masks = [], []
    for number in range(48):
        pair, own = _cells(2, seed=number, side=32)
        picture, side = np.concatenate(pair, axis=1), rng.integers(2)
        mask = np.zeros(picture.shape[:2], bool)
        mask[:, 32 * side : 32 * (side + 1)] = own[side]
        images.append(picture)
        masks.append(mask)
    model = leusam.LeuSAM(TINY)
    model.fit(images, masks, Run(tmp_path, "two", {}), epochs=60, learning_rate=5e-3)
    (a, b), (left, right) = _cells(2, seed=99, side=32)
    picture = np.concatenate([a, b], axis=1)
    right_box = np.add(region.box(right, 0), (32, 0, 32, 0))
    first, second = model(picture, region.box(left, 0)), model(picture, right_box)
    assert segmentation.dice(first[:, :32], left) > 0.7
    assert segmentation.dice(second[:, 32:], right) > 0.7
    assert first[:, 32:].sum() < 0.2 * right.sum()
    assert second[:, :32].sum() < 0.2 * left.sum()
