"""Photos as callers have them: paths, bytes, files that are open, and pictures that were decoded already."""

from __future__ import annotations

import os
import stat
from typing import Any, Iterable, List, Protocol, Sequence, Union

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


MAX_BYTES = 20 << 20
"""How large a photo may be unless an engine's rules or a vault's limits say otherwise."""


def photo_bytes(photo: Photo, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a photo's file. Of a path with more bytes than ``limit`` one more than that is read, so that the
    photo is refused as too large."""
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, (bytearray, memoryview)):
        return bytes(photo)
    if isinstance(photo, (str, os.PathLike)):
        try:
            # Without O_NONBLOCK a pipe at whose other end nobody is would be waited for.
            with open(photo, "rb", buffering=0, opener=_opened) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise Error("invalid", f"the photo {os.fspath(photo)} is not a regular file; give its bytes")
                return _up_to(file, limit + 1)
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


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _up_to(file: Any, most: int) -> bytes:
    parts: List[bytes] = []
    while most > 0:
        part = file.read(min(most, 1 << 20))
        if not part:
            break
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def all_bytes(photos: Union[Photo, Sequence[Photo]], limit: int = MAX_BYTES) -> List[bytes]:
    """The bytes of one photo or of several."""
    if isinstance(photos, (list, tuple)):
        return [photo_bytes(photo, limit) for photo in photos]
    return [photo_bytes(photos, limit)]  # type: ignore[arg-type]


def listed(photos: Iterable[Photo]) -> List[Photo]:
    """Several photos. One is refused: the letters of its path, or its bytes, would be taken for photos."""
    one = (str, bytes, bytearray, memoryview, os.PathLike, np.ndarray)
    if isinstance(photos, one) or hasattr(photos, "read"):
        raise TypeError(f"one photo ({type(photos).__name__}) was found, a list of photos is expected: [photo]")
    return list(photos)


def packed(picture: Any) -> Picture:
    """The picture as the native part takes it: as it is where its rows lie one behind the other, else copied."""
    found = f"of type {picture.dtype} and shape {picture.shape}"
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise invalid("picture", f"must be an array of uint8 and shape (height, width, 3), is {found}")
    return np.ascontiguousarray(picture)
