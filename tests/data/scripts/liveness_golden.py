"""Writes tests/data/liveness_golden.json: crops and scores of liveness networks as their authors' code gives them.

    python3 tests/data/scripts/liveness_golden.py TEST_DATA > tests/data/liveness_golden.json

It needs numpy, opencv-python-headless and onnxruntime, and in TEST_DATA the photos faces/liveness and the networks
models/minifas*.onnx. The crops are those of minivision's src/generate_patches.py (shifted) and of face-antispoof-onnx's
src/inference/preprocess.py (mirrored), written anew from their descriptions. Pictures for crops are made by a rule, and
crops are 16 pixels a side, to be small.
"""

import base64
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

# Left, top, width and height; those of the first three are what minivision's detector finds.
PHOTOS = {
    "image_F1.jpg": [178, 136, 223, 225],
    "image_F2.jpg": [120, 252, 252, 256],
    "image_T1.jpg": [106, 147, 207, 213],
    "rgb_fake.jpg": None,
}
NETWORKS = [
    ("minifasnet_v2_2.7_80", "shifted", 2.7, 80, "bgr", 1.0, 1),
    ("minifasnet_v1se_4.0_80", "shifted", 4.0, 80, "bgr", 1.0, 1),
    ("minifas_v2se_128", "mirrored", 1.5, 128, "rgb", 255.0, 0),
]
# Width and height of a picture and a box in it: in the middle, at each border, larger than the picture.
BOXES = [
    (120, 90, [40, 30, 20, 24]),
    (120, 90, [2, 3, 30, 36]),
    (120, 90, [95, 60, 22, 28]),
    (90, 120, [-5, 80, 30, 40]),
    (90, 120, [10, -8, 70, 90]),
    (64, 64, [1, 1, 62, 62]),
    (300, 200, [130, 80, 4, 5]),
    (301, 203, [100, 50, 100, 110]),
]


def picture(width, height):
    """As the test makes it; channels are red, green, blue."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    planes = [(7 * x + 13 * y + 31 * c + 5 * ((x * y) % 23) + 64 * ((x // 9 + y // 11) % 2)) % 256 for c in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def shifted_box(width, height, box, scale):
    x, y, box_width, box_height = box
    scale = min((height - 1) / box_height, (width - 1) / box_width, scale)
    middle_x, middle_y = x + box_width / 2, y + box_height / 2
    left, right = middle_x - box_width * scale / 2, middle_x + box_width * scale / 2
    top, bottom = middle_y - box_height * scale / 2, middle_y + box_height * scale / 2
    if left < 0:
        left, right = 0, right - left
    if top < 0:
        top, bottom = 0, bottom - top
    if right > width - 1:
        left, right = left - (right - width + 1), width - 1
    if bottom > height - 1:
        top, bottom = top - (bottom - height + 1), height - 1
    return int(left), int(top), int(right), int(bottom)


def shifted(image, box, scale, side):
    left, top, right, bottom = shifted_box(image.shape[1], image.shape[0], box, scale)
    return cv2.resize(image[max(top, 0) : bottom + 1, max(left, 0) : right + 1], (side, side))


def mirrored(image, box, scale, side):
    height, width = image.shape[:2]
    x, y, box_width, box_height = box
    longer = max(box_width, box_height)
    left, top = int(x + box_width / 2 - longer * scale / 2), int(y + box_height / 2 - longer * scale / 2)
    length = int(longer * scale)
    inside = image[max(0, top) : min(height, top + length), max(0, left) : min(width, left + length)]
    borders = max(0, -top), max(0, top + length - height), max(0, -left), max(0, left + length - width)
    inside = cv2.copyMakeBorder(inside, *borders, cv2.BORDER_REFLECT_101)
    assert inside.shape[:2] == (length, length)
    return cv2.resize(inside, (side, side), interpolation=cv2.INTER_LANCZOS4 if side > length else cv2.INTER_AREA)


CROPS = {"shifted": shifted, "mirrored": mirrored}


def found(test_data, image):
    factor = 640 / max(image.shape[:2])
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    network = str(test_data / "models/yunet_s_dynamic.onnx")
    _, faces = cv2.FaceDetectorYN.create(network, "", (small.shape[1], small.shape[0]), 0.6).detect(small)
    return [int(value / factor) for value in max(faces, key=lambda face: face[2] * face[3])[:4]]


def main():
    test_data = Path(sys.argv[1])
    crops = []
    for width, height, box in BOXES:
        for kind, scale in (("shifted", 2.7), ("shifted", 4.0), ("mirrored", 1.5)):
            pixels = CROPS[kind](picture(width, height), box, scale, 16)
            crop = {"size": [width, height], "box": box, "crop": kind, "enlarge": scale}
            if kind == "shifted":
                crop["sides"] = shifted_box(width, height, box, scale)
            crop["pixels"] = base64.b64encode(pixels.tobytes()).decode()
            crops.append(crop)
    photos = []
    sessions = {network[0]: onnxruntime.InferenceSession(str(test_data / f"models/{network[0]}.onnx")) for network in NETWORKS}
    for name, box in PHOTOS.items():
        image = cv2.imread(str(test_data / "faces/liveness" / name))
        box = box or found(test_data, image)
        scores = {}
        for network, kind, scale, side, color, divide, live in NETWORKS:
            pixels = CROPS[kind](image if color == "bgr" else image[:, :, ::-1].copy(), box, scale, side)
            planes = (pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(divide))[np.newaxis]
            session = sessions[network]
            logits = session.run(None, {session.get_inputs()[0].name: planes})[0][0].astype(np.float64)
            exponents = np.exp(logits - logits.max())
            scores[network] = round(float(exponents[live] / exponents.sum()), 6)
        photos.append({"photo": name, "box": box, "scores": scores})
    print(json.dumps({"versions": {"opencv": cv2.__version__, "onnxruntime": onnxruntime.__version__}, "photos": photos, "crops": crops}, indent=1))


main()
