"""Makes tests/data/avif/: small pictures of every kind of AVIF that is read, of known colours.

    pip install pillow==13.0.0 numpy==2.4.6 imagecodecs==2026.3.6
    python tests/data/scripts/avif.py

tests/it/avif.rs compares the pixels with the formula of `picture`.
"""

import io
import pathlib
import struct

import imagecodecs
import numpy as np
from PIL import Image

folder = pathlib.Path(__file__).parents[1] / "avif"


def picture(width, height):
    """Red grows to the right and green downwards; blue is bright in the first quarter."""
    y, x = np.mgrid[0:height, 0:width]
    blue = np.where((x < width // 2) & (y < height // 2), 230, 40)
    return np.stack([x * 250 // width, y * 250 // height, blue], axis=-1).astype(np.uint8)


def pillow(image, **options):
    file = io.BytesIO()
    options = {"quality": 90, "speed": 2, "codec": "aom", "max_threads": 1, **options}
    Image.fromarray(image).save(file, "AVIF", **options)
    return file.getvalue()


def deep(image, bits, sampling, **options):
    values = (image.astype(np.uint32) * ((1 << bits) - 1) + 127) // 255
    kind = np.uint8 if bits == 8 else np.uint16
    options = {"level": 90, "speed": 2, "codec": "aom", "numthreads": 1, **options}
    return bytes(imagecodecs.avif_encode(values.astype(kind), bitspersample=bits, pixelformat=sampling, **options))


def box(name, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), name) + body


def full_box(name, version, *parts):
    return box(name, struct.pack(">I", version << 24), *parts)


def part(file, name):
    """The content of the first box of this name."""
    at = file.index(name)
    return file[at + 4 : at - 4 + struct.unpack(">I", file[at - 4 : at])[0]]


def grid(image, tile):
    """Tiles of `tile` x `tile` pixels, the last of which reach beyond the picture."""
    height, width = image.shape[:2]
    rows, columns = -(-height // tile), -(-width // tile)
    padded = np.pad(image, ((0, rows * tile - height), (0, columns * tile - width), (0, 0)), mode="edge")
    cells = [(y * tile, x * tile) for y in range(rows) for x in range(columns)]
    files = [pillow(padded[y : y + tile, x : x + tile]) for y, x in cells]
    size = lambda width, height: full_box(b"ispe", 0, struct.pack(">II", width, height))
    description = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    data = [part(file, b"mdat") for file in files]
    items = range(2, len(files) + 2)
    properties = [size(width, height), size(tile, tile), *[box(name, part(files[0], name)) for name in (b"pixi", b"av1C", b"colr")]]
    entry = lambda id, kind, hidden: box(b"infe", struct.pack(">IHH4sB", 2 << 24 | hidden, id, 0, kind, 0))

    def meta(start):
        places = [struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(description))]
        for id, content in zip(items, data):
            places.append(struct.pack(">HHHHII", id, 0, 0, 1, start, len(content)))
            start += len(content)
        associations = [struct.pack(">HBBB", 1, 2, 1, 3)] + [struct.pack(">HBBBBB", id, 4, 2, 3, 0x84, 5) for id in items]
        return full_box(
            b"meta",
            0,
            full_box(b"hdlr", 0, struct.pack(">I4s12sB", 0, b"pict", b"", 0)),
            full_box(b"pitm", 0, struct.pack(">H", 1)),
            full_box(b"iloc", 1, struct.pack(">BBH", 0x44, 0, 1 + len(files)), *places),
            full_box(b"iinf", 0, struct.pack(">H", 1 + len(files)), entry(1, b"grid", 0), *[entry(id, b"av01", 1) for id in items]),
            full_box(b"iref", 0, box(b"dimg", struct.pack(">HH", 1, len(files)), *[struct.pack(">H", id) for id in items])),
            box(b"iprp", box(b"ipco", *properties), full_box(b"ipma", 0, struct.pack(">I", 1 + len(files)), *associations)),
            box(b"idat", description),
        )

    head = box(b"ftyp", b"mif1", bytes(4), b"mif1avifmiaf")
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", *data)


def turned(orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


opaque = np.full((24, 40, 1), 255, np.uint8)
transparent = opaque.copy()
transparent[:, :10] = 0
half = opaque.copy()
half[:, :10] = 128
small, odd = picture(40, 24), picture(33, 17)
files = {
    "quarter": pillow(small, subsampling="4:2:0"),
    "quarter-odd": pillow(odd, subsampling="4:2:0"),
    "half-odd": pillow(odd, subsampling="4:2:2"),
    "full": pillow(small, subsampling="4:4:4"),
    "limited": pillow(small, range="limited"),
    "grey": pillow(small[:, :, 0], subsampling="4:0:0"),
    "grey-limited": pillow(small[:, :, 0], subsampling="4:0:0", range="limited"),
    "identity": deep(small, 8, "444", matrix=0, level=95),
    "10-bit": deep(small, 10, "420"),
    "10-bit-full": deep(odd, 10, "444"),
    "12-bit": deep(odd, 12, "422"),
    "alpha": pillow(np.concatenate([small, transparent], axis=-1)),
    "premultiplied": pillow(np.concatenate([small, half], axis=-1), alpha_premultiplied=True),
    "turned": pillow(small, exif=turned(5)),
    "grid": grid(picture(100, 70), 64),
}
first, second = Image.fromarray(small), Image.fromarray(255 - small)
film = io.BytesIO()
first.save(film, "AVIF", save_all=True, append_images=[second], quality=90, speed=2, codec="aom", max_threads=1)
files["sequence"] = film.getvalue()

folder.mkdir(exist_ok=True)
for name, file in files.items():
    (folder / f"{name}.avif").write_bytes(file)
    decoded = Image.open(io.BytesIO(file))
    print(f"{name:14} {len(file):5} bytes, {decoded.mode} {decoded.size}")
