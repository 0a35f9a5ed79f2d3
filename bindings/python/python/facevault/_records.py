"""What facevault answers, as dataclasses. Boxes and points are in pixels of the upright picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Dict, Mapping, Optional, Tuple, Union

from ._reading import Vector

Point = Tuple[float, float]


@dataclass(frozen=True)
class Box:
    """The sides of a face's box; it may reach beyond the picture."""

    top: float
    left: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Landmarks:
    """Points of a face. The left eye is the one on the left of the picture; dlib's networks give no mouth."""

    left_eye: Tuple[float, float]
    right_eye: Tuple[float, float]
    nose: Tuple[float, float]
    left_mouth: Optional[Tuple[float, float]] = None
    right_mouth: Optional[Tuple[float, float]] = None


@dataclass(frozen=True)
class Face:
    """A face that was found."""

    box: Box
    landmarks: Landmarks
    score: float


@dataclass(frozen=True)
class Detection:
    """The faces of a photo, highest score first. ``turned``: by how many degrees it was turned to be upright."""

    width: int
    height: int
    turned: int
    faces: Tuple[Face, ...]


@dataclass(frozen=True)
class Refusal:
    """Why a photo or face gave no encoding: a code, what was found and what to do, the measured value and the limit."""

    code: str
    message: str
    measured: Optional[float] = None
    limit: Optional[float] = None


@dataclass(frozen=True, eq=False)
class EncodedFace:
    """A face and its encoding, a float32 vector that belongs to ``model``. ``quality`` has what was measured."""

    face: Face
    turned: int
    others: Tuple[Face, ...]
    quality: Dict[str, Any] = field(repr=False)
    encoding: Vector = field(repr=False)
    model: str
    recognizability: Optional[float]


@dataclass(frozen=True, eq=False)
class FoundFace:
    """A face of a group photo, with its encoding or the refusal."""

    face: Face
    encoded: Optional[EncodedFace]
    refusal: Optional[Refusal]


@dataclass(frozen=True)
class Threshold:
    """The similarity from which two encodings count as one person's, and how it was chosen."""

    similarity: float
    asked: Dict[str, float]
    people_searched: int
    fmr: Optional[float]
    basis: str


@dataclass(frozen=True)
class Decision:
    """Whether two sets of photos show one person. ``liveness``: the probe's score, where it was asked for."""

    accepted: bool
    similarity: float
    fmr: Optional[float]
    threshold: Threshold
    liveness: Optional[float] = None


@dataclass(frozen=True)
class LivenessShot:
    """The main face of a photo, and how sure the networks are that it is live: together and each, 0 to 1."""

    face: Face
    turned: int
    score: float
    networks: Tuple[float, ...]


@dataclass(frozen=True)
class LivenessReport:
    """Whether photos of one face seem to show a living person. ``live``: ``score`` is above ``min_score``."""

    live: bool
    score: float
    min_score: float
    networks: Tuple[float, ...]
    model: str
    shots: Tuple[LivenessShot, ...]


@dataclass(frozen=True)
class RuntimeInfo:
    """The ONNX Runtime in use."""

    version: str
    library: str
    notices: Tuple[str, ...]


@dataclass(frozen=True)
class EngineInfo:
    """What an engine is made of. ``calibration`` is the table from similarity to false match rate."""

    pack: str
    title: Optional[str]
    licence: Optional[str]
    model: str
    dimension: int
    metric: str
    mode: str
    calibration: Optional[Dict[str, Any]] = field(repr=False)
    threads: int
    sessions: int
    encoded: int
    runtime: Optional[RuntimeInfo]


@dataclass(frozen=True)
class PersonImage:
    """A photo of a person, or an encoding that was given without one."""

    id: str
    has_photo: bool = True
    has_encoding: bool = True
    encoding: Optional[Vector] = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Person:
    """A person. ``images`` is empty where a summary was asked for; ``image_count`` is always right."""

    id: str
    client: str
    name: str = field(repr=False)
    gender: Optional[str] = field(repr=False)
    date_of_birth: Optional[date] = field(repr=False)
    nationality: Optional[str] = field(repr=False)
    notes: Optional[str] = field(repr=False)
    collections: Tuple[str, ...]
    attributes: Dict[str, str] = field(repr=False)
    status: str
    expires_at: Optional[datetime]
    version: int
    image_count: int
    created_at: datetime
    updated_at: datetime
    images: Tuple[PersonImage, ...] = ()


@dataclass(frozen=True)
class PersonPage:
    """A page of persons, as summaries. ``next`` is where the following page begins (``persons(after=...)``)."""

    persons: Tuple[Person, ...]
    page: Optional[int]
    limit: int
    total: int
    pages: int
    next: Optional[str]


@dataclass
class NewPerson:
    """A person to be created by :meth:`Vault.create_persons`."""

    name: str = field(repr=False)
    photos: Any = field(default=(), repr=False)
    encodings: Any = field(default=(), repr=False)
    model: Optional[str] = None
    id: Optional[str] = None
    gender: Optional[str] = field(default=None, repr=False)
    date_of_birth: Union[date, str, None] = field(default=None, repr=False)
    nationality: Optional[str] = field(default=None, repr=False)
    collections: Tuple[str, ...] = ()
    notes: Optional[str] = field(default=None, repr=False)
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    status: Optional[str] = None
    expires_at: Union[datetime, str, None] = None


@dataclass(frozen=True)
class Removal:
    """``erasure`` is ``done``, or ``pending`` while a reader of an older state keeps the log from being emptied."""

    erasure: str
    receipt: Optional[str] = field(repr=False)


@dataclass(frozen=True)
class Departure:
    """What became of somebody who was taken out of a collection: ``stays``, ``removed`` or ``left``."""

    status: str
    person: Optional[Person] = None
    erasure: Optional[str] = None
    receipt: Optional[str] = field(default=None, repr=False)


@dataclass(frozen=True)
class Collection:
    """A collection. ``code`` is a UUID that is taken wherever the id is."""

    id: str
    code: str
    name: str = field(repr=False)
    description: Optional[str] = field(repr=False)
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Candidate:
    """Somebody who may be the one looked for. ``accepted``: the similarity reaches the threshold."""

    rank: int
    person: str
    name: Optional[str] = field(repr=False)
    image: str
    similarity: float
    fmr: Optional[float]
    accepted: bool


@dataclass(frozen=True)
class Identification:
    """Who it is: candidates, best first. None, or none that is accepted, means "unknown". ``liveness``: the probe's
    score, where it was asked for."""

    candidates: Tuple[Candidate, ...]
    threshold: Threshold
    margin: Optional[float]
    people_searched: int
    people_without_encoding: int
    generation: int
    liveness: Optional[float] = None


@dataclass(frozen=True)
class IdentifiedFace:
    """A face of a group photo, with who it is or the refusal."""

    face: Face
    turned: int
    identification: Optional[Identification]
    refusal: Optional[Refusal]


@dataclass(frozen=True)
class Verification:
    """Whether a probe is that person; ``image`` is the most similar photo. ``liveness``: the probe's score, where it was
    asked for."""

    person: str
    image: str
    accepted: bool
    similarity: float
    fmr: Optional[float]
    threshold: Threshold
    liveness: Optional[float] = None


@dataclass(frozen=True)
class PairSide:
    """One side of a pair that looks like one person."""

    person: str
    name: Optional[str] = field(repr=False)
    image: str


@dataclass(frozen=True)
class DuplicatePair:
    """Two people who look like one."""

    people: Tuple[PairSide, ...]
    similarity: float
    fmr: Optional[float]


@dataclass(frozen=True)
class Duplicates:
    """Pairs of people who look like one, most similar first. ``is_cut``: there are more."""

    pairs: Tuple[DuplicatePair, ...]
    is_cut: bool
    threshold: Threshold
    people_searched: int
    people_without_encoding: int
    generation: int


@dataclass(frozen=True, eq=False)
class EncodingMatrix:
    """All encodings of a vault: row ``i`` of ``vectors`` is of the photo ``rows[i]``, a person's and an image's id."""

    model: str
    generation: int
    rows: Tuple[Tuple[str, str], ...] = field(repr=False)
    vectors: Vector = field(repr=False)
