"""What a call from Python costs over the same call from Rust: one engine encodes the same photos, by turns from either.

maturin develop --release --features bench
python bench/overhead.py PHOTO...
"""

import statistics
import sys
import time
from pathlib import Path

import facevault

ROUNDS = 200


def main(paths):
    photos = [Path(path).read_bytes() for path in paths]
    with facevault.Engine() as engine:
        pictures = [engine.decode(photo) for photo in photos]
        for photo in photos:
            engine.encode(photo)
        ratios, python, rust = [], [], []
        for turn in range(ROUNDS):
            photo = photos[turn % len(photos)]
            order = ("python", "rust") if (turn // len(photos)) % 2 else ("rust", "python")
            took = {}
            for who in order:
                if who == "rust":
                    took[who] = engine._native.seconds_in_rust(photo)
                else:
                    start = time.perf_counter()
                    engine.encode(photo)
                    took[who] = time.perf_counter() - start
            python.append(took["python"])
            rust.append(took["rust"])
            ratios.append(took["python"] / took["rust"])
        start = time.perf_counter()
        for picture in pictures:
            engine.encode(picture)
        of_pictures = (time.perf_counter() - start) / len(pictures)
    medians = [1000 * statistics.median(times) for times in (python, rust)]
    print(
        f"encode, {len(photos)} photos, {ROUNDS} rounds: Python {medians[0]:.3f} ms, Rust {medians[1]:.3f} ms (medians)"
    )
    print(f"ratio of medians {medians[0] / medians[1]:.4f}, median of ratios {statistics.median(ratios):.4f}")
    print(f"a decoded picture: {1000 * of_pictures:.3f} ms")


if __name__ == "__main__":
    main(sys.argv[1:])
