"""What keeping a vault answers, as dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, Optional, Tuple

from ._records import EngineInfo


@dataclass(frozen=True)
class Problem:
    """Something that a check found."""

    message: str
    person: Optional[str] = None


@dataclass(frozen=True)
class CheckReport:
    """What a check of a vault found."""

    clean: bool
    persons: int
    images: int
    without_photo: int
    encodings: int
    erasure: str
    audit_entries: int
    problems: Tuple[Problem, ...]


@dataclass(frozen=True)
class ModelInfo:
    """The model of a vault's encodings."""

    id: str
    name: str
    dimension: int
    metric: Optional[str] = None
    mode: Optional[str] = None


@dataclass(frozen=True)
class VaultInfo:
    """What a vault is."""

    path: Optional[str]
    client: str
    read_only: bool
    limits: Dict[str, int]
    min_liveness: Optional[float]
    model: Optional[ModelInfo]
    encoding_mode: Optional[str]
    engine: Optional[EngineInfo]


@dataclass(frozen=True)
class Unencoded:
    """A stored photo that the new model refused."""

    client: str
    person: str
    image: str
    code: str
    message: str
    measured: Optional[float] = None
    limit: Optional[float] = None


@dataclass(frozen=True)
class Reencoded:
    """What a change of model did. ``is_active``: searches now use the new model."""

    model: ModelInfo
    encoded: int
    unencoded: Tuple[Unencoded, ...]
    without_photo: int
    is_active: bool


@dataclass(frozen=True)
class Change:
    """``change`` is ``added``, ``changed`` or ``removed``; of somebody who was removed only the key is known."""

    change: str
    key: int
    person: Optional[str]


@dataclass(frozen=True)
class Changes:
    """What happened since a revision. Not ``known``: it is too long ago, so begin again from 0."""

    known: bool
    changes: Tuple[Change, ...]
    revision: Optional[int]


@dataclass(frozen=True)
class PurgedPerson:
    """Somebody who was removed because of time."""

    id: str
    reason: str
    receipt: Optional[str] = field(repr=False)


@dataclass(frozen=True)
class Purged:
    """Who was removed because of time; with ``removed`` False, who would be. ``failure`` ended the removal early."""

    removed: bool
    persons: Tuple[PurgedPerson, ...]
    erasure: str
    was_stopped: bool
    failure: Optional[Dict[str, Any]]


@dataclass(frozen=True)
class AuditEntry:
    """An entry of the audit trail."""

    sequence: int
    at: datetime
    kind: str
    client: Optional[str]
    actor: Optional[str] = field(repr=False)
    person: Optional[int]
    detail: Any
    hash: str


@dataclass(frozen=True)
class AuditPage:
    """Entries of the audit trail. ``next`` is where the following page begins; ``head`` names the newest entry."""

    entries: Tuple[AuditEntry, ...]
    next: Optional[int]
    head: Optional[str]


@dataclass(frozen=True)
class ReceiptCheck:
    """What a receipt of a removal says. ``person``: whether it is of the person who was named; ``photos``: whether each
    photo was among those that were removed."""

    entry: AuditEntry
    person: Optional[bool]
    photos: Tuple[bool, ...]


@dataclass(frozen=True)
class Token:
    """What a program shows to act for a client over HTTP, without its secret. ``status`` is ``active``, ``expired`` or
    ``revoked``."""

    id: str
    client: str
    status: str
    created_at: datetime
    expires_at: Optional[datetime]
    revoked_at: Optional[datetime]


@dataclass(frozen=True)
class NewToken(Token):
    """A token that was made just now. ``token`` is shown this once: a vault keeps its hash."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class AuditProblem:
    """Something that does not fit in the audit trail."""

    sequence: Optional[int]
    message: str


@dataclass(frozen=True)
class AuditReport:
    """What the verification of the audit trail found."""

    clean: bool
    entries: int
    cut_until: Optional[int]
    head: Optional[str]
    problems: Tuple[AuditProblem, ...]
