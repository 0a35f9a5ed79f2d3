"""dlib's networks, opened once in a process, and the pictures that they take."""

from __future__ import annotations

import os
import threading
from typing import Any, List, Optional, Tuple

import numpy as np
import numpy.typing as npt

from .. import _native
from .._errors import Error
from ._shapes import FoundFace, Rectangle, Shape

LANDMARK_FILE = "FACEVAULT_LANDMARKS_68"
"""The environment variable that names the landmark model of 68 points."""

_lock = threading.Lock()
_opened: Optional[_native.Dlib] = None
_landmark_file: Optional[str] = None
_loaded_file: Optional[str] = None


def networks() -> _native.Dlib:
    """The networks, which are opened by the first call that needs them."""
    global _opened
    with _lock:
        if _opened is None:
            _opened = _native.Dlib()
        return _opened


def use_landmark_file(path: Any) -> None:
    """Names dlib's landmark model of 68 points, ``shape_predictor_68_face_landmarks.dat``, which is not part of
    facevault: its licence excludes commercial use. Who names it accepts that licence."""
    global _landmark_file
    _landmark_file = os.fspath(path)


def _with_large() -> _native.Dlib:
    global _loaded_file
    path = _landmark_file or os.environ.get(LANDMARK_FILE)
    if not path:
        raise Error(
            "model_unavailable",
            "landmarks of 68 points need dlib's file shape_predictor_68_face_landmarks.dat, whose licence excludes "
            f"commercial use; if you accept that, name the file in {LANDMARK_FILE} or by use_landmark_file(path), "
            'or take the five points of model="small"',
        )
    found = networks()
    with _lock:
        if _loaded_file != path:
            found.load_large(path)
            _loaded_file = path
    return found


def picture_of(image: Any, gray: bool = True) -> npt.NDArray[np.uint8]:
    """The picture as the networks take it: 8 bits, three colours; gray ones too, unless the caller takes none."""
    image = np.asarray(image)
    if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        return np.ascontiguousarray(image)
    if gray and image.dtype == np.uint8 and image.ndim == 2:
        return np.repeat(image[:, :, np.newaxis], 3, axis=2)
    kinds = "8bit gray or RGB image" if gray else "8bit RGB image"
    raise RuntimeError(
        f"Unsupported image type, must be {kinds}: found an array of {image.dtype} and shape {image.shape}"
    )


def cnn_faces(image: Any, doublings: int) -> List[FoundFace]:
    """The faces that the network finds, highest score first."""
    picture = picture_of(image)
    if picture.size == 0:
        return []
    found = networks().cnn_faces(picture, _count(doublings))
    return [FoundFace(Rectangle(*sides), score) for sides, score in found]


def frontal_faces(image: Any, doublings: int) -> List[Rectangle]:
    """The faces that dlib's HOG detector finds, highest score first."""
    picture = picture_of(image)
    if picture.size == 0:
        return []
    try:
        found = networks().hog_faces(picture, _count(doublings))
    except Error as error:
        if error.kind != "invalid":
            raise
        raise MemoryError(f"the picture cannot be upsampled {_count(doublings)} times: {error.message}") from None
    return [Rectangle(*sides) for sides, _ in found]


def shapes(image: Any, boxes: List[Rectangle], large: bool) -> List[Shape]:
    """The landmarks of the faces in the boxes, 68 or five points each."""
    if not boxes:
        return []
    found = _with_large() if large else networks()
    points = found.landmarks(picture_of(image), [box.sides() for box in boxes], large)
    return [Shape(box, own) for box, own in zip(boxes, points)]


def vectors(image: Any, faces: List[Shape], jitters: int) -> List[npt.NDArray[np.float64]]:
    """The encodings of faces, each an array of its own."""
    if not faces:
        return []
    points = [[(part.x, part.y) for part in face.parts()] for face in faces]
    found = networks().encodings(picture_of(image, gray=False), points, max(_count(jitters), 1))
    return [row.copy() for row in found]


def _count(number: Any) -> int:
    return max(int(number), 0)
