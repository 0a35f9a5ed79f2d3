"""A stand-in for the package face_recognition 1.3.0: ``import facevault.face_recognition as face_recognition``.

The functions, their arguments, defaults, shapes and order are those of face_recognition; they run dlib's networks as
facevault reads them (pack ``dlib``: ``facevault.setup("dlib")``). docs/python.md lists the differences.
"""

from .api import (
    batch_face_locations,
    compare_faces,
    face_distance,
    face_encodings,
    face_landmarks,
    face_locations,
    load_image_file,
    use_landmark_file,
)

__version__ = "1.3.0"
"""The version of face_recognition that this stands in for."""

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
