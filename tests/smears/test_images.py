"""Every kind of picture file comes out as RGB, or as one error that tells what is wrong."""

import io
import os
import struct
import subprocess
import sys
import threading
import time
import zlib

import bombs
import cv2
import numpy as np
import pytest
from PIL import Image

from smears import images

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (12, 16, 3), dtype=np.uint8)


def _encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _16_bit_colour_png(values):
    """A PNG of 16-bit RGB, which Pillow cannot write; values uint16 (height, width, 3)."""

    def chunk(name, content):
        whole = name + content
        return struct.pack(">I", len(content)) + whole + struct.pack(">I", zlib.crc32(whole))

    height, width, _ = values.shape
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
    ],
)  # fmt: skip
def test_lossless_files_come_out_pixel_for_pixel(kind, options):
    array, note = images.describe(_encoded(Image.fromarray(PICTURE), kind, **options))
    assert array.dtype == np.uint8
    assert np.array_equal(array, PICTURE)
    assert note == ""


def test_a_path_and_its_bytes_decode_to_the_same(tmp_path):
    path = tmp_path / "zwei Zellen é.png"
    path.write_bytes(_encoded(Image.fromarray(PICTURE)))
    assert np.array_equal(images.decode(path), images.decode(path.read_bytes()))


def test_grey_is_repeated_in_three_channels():
    array, note = images.describe(_encoded(Image.fromarray(PICTURE[..., 0])))
    assert np.array_equal(array, np.repeat(PICTURE[..., :1], 3, axis=2))
    assert "L converted" in note


def test_black_and_white_becomes_0_and_255():
    bits = Image.fromarray(PICTURE[..., 0] > 127)
    assert np.array_equal(images.decode(_encoded(bits))[..., 1], (PICTURE[..., 0] > 127) * 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_range(kind):
    values = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    array, note = images.describe(_encoded(Image.fromarray(values), kind))
    assert array[0, :, 0].tolist() == [0, 1, 128, 255]
    assert "16-bit" in note


def test_16_bit_colour_keeps_its_high_bytes():
    values = PICTURE.astype(np.uint16) * 256 + 77
    assert np.array_equal(images.decode(_16_bit_colour_png(values)), PICTURE)


@pytest.mark.parametrize(("highest", "told"), [(4095, True), (65535, False)])
def test_12_bit_values_in_16_bits_are_told(highest, told):
    grey = np.linspace(0, highest, 12).reshape(3, 4).astype(np.uint16)
    for content in (
        _encoded(Image.fromarray(grey), "TIFF"),
        _16_bit_colour_png(np.repeat(grey[..., None], 3, axis=2)),
    ):
        assert ("12 bits, rescale" in images.describe(content)[1]) == told


@pytest.mark.parametrize("value", [-1, 70_000])
def test_integers_beyond_16_bits_are_refused(value):
    content = _encoded(Image.fromarray(np.full((2, 2), value, np.int32)), "TIFF")
    with pytest.raises(images.BadImage, match=r"outside 0\.\.65535"):
        images.decode(content)


def test_float_pixels_are_refused_because_their_range_is_unknown():
    content = _encoded(Image.fromarray(np.full((2, 2), 0.5, np.float32)), "TIFF")
    with pytest.raises(images.BadImage, match="float"):
        images.decode(content)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (np.float32, "^float pixels"), (np.float64, "^float pixels"),
        (np.int32, "^TIFF with 3 channels of 32 bits: save it as RGB of 8 bits"),
    ],
)  # fmt: skip
def test_a_tiff_of_pixels_that_pillow_does_not_know_is_told_from_no_image(kind, reason):
    content = cv2.imencode(".tif", np.zeros((5, 6, 3), kind))[1].tobytes()
    with pytest.raises(images.BadImage, match=reason):
        images.decode(content)
    for kept in range(1, len(content)):
        with pytest.raises(images.BadImage):
            images.decode(content[:kept])


def _in_modes():
    """Encoded pictures of `PICTURE`'s size in all modes that are converted in another way."""
    colours, grey = Image.fromarray(PICTURE), Image.fromarray(PICTURE[..., 0])
    sixteen = PICTURE[..., 0].astype(np.uint16) * 256 + 77
    transparent = {"transparency": tuple(PICTURE[5, 5].tolist())}
    return {
        "RGB": _encoded(colours), "L": _encoded(grey), "1": _encoded(grey.convert("1")),
        "P": _encoded(colours.quantize(9), transparency=3), "CMYK": _encoded(
            colours.convert("CMYK"), "TIFF"),
        "RGBA": _encoded(Image.merge("RGBA", [*colours.split(), grey])),
        "LA": _encoded(Image.merge("LA", [grey, colours.split()[1]])),
        "RGB, a transparent colour": _encoded(colours, **transparent),
        "I;16": _encoded(Image.fromarray(sixteen)),
        "I;16B": _encoded(Image.fromarray(sixteen.astype(">u2")), "TIFF"),
        "I": _encoded(Image.fromarray(sixteen.astype(np.int32)), "TIFF"),
    }  # fmt: skip


@pytest.mark.parametrize("mode", _in_modes())
def test_pictures_converted_in_bands_are_those_converted_whole(mode, monkeypatch):
    content = _in_modes()[mode]
    whole, note = images.describe(content)
    assert len(np.unique(whole)) > 1
    monkeypatch.setattr(images, "BAND", 70)
    banded, again = images.describe(content)
    assert np.array_equal(banded, whole)
    assert note == again


def test_every_16_bit_value_is_rounded_to_the_nearest():
    values = np.arange(65536).reshape(256, 256)
    array = images.decode(_encoded(Image.fromarray(values.astype(np.uint16))))
    assert np.array_equal(array[..., 2], np.round(values / 257))


PEAK = """
import sys
from smears import images

def memory(name):
    line = next(line for line in open("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) * 1024

before = memory("VmRSS")
decoded = images.decode(sys.argv[1])
print((memory("VmHWM") - before) / decoded.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("mode", ["I;16", "RGBA"])
def test_decoding_takes_less_memory_than_four_copies_of_the_picture(tmp_path, mode):
    path = tmp_path / "large.png"
    Image.new(mode, (6000, 5000)).save(path, compress_level=1)
    out = subprocess.run(
        [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True
    )
    # It was 7 and 9. Pillow's own picture has four bytes a pixel.
    assert float(out.stdout) < 4


def test_transparent_pixels_become_white():
    alpha = np.full((12, 16, 1), 255, np.uint8)
    alpha[:, :8] = 0
    array, note = images.describe(_encoded(Image.fromarray(np.concatenate([PICTURE, alpha], 2))))
    assert (array[:, :8] == 255).all()
    assert np.array_equal(array[:, 8:], PICTURE[:, 8:])
    assert "transparency" in note


@pytest.mark.parametrize("transparent", [False, True])
def test_palette_gives_its_colours(transparent):
    palette = Image.new("P", (4, 3), 1)
    palette.putpalette([9, 9, 9, 200, 30, 60])
    options = {"transparency": 1} if transparent else {}
    expected = (255, 255, 255) if transparent else (200, 30, 60)
    array = images.decode(_encoded(palette, **options))
    assert (array == expected).all()


def test_cmyk_is_converted():
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    array, note = images.describe(_encoded(cmyk, "TIFF"))
    assert (array == (255, 0, 0)).all()
    assert "CMYK" in note
    assert np.abs(images.decode(_encoded(cmyk, "JPEG")).astype(int) - (255, 0, 0)).max() < 8


# EXIF 6: to be shown turned by a quarter clockwise; 3: by a half; 2: mirrored.
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (6, lambda a: np.rot90(a, -1)), (8, lambda a: np.rot90(a)),
        (3, lambda a: np.rot90(a, 2)), (2, lambda a: a[:, ::-1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_exif_orientation_is_applied_and_told(orientation, turn, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    array, note = images.describe(_encoded(Image.fromarray(PICTURE), kind, exif=exif))
    assert np.array_equal(array, turn(PICTURE))
    assert note == "EXIF rotation applied"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_several_frames_are_refused(kind):
    frames = [Image.fromarray(PICTURE), Image.fromarray(PICTURE[::-1].copy())]
    content = _encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(images.BadImage, match="more than one frame"):
        images.decode(content)


@pytest.mark.parametrize("orientation", [1, 6])
def test_of_a_phones_jpeg_with_a_second_frame_the_first_is_taken(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    first, second = Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE[:8])
    content = _encoded(first, "MPO", exif=exif, save_all=True, append_images=[second])
    array, note = images.describe(content)
    alone, said = images.describe(_encoded(first, "JPEG", exif=exif))
    assert np.array_equal(array, alone)
    assert note == "; ".join(filter(None, ["first of several frames taken", said]))


def test_a_film_of_many_frames_is_refused_at_once():
    frames = [Image.new("L", (1, 1), 255 * (n % 2)) for n in range(2000)]
    content = _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=1)
    began = time.perf_counter()
    with pytest.raises(images.BadImage, match="more than one frame"):
        images.decode(content)
    assert time.perf_counter() - began < 0.1


def test_formats_for_which_pillow_starts_programs_are_no_images():
    with pytest.raises(images.BadImage, match=r"^not an image$"):
        images.decode(_encoded(Image.fromarray(PICTURE), "EPS"))


def test_a_side_that_no_picture_has_is_refused():
    with pytest.raises(images.BadImage, match="1 x 60000 pixels: a side of more than 50,000"):
        images.decode(_encoded(Image.new("L", (1, 60_000))))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("tag", "unit"), [(bombs.STRIPS, "H"), (bombs.STRIPS, "B"), (bombs.TILES, "L")]
)
def test_a_small_tiff_of_a_million_strips_is_refused_at_once(tag, unit, big):
    content = bombs.tiff(1_000_000, tag, unit, big=big)
    began = time.perf_counter()
    with pytest.raises(images.BadImage, match="1,000,000 strips or tiles in 16 x 16 pixels"):
        images.decode(content)
    assert time.perf_counter() - began < 0.5
    with pytest.raises(images.BadImage, match="1 x 4000000 pixels: a side of more than 50,000"):
        images.decode(bombs.tiff(1_000_000, tag, unit, (1, 4_000_000), big=big))


def test_a_size_is_asked_for_within_the_same_limits(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(bombs.tiff(16, size=(64, 32)))
    assert images.size(path) == (64, 32)
    with pytest.raises(images.BadImage, match="strips or tiles"):
        images.size(bombs.tiff(1_000_000))
    with pytest.raises(images.BadImage, match="not an image"):
        images.size(b"%!PS-Adobe-3.0 EPSF-3.0")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("tag", "most"), [(bombs.STRIPS, 64), (bombs.TILES, 16)])
def test_a_tiff_may_have_a_strip_for_each_row_and_a_tile_for_16_x_16_pixels(tag, most, big):
    assert images.decode(bombs.tiff(most, tag, size=(64, 64), big=big)).shape == (64, 64, 3)
    apart = bombs.tiff(3 * most, tag, size=(64, 64), channels=3, big=big)
    assert images.decode(apart).shape == (64, 64, 3)
    with pytest.raises(images.BadImage, match=f"{most + 1} strips or tiles in 64 x 64 pixels"):
        images.decode(bombs.tiff(most + 1, tag, size=(64, 64), big=big))


def _with_scans(content, count):
    """A progressive JPEG whose last scan stands in it so many times more."""
    start = content.rindex(b"\xff\xda")
    return content[:-2] + content[start:-2] * count + content[-2:]


def test_a_jpeg_of_thousands_of_scans_is_refused_at_once():
    content = _encoded(Image.new("RGB", (3000, 3000)), "JPEG", progressive=True)
    began = time.perf_counter()
    with pytest.raises(images.BadImage, match="more than 50 scans"):
        images.decode(_with_scans(content, 3000))
    assert time.perf_counter() - began < 0.5
    assert images.decode(_encoded(Image.fromarray(PICTURE), "JPEG", progressive=True)).any()


@pytest.mark.parametrize("progressive", [False, True])
def test_what_follows_a_jpeg_or_stands_in_its_metadata_has_no_scans(progressive):
    scans = b"\xff\xda\x00\x02" * 60
    whole = Image.fromarray(PICTURE)
    content = _encoded(whole, "JPEG", progressive=progressive, comment=scans, restart_marker_rows=1)
    assert (images.decode(content + scans) == np.asarray(Image.open(io.BytesIO(content)))).all()


@pytest.mark.parametrize(
    "filling", [b"\xff\xfe\x00\x02", b"\xff\xfe\x00\x00", b"\xff\x00", b"\xff"]
)
def test_a_jpeg_with_millions_of_markers_is_refused_at_once(filling):
    content = _encoded(Image.fromarray(PICTURE), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    filled = content[:-2] + filling * 1_000_000 + content[start:-2] * 60
    began = time.perf_counter()
    with pytest.raises(images.BadImage, match="more than 50 scans"):
        images.decode(filled)
    assert time.perf_counter() - began < 0.5


def test_a_jpeg_of_thousands_of_exif_segments_is_refused_at_once():
    content = _encoded(Image.fromarray(PICTURE), "JPEG")
    bomb = bombs.exif_segments(content, 50_000, 90)
    began = time.perf_counter()
    with pytest.raises(images.BadImage, match="more than 64 Exif segments"):
        images.decode(bomb)
    assert time.perf_counter() - began < 0.5


def test_a_jpeg_may_have_its_exif_in_several_segments():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = _encoded(Image.fromarray(PICTURE), "JPEG", exif=exif)
    assert images.decode(bombs.exif_segments(content, 63, 65_000)).any()
    with pytest.raises(images.BadImage, match="more than 64 Exif segments"):
        images.decode(bombs.exif_segments(content, 64, 65_000))


def test_a_lower_limit_of_pixels_can_be_asked_for():
    content = _encoded(Image.fromarray(PICTURE))
    assert images.decode(content, 192).shape == (12, 16, 3)
    with pytest.raises(images.BadImage, match="16 x 12 pixels, more than 191"):
        images.decode(content, 191)


def test_an_empty_file_and_a_text_file_are_named_so():
    with pytest.raises(images.BadImage, match="empty"):
        images.decode(b"")
    with pytest.raises(images.BadImage, match=r"^not an image$"):
        images.decode(b"<html>404 not found</html>")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused(kind, kept):
    content = _encoded(Image.fromarray(PICTURE), kind)
    with pytest.raises(images.BadImage):
        images.decode(content[: int(kept * len(content))])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"])
def test_damaged_bytes_never_raise_anything_but_bad_image(kind):
    content = np.frombuffer(_encoded(Image.fromarray(PICTURE), kind), np.uint8)
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(300):
        damaged = content.copy()
        spots = rng.integers(0, rng.choice([40, len(content)]), 3)
        damaged[spots] = rng.integers(0, 256, 3)
        try:
            assert images.decode(damaged.tobytes()).ndim == 3
        except images.BadImage:
            refused += 1
    assert refused > 0


def _claiming(png, side):
    """A PNG whose head says that it is so large."""
    head = b"IHDR" + struct.pack(">II", side, side) + png[24:29]
    return png[:12] + head + struct.pack(">I", zlib.crc32(head)) + png[33:]


@pytest.mark.parametrize("side", [11_000, 40_000])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(side, recwarn):
    bomb = _claiming(_encoded(Image.new("1", (11_000, 11_000))), side)
    assert len(bomb) < 300_000
    with pytest.raises(images.BadImage, match="100,000,000"):
        images.decode(bomb)
    assert not recwarn.list


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        images.decode(tmp_path / "none.png")


def test_a_file_too_large_to_be_a_picture_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "slide.tif"
    path.write_bytes(b"II*\0" + bytes(97))
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    with pytest.raises(images.BadImage, match="too large, 101 bytes: cut it into fields"):
        images.decode(path)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no paths there")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "x.png"
    os.mkfifo(pipe)
    # Ends the pipe for whoever does read it, so that the test would fail, not hang.
    writer = threading.Thread(target=pipe.write_bytes, args=(b"",), daemon=True)
    writer.start()
    try:
        with pytest.raises(images.BadImage, match="not a file but a folder, a pipe"):
            images.decode(pipe)
    finally:
        end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        writer.join()
        os.close(end)


def test_resizing_gives_squares_and_leaves_the_right_size_alone():
    assert images.resize(PICTURE, 8).shape == (8, 8, 3)
    assert images.resize(PICTURE, 32).shape == (32, 32, 3)
    square = PICTURE[:, :12]
    assert images.resize(square, 12) is square


def test_shrinking_by_a_whole_factor_takes_means():
    shrunk = images.resize(
        np.array([[[0, 0, 0], [100, 0, 0]], [[60, 0, 0], [0, 0, 0]]], np.uint8), 1
    )
    assert shrunk.tolist() == [[[40, 0, 0]]]


def _mask(levels):
    file = io.BytesIO()
    Image.fromarray(np.array(levels, np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_levels_of_a_mask_become_the_nearest_of_background_cytoplasm_and_nucleus():
    read = images.read_mask(_mask([[0, 63, 64, 128], [191, 192, 255, 9]]))
    assert read.dtype == np.uint8
    assert read.tolist() == [[0, 0, 128, 128], [128, 255, 255, 0]]


def test_an_empty_mask_is_read_and_one_that_numbers_its_parts_is_refused():
    assert not images.read_mask(_mask([[0, 0], [0, 0]])).any()
    with pytest.raises(images.BadImage, match="levels up to 2: a mask has 0 background"):
        images.read_mask(_mask([[0, 1], [2, 0]]))


def test_reducing_keeps_proportions_and_never_enlarges():
    assert images.reduced(np.zeros((100, 50, 3), np.uint8), 40).shape == (40, 20, 3)
    assert images.reduced(np.zeros((10, 5, 3), np.uint8), 40).shape == (10, 5, 3)
