"""Damaged pictures of all kinds through decoder and service: none may crash, hang, leak or escape.

    python benchmarks/service_mutations.py --count 20000

Every picture is a function of the seed and its number. Ends with 1 if anything but a picture or a
refusal with a reason came out.
"""

import argparse
import faulthandler
import io
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
GROUP = 10  # pictures a request
SLOW = 2.0  # seconds that no picture may take; here, no group of them
FLAT = 40.0  # MB that the memory may grow from the first quarter to the end

# Numbers at which programs that read lengths and offsets go wrong.
HARD = [b"\x00", b"\xff", b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x00\x00\x00\x80",
        b"\xff\xff\xff\x7f", b"\x80\x00", b"\xff\xfe", b"\x00\x00\x01\x00"]  # fmt: skip


def samples():
    """Whole pictures in every format and variant that the service takes, a dict name -> bytes."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((40, 36), Image.Resampling.BICUBIC)
    grey16 = Image.fromarray(rng.integers(0, 65536, (20, 20), dtype=np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {
        "png": (picture, "PNG", {}), "png-exif": (picture, "PNG", {"exif": exif}),
        "png-grey": (picture.convert("L"), "PNG", {}), "png-16": (grey16, "PNG", {}),
        "png-palette": (picture.quantize(16), "PNG", {"transparency": 3}),
        "png-alpha": (picture.convert("RGBA"), "PNG", {}),
        "png-bits": (picture.convert("1"), "PNG", {}),
        "jpeg": (picture, "JPEG", {}), "jpeg-exif": (picture, "JPEG", {"exif": exif}),
        "jpeg-progressive": (picture, "JPEG", {"progressive": True}),
        "jpeg-cmyk": (picture.convert("CMYK"), "JPEG", {}),
        "jpeg-grey": (picture.convert("L"), "JPEG", {}),
        "bmp": (picture, "BMP", {}), "bmp-palette": (picture.quantize(16), "BMP", {}),
        "tiff": (picture, "TIFF", {}), "tiff-16": (grey16, "TIFF", {}),
        "tiff-exif": (picture, "TIFF", {"exif": exif}),
        "tiff-big": (picture, "TIFF", {"big_tiff": True}),
        "tiff-strips": (picture, "TIFF", {"compression": "packbits", "strip_size": 120}),
        "tiff-lzw": (picture, "TIFF", {"compression": "tiff_lzw"}),
        "tiff-deflate": (picture, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "tiff-jpeg": (picture, "TIFF", {"compression": "jpeg"}),
        "tiff-packbits": (picture, "TIFF", {"compression": "packbits"}),
        "tiff-group4": (picture.convert("1"), "TIFF", {"compression": "group4"}),
        "webp": (picture, "WEBP", {}), "webp-lossless": (picture, "WEBP", {"lossless": True}),
        "webp-alpha": (picture.convert("RGBA"), "WEBP", {"exif": exif}),
        "gif": (picture.quantize(32), "GIF", {}),
        "gif-clear": (picture.quantize(32), "GIF", {"transparency": 1}),
    }  # fmt: skip
    found = {}
    for name, (image, kind, options) in kinds.items():
        file = io.BytesIO()
        image.save(file, kind, **options)
        found[name] = file.getvalue()
    return found


def mutated(whole, seed, number):
    """(name, bytes) of the picture of that number: one of `samples`, changed in one to four ways.

    Args:
        whole: as `samples` returns it. seed, number: decide everything.
    """
    rng = np.random.default_rng([seed, number])
    names = sorted(whole)
    name = names[number % len(names)]
    content = bytearray(whole[name])
    for _ in range(rng.integers(1, 5)):
        _change(content, rng, whole[names[rng.integers(len(names))]])
    if name.startswith("png") and rng.random() < 0.7:
        _mend(content)
    return name, bytes(content)


def _mend(content):
    """Make the checksums of a PNG's chunks right in place, or no damage gets beyond them."""
    place = 8
    while place + 12 <= len(content):
        end = place + 8 + int.from_bytes(content[place : place + 4], "big")
        if end + 4 > len(content):
            return
        content[end : end + 4] = zlib.crc32(content[place + 4 : end]).to_bytes(4, "big")
        place = end + 4


def _change(content, rng, other):
    """One change in place; half of them in the first hundred bytes, where lengths stand."""
    length = len(content)
    if not length:
        content += other[: rng.integers(1, len(other))]
        return
    place = int(rng.integers(min(length, 100) if rng.random() < 0.5 else length))
    size = int(rng.integers(1, 64))
    way = rng.integers(9)
    if way == 0:
        content[place] ^= 1 << int(rng.integers(8))
    elif way == 1:
        content[place] = int(rng.integers(256))
    elif way == 2:
        hard = HARD[rng.integers(len(HARD))]
        content[place : place + len(hard)] = hard
    elif way == 3:
        del content[place : place + size]
    elif way == 4:
        content[place:place] = content[place : place + size] * int(rng.integers(1, 20))
    elif way == 5:
        content[place:place] = rng.bytes(size)
    elif way == 6:
        content[place : place + size] = rng.bytes(size)
    elif way == 7:
        del content[place:]
    else:
        start = int(rng.integers(len(other)))
        content[place:] = other[start:]


def run(client, count, seed=0, report=None):
    """Send so many damaged pictures. Returns dict: outcomes, slowest, growth, problems.

    All are sent to /api/predict, the first of each request to /api/explain as well.

    Args:
        client: Flask's test client of the service. count: pictures. seed: of the changes.
        report: function of a text, called every thousand pictures.
    """
    whole = samples()
    outcomes, problems, memory = Counter(), [], []
    slowest = (0.0, "")
    for start in range(0, count, GROUP):
        numbers = range(start, min(start + GROUP, count))
        group = [mutated(whole, seed, number) for number in numbers]
        where = f"{numbers[0]} to {numbers[-1]}"
        try:
            expected, answer, seconds = _sent(client, group)
            if seconds > SLOW:
                seconds = min(seconds, _sent(client, group)[2])  # not what else the machine did
        except Exception as problem:
            problems.append(f"{where}: {problem!r}")
            continue
        slowest = max(slowest, (seconds, where))
        outcomes.update(
            f"{name.split('-')[0]} {'picture' if picture else 'refused'}"
            for (name, _), picture in zip(group, expected, strict=True)
        )
        told = client.post("/api/explain", data=_asked(*group[0], start // GROUP))
        if (
            told.status_code != (200 if expected[0] else 422)
            or bool(told.json.get("error")) == (expected[0])
        ):
            problems.append(f"{numbers[0]}, explained: {expected[0]}, but {told.status_code}")
        outcomes["explained" if expected[0] else "explanation refused"] += 1
        found = [not entry.get("error") for entry in answer.json.get("images", [])]
        if found != expected or answer.status_code != (200 if any(expected) else 422):
            problems.append(f"{where}: {expected}, but {answer.status_code} {found}")
        if seconds > SLOW:
            problems.append(f"{where}: {seconds:.1f} s")
        if start % max(GROUP, count // 20 // GROUP * GROUP) == 0:
            memory.append(_memory())
        if report and (start + GROUP) % 1000 == 0:
            report(f"{start + GROUP}: {_memory():.0f} MB, slowest {slowest[0]:.2f} s")
    growth = memory[-1] - memory[len(memory) // 4]
    return {"outcomes": outcomes, "slowest": slowest, "growth": growth, "problems": problems}


def _asked(name, content, number):
    """Form that asks for an explanation of one picture, Grad-CAM and saliency in turns."""
    method = ("gradcam", "saliency")[number % 2]
    return {"image": (io.BytesIO(content), f"{name}.png"), "method": method}


def _sent(client, group):
    """(whether each is a picture by the decoder, the API's answer, seconds of both)."""
    from leukocytenet.service import uploads
    from smears import images

    expected = []
    began = time.perf_counter()
    for _, content in group:
        try:
            images.decode(content, uploads.MAX_PIXELS)
            expected.append(True)
        except images.BadImage:
            expected.append(False)
    files = [(io.BytesIO(content), "cell.png") for _, content in group]
    answer = client.post("/api/predict", data={"images": files})
    return expected, answer, time.perf_counter() - began


def _memory():
    """Resident megabytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def main():
    """Run, print, and end with 1 if there was a problem."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=20_000, help="pictures. Default: 20000")
    parser.add_argument("--seed", type=int, default=0, help="of the changes. Default: 0")
    options = parser.parse_args()
    faulthandler.enable()
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    from smears import backend

    backend.start()
    import tiny_service

    from leukocytenet.service.app import create_app, explainers

    methods = {name: method for name, method in explainers().items() if name != "lime"}
    client = create_app(tiny_service.classifier(), methods=methods).test_client()
    began = time.perf_counter()
    found = run(client, options.count, options.seed, lambda text: print(text, flush=True))
    for kind, number in sorted(found["outcomes"].items()):
        print(f"{kind}: {number}")
    seconds, where = found["slowest"]
    print(
        f"{options.count} pictures in {time.perf_counter() - began:.0f} s; slowest request "
        f"{seconds:.2f} s ({where}); memory grew by {found['growth']:.1f} MB"
    )
    problems = found["problems"]
    if found["growth"] > FLAT:
        problems.append(f"memory grew by {found['growth']:.0f} MB")
    print(f"{len(problems)} problems", *problems[:20], sep="\n")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
