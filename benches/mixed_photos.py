"""How many people would be refused for photos that seem to show two of them, and how many pairs of strangers
would be noticed, at the similarities of a pack's table.

    python3 benches/mixed_photos.py PACK FOLDER [FACEVAULT]

FOLDER has a folder of photos for each person. Photos of a person are linked where two are at least as similar as
the rate says, and are refused where they do not all hang together, as `src/engine/alike.rs` does it. Strangers
are 100,000 pairs of first photos of different people, chosen by a fixed seed. Needs Python 3.11.
"""

import base64
import json
import math
import random
import struct
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

pack, folder = sys.argv[1], Path(sys.argv[2])
program = sys.argv[3] if len(sys.argv) > 3 else "facevault"
manifest = tomllib.loads((Path(__file__).parent.parent / "models" / f"{pack}.toml").read_text())
euclidean = manifest["embedder"]["metric"] == "euclidean"

photos = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
command = [program, "encode", "--json", "--face", "central", "--pack", pack, *map(str, photos)]
answer = json.loads(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)

people = defaultdict(list)
for photo in answer["data"]:
    if photo["status"] == "ok":
        data = base64.b64decode(photo["encoding"])
        vector = struct.unpack(f"<{len(data) // 4}f", data)
        length = 1.0 if euclidean else math.hypot(*vector)
        people[Path(photo["file"]).parent.name].append([component / length for component in vector])


def similarity(a, b):
    return 1 - math.dist(a, b) if euclidean else math.sumprod(a, b) if hasattr(math, "sumprod") else sum(
        x * y for x, y in zip(a, b)
    )


def hang_together(photos, least):
    seen, rest = {0}, [0]
    while rest:
        one = photos[rest.pop()]
        more = [i for i in range(len(photos)) if i not in seen and similarity(one, photos[i]) >= least]
        seen.update(more)
        rest += more
    return len(seen) == len(photos)


several = [photos for photos in people.values() if len(photos) > 1]
chosen = random.Random(1)
firsts = [photos[0] for photos in people.values()]
strangers = [similarity(*chosen.sample(firsts, 2)) for _ in range(100_000)]
print(f"{pack}: {len(several)} people with {sum(map(len, several))} photos, {len(people)} people in all")
for point in manifest["calibration"]["points"]:
    least = point["similarity"]
    refused = sum(not hang_together(photos, least) for photos in several)
    noticed = sum(value < least for value in strangers) / len(strangers)
    print(f"FMR {point['fmr']}: {refused} people refused, {noticed:.2%} of strangers noticed")
