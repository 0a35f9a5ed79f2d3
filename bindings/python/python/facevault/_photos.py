"""Photos as callers have them: paths, bytes, files that are open, and pictures that were decoded already."""

from __future__ import annotations

import os
from typing import Any, List, Protocol, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._errors import Error, invalid


class Readable(Protocol):
    """An open file in binary mode."""

    def read(self) -> bytes: ...


Picture = npt.NDArray[np.uint8]
"""A decoded picture: height, width and three bytes (red, green, blue)."""

Photo = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, Readable]
"""A photo's file: its path, its bytes, or the open file."""


def photo_bytes(photo: Photo) -> bytes:
    """The bytes of a photo's file."""
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, (bytearray, memoryview)):
        return bytes(photo)
    if isinstance(photo, (str, os.PathLike)):
        try:
            with open(photo, "rb") as file:
                return file.read()
        except OSError as error:
            kind = "not_found" if isinstance(error, FileNotFoundError) else "io"
            raise Error(kind, f"cannot read the photo {os.fspath(photo)}: {error.strerror or error}") from error
    if isinstance(photo, np.ndarray):
        raise TypeError(
            "a decoded picture (numpy array) was found, a photo's path, bytes or open file is expected; "
            "the methods of Engine for one photo take pictures"
        )
    read = getattr(photo, "read", None)
    if read is None:
        raise TypeError(f"a photo is a path, bytes or an open file, not {type(photo).__name__}")
    data = read()
    if not isinstance(data, bytes):
        raise TypeError("the photo's file must be open in binary mode: open(path, 'rb')")
    return data


def all_bytes(photos: Union[Photo, Sequence[Photo]]) -> List[bytes]:
    """The bytes of one photo or of several."""
    if isinstance(photos, (list, tuple)):
        return [photo_bytes(photo) for photo in photos]
    return [photo_bytes(photos)]  # type: ignore[arg-type]


def packed(picture: Any) -> Picture:
    """The picture as the native part takes it: as it is where its rows lie one behind the other, else copied."""
    found = f"of type {picture.dtype} and shape {picture.shape}"
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise invalid("picture", f"must be an array of uint8 and shape (height, width, 3), is {found}")
    return np.ascontiguousarray(picture)
