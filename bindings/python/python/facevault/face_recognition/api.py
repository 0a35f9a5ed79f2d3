"""The functions of face_recognition."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from .. import _native
from ._networks import cnn_faces, frontal_faces, shapes, use_landmark_file, vectors
from ._shapes import Rectangle, Shape

Css = Tuple[int, int, int, int]
"""A box in css order: top, right, bottom, left."""

Encoding = npt.NDArray[np.float64]
Points = List[Tuple[int, int]]

__all__ = [
    "batch_face_locations",
    "compare_faces",
    "face_distance",
    "face_encodings",
    "face_landmarks",
    "face_locations",
    "load_image_file",
    "use_landmark_file",
]

# numpy adds up to so many numbers in one way; beyond, its own function is called.
_MOST_COMPONENTS = 128

_switch = threading.Lock()
_readers = 0
_switch_before: Any = False


def face_distance(face_encodings: Any, face_to_compare: Any) -> Encoding:
    """The Euclidean distance of each encoding to one: an array in their order; empty for none."""
    if len(face_encodings) == 0:
        return np.empty(0)
    rows, one = np.asarray(face_encodings), np.asarray(face_to_compare)
    doubles = rows.dtype == np.float64 and one.dtype == np.float64
    if doubles and rows.ndim == 2 and one.shape == rows.shape[1:] and rows.shape[1] <= _MOST_COMPONENTS:
        return _native.distances(np.require(rows, requirements=["C", "A"]), np.require(one, requirements=["C", "A"]))
    distances: Encoding = np.linalg.norm(rows - one, axis=1)
    return distances


def load_image_file(file: Any, mode: Optional[str] = "RGB") -> npt.NDArray[Any]:
    """The pixels of a photo's file or open file. As in face_recognition the photo is not turned by its EXIF
    orientation, and of a file that is cut short what is there is taken."""
    try:
        from PIL import Image, ImageFile
    except ImportError as error:
        raise ImportError('load_image_file needs Pillow: pip install "facevault[face-recognition]"') from error
    with _truncated_allowed(ImageFile):
        image = Image.open(file)
        return np.array(image.convert(mode) if mode else image)


@contextmanager
def _truncated_allowed(module: Any) -> Iterator[None]:
    """Pillow's switch for files that are cut short is one of the whole process: the last who reads sets it back."""
    global _readers, _switch_before
    with _switch:
        if _readers == 0:
            _switch_before = module.LOAD_TRUNCATED_IMAGES
            module.LOAD_TRUNCATED_IMAGES = True
        _readers += 1
    try:
        yield
    finally:
        with _switch:
            _readers -= 1
            if _readers == 0:
                module.LOAD_TRUNCATED_IMAGES = _switch_before


def face_locations(img: Any, number_of_times_to_upsample: int = 1, model: str = "hog") -> List[Css]:
    """The boxes of the faces, trimmed to the picture. ``model``: ``cnn``; any other name means dlib's HOG detector."""
    found = _raw_face_locations(img, number_of_times_to_upsample, model)
    boxes = [face.rect if model == "cnn" else face for face in found]
    return [_trimmed(box, img.shape) for box in boxes]


def batch_face_locations(
    images: Sequence[Any], number_of_times_to_upsample: int = 1, batch_size: int = 128
) -> List[List[Css]]:
    """The boxes of the network for pictures of one size, a list for each picture."""
    found = _raw_face_locations_batched(images, number_of_times_to_upsample, batch_size)
    return [[_trimmed(face.rect, images[0].shape) for face in faces] for faces in found]


def face_landmarks(
    face_image: Any, face_locations: Optional[Sequence[Css]] = None, model: str = "large"
) -> List[Dict[str, Points]]:
    """The landmarks of each face, by the part of the face: 68 points in nine parts, or with ``small`` five points in
    three."""
    if model not in ("large", "small"):
        raise ValueError(f"the landmark models are 'large' and 'small', not {model!r}")
    found = _raw_face_landmarks(face_image, face_locations, model)
    faces = [[(part.x, part.y) for part in shape.parts()] for shape in found]
    if model == "large":
        return [_large_parts(points) for points in faces]
    return [{"nose_tip": [points[4]], "left_eye": points[2:4], "right_eye": points[0:2]} for points in faces]


def face_encodings(
    face_image: Any, known_face_locations: Optional[Sequence[Css]] = None, num_jitters: int = 1, model: str = "small"
) -> List[Encoding]:
    """The encoding of each face, 128 float64. ``num_jitters``: of how many slightly changed views the mean is."""
    return vectors(face_image, _raw_face_landmarks(face_image, known_face_locations, model), num_jitters)


def compare_faces(known_face_encodings: Any, face_encoding_to_check: Any, tolerance: float = 0.6) -> List[Any]:
    """Whether each encoding is at most ``tolerance`` away from one."""
    return list(face_distance(known_face_encodings, face_encoding_to_check) <= tolerance)


def _raw_face_locations(img: Any, number_of_times_to_upsample: int = 1, model: str = "hog") -> List[Any]:
    if model == "cnn":
        return cnn_faces(img, number_of_times_to_upsample)
    return frontal_faces(img, number_of_times_to_upsample)


def _raw_face_locations_batched(
    images: Sequence[Any], number_of_times_to_upsample: int = 1, batch_size: int = 128
) -> List[List[Any]]:
    if any(image.shape[:2] != images[0].shape[:2] for image in images):
        raise RuntimeError("Images in list must all have the same dimensions.")
    return [cnn_faces(image, number_of_times_to_upsample) for image in images]


def _raw_face_landmarks(
    face_image: Any, face_locations: Optional[Sequence[Css]] = None, model: str = "large"
) -> List[Shape]:
    if face_locations is None:
        boxes: List[Rectangle] = _raw_face_locations(face_image)
    else:
        boxes = [Rectangle(css[3], css[0], css[1], css[2]) for css in face_locations]
    return shapes(face_image, boxes, large=model != "small")


def _trimmed(box: Rectangle, shape: Tuple[int, ...]) -> Css:
    top, right, bottom, left = box.top(), box.right(), box.bottom(), box.left()
    return max(top, 0), min(right, shape[1]), min(bottom, shape[0]), max(left, 0)


# Where the parts of a face stand among the 68 points. The lips go once around, the upper one back along its lower side.
_PARTS: Dict[str, List[int]] = {
    "chin": list(range(17)),
    "left_eyebrow": list(range(17, 22)),
    "right_eyebrow": list(range(22, 27)),
    "nose_bridge": list(range(27, 31)),
    "nose_tip": list(range(31, 36)),
    "left_eye": list(range(36, 42)),
    "right_eye": list(range(42, 48)),
    "top_lip": [*range(48, 55), *range(64, 59, -1)],
    "bottom_lip": [*range(54, 60), 48, 60, *range(67, 63, -1)],
}


def _large_parts(points: Points) -> Dict[str, Points]:
    return {part: [points[index] for index in places] for part, places in _PARTS.items()}
