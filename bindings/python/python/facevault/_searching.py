"""What searches ask, and what they answer of each face."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

from ._reading import read
from ._records import IdentifiedFace


def search_fields(
    collections: Optional[Sequence[str]],
    max_results: Optional[int],
    operating_point: Optional[Dict[str, float]],
    below_threshold: bool,
    mode: Optional[str],
) -> Dict[str, Any]:
    """The fields of a search that were given."""
    fields = {
        "collections": None if collections is None else list(collections),
        "max_results": max_results,
        "operating_point": operating_point,
        "below_threshold": below_threshold or None,
        "mode": mode,
    }
    return {key: value for key, value in fields.items() if value is not None}


def liveness_fields(policy: Optional[str], min_score: Optional[float]) -> Dict[str, Any]:
    """The fields about the liveness of a probe that were given."""
    fields = {"liveness": policy, "liveness_min_score": min_score}
    return {key: value for key, value in fields.items() if value is not None}


def identified(answer: Dict[str, Any]) -> IdentifiedFace:
    """A face of a group photo."""
    found = answer["status"] == "ok"
    data = {
        **answer,
        "identification": answer if found else None,
        "refusal": None if found else answer,
    }
    return read(IdentifiedFace, data)
