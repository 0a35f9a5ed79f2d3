"""A vault: people, their photos, and who somebody is."""

from __future__ import annotations

import json
import os
from datetime import date, datetime
from types import TracebackType
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Type, Union

import numpy.typing as npt

from . import _native
from ._collections import KEEP, Collections, Keep
from ._engine import Engine, ProgressCall, point, request, written
from ._errors import Error
from ._keys import key_fields
from ._photos import MAX_BYTES, Photo, all_bytes
from ._reading import encoded, read
from ._records import (
    Duplicates,
    EncodingMatrix,
    Identification,
    IdentifiedFace,
    NewPerson,
    Person,
    PersonPage,
    Removal,
    Verification,
)
from ._searching import identified, liveness_fields, search_fields

Photos = Union[Photo, Sequence[Photo]]
Day = Union[date, str]
Time = Union[datetime, str]
Encodings = Union[Iterable[npt.ArrayLike], npt.NDArray[Any]]


def _time(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _person_fields(fields: Mapping[str, Any]) -> Dict[str, Any]:
    """The fields of a person as JSON has them."""
    named = {"_id" if key == "id" else key: _time(value) for key, value in fields.items()}
    if isinstance(named.get("attributes"), Mapping):
        named["attributes"] = dict(named["attributes"])
    if isinstance(named.get("collections"), (tuple, set, frozenset)):
        named["collections"] = list(named["collections"])
    return named


def _vectors(encodings: Encodings) -> List[str]:
    return [encoded(vector) for vector in encodings]


class Vault(Collections):
    """One file with people, their photos and face encodings. Closing it, or leaving a ``with`` block, frees it.

    Any number of threads may use a vault at once, and calls do not hold the interpreter while they work.
    """

    def __init__(
        self,
        path: Union[str, os.PathLike[str], None] = None,
        *,
        engine: Optional[Engine] = None,
        mode: Optional[str] = None,
        client: Optional[str] = None,
        actor: Optional[str] = None,
        mixed_photos: bool = False,
        min_liveness: Optional[float] = None,
        limits: Optional[Mapping[str, int]] = None,
        key: Optional[bytes] = None,
        passphrase: Optional[str] = None,
    ) -> None:
        """Opens a vault; without a path one in memory.

        ``mode``: ``open`` (the default), ``create``, ``open_or_create`` or ``read_only``. Without ``engine`` a vault
        reads, searches given encodings and updates everything but photos. ``client``: whose people are seen.
        ``actor``: who acts, as the audit trail notes it. ``min_liveness``: a photo is enrolled only if the liveness
        score of its face is above this one. ``limits``: ``max_images``, ``max_image_bytes``. ``key``, 32 random bytes,
        or ``passphrase``: what the vault is encrypted with, and a new one gets (:data:`ENCRYPTION`).
        """
        options = request(
            mode=mode,
            client=client,
            actor=actor,
            mixed_photos=mixed_photos,
            min_liveness=min_liveness,
            limits=None if limits is None else dict(limits),
            **key_fields(key, passphrase),
        )
        if engine is not None and not isinstance(engine, Engine):
            raise TypeError(f"engine must be a facevault.Engine, not {type(engine).__name__}")
        self._native = _native.Vault(path, options, None if engine is None else engine._native)
        own = (limits or {}).get("max_image_bytes", MAX_BYTES)
        self._limit = max(own, MAX_BYTES if engine is None else engine._limit)

    @classmethod
    def _of(cls, native: _native.Vault, limit: int = MAX_BYTES) -> Vault:
        vault = cls.__new__(cls)
        vault._native, vault._limit = native, limit
        return vault

    def derived(
        self,
        *,
        client: Optional[str] = None,
        add_client: bool = False,
        actor: Optional[str] = None,
        mixed_photos: Optional[bool] = None,
        min_liveness: Optional[float] = None,
        token: Optional[str] = None,
    ) -> Vault:
        """Another handle of the same open vault: of another client, with another actor, with ``mixed_photos`` or with
        another ``min_liveness``; or as the holder of a ``token`` uses it."""
        options = request(
            client=client,
            add_client=add_client,
            actor=actor,
            mixed_photos=mixed_photos,
            min_liveness=min_liveness,
            token=token,
        )
        return self._of(self._native.derived(options), self._limit)

    # -- persons

    def create_person(
        self,
        name: str,
        *,
        photos: Photos = (),
        encodings: Encodings = (),
        model: Optional[str] = None,
        unless_known: Optional[Mapping[str, Any]] = None,
        id: Optional[str] = None,
        gender: Optional[str] = None,
        date_of_birth: Optional[Day] = None,
        nationality: Optional[str] = None,
        collections: Optional[Iterable[str]] = None,
        notes: Optional[str] = None,
        attributes: Optional[Mapping[str, str]] = None,
        status: Optional[str] = None,
        expires_at: Optional[Time] = None,
    ) -> Person:
        """Adds a person. Encodings may be given instead of photos, of the vault's model unless ``model`` says which.

        ``unless_known`` says what makes somebody known: ``{"name_and_birth": True, "face": {"fmr": 1e-5},
        "collections": [...]}``. A person who is in the vault already is then refused, with an error of kind
        ``already_exists``.
        """
        fields = _person_fields(
            {
                "id": id,
                "name": name,
                "gender": gender,
                "date_of_birth": date_of_birth,
                "nationality": nationality,
                "collections": None if collections is None else list(collections),
                "notes": notes,
                "attributes": attributes,
                "status": status,
                "expires_at": expires_at,
            }
        )
        body = request(**fields, encodings=_vectors(encodings) or None, model=model, unless_known=unless_known)
        verb = "create_person" if unless_known is None else "create_person_unless_known"
        return read(Person, json.loads(self._native.call(verb, body, all_bytes(photos, self._limit))))

    def create_persons(
        self,
        persons: Iterable[NewPerson],
        *,
        unless_known: Optional[Mapping[str, Any]] = None,
        progress: Optional[ProgressCall] = None,
    ) -> List[Union[Person, Error]]:
        """Adds many people at once: the :class:`Person`, or the :class:`Error` of the one who was not added, in their
        order. Where ``progress`` raises, these outcomes are in the exception's ``outcome``, as in JSON."""
        bodies, photos = [], []
        for new in persons:
            fields = dict(vars(new))
            own, vectors = all_bytes(fields.pop("photos"), self._limit), _vectors(fields.pop("encodings"))
            photos.extend(own)
            fields = {key: value for key, value in _person_fields(fields).items() if value not in (None, {}, [])}
            bodies.append({**fields, "photos": len(own), **({"encodings": vectors} if vectors else {})})
        body = request(persons=bodies, unless_known=unless_known)
        answer = json.loads(self._native.call("create_persons", body, photos, progress))
        return [
            read(Person, one["person"]) if one["status"] == "ok" else Error._from_dict(one["error"])
            for one in answer["outcomes"]
        ]

    def update_person(
        self,
        id: str,
        *,
        name: Union[str, Keep] = KEEP,
        gender: Union[str, None, Keep] = KEEP,
        date_of_birth: Union[Day, None, Keep] = KEEP,
        nationality: Union[str, None, Keep] = KEEP,
        collections: Union[Iterable[str], Keep] = KEEP,
        notes: Union[str, None, Keep] = KEEP,
        attributes: Union[Mapping[str, Optional[str]], None, Keep] = KEEP,
        status: Union[str, Keep] = KEEP,
        expires_at: Union[Time, None, Keep] = KEEP,
        photos: Union[Photos, Keep] = KEEP,
        add_photos: Photos = (),
        remove_images: Iterable[str] = (),
        encodings: Union[Encodings, Keep] = KEEP,
        add_encodings: Encodings = (),
        model: Optional[str] = None,
        expected_version: Optional[int] = None,
        summary: bool = False,
    ) -> Person:
        """Changes what is named, in one atomic and durable step; everything else keeps its value, ``None`` clears.

        ``photos`` or ``encodings`` take the place of all photos (``[]`` removes them); ``add_photos``,
        ``add_encodings`` and ``remove_images`` change some. Of ``attributes`` those that are named change, and ``None``
        removes one. With ``expected_version`` an update of another version is an error of kind ``conflict``.
        ``summary``: the answer has no ``images``.
        """
        fields: Dict[str, Any] = {
            "name": name,
            "gender": gender,
            "date_of_birth": date_of_birth,
            "nationality": nationality,
            "collections": collections if isinstance(collections, Keep) else list(collections),
            "notes": notes,
            "attributes": attributes,
            "status": status,
            "expires_at": expires_at,
        }
        body = _person_fields({key: value for key, value in fields.items() if value is not KEEP})
        replaces = not isinstance(photos, Keep) or not isinstance(encodings, Keep)
        sent = [] if isinstance(photos, Keep) else all_bytes(photos, self._limit)
        sent += all_bytes(add_photos, self._limit)
        vectors = ([] if isinstance(encodings, Keep) else _vectors(encodings)) + _vectors(add_encodings)
        if sent or vectors:
            body["images"] = "replace" if replaces else "add"
        elif replaces:
            body["images"] = "clear"
        if vectors:
            body["encodings"] = vectors
        removed = list(remove_images)
        if removed:
            body["remove_images"] = removed
        body.update(id=id, summary=summary)
        if model is not None:
            body["model"] = model
        if expected_version is not None:
            body["expected_version"] = expected_version
        return read(Person, json.loads(self._native.call("update_person", written(body), sent)))

    def person(self, id: str, *, summary: bool = False, encodings: bool = False) -> Person:
        """A person; as a summary without ``images``, or with each image's encoding."""
        body = request(id=id, summary=summary or None, encodings=encodings or None)
        return read(Person, json.loads(self._native.call("person", body, [])))

    def persons(
        self,
        *,
        page: Optional[int] = None,
        after: Optional[str] = None,
        limit: Optional[int] = None,
        collection: Optional[str] = None,
        status: Optional[str] = None,
        name_contains: Optional[str] = None,
        date_of_birth: Optional[Day] = None,
        attributes: Optional[Mapping[str, str]] = None,
    ) -> PersonPage:
        """A page of persons in the order of creation: the ``page``-th, or the one behind ``after`` (a page's
        ``next``), which stays right while others write."""
        body = request(
            page=page,
            after=after,
            limit=limit,
            collection=collection,
            status=status,
            name_contains=name_contains,
            date_of_birth=_time(date_of_birth),
            attributes=None if attributes is None else dict(attributes),
        )
        return read(PersonPage, json.loads(self._native.call("persons", body, [])))

    def remove_person(self, id: str) -> Removal:
        """Removes a person with photos and encodings; nothing of them stays in the file."""
        return read(Removal, self.call("remove_person", {"id": id}))

    def photo(self, person: str, image: str) -> bytes:
        """A stored photo, as it was handed in."""
        return self._native.bytes("photo", request(id=person, image=image))

    def thumbnail(self, person: str, image: str) -> bytes:
        """A small JPEG of a stored photo."""
        return self._native.bytes("thumbnail", request(id=person, image=image))

    # -- searches

    def identify(
        self,
        photos: Photos,
        *,
        collections: Optional[Sequence[str]] = None,
        max_results: Optional[int] = None,
        fmr: Optional[float] = None,
        fpir: Optional[float] = None,
        similarity: Optional[float] = None,
        below_threshold: bool = False,
        mode: Optional[str] = None,
        liveness: Optional[str] = None,
        liveness_min_score: Optional[float] = None,
    ) -> Identification:
        """Searches for the person in one or more photos of one person. ``fpir`` is the rate of searches for strangers
        that may return somebody. ``below_threshold`` also lists the most similar people below the threshold.
        ``liveness``: ``report`` the score of the probe, or ``require`` that it is above ``liveness_min_score`` (0.6)."""
        body = search_fields(collections, max_results, point(fmr, fpir, similarity), below_threshold, mode)
        body.update(liveness_fields(liveness, liveness_min_score))
        sent = all_bytes(photos, self._limit)
        return read(Identification, json.loads(self._native.call("identify", request(**body), sent)))

    def identify_encodings(
        self,
        encodings: Encodings,
        *,
        model: Optional[str] = None,
        collections: Optional[Sequence[str]] = None,
        max_results: Optional[int] = None,
        fmr: Optional[float] = None,
        fpir: Optional[float] = None,
        similarity: Optional[float] = None,
        below_threshold: bool = False,
    ) -> List[Identification]:
        """As :meth:`identify`, for encodings of the vault's model: one answer each."""
        body = search_fields(collections, max_results, point(fmr, fpir, similarity), below_threshold, None)
        body = {**body, "encodings": _vectors(encodings), "model": model}
        answers = json.loads(self._native.call("identify_encodings", request(**body), []))
        return [read(Identification, one) for one in answers]

    def identify_faces(
        self,
        photo: Photo,
        *,
        collections: Optional[Sequence[str]] = None,
        max_results: Optional[int] = None,
        fmr: Optional[float] = None,
        fpir: Optional[float] = None,
        similarity: Optional[float] = None,
        below_threshold: bool = False,
        mode: Optional[str] = None,
        liveness: Optional[str] = None,
        liveness_min_score: Optional[float] = None,
    ) -> List[IdentifiedFace]:
        """Who is in a group photo: each face with its candidates or why it gave no encoding. Each must be live by itself
        where that is required."""
        body = search_fields(collections, max_results, point(fmr, fpir, similarity), below_threshold, mode)
        body.update(liveness_fields(liveness, liveness_min_score))
        answers = json.loads(self._native.call("identify_faces", request(**body), all_bytes(photo, self._limit)))
        return [identified(one) for one in answers]

    def verify(
        self,
        id: str,
        photos: Photos,
        *,
        fmr: Optional[float] = None,
        fpir: Optional[float] = None,
        similarity: Optional[float] = None,
        mode: Optional[str] = None,
        liveness: Optional[str] = None,
        liveness_min_score: Optional[float] = None,
    ) -> Verification:
        """Do the photos show that person? ``liveness`` is as for :meth:`identify`."""
        asked = liveness_fields(liveness, liveness_min_score)
        body = request(id=id, operating_point=point(fmr, fpir, similarity), mode=mode, **asked)
        return read(Verification, json.loads(self._native.call("verify", body, all_bytes(photos, self._limit))))

    def verify_encoding(
        self,
        id: str,
        encoding: npt.ArrayLike,
        *,
        model: Optional[str] = None,
        fmr: Optional[float] = None,
        fpir: Optional[float] = None,
        similarity: Optional[float] = None,
    ) -> Verification:
        """As :meth:`verify`, for an encoding of the vault's model."""
        asked = point(fmr, fpir, similarity)
        body = request(id=id, encoding=encoded(encoding), model=model, operating_point=asked)
        return read(Verification, json.loads(self._native.call("verify_encoding", body, [])))

    def duplicates(
        self,
        *,
        collections: Optional[Sequence[str]] = None,
        max_pairs: Optional[int] = None,
        fmr: Optional[float] = None,
        fpir: Optional[float] = None,
        similarity: Optional[float] = None,
        progress: Optional[ProgressCall] = None,
    ) -> Duplicates:
        """Pairs of people who look like one."""
        body = request(
            collections=None if collections is None else list(collections),
            max_pairs=max_pairs,
            operating_point=point(fmr, fpir, similarity),
        )
        return read(Duplicates, json.loads(self._native.call("duplicates", body, [], progress)))

    def encoding_matrix(self) -> EncodingMatrix:
        """All encodings of active persons as one float32 array, for computations of one's own."""
        model, generation, rows, vectors = self._native.encoding_matrix()
        return EncodingMatrix(model, generation, tuple(rows), vectors)

    def __enter__(self) -> Vault:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<facevault.Vault (closed)>" if self.closed else "<facevault.Vault>"
