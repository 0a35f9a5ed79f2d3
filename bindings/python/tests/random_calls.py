"""Random verbs, requests, photos and pictures from four threads, while vaults are closed under their callers: only a
crash is wrong. For a library that was built with a sanitizer (bindings/sanitize).

python tests/random_calls.py SECONDS
"""

import os
import random
import sys
import threading
import time
from pathlib import Path

import numpy as np

import facevault

THREADS = 4
VERBS = (
    "identify create_person update_person remove_person persons audit encode detect compare probe encode_at "
    "encode_faces verify duplicates collections create_collection describe check x"
).split() + [""]
PARTS = '{"id": "x" null {} [ ] } 1e999 -1 "operating_point": , \x00 \ud7ff "name":"Ada" "limit":99999999999'.split(" ")
BODIES = ["{}", '{"name":"Ada"}', '{"boxes":[{"top":1,"left":2,"right":90,"bottom":80}]}', '{"limit":2}']
EXPECTED = (facevault.Error, TypeError, ValueError)


def data():
    return Path(os.environ.get("FACEVAULT_TEST_DATA") or Path(__file__).parents[4] / "shared")


def body(source):
    if source.random() < 0.6:
        return source.choice(BODIES)
    return "".join(source.choice(PARTS) for _ in range(source.randrange(6)))


def picture(source):
    pixels = np.full((source.choice([1, 2, 33, 200]), source.choice([1, 7, 64, 300]), 3), 90, dtype=np.uint8)
    return source.choice([pixels, pixels[::2], pixels[:, ::-1], np.asfortranarray(pixels)])


def call(engine, photo, seed, end, counts):
    source = random.Random(seed)
    vault = facevault.Vault(engine=engine)
    while time.time() < end:
        photos = []
        for _ in range(source.randrange(3)):
            part = photo[: source.randrange(len(photo))]
            photos.append(source.choice([source.randbytes(source.randrange(300)), part, photo]))
        try:
            if source.random() < 0.05:
                verb = source.choice(["detect", "encode", "encode_at", "encode_faces", "x"])
                engine._native.picture_call(verb, body(source), picture(source))
            elif source.random() < 0.03:
                closing, vault = vault, facevault.Vault(engine=engine)
                threading.Thread(target=closing.close).start()
                closing.persons()
            else:
                source.choice([vault, engine])._native.call(source.choice(VERBS), body(source), photos)
        except EXPECTED:
            pass
        counts[seed] += 1


def main(seconds):
    photo = next((data() / "faces/lfw-dev").glob("A*/*_0001.jpg")).read_bytes()
    end, counts = time.time() + seconds, [0] * THREADS
    with facevault.Engine() as engine:
        threads = [threading.Thread(target=call, args=(engine, photo, seed, end, counts)) for seed in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(f"{sum(counts)} calls")
    assert min(counts) > 0


if __name__ == "__main__":
    main(float(sys.argv[1]))
