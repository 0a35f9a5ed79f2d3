"""From the JSON of answers to dataclasses."""

from __future__ import annotations

import base64
import dataclasses
import re
from datetime import date, datetime, timezone
from typing import Any, Callable, Dict, Optional, Type, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Vector = npt.NDArray[np.float32]
Read = Callable[[Any], Any]

# Fields that have another name in JSON.
_ALIASES = {"id": "_id", "created_at": "createdAt", "updated_at": "updatedAt", "score": "detection_score"}
_ALIASES.update(expires_at="expiresAt", revoked_at="revokedAt")

# A dataclass is looked at once.
_readers: Dict[Any, Read] = {}


def read(record: Type[T], data: Any) -> T:
    """``data`` as a ``record``, whose fields say how each is read."""
    result: T = _reader(record)(data)
    return result


def vector(text: Optional[str]) -> Optional[Vector]:
    """A face encoding: little-endian single precision in base64."""
    return None if text is None else np.frombuffer(base64.b64decode(text), dtype="<f4")


def encoded(values: Any) -> str:
    """The base64 of a face encoding."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")


def instant(text: str) -> datetime:
    """A time in UTC; versions of Python before 3.11 read three or six digits behind the second."""
    parts = re.fullmatch(r"([^.Z]+)(?:\.(\d+))?Z", text)
    if parts is None:
        raise ValueError(f"{text!r} is no time in UTC")
    micros = ((parts.group(2) or "") + "000000")[:6]
    return datetime.strptime(f"{parts.group(1)}.{micros}", "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=timezone.utc)


def _day(data: Any) -> date:
    return date(data["year"], data["month"], data["day"])


def _same(data: Any) -> Any:
    return data


def _reader(kind: Any) -> Read:
    found = _readers.get(kind)
    if found is None:
        found = _readers[kind] = _make(kind)
    return found


def _make(kind: Any) -> Read:
    if dataclasses.is_dataclass(kind):
        return _record(kind)
    if kind == Vector:
        return vector
    if kind is datetime:
        return instant
    if kind is date:
        return _day
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Union and len(arguments) == 2 and arguments[1] is type(None):
        inner = _reader(arguments[0])
        return lambda data: None if data is None else inner(data)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        inner = _reader(arguments[0])
        return lambda data: tuple(map(inner, data))
    if origin is tuple:
        return tuple
    return _same


def _record(kind: Any) -> Read:
    hints = get_type_hints(kind)
    fields = [(field.name, _ALIASES.get(field.name, field.name), _reader(hints[field.name])) for field in dataclasses.fields(kind)]
    defaults = {field.name: field for field in dataclasses.fields(kind) if _has_default(field)}

    def build(data: Dict[str, Any]) -> Any:
        values = {}
        for name, alias, inner in fields:
            key = name if name in data else alias
            if key in data:
                values[name] = data[key] if inner is _same else inner(data[key])
            elif name not in defaults:
                raise KeyError(f"the answer has no {name!r}")
        if len(values) < len(fields):
            return kind(**values)
        # As __init__ does, but at once: that of a frozen dataclass calls object.__setattr__ for each field.
        record = object.__new__(kind)
        record.__dict__.update(values)
        return record

    return build


def _has_default(field: Any) -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing
