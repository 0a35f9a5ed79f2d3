"""Collections of people, and what a field of an update is that keeps its value."""

from __future__ import annotations

import enum
from typing import Any, Dict, Iterable, Optional, Tuple, Union

from ._keeping import Keeping
from ._reading import read
from ._records import Collection, Departure


class Keep(enum.Enum):
    """The type of :data:`KEEP`."""

    KEEP = "KEEP"


KEEP = Keep.KEEP
"""What a field of an update is that keeps its value; ``None`` clears a field."""


class Collections(Keeping):
    """The part of :class:`facevault.Vault` that is about collections."""

    def create_collection(
        self, name: str, *, description: Optional[str] = None, id: Optional[str] = None
    ) -> Collection:
        """Adds a collection."""
        return read(Collection, self.call("create_collection", {"name": name, "description": description, "_id": id}))

    def collection(self, id: str) -> Collection:
        """The collection of an id or code."""
        return read(Collection, self.call("collection", {"id": id}))

    def collections(self) -> Tuple[Collection, ...]:
        """All collections."""
        return tuple(read(Collection, one) for one in self.call("collections"))

    def update_collection(
        self,
        id: str,
        *,
        name: Union[str, Keep] = KEEP,
        description: Union[str, None, Keep] = KEEP,
        people: Union[Iterable[str], Keep] = KEEP,
    ) -> Collection:
        """Changes what is named; ``people`` are the ids of all who are in it."""
        fields: Dict[str, Any] = {"name": name, "description": description}
        body = {key: value for key, value in fields.items() if value is not KEEP}
        if not isinstance(people, Keep):
            body["people"] = [{"_id": person} for person in people]
        return read(Collection, self.call("update_collection", {**body, "id": id}))

    def remove_collection(self, id: str) -> None:
        """Removes a collection; its persons stay."""
        self.call("remove_collection", {"id": id})

    def remove_from_collection(self, person: str, collection: str) -> Departure:
        """Takes somebody out of a collection; one who is in no other is removed."""
        return read(Departure, self.call("remove_from_collection", {"id": person, "collection": collection}))
