"""Makes tests/data/hog_golden.json: the boxes and scores that dlib's HOG detectors find.

    pip install dlib-bin==20.0.1.post1 numpy==2.4.6 pillow    # dlib 20.0.1, compiled with AVX
    python tests/data/scripts/hog_golden.py ../shared

"synthetic" are pictures and a detector made here by a rule, with weights that mean nothing; "photos" are some of the
test data's, with dlib's own detector. tests/it/hog.rs makes the same pictures and detector and holds facevault to
these values.
"""

import json
import pathlib
import sys
import tempfile

import dlib
import numpy as np
from PIL import Image

PLANES, WIDTH, HEIGHT = 31, 11, 14


class Numbers:
    """Bytes that look random."""

    def __init__(self, seed):
        self.state = seed

    def byte(self):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return self.state >> 24


def integer(value):
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def real(mantissa, exponent):
    return integer(mantissa) + integer(exponent)


def weights(seed):
    """31 planes of rows of whole numbers, each plane a sum of none to two products of a column and a row."""
    numbers = Numbers(seed)
    planes = []
    for plane in range(PLANES):
        values = [0] * (WIDTH * HEIGHT)
        for _ in range(plane % 3):
            column = [numbers.byte() - 128 for _ in range(HEIGHT)]
            row = [numbers.byte() - 128 for _ in range(WIDTH)]
            values = [value + column[i // WIDTH] * row[i % WIDTH] for i, value in enumerate(values)]
        planes += values
    return planes


def detector():
    """A serialised detector: a window of 72 x 96 pixels, a margin of one cell, levels of at least 40 x 48."""
    out = integer(2) + integer(1)
    for value in [0, 0, 8, 1, 72, 96, 1000, 40, 48]:
        out += integer(value)
    out += real(9, 0) + integer(PLANES * WIDTH * HEIGHT)
    out += real(3, -3) + real(7, -3) + integer(2)
    for seed, threshold in [(1, 20), (2, 18)]:
        out += integer(-PLANES * WIDTH * HEIGHT - 1) + integer(-1)
        for weight in weights(seed):
            out += real(weight, -14)
        out += real(threshold, -2)
    return out


def picture(seed, width, height):
    numbers = Numbers(seed)
    pixels = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            for color in range(3):
                wave = (x * x * (color + 1) + y * y * 3 + x * y * seed) >> 6
                pixels[y, x, color] = (wave + (numbers.byte() >> 3)) & 255
    return pixels


def found(detector, pixels, upsample):
    boxes, scores, filters = detector.run(pixels, upsample, 0.0)
    # Scores are texts: not every reader of JSON gives numbers to the last bit.
    return [
        [box.left(), box.top(), box.right(), box.bottom(), repr(float(score)), index]
        for box, score, index in zip(boxes, scores, filters)
    ]


def main():
    data = pathlib.Path(sys.argv[1])
    with tempfile.NamedTemporaryFile() as file:
        file.write(detector())
        file.flush()
        made = dlib.fhog_object_detector(file.name)
    synthetic = []
    for seed, width, height, upsamples in [
        (1, 331, 250, [0, 1]),
        (2, 200, 261, [0, 1, 2]),
        (3, 97, 119, [0, 1, 2]),
        (4, 640, 121, [0]),
        (5, 90, 20, [0, 1, 2]),
        (6, 1, 1, [0, 1, 2]),
        (7, 1, 300, [0, 1]),
        (8, 300, 1, [0, 2]),
    ]:
        for upsample in upsamples:
            faces = found(made, picture(seed, width, height), upsample)
            synthetic.append({"picture": [seed, width, height], "upsample": upsample, "faces": faces})
    frontal = dlib.get_frontal_face_detector()
    photos = []
    lfw = sorted(path for path in (data / "faces/lfw-dev").rglob("*.jpg"))[::40]
    group = sorted(path for path in (data / "faces/group").rglob("*.jpg"))[::4]
    for path in lfw + group:
        with Image.open(path) as photo:
            if photo.getexif().get(274, 1) != 1 or photo.mode not in ("RGB", "L"):
                continue
            pixels = np.ascontiguousarray(photo.convert("RGB"))
        for upsample in [0, 1]:
            faces = found(frontal, pixels, upsample)
            photos.append({"photo": str(path.relative_to(data)), "upsample": upsample, "faces": faces})
    target = pathlib.Path(__file__).parent.parent / "hog_golden.json"
    lines = {"made_by": f"dlib {dlib.__version__}", "synthetic": synthetic, "photos": photos}
    target.write_text(json.dumps(lines, separators=(",", ":")) + "\n")
    for name, cases in [("synthetic", synthetic), ("photos", photos)]:
        print(name, len(cases), "pictures", sum(len(case["faces"]) for case in cases), "faces")


main()
