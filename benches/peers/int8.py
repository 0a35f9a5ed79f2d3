#!/usr/bin/env python3
"""What 8-bit quantisation does to an embedder: how far its vectors move, and what a face costs.

`espdl_mbf` is quantised statically by ONNX Runtime's own tool (QDQ, weights and activations of 8
bits, weights a channel) as the file has it and in two forms without PReLU, which has no 8-bit
kernel. Ranges come from the faces of 160 people of LFW; what is compared are other people's. Needs
the test data ($FACEVAULT_TEST_DATA, else ../shared).

    benches/peers/int8.py                    installs the tool into target/int8, builds, measures
    benches/peers/int8.py --rounds 10 --activations QInt8
"""

import argparse
import contextlib
import csv
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = pathlib.Path(os.environ.get("FACEVAULT_TEST_DATA") or ROOT.parent / "shared")
HOME = ROOT / "target" / "int8"
WANTED = ["numpy==2.4.6", "pillow==13.0.0", "onnx==1.23.2", "onnxruntime==1.32.0"]

DETECTOR, EMBEDDER = "yunet_dynamic", "espdl_mbf"
ARCFACE = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
LANDMARKS = ["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]
RANGES = ["MinMax", "Entropy", "Percentile"]
CALIBRATED, COMPARED, ENOUGH = 160, 400, 0.999


def enter():
    """Goes on in an interpreter that has the tool: a virtual environment of its own."""
    interpreter, mark = HOME / "bin" / "python", HOME / "installed.txt"
    if pathlib.Path(sys.prefix).resolve() == HOME.resolve():
        return
    if not interpreter.exists():
        subprocess.run([sys.executable, "-m", "venv", HOME], check=True)
    if not mark.exists() or mark.read_text().split() != WANTED:
        pip = [interpreter, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]
        subprocess.run([*pip, *WANTED], check=True)
        mark.write_text("\n".join(WANTED) + "\n")
    os.execv(interpreter, [str(interpreter), __file__, *sys.argv[1:]])


def facevault():
    """The program, built as a release is."""
    subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
    return ROOT / "target" / "release" / "facevault"


def pack(folder):
    """A pack of two of the test data's models."""
    text = 'schema = 1\nname = "int8"\ntitle = "for measuring"\nlicence = "non-commercial"\naccept_licence = true\nterms = "for measuring"\n\n'
    text += (ROOT / "tests/packs/detectors" / f"{DETECTOR}.toml").read_text() + "\n"
    text += (ROOT / "tests/packs/embedders" / f"{EMBEDDER}.toml").read_text()
    target = folder / "pack"
    target.mkdir()
    (target / "manifest.toml").write_text(text)
    for line in text.splitlines():
        if line.startswith("file = "):
            name = line.split('"')[1]
            (target / name).symlink_to((DATA / "models" / name).resolve())
    return target


def landmarks(program, source, photos):
    """The five points of the face in the middle of each photo that has one."""
    import onnxruntime as ort

    library = next((pathlib.Path(ort.__file__).parent / "capi").glob("libonnxruntime.*"))
    command = [program, "detect", "--json", "--threads", "1", "--pack", source, "--runtime", library, *photos]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for photo, one in zip(photos, json.loads(output)["data"]):

        def off_centre(face):
            box = face["box"]
            x, y = (box["left"] + box["right"] - one["width"]) / 2, (box["top"] + box["bottom"] - one["height"]) / 2
            return x * x + y * y

        if one["faces"]:
            points = min(one["faces"], key=off_centre)["landmarks"]
            found[photo] = [points[name] for name in LANDMARKS]
    return found


def crop(photo, points):
    """The network's input: the face moved onto the template by Umeyama's similarity transform."""
    import numpy as np
    from PIL import Image

    # From the crop to the photo, as Pillow wants it. Pillow's pixels have their centres at halves.
    source, target = np.asarray(ARCFACE) + 0.5, np.asarray(points) + 0.5
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, v = np.linalg.svd(b.T @ a)
    proper = np.array([1.0, np.sign(np.linalg.det(u @ v))])
    matrix = (s * proper).sum() / (a * a).sum() * (u * proper) @ v
    offset = target.mean(0) - matrix @ source.mean(0)
    picture = Image.open(photo).convert("RGB")
    data = [*matrix[0], offset[0], *matrix[1], offset[1]]
    face = picture.transform((112, 112), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    return ((np.asarray(face, np.float32) - 127.5) / 127.5).transpose(2, 0, 1)[None]


def unfolded(model):
    """PReLU as Relu(x) + (-a) Relu(-1 x), in operators that the tool quantises (not Neg and Sub)."""
    import numpy as np
    from onnx import helper, numpy_helper

    weights = {one.name: one for one in model.graph.initializer}
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1], np.float32), "minus"))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for i, node in enumerate(nodes):
        if node.op_type != "PRelu":
            model.graph.node.append(node)
            continue
        x, slope = node.input
        positive, turned, negative, weighted = (f"{kind}.{i}" for kind in ("positive", "turned", "negative", "weighted"))
        model.graph.initializer.append(numpy_helper.from_array(-numpy_helper.to_array(weights[slope]), f"slope.{i}"))
        steps = [
            ("Relu", [x], positive),
            ("Mul", [x, "minus"], turned),
            ("Relu", [turned], negative),
            ("Mul", [negative, f"slope.{i}"], weighted),
            ("Add", [positive, weighted], node.output[0]),
        ]
        model.graph.node.extend(helper.make_node(kind, of, [to], name=to) for kind, of, to in steps)
    return model


def kept(source):
    """What facevault runs instead of the file: it keeps it in the pack, behind a head of 84 bytes."""
    import onnx

    content = next((source / "rewritten").glob("embedder-*")).read_bytes()
    return onnx.load_from_string(content[len(b"facevault network 1\n") + 64 :])


def quantised(f32, faces, activations):
    """Files of a network with 8-bit operators, by the way their ranges are found."""
    import onnxruntime.quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Faces(q.CalibrationDataReader):
        def set_range(self, start_index, end_index):
            self.left = iter(faces[start_index:end_index])

        def get_next(self):
            face = next(self.left, None)
            return None if face is None else {"input.1": face}

        def __len__(self):
            return len(faces)

    prepared = f32.with_suffix(".prepared.onnx")
    quant_pre_process(f32, prepared, skip_symbolic_shape=True)
    for ranges in RANGES:
        print(f"quantising {f32.stem}, {ranges}", file=sys.stderr)
        target = f32.with_suffix(f".{ranges}.onnx")
        # So many faces' values are held at a time; all of them would be gigabytes.
        more = {"CalibStridedMinMax": 16}
        types = {"activation_type": q.QuantType[activations], "weight_type": q.QuantType.QInt8}
        more = {"extra_options": more, "calibrate_method": q.CalibrationMethod[ranges]}
        q.quantize_static(prepared, target, Faces(), per_channel=True, **types, **more)
        yield ranges, target


def equal_error(mated, non_mated):
    """Where the error rates cross, between thresholds as `src/statistics/roc.rs` finds it."""
    import numpy as np

    mated, non_mated = np.sort(mated), np.sort(non_mated)
    thresholds = np.unique(np.concatenate([mated, non_mated]))
    fnmr = np.concatenate([[1.0], (np.searchsorted(mated, thresholds) / len(mated))[::-1]])
    fmr = np.concatenate([[0.0], (1 - np.searchsorted(non_mated, thresholds) / len(non_mated))[::-1]])
    i = np.argmax(fnmr <= fmr)
    before, gap = fnmr[i - 1] - fmr[i - 1], fnmr[i] - fmr[i]
    return fmr[i - 1] + (fmr[i] - fmr[i - 1]) * before / (before - gap)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="turns of each network, of five faces each")
    parser.add_argument("--facevault", help="the built program, instead of building it")
    parser.add_argument("--activations", choices=["QUInt8", "QInt8"], default="QUInt8", help="QUInt8 is the tool's advice for x86")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"there is no test data in {DATA}: set FACEVAULT_TEST_DATA")
    enter()
    import numpy as np
    import onnx
    import onnxruntime as ort

    class OneThread(ort.SessionOptions):
        def __init__(self):
            super().__init__()
            self.intra_op_num_threads = self.inter_op_num_threads = 1

    ort.set_default_logger_severity(3)
    ort.SessionOptions = OneThread  # for the tool's own sessions, too

    people = sorted(path for path in (DATA / "faces/lfw-dev").iterdir() if path.is_dir())
    photos = [photo for person in people for photo in sorted(person.iterdir())]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        source = pack(folder)
        found = landmarks(arguments.facevault or facevault(), source, photos)
        inputs = {photo: crop(photo, points) for photo, points in found.items()}
        # People with one photo give the ranges; those with more are for the mated pairs.
        alone = [p for p in inputs if sum(1 for _ in p.parent.iterdir()) == 1]
        order = [alone[i] for i in np.random.default_rng(1).permutation(len(alone))]
        calibrated, compared = order[:CALIBRATED], order[CALIBRATED : CALIBRATED + COMPARED]
        others = sorted(set(inputs) - set(calibrated))

        stock = onnx.load(DATA / "models" / f"{EMBEDDER}.onnx")
        forms = {"the file": stock, "rewritten in plain operators": unfolded(onnx.ModelProto.FromString(stock.SerializeToString()))}
        forms["rewritten by facevault"] = kept(source)
        files = {}
        for form, model in forms.items():
            files[form, "none: f32"] = f32 = folder / f"{form}.onnx"
            onnx.save(model, f32)
            with contextlib.redirect_stdout(sys.stderr):
                for ranges, path in quantised(f32, [inputs[photo] for photo in calibrated], arguments.activations):
                    files[form, ranges] = path
        sessions = {key: ort.InferenceSession(path, OneThread(), providers=["CPUExecutionProvider"]) for key, path in files.items()}

    def run(session, face):
        return session.run(None, {session.get_inputs()[0].name: face})[0][0]

    seconds = {key: [] for key in sessions}
    for _ in range(arguments.rounds):
        for key, session in sessions.items():
            run(session, inputs[compared[0]])  # its weights are back in the cache
            for photo in compared[:5]:
                start = time.perf_counter()
                run(session, inputs[photo])
                seconds[key].append(time.perf_counter() - start)

    at = {photo: i for i, photo in enumerate(others)}
    person = np.array([hash(photo.parent) for photo in others])
    left, right = np.triu_indices(len(others), 1)
    same = person[left] == person[right]
    rows = list(csv.DictReader(open(DATA / "faces/lfw-dev/pairs.csv")))
    listed = [(at.get(DATA / "faces/lfw-dev" / r["image_a"]), at.get(DATA / "faces/lfw-dev" / r["image_b"]), r["same"] == "1") for r in rows]
    listed = np.array([one for one in listed if None not in one])
    listed_same = listed[:, 2].astype(bool)

    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    print(f"{datetime.date.today()}, {cpu or platform.machine()}, one thread, ONNX Runtime {ort.__version__}, activations {arguments.activations}")
    print(f"\n## {EMBEDDER}: ranges of {len(calibrated)} faces, cosines of {len(compared)} others, {arguments.rounds} rounds")
    print(f"\nEqual error rates of {same.sum()} mated and {(~same).sum()} non-mated pairs; of pairs.csv {listed_same.sum()} and {(~listed_same).sum()}\n")
    print("| network | 8-bit ranges | mean cosine | lowest | ms a face, median (quartiles) | EER, all pairs | EER, pairs.csv |")
    print("|---|---|---|---|---|---|---|")
    first = None
    for (form, ranges), session in sessions.items():
        vectors = np.array([run(session, inputs[photo]) for photo in others])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        first = vectors if first is None else first
        cosines = [float(first[at[photo]] @ vectors[at[photo]]) for photo in compared]
        low, middle, high = (1000 * one for one in statistics.quantiles(seconds[form, ranges], n=4))
        scores = vectors @ vectors.T
        table, pairs = scores[left, right], scores[listed[:, 0], listed[:, 1]]
        rates = equal_error(table[same], table[~same]), equal_error(pairs[listed_same], pairs[~listed_same])
        close = "**" if "f32" not in ranges and statistics.mean(cosines) >= ENOUGH else ""
        print(
            f"| {form} | {ranges} | {close}{statistics.mean(cosines):.4f}{close} | {min(cosines):.4f} "
            f"| {middle:.1f} ({low:.1f} to {high:.1f}) | {100 * rates[0]:.2f} % | {100 * rates[1]:.2f} % |",
            flush=True,
        )


main()
