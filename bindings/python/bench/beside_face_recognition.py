"""facevault.face_recognition beside face_recognition itself, by turns in one run: times, and whether boxes and encodings
agree.

pip install face_recognition && maturin develop --release
python bench/beside_face_recognition.py PHOTO...
"""

import os
import statistics
import sys
import time

import face_recognition as original
import numpy as np

import facevault.face_recognition as ours

ROUNDS = int(os.environ.get("ROUNDS", 12))


def seconds(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main(paths):
    photos = [original.load_image_file(path) for path in paths]
    boxes = [original.face_locations(photo) for photo in photos]
    works = {
        "load_image_file": lambda module, i: module.load_image_file(paths[i]),
        "face_locations, HOG": lambda module, i: module.face_locations(photos[i]),
        "face_locations, network": lambda module, i: module.face_locations(photos[i], 0, "cnn"),
        "face_encodings of known boxes": lambda module, i: module.face_encodings(photos[i], boxes[i]),
        "face_encodings, all of it": lambda module, i: module.face_encodings(photos[i]),
    }
    print(f"{len(photos)} photos, {sum(map(len, boxes))} faces, {ROUNDS} rounds; medians of a photo")
    for name, work in works.items():
        times = {original: [], ours: []}
        for turn in range(ROUNDS * len(photos)):
            i, order = turn % len(photos), [original, ours]
            found = {}
            for module in order if (turn // len(photos)) % 2 else reversed(order):
                took, found[module] = seconds(lambda module=module, i=i: work(module, i))
                times[module].append(took)
            a, b = (np.asarray(found[module], dtype=float) for module in order)
            assert a.shape == b.shape and np.allclose(a, b, atol=1e-4), (name, paths[i])
        a, b = (1000 * statistics.median(times[module]) for module in (original, ours))
        print(f"{name:32} face_recognition {a:8.2f} ms, facevault {b:8.2f} ms, {a / b:5.2f} times as fast")


if __name__ == "__main__":
    main(sys.argv[1:])
