"""The engine: from photos to faces and encodings."""

from __future__ import annotations

import json
import operator
import os
from types import TracebackType
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Type, Union

import numpy as np
import numpy.typing as npt

from . import _native
from ._errors import refused
from ._photos import MAX_BYTES, Photo, Picture, all_bytes, listed, packed, photo_bytes
from ._reading import Vector, encoded, read, vector
from ._records import Box, Decision, Detection, EncodedFace, EngineInfo, Face, FoundFace, LivenessReport, Refusal

ProgressCall = Callable[[str, int, Optional[int], str], Optional[bool]]
"""Called with what is being done, how much of it is done, how much there is (if known) and what is counted (``items``
or ``bytes``). Work stops where it returns ``False`` or raises."""

Encoded = Union[EncodedFace, Refusal]


def point(fmr: Optional[float], fpir: Optional[float], similarity: Optional[float]) -> Optional[Dict[str, float]]:
    """The operating point of a request, of at most one of these; more are the library's to refuse."""
    given = {"fmr": fmr, "fpir": fpir, "similarity": similarity}
    found = {key: float(value) for key, value in given.items() if value is not None}
    return found or None


def request(**fields: Any) -> str:
    """A request without what was not given."""
    return written({key: value for key, value in fields.items() if value is not None})


def written(body: Mapping[str, Any]) -> str:
    """A request as JSON; whole numbers of other packages, such as numpy, are taken as such."""
    return json.dumps(dict(body), default=_whole)


def _whole(value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"a request holds texts, numbers, lists and mappings, not {type(value).__name__}") from None


def path_text(path: Union[str, os.PathLike[str], None]) -> Optional[str]:
    """A path as text."""
    return None if path is None else os.fspath(path)


class Engine:
    """A pack of models made ready: it detects faces and computes face encodings.

    An engine is expensive (models, sessions, threads): a process makes one, and any number of threads and vaults share
    it. Calls do not hold the interpreter while they work. ``with Engine() as engine`` closes it; calls of other
    threads that are under way go on to their end.
    """

    _limit: int = MAX_BYTES

    def __init__(
        self,
        pack: Union[str, os.PathLike[str]] = "standard",
        *,
        threads: int = 0,
        mode: Optional[str] = None,
        data_dir: Union[str, os.PathLike[str], None] = None,
        runtime_library: Union[str, os.PathLike[str], None] = None,
        rules: Optional[Mapping[str, Any]] = None,
        calibration: Optional[Mapping[str, Any]] = None,
        recognizability: Optional[Mapping[str, Any]] = None,
        liveness_models: Union[str, os.PathLike[str], None] = None,
    ) -> None:
        """Opens an installed pack, or one in a folder (a path with a separator).

        ``threads``: how many photos are worked on at once, 0 for one per processor. ``mode``: ``fast`` or
        ``accurate``. ``rules``: what is wanted of a photo, with the keys ``decode``, ``seek``, ``face`` and
        ``quality`` (docs/python.md). ``liveness_models``: other liveness networks than ``liveness``, as a pack.
        """
        decode = (rules or {}).get("decode") or {}
        self._limit = decode.get("max_bytes", MAX_BYTES) if isinstance(decode, Mapping) else MAX_BYTES
        self._native = _native.Engine(
            request(
                pack=os.fspath(pack),
                threads=threads,
                mode=mode,
                data_dir=path_text(data_dir),
                runtime_library=path_text(runtime_library),
                rules=rules,
                calibration=calibration,
                recognizability=recognizability,
                liveness_models=path_text(liveness_models),
            )
        )

    def call(
        self,
        verb: str,
        request: Union[str, Mapping[str, Any], None] = None,
        photos: Sequence[Photo] = (),
        progress: Optional[ProgressCall] = None,
    ) -> Any:
        """Calls a verb by name, with a JSON object and photos; the answer is what its JSON holds. The methods below
        are the typed form of this."""
        body = request if isinstance(request, str) else written(request or {})
        return json.loads(self._native.call(verb, body, all_bytes(listed(photos), self._limit), progress))

    def _of_one(self, verb: str, body: str, photo: Union[Photo, Picture]) -> Any:
        if isinstance(photo, np.ndarray):
            return json.loads(self._native.picture_call(verb, body, packed(photo)))
        return json.loads(self._native.call(verb, body, [photo_bytes(photo, self._limit)]))

    def describe(self) -> EngineInfo:
        """What the engine is made of."""
        return read(EngineInfo, self.call("describe"))

    def decode(self, photo: Photo) -> Picture:
        """The upright picture of a photo's file, within the engine's limits: an array (height, width, 3) of uint8."""
        return self._native.decode(photo_bytes(photo, self._limit))

    def detect(self, photo: Union[Photo, Picture]) -> Detection:
        """The faces of a photo. One without a face is no error."""
        return read(Detection, self._of_one("detect", "{}", photo))

    def encode(self, photo: Union[Photo, Picture]) -> EncodedFace:
        """The encoding of a photo's one face. A photo that gives none raises :class:`Error` of kind ``refused``."""
        outcome = self._of_one("encode", "{}", photo)
        outcome = outcome if isinstance(outcome, dict) else outcome[0]
        if outcome["status"] != "ok":
            raise refused(outcome)
        return read(EncodedFace, outcome)

    def encode_all(self, photos: Sequence[Photo], progress: Optional[ProgressCall] = None) -> List[Encoded]:
        """The encodings of many photos, in their order, as many at a time as the engine has threads: an
        :class:`EncodedFace` or a :class:`Refusal` each."""
        return [_outcome(one) for one in self.call("encode", None, photos, progress)]

    def encode_faces(self, photo: Union[Photo, Picture]) -> Tuple[FoundFace, ...]:
        """All faces of a photo, highest score first, each with its encoding or why it gave none."""
        answer = self._of_one("encode_faces", "{}", photo)
        return tuple(_found(one) for one in answer["faces"])

    def encode_at(self, photo: Union[Photo, Picture], boxes: Sequence[Box]) -> List[Encoded]:
        """The encodings of the faces in given boxes of an upright picture, in their order."""
        sides = [{"top": b.top, "left": b.left, "right": b.right, "bottom": b.bottom} for b in boxes]
        return [_outcome(one) for one in self._of_one("encode_at", request(boxes=sides), photo)]

    def probe(self, photos: Sequence[Photo]) -> Vector:
        """One encoding of one or more photos of a person."""
        found = vector(self.call("probe", None, photos)["encoding"])
        assert found is not None
        return found

    def compare(
        self,
        probe: Union[Photo, Sequence[Photo]],
        gallery: Union[Photo, Sequence[Photo]],
        *,
        fmr: Optional[float] = None,
        fpir: Optional[float] = None,
        similarity: Optional[float] = None,
        mode: Optional[str] = None,
        mixed_photos: bool = False,
        liveness: Optional[str] = None,
        liveness_min_score: Optional[float] = None,
    ) -> Decision:
        """Whether two photos, or two sets of photos, show one person: at a false match rate of 0.001 unless another
        rate or a similarity is given. ``liveness``: ``report`` the probe's score, or ``require`` that it is above
        ``liveness_min_score`` (0.6)."""
        first, others = all_bytes(probe, self._limit), all_bytes(gallery, self._limit)
        body = request(
            probe=len(first),
            operating_point=point(fmr, fpir, similarity),
            mode=mode,
            mixed_photos=mixed_photos,
            liveness=liveness,
            liveness_min_score=liveness_min_score,
        )
        return read(Decision, json.loads(self._native.call("compare", body, first + others)))

    def compare_encodings(
        self,
        probe: npt.ArrayLike,
        gallery: npt.ArrayLike,
        *,
        fmr: Optional[float] = None,
        fpir: Optional[float] = None,
        similarity: Optional[float] = None,
        mode: Optional[str] = None,
    ) -> Decision:
        """As :meth:`compare`, of two encodings of the engine's model."""
        body = request(
            probe=encoded(probe),
            gallery=encoded(gallery),
            operating_point=point(fmr, fpir, similarity),
            mode=mode,
        )
        return read(Decision, json.loads(self._native.call("compare_encodings", body, [])))

    def liveness(
        self, photos: Union[Photo, Picture, Sequence[Photo]], *, min_score: Optional[float] = None
    ) -> LivenessReport:
        """Whether photos of one face, or a picture, seem to show a living person: the score is above ``min_score``
        (0.6). Networks that look at single pictures are weak evidence; several shots count together."""
        body = request(min_score=min_score)
        if isinstance(photos, np.ndarray):
            return read(LivenessReport, self._of_one("liveness", body, photos))
        sent = all_bytes(photos, self._limit)
        return read(LivenessReport, json.loads(self._native.call("liveness", body, sent)))

    def liveness_model(self) -> str:
        """The name of the liveness networks, which are loaded by this; an error where they are not installed."""
        return str(self.call("liveness_model")["model"])

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._native.closed

    def close(self) -> None:
        """Refuses later calls, without waiting for those of other threads. What the engine holds is freed once those
        have ended and the vaults that share it are closed."""
        self._native.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<facevault.Engine (closed)>" if self.closed else "<facevault.Engine>"


def _outcome(outcome: Dict[str, Any]) -> Encoded:
    return read(EncodedFace, outcome) if outcome["status"] == "ok" else read(Refusal, outcome)


def _found(outcome: Dict[str, Any]) -> FoundFace:
    face, found = read(Face, outcome["face"]), _outcome(outcome)
    if isinstance(found, Refusal):
        return FoundFace(face, None, found)
    return FoundFace(face, found, None)
