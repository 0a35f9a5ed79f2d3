"""What keeps a vault: checks, copies, erasure, time, the audit trail; and its verbs by name."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any, List, Mapping, Optional, Sequence, Tuple, Union

from . import _native
from ._engine import ProgressCall, request, written
from ._keeping_records import (
    AuditPage,
    AuditReport,
    Changes,
    CheckReport,
    NewToken,
    Purged,
    ReceiptCheck,
    Reencoded,
    Token,
    VaultInfo,
)
from ._photos import MAX_BYTES, Photo, all_bytes, listed
from ._reading import instant, read


class Keeping:
    """The part of :class:`facevault.Vault` that is not about single persons."""

    _native: _native.Vault
    _limit: int = MAX_BYTES

    def call(
        self,
        verb: str,
        request: Union[str, Mapping[str, Any], None] = None,
        photos: Sequence[Photo] = (),
        progress: Optional[ProgressCall] = None,
    ) -> Any:
        """Calls a verb by name, with a JSON object and photos; the answer is what its JSON holds. The other methods
        are the typed form of this."""
        body = request if isinstance(request, str) else written(request or {})
        return json.loads(self._native.call(verb, body, all_bytes(listed(photos), self._limit), progress))

    def describe(self) -> VaultInfo:
        """What the vault is."""
        return read(VaultInfo, self.call("describe"))

    def check(self) -> CheckReport:
        """Reads everything and says what is damaged."""
        return read(CheckReport, self.call("check"))

    def backup(self, path: Union[str, os.PathLike[str]], progress: Optional[ProgressCall] = None) -> None:
        """Copies the vault into a file that must not be there yet, while it is in use."""
        self.call("backup", {"path": os.fspath(path)}, (), progress)

    def reencode(
        self, *, keep_old: bool = False, leave_out: bool = False, progress: Optional[ProgressCall] = None
    ) -> Reencoded:
        """Encodes all photos by the model of the vault's engine, and then searches by it."""
        body = request(keep_old=keep_old, leave_out=leave_out)
        return read(Reencoded, json.loads(self._native.call("reencode", body, [], progress)))

    def people_without_encoding(self) -> Tuple[str, ...]:
        """Who has photos but no encoding by the model that is searched."""
        return tuple(self.call("people_without_encoding"))

    def changes(self, since: int = 0) -> Changes:
        """Who was added, changed or removed since a revision."""
        return read(Changes, self.call("changes", {"since": since}))

    def require_in_place(self) -> None:
        """Raises an error where the vault's file was moved, removed or replaced since it was opened."""
        self.call("require_in_place")

    def clients(self) -> List[str]:
        """The clients whose people the vault holds."""
        return list(self.call("clients"))

    def erasure(self) -> str:
        """``done``, or ``pending`` while bytes of what was removed are still to be erased."""
        return str(self.call("erasure")["erasure"])

    def finish_erasure(self) -> str:
        """Erases what is still to be erased, if nobody reads an older state any more."""
        return str(self.call("finish_erasure")["erasure"])

    def clean(self) -> str:
        """Erases what another program left in unused parts of the file."""
        return str(self.call("clean")["erasure"])

    # -- time

    def last_seen(self, id: str) -> Optional[datetime]:
        """When somebody was recognised or verified last, as far as the audit trail notes searches."""
        found = self.call("last_seen", {"id": id})["last_seen"]
        return None if found is None else instant(found)

    def retention(self) -> Mapping[str, Any]:
        """The policy by which people are removed because of time: ``expired``, ``unseen_days``."""
        found: Mapping[str, Any] = self.call("retention")
        return found

    def set_retention(self, *, expired: bool = False, unseen_days: Optional[int] = None) -> Mapping[str, Any]:
        """Sets the whole policy."""
        found: Mapping[str, Any] = json.loads(
            self._native.call("set_retention", request(expired=expired, unseen_days=unseen_days), [])
        )
        return found

    def purge(
        self,
        *,
        expired: bool = False,
        unseen_days: Optional[int] = None,
        dry_run: bool = False,
        trust_clock: bool = False,
        progress: Optional[ProgressCall] = None,
    ) -> Purged:
        """Removes whose time has passed; with ``dry_run`` says who that would be. Where ``progress`` raises, who was
        removed until then is in the exception's ``outcome``, as in JSON."""
        body = request(expired=expired, unseen_days=unseen_days, dry_run=dry_run, trust_clock=trust_clock)
        return read(Purged, json.loads(self._native.call("purge", body, [], progress)))

    def carry_out_retention(self, progress: Optional[ProgressCall] = None) -> int:
        """Removes people by the vault's policy; how many there were."""
        return int(self.call("carry_out_retention", None, (), progress)["removed"])

    # -- the audit trail

    def audit_policy(self) -> Mapping[str, Any]:
        """What the trail notes: ``scope`` (``off``, ``changes``, ``all``), ``keep_days``, ``searches_at_once``."""
        found: Mapping[str, Any] = self.call("audit_policy")
        return found

    def set_audit_policy(
        self,
        *,
        scope: Optional[str] = None,
        keep_days: Optional[int] = None,
        searches_at_once: Optional[bool] = None,
    ) -> Mapping[str, Any]:
        """Changes what is named; 0 days keep entries for ever."""
        body = request(scope=scope, keep_days=keep_days, searches_at_once=searches_at_once)
        found: Mapping[str, Any] = json.loads(self._native.call("set_audit_policy", body, []))
        return found

    def audit(
        self,
        *,
        client: Optional[str] = None,
        kinds: Optional[Sequence[str]] = None,
        person: Optional[int] = None,
        since: Optional[datetime] = None,
        until: Optional[datetime] = None,
        after: Optional[int] = None,
        newest_first: bool = False,
        limit: Optional[int] = None,
    ) -> AuditPage:
        """Entries of the trail; ``person`` is a key (:meth:`person_key`)."""
        body = request(
            client=client,
            kinds=None if kinds is None else list(kinds),
            person=person,
            since=None if since is None else since.isoformat(),
            until=None if until is None else until.isoformat(),
            after=after,
            newest_first=newest_first,
            limit=limit,
        )
        return read(AuditPage, json.loads(self._native.call("audit", body, [])))

    def audit_verify(self, head: Optional[str] = None) -> AuditReport:
        """Whether the trail is whole, and holds all up to a head that was noted elsewhere."""
        return read(AuditReport, json.loads(self._native.call("audit_verify", request(head=head), [])))

    def audit_cut(self) -> int:
        """Cuts the entries that are older than the policy keeps; how many there were."""
        return int(self.call("audit_cut")["cut"])

    def audit_flush(self) -> None:
        """Writes the entries of searches that wait to the disk."""
        self.call("audit_flush")

    def person_key(self, id: str) -> int:
        """The number by which the trail and :meth:`changes` name a person."""
        return int(self.call("person_key", {"id": id})["key"])

    def check_receipt(self, receipt: str, *, id: Optional[str] = None, photos: Sequence[Photo] = ()) -> ReceiptCheck:
        """The removal that a receipt is of, and whether a person and photos were what was removed. Nobody can say that
        without the receipt."""
        body = {"receipt": receipt, "id": id}
        return read(ReceiptCheck, self.call("check_receipt", body, photos))

    # -- tokens

    def create_token(self, *, expires_at: Union[datetime, str, None] = None) -> NewToken:
        """Makes a token with which a program acts for this client over HTTP."""
        expires = expires_at.isoformat() if isinstance(expires_at, datetime) else expires_at
        return read(NewToken, self.call("create_token", {"expires_at": expires}))

    def tokens(self) -> List[Token]:
        """This client's tokens, oldest first."""
        return [read(Token, one) for one in self.call("tokens")]

    def revoke_token(self, id: str) -> None:
        """Revokes a token of this client by its id, the part before the dot."""
        self.call("revoke_token", {"id": id})

    def authenticate(self, token: str) -> Tuple[str, Optional[str]]:
        """What a token that somebody shows is good for, and for which client: ``granted``, ``expired`` or ``unknown``.
        :meth:`Vault.derived` with ``token`` gives the vault as its holder uses it."""
        found = self.call("authenticate", {"token": token})
        return found["access"], found["client"]

    # -- closing

    @property
    def closed(self) -> bool:
        """Whether this handle was closed."""
        return self._native.closed

    def close(self) -> None:
        """Refuses later calls of this handle, without waiting for those of other threads: they go on to their end.
        The file is closed once those have ended and the last handle of the vault is closed."""
        self._native.close()
