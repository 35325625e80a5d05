"""ALNett: its parts, its size, a batch known by heart."""

import keras
import numpy as np
import pytest

from cotconet.rivals.jawahar import ALNett, Jawahar


def test_it_is_small_and_has_three_clusters_of_three_dilations():
    network = ALNett(224)
    depthwise = [x for x in network.layers if isinstance(x, keras.layers.DepthwiseConv2D)]
    assert [layer.dilation_rate[0] for layer in depthwise] == [1, 2, 3] * 3
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("MaxPooling2D") == kinds.count("BatchNormalization") == 3
    # By hand: stem, then depth-wise, 1 x 1 and normalisation of each cluster, then the head.
    count, width = 3 * 9 * 32 + 32, 32
    for wider in (64, 128, 256):
        count += 3 * (9 * width + width) + (3 * width * wider + wider) + 4 * wider
        width = wider
    assert network.count_params() == count + 256 * 128 + 128 + 129 == 171_905


@pytest.mark.slow
@pytest.mark.contract
def test_it_knows_a_batch_by_heart(cells, tmp_path):
    pictures, labels = cells[0][0][:8], cells[0][1][:8]
    shuffled = np.random.default_rng(0).permutation(labels)
    model = Jawahar(32, epochs=40, batch_size=8, learning_rate=3e-3, patience=40, cache=tmp_path)
    model.fit(pictures, shuffled, validation=(pictures, shuffled))
    assert (model.predict(pictures) == shuffled).all()
