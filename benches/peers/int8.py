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

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DATA = pathlib.Path(os.environ.get("FACEVAULT_TEST_DATA") or ROOT.parent / "shared")
HOME = ROOT / "target" / "int8"
WANTED = ["numpy==2.4.6", "pillow==13.0.0", "onnx==1.23.2", "onnxruntime==1.32.0"]

EMBEDDER = "espdl_mbf"
ARCFACE = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
LANDMARKS = ["left_eye", "right_eye", "nose", "left_mouth", "right_mouth"]
RANGES = ["MinMax", "Entropy", "Percentile"]
CALIBRATED, COMPARED = 160, 400


def enter():
    """Goes on in an interpreter that has the tool: a virtual environment of its own."""
    interpreter, mark = HOME / "bin" / "python", HOME / "installed.txt"
    if not interpreter.exists():
        subprocess.run([sys.executable, "-m", "venv", HOME], check=True)
    if not mark.exists() or mark.read_text().split() != WANTED:
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "--only-binary=:all:", *WANTED], check=True)
        mark.write_text("\n".join(WANTED) + "\n")
    os.execv(interpreter, [str(interpreter), __file__, *sys.argv[1:]])


if pathlib.Path(sys.prefix).resolve() != HOME.resolve():
    enter()

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # nothing of this is to be reported

import numpy as np
import onnx
import onnxruntime as ort
import onnxruntime.quantization as q
from onnx import helper, numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image


class OneThread(ort.SessionOptions):
    """Sessions of one thread, as facevault's are."""

    def __init__(self):
        super().__init__()
        self.intra_op_num_threads = self.inter_op_num_threads = 1


def pack(folder):
    """A pack of two of the test data's models."""
    text = 'schema = 1\nname = "int8"\ntitle = "for measuring"\nlicence = "non-commercial"\naccept_licence = true\nterms = "for measuring"\n\n'
    text += (ROOT / "tests/packs/detectors" / "yunet_dynamic.toml").read_text() + "\n"
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
    library = next((pathlib.Path(ort.__file__).parent / "capi").glob("libonnxruntime.*"))
    command = [program, "detect", "--json", "--threads", "1", "--pack", source, "--runtime", library, *photos]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for photo, one in zip(photos, json.loads(output)["data"]):

        def off_centre(face, one=one):
            box = face["box"]
            return abs(box["left"] + box["right"] - one["width"]) + abs(box["top"] + box["bottom"] - one["height"])

        if one["faces"]:
            points = min(one["faces"], key=off_centre)["landmarks"]
            found[photo] = [points[name] for name in LANDMARKS]
    return found


def crop(photo, points):
    """The network's input: the face moved onto the template by Umeyama's similarity transform."""
    # Pillow's pixels have their centres at halves, and it wants the way from the crop to the photo.
    source, target = np.asarray(points) + 0.5, np.asarray(ARCFACE) + 0.5
    a, b = source - source.mean(0), target - target.mean(0)
    u, s, v = np.linalg.svd(b.T @ a)
    proper = np.array([1.0, np.sign(np.linalg.det(u @ v))])
    matrix = np.linalg.inv((s * proper).sum() / (a * a).sum() * (u * proper) @ v)
    offset = source.mean(0) - matrix @ target.mean(0)
    data = [*matrix[0], offset[0], *matrix[1], offset[1]]
    face = Image.open(photo).convert("RGB").transform((112, 112), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    return ((np.asarray(face, np.float32) - 127.5) / 127.5).transpose(2, 0, 1)[None]


def unfolded(model):
    """PReLU as Relu(x) + (-a) Relu(-1 x), in operators that the tool quantises (not Neg and Sub)."""
    weights = {one.name: one for one in model.graph.initializer}
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1], np.float32), "minus"))
    nodes = list(model.graph.node)
    model.graph.ClearField("node")
    for i, node in enumerate(nodes):
        steps = [node]
        if node.op_type == "PRelu":
            x, slope = node.input
            model.graph.initializer.append(numpy_helper.from_array(-numpy_helper.to_array(weights[slope]), f"slope.{i}"))
            steps = [
                helper.make_node("Relu", [x], [f"positive.{i}"]),
                helper.make_node("Mul", [x, "minus"], [f"turned.{i}"]),
                helper.make_node("Relu", [f"turned.{i}"], [f"negative.{i}"]),
                helper.make_node("Mul", [f"negative.{i}", f"slope.{i}"], [f"weighted.{i}"]),
                helper.make_node("Add", [f"positive.{i}", f"weighted.{i}"], node.output),
            ]
        model.graph.node.extend(steps)
    return model


def quantised(f32, faces, activations):
    """Files of a network with 8-bit operators, by the way their ranges are found."""

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
        stride = {"CalibStridedMinMax": 16}  # faces whose values are held at a time: all would be gigabytes
        options = {"activation_type": q.QuantType[activations], "weight_type": q.QuantType.QInt8, "per_channel": True}
        q.quantize_static(prepared, target, Faces(), calibrate_method=q.CalibrationMethod[ranges], extra_options=stride, **options)
        yield ranges, target


def equal_error(mated, non_mated):
    """Where the error rates cross, between thresholds as `src/statistics/roc.rs` finds it."""
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
    ort.set_default_logger_severity(3)
    ort.SessionOptions = OneThread  # for the tool's own sessions, too

    people = sorted(path for path in (DATA / "faces/lfw-dev").iterdir() if path.is_dir())
    photos = [photo for person in people for photo in sorted(person.iterdir())]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        source = pack(folder)
        if not arguments.facevault:
            subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
        found = landmarks(arguments.facevault or ROOT / "target" / "release" / "facevault", source, photos)
        inputs = {photo: crop(photo, points) for photo, points in found.items()}
        # People with one photo give the ranges; those with more are for the mated pairs.
        alone = [p for p in inputs if sum(1 for _ in p.parent.iterdir()) == 1]
        order = [alone[i] for i in np.random.default_rng(1).permutation(len(alone))]
        calibrated, compared = order[:CALIBRATED], order[CALIBRATED : CALIBRATED + COMPARED]
        others = sorted(set(inputs) - set(calibrated))

        file = DATA / "models" / f"{EMBEDDER}.onnx"
        # What facevault runs instead of the file is in the pack, behind a head (`src/models/kept.rs`).
        kept = next((source / "rewritten").glob("embedder-*")).read_bytes()[len(b"facevault network 1\n") + 64 :]
        forms = {"the file": onnx.load(file), "rewritten plainly": unfolded(onnx.load(file)), "rewritten by facevault": onnx.load_from_string(kept)}
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

    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    print(f"{datetime.date.today()}, {cpu or platform.machine()}, one thread, ONNX Runtime {ort.__version__}, activations {arguments.activations}")
    print(f"\n## {EMBEDDER}: ranges of {len(calibrated)} faces, cosines of {len(compared)} others to the file's f32 vectors")
    print(f"\nEqual error rate (EER) of {same.sum()} mated and {(~same).sum()} non-mated pairs.\n")
    print("| network | 8-bit ranges | mean cosine | lowest | ms a face, median (quartiles) | EER |")
    print("|---|---|---|---|---|---|")
    first = None
    for (form, ranges), session in sessions.items():
        vectors = np.array([run(session, inputs[photo]) for photo in others])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        first = vectors if first is None else first
        cosines = [float(first[at[photo]] @ vectors[at[photo]]) for photo in compared]
        low, middle, high = (1000 * one for one in statistics.quantiles(seconds[form, ranges], n=4))
        scores = (vectors @ vectors.T)[left, right]
        error = 100 * equal_error(scores[same], scores[~same])
        cells = [form, ranges, f"{statistics.mean(cosines):.4f}", f"{min(cosines):.4f}", f"{middle:.1f} ({low:.1f} to {high:.1f})", f"{error:.2f} %"]
        print(f"| {' | '.join(cells)} |", flush=True)


main()
