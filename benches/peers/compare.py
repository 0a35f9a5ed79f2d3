#!/usr/bin/env python3
"""facevault beside other stacks: the same photos, the same ONNX files, in one go.

Every stack is a process that has loaded its models and photos and waits. They take turns, one round
each, several times, so that whatever slows the machine down slows all of them. Needs the test data
($FACEVAULT_TEST_DATA, else ../shared), the installed packs `standard`, `espdl` and `dlib` and the installed ONNX
Runtime.

    benches/peers/compare.py                 installs the peers into target/peers, builds, measures
    benches/peers/compare.py --rounds 9 --only lfw
    benches/peers/compare.py --own --only packs-lfw      facevault's packs alone: installs nothing
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = pathlib.Path(os.environ.get("FACEVAULT_TEST_DATA") or ROOT.parent / "shared")


def python():
    """An interpreter that has the peers: a virtual environment of their own."""
    home = ROOT / "target" / "peers"
    interpreter = home / "bin" / "python"
    if not interpreter.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
    wanted = (HERE / "requirements.txt").read_text()
    mark = home / "installed.txt"
    if not mark.exists() or mark.read_text() != wanted:
        pip = [interpreter, "-m", "pip", "install", "--quiet"]
        # dlib is compiled with the cmake that is installed first.
        path = {**os.environ, "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
        subprocess.run([*pip, "cmake", "wheel", "setuptools<81"], check=True)
        subprocess.run([*pip, "--no-build-isolation", "-r", HERE / "requirements.txt"], check=True, env=path)
        mark.write_text(wanted)
    return interpreter


def facevault():
    """The worker, built as a release is."""
    command = ["cargo", "build", "--release", "--bench", "peers", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = [json.loads(line) for line in built.splitlines()]
    return next(one["executable"] for one in found if one.get("executable") and one["target"]["name"] == "peers")


def pack(folder, detector, embedder):
    """A pack of two of the test data's models."""
    text = f'schema = 1\nname = "{detector}-{embedder}"\ntitle = "for measuring"\nlicence = "non-commercial"\naccept_licence = true\nterms = "for measuring"\n\n'
    text += (ROOT / "tests/packs/detectors" / f"{detector}.toml").read_text() + "\n"
    text += (ROOT / "tests/packs/embedders" / f"{embedder}.toml").read_text()
    target = pathlib.Path(folder) / f"{detector}-{embedder}"
    target.mkdir()
    (target / "manifest.toml").write_text(text)
    for line in text.splitlines():
        if line.startswith("file = "):
            name = line.split('"')[1]
            (target / name).symlink_to((DATA / "models" / name).resolve())
    return target


def jpeg_size(path):
    """Width and height as the file's header says."""
    data = path.read_bytes()
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            return (0, 0)
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return (int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big"))
        at += 2 + length
    return (0, 0)


def photos(kind):
    if kind == "lfw":
        people = sorted(path for path in (DATA / "faces/lfw-dev").iterdir() if path.is_dir())
        return [min(person.iterdir()) for person in people[:: max(1, len(people) // 120)]][:120]
    found = sorted((DATA / "faces/deepface/unit/dataset").glob("*.jpg"))
    return [path for path in found if 1_000_000 <= (lambda s: s[0] * s[1])(jpeg_size(path)) <= 3_200_000]


class Worker:
    def __init__(self, name, command):
        self.name, self.seconds, self.answer = name, [], {}
        pipe = subprocess.PIPE
        environment = {**os.environ, "OMP_NUM_THREADS": str(os.cpu_count())}
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment)
        while (line := self.process.stdout.readline()) and line.strip() != "ready":
            pass
        if not line:
            raise SystemExit(f"{name} did not start: {' '.join(map(str, command))[:300]}")

    def round(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.answer = json.loads(self.process.stdout.readline())
        self.seconds.append(self.answer["seconds"])

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def measure(title, baseline, stacks, files, rounds):
    """One table: photos per second of each stack, and how many times facevault is faster."""
    workers = [Worker(name, [*command, *map(str, files)]) for name, command in stacks if command]
    for _ in range(rounds):
        for worker in workers:
            worker.round()
    print(f"\n## {title}: {len(files)} photos, {rounds} rounds\n")
    print("| stack | photos/s, median (range) | facevault is so many times as fast (range) | photos with a face | memory |")
    print("|---|---|---|---|---|")
    first = next(worker for worker in workers if worker.name == baseline)
    for worker in workers:
        rate = sorted(len(files) / seconds for seconds in worker.seconds)
        ratios = sorted(theirs / ours for theirs, ours in zip(worker.seconds, first.seconds))
        memory = f"{worker.answer['memory'] / 1024:.0f} MiB"
        print(
            f"| {worker.name} | {statistics.median(rate):.1f} ({rate[0]:.1f} to {rate[-1]:.1f}) "
            f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) | {worker.answer['faces']} | {memory} |"
        )
    for worker in workers:
        worker.end()
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--python", help="an interpreter that has the peers, instead of target/peers")
    parser.add_argument("--own", action="store_true", help="facevault alone, without the peers")
    parser.add_argument("--worker", help="the built worker, instead of building it")
    parser.add_argument("--only", choices=["packs-lfw", "packs-large", "lfw", "large", "dlib", "yunet"], action="append")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"there is no test data in {DATA}: set FACEVAULT_TEST_DATA")
    peers = arguments.python or (None if arguments.own else python())
    own = arguments.worker or facevault()
    cores = str(os.cpu_count())
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    print(f"{datetime.date.today()}, {cpu or platform.machine()}, {cores} cores, {platform.system()}")
    with tempfile.TemporaryDirectory() as folder:
        scrfd = pack(folder, "scrfd_500m", "espdl_mbf")
        yunet = pack(folder, "yunet_dynamic", "espdl_mbf")
        models = pathlib.Path(folder) / "insightface"
        models.mkdir()
        for name in ("scrfd_500m_kps.onnx", "espdl_mbf.onnx"):
            (models / name).symlink_to((DATA / "models" / name).resolve())

        def ours(name, source, mode="encode", threads=cores):
            return (name, [own, str(source), mode, threads])

        def theirs(name, stack, source, threads=cores):
            return (name, None if arguments.own else [peers, HERE / "worker.py", stack, source, threads])

        def packs(kind, title):
            """The packs that install with one command, beside what people use today."""
            return lambda: measure(
                f"the packs, {title}",
                "standard",
                [
                    ours("standard", "standard"),
                    ours("standard, 1 thread", "standard", threads="1"),
                    ours("espdl", "espdl"),
                    ours("espdl, 1 thread", "espdl", threads="1"),
                    theirs("InsightFace 2.1, SCRFD-500M + espdl_mbf", "insightface", models),
                    theirs("face_recognition 1.3", "face_recognition", "-"),
                ],
                photos(kind),
                max(3, arguments.rounds // 2),
            )

        tables = {
            "packs-lfw": packs("lfw", "LFW-size photos"),
            "packs-large": packs("large", "photos of 1 to 3 megapixels"),
            "lfw": lambda: measure(
                "SCRFD-500M + espdl_mbf, LFW-size photos",
                "facevault",
                [
                    ours("facevault", scrfd),
                    ours("facevault, 1 thread", scrfd, threads="1"),
                    theirs("InsightFace 2.1", "insightface", models),
                    theirs("bare ONNX Runtime, stock graphs", "floor", DATA / "models"),
                ],
                photos("lfw"),
                arguments.rounds,
            ),
            "large": lambda: measure(
                "SCRFD-500M + espdl_mbf, photos of 1 to 3 megapixels",
                "facevault",
                [
                    ours("facevault", scrfd),
                    ours("facevault, 1 thread", scrfd, threads="1"),
                    theirs("InsightFace 2.1", "insightface", models),
                    theirs("bare ONNX Runtime, stock graphs", "floor", DATA / "models"),
                ],
                photos("large"),
                arguments.rounds,
            ),
            "dlib": lambda: measure(
                "the dlib pack, photos of 1 to 3 megapixels",
                "facevault",
                [
                    ours("facevault", "dlib"),
                    ours("facevault, 1 thread", "dlib", threads="1"),
                    theirs("face_recognition 1.3", "face_recognition", "-"),
                ],
                photos("large"),
                max(3, arguments.rounds // 2),
            ),
            "yunet": lambda: measure(
                "detection alone with YuNet, photos of 1 to 3 megapixels",
                "facevault",
                [ours("facevault", yunet, "detect"), theirs("OpenCV's FaceDetectorYN", "opencv", DATA / "models")],
                photos("large"),
                arguments.rounds,
            ),
        }
        for name, table in tables.items():
            if not arguments.only or name in arguments.only:
                table()


main()
