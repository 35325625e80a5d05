"""Small files on which a decoder would spend minutes and gigabytes."""

import struct

STRIPS, TILES = 273, 324  # a TIFF's tags that say where these lie
KINDS = {"B": 1, "H": 3, "L": 4}  # of numbers in a TIFF, by their name in struct


def tiff(count, tag=STRIPS, unit="H", size=(16, 16), channels=1, big=False):
    """A black TIFF with so many strips or tiles, all in one place.

    Args:
        count: of them, more than eight. tag: `STRIPS` or `TILES`. unit: of `KINDS`, for the numbers
            that say where they lie. size: width and height, to be decoded up to 64 x 64.
        channels: 1 for grey, 3 for RGB, stored apart. big: a BigTIFF.
    """
    head = struct.pack("<2s3HQ", b"II", 43, 8, 0, 16) if big else struct.pack("<2sHL", b"II", 42, 8)
    entry, length = ("<2H2Q", "<Q") if big else ("<2H2L", "<H")
    tags = {
        256: size[0], 257: size[1], 258: 8, 259: 1, 262: 1 if channels == 1 else 2, 277: channels,
        278: 1, 284: 1 if channels == 1 else 2, 322: 16, 323: 16,
    }  # fmt: skip
    end = len(head) + struct.calcsize(length) + (len(tags) + 1) * struct.calcsize(entry) + 8
    lines = [(name, KINDS["L"], 1, value) for name, value in tags.items()]
    lines = sorted([*lines, (tag, KINDS[unit], count, end)])
    directory = b"".join(struct.pack(entry, *line) for line in lines)
    places = struct.pack(f"<{unit}", len(head)) * count
    return head + struct.pack(length, len(lines)) + directory + bytes(8) + places + bytes(3 * 64**2)


def exif_segments(content, count, size=1):
    """A JPEG's bytes with so many further Exif segments, each of so many bytes."""
    segment = b"\xff\xe1" + struct.pack(">H", 8 + size) + b"Exif\0\0" + bytes(size)
    return content[:2] + segment * count + content[2:]
