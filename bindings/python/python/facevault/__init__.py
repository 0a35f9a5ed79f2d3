"""facevault: an embedded face-recognition engine with a local store.

>>> import facevault
>>> facevault.setup()                                   # once: ONNX Runtime and the default models
>>> engine = facevault.Engine()
>>> vault = facevault.Vault("people.vault", engine=engine, mode="open_or_create")
>>> ada = vault.create_person("Ada", photos=["ada.jpg"])
>>> vault.update_person(ada.id, name="Ada Lovelace", notes=None)
>>> vault.identify("door.jpg").candidates

The package face_recognition has its stand-in in :mod:`facevault.face_recognition`.
"""

from __future__ import annotations

import atexit
import json
import os
from typing import List, Optional, Union

from . import _native
from ._collections import KEEP, Keep
from ._engine import Engine, ProgressCall, path_text, request
from ._errors import Duplicate, Error, ImageReport, Violation
from ._keys import ENCRYPTION, rekey
from ._keeping_records import (
    AuditEntry,
    AuditPage,
    AuditProblem,
    AuditReport,
    Change,
    Changes,
    CheckReport,
    ModelInfo,
    NewToken,
    Problem,
    Purged,
    PurgedPerson,
    ReceiptCheck,
    Reencoded,
    Token,
    Unencoded,
    VaultInfo,
)
from ._photos import Photo, Picture
from ._reading import Vector
from ._records import (
    Box,
    Candidate,
    Collection,
    Decision,
    Departure,
    Detection,
    DuplicatePair,
    Duplicates,
    EncodedFace,
    EncodingMatrix,
    EngineInfo,
    Face,
    FoundFace,
    Identification,
    IdentifiedFace,
    Landmarks,
    LivenessReport,
    LivenessShot,
    NewPerson,
    PairSide,
    Person,
    PersonImage,
    PersonPage,
    Point,
    Refusal,
    Removal,
    RuntimeInfo,
    Threshold,
    Verification,
)
from ._vault import Vault

__version__ = _native.version()

# Daemon threads may be inside a call as the interpreter ends: what runs is waited for.
atexit.register(_native.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_native.forked)

PathLike = Union[str, "os.PathLike[str]"]


def setup(
    pack: str = "standard",
    *,
    data_dir: Optional[PathLike] = None,
    from_dir: Optional[PathLike] = None,
    accept_licence: bool = False,
    python: Optional[PathLike] = None,
    npm: Optional[PathLike] = None,
    progress: Optional[ProgressCall] = None,
) -> List[str]:
    """Installs a pack and ONNX Runtime, as the command ``facevault setup`` does; answers the files that it installed.

    Installed files stay. ``from_dir``: a folder with the files; then the network is not used.
    """
    options = {
        "pack": pack,
        "data_dir": path_text(data_dir),
        "from": path_text(from_dir),
        "accept_licence": accept_licence,
        "python": path_text(python),
        "npm": path_text(npm),
    }
    installed: List[str] = json.loads(_native.setup(request(**options), progress))["installed"]
    return installed


__all__ = [
    "AuditEntry",
    "AuditPage",
    "AuditProblem",
    "AuditReport",
    "Box",
    "Candidate",
    "Change",
    "Changes",
    "CheckReport",
    "Collection",
    "Decision",
    "Departure",
    "Detection",
    "ENCRYPTION",
    "Duplicate",
    "DuplicatePair",
    "Duplicates",
    "EncodedFace",
    "EncodingMatrix",
    "Engine",
    "EngineInfo",
    "Error",
    "Face",
    "FoundFace",
    "Identification",
    "IdentifiedFace",
    "ImageReport",
    "KEEP",
    "Keep",
    "Landmarks",
    "LivenessReport",
    "LivenessShot",
    "ModelInfo",
    "NewPerson",
    "NewToken",
    "PairSide",
    "Person",
    "PersonImage",
    "PersonPage",
    "Photo",
    "Picture",
    "Point",
    "Problem",
    "ProgressCall",
    "Purged",
    "PurgedPerson",
    "ReceiptCheck",
    "Reencoded",
    "Refusal",
    "Removal",
    "RuntimeInfo",
    "Threshold",
    "Token",
    "Unencoded",
    "Vault",
    "VaultInfo",
    "Vector",
    "Verification",
    "Violation",
    "rekey",
    "setup",
]
