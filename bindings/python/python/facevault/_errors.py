"""The one exception of facevault."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple, Type


@dataclass(frozen=True)
class Violation:
    """A field of a request and the rule that it breaks."""

    field: str
    rule: str


@dataclass(frozen=True)
class ImageReport:
    """What became of a photo of a request: ``status`` is ``ok`` or ``refused``."""

    index: int
    status: str
    code: Optional[str] = None
    message: Optional[str] = None
    measured: Optional[float] = None
    limit: Optional[float] = None


@dataclass(frozen=True)
class Duplicate:
    """The existing person that a new one seems to be: ``reason`` is ``name_and_birth`` or ``face``."""

    person: str
    reason: str
    image: Optional[str] = None
    similarity: Optional[float] = None
    fmr: Optional[float] = None


class Error(Exception):
    """What went wrong.

    ``kind`` says who must act: ``invalid``, ``not_found``, ``already_exists``, ``conflict``, ``refused``,
    ``model_mismatch``, ``model_unavailable``, ``runtime``, ``corrupt``, ``unsupported``, ``busy``, ``io``,
    ``outcome_unknown``, ``key`` or ``cancelled``. The message names fields, files and limits, never a name, photo or
    vector.
    """

    kind: str
    message: str
    violations: Tuple[Violation, ...]
    images: Tuple[ImageReport, ...]
    duplicate: Optional[Duplicate]

    def __init__(
        self,
        kind: str,
        message: str,
        violations: Tuple[Violation, ...] = (),
        images: Tuple[ImageReport, ...] = (),
        duplicate: Optional[Duplicate] = None,
    ) -> None:
        super().__init__(kind, message, violations, images, duplicate)
        self.kind = kind
        self.message = message
        self.violations = violations
        self.images = images
        self.duplicate = duplicate

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return f"Error({self.kind!r}, {self.message!r})"

    @classmethod
    def _from_json(cls: Type[Error], text: str) -> Error:
        return cls._from_dict(json.loads(text))

    @classmethod
    def _from_dict(cls: Type[Error], data: Dict[str, Any]) -> Error:
        duplicate = data.get("duplicate")
        return cls(
            data["error"],
            data["message"],
            tuple(Violation(broken["field"], broken["rule"]) for broken in data.get("details", ())),
            tuple(ImageReport(**_known(ImageReport, image)) for image in data.get("images", ())),
            None if duplicate is None else Duplicate(**_known(Duplicate, duplicate)),
        )


def _known(record: Any, data: Dict[str, Any]) -> Dict[str, Any]:
    return {key: value for key, value in data.items() if key in record.__dataclass_fields__}


def invalid(field: str, rule: str) -> Error:
    """A request that breaks one rule."""
    return Error("invalid", f'"{field}" {rule}', (Violation(field, rule),))


def refused(outcome: Dict[str, Any]) -> Error:
    """A photo that was refused, by its outcome in an answer."""
    report = ImageReport(**_known(ImageReport, {**outcome, "index": 0}))
    return Error("refused", f"image 0: {report.code}: {report.message}", images=(report,))
