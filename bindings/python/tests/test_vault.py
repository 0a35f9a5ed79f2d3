"""People: creating, changing, finding and removing them, as dataclasses."""

import datetime

import numpy as np
import pytest

import facevault


def test_a_person_is_created_updated_and_found(vault, people):
    (first, second, *_), stranger = people[0][0], people[1]
    ada = vault.create_person(
        "Ada",
        photos=[first],
        gender="F",
        date_of_birth=datetime.date(1990, 1, 15),
        notes="a note",
        attributes={"badge": "4711", "floor": "3"},
    )
    assert ada.date_of_birth == datetime.date(1990, 1, 15) and ada.version == 1 and ada.image_count == 1
    assert ada.created_at.tzinfo is datetime.timezone.utc
    assert vault.photo(ada.id, ada.images[0].id) == first.read_bytes()
    assert vault.thumbnail(ada.id, ada.images[0].id)[:2] == b"\xff\xd8"

    changed = vault.update_person(ada.id, name="Ada Lovelace", notes=None, attributes={"floor": None})
    assert (changed.name, changed.notes, changed.gender) == ("Ada Lovelace", None, "F")
    assert changed.attributes == {"badge": "4711"} and changed.version == 2 and changed.images == ada.images

    found = vault.identify(second)
    assert [(one.person, one.name, one.accepted) for one in found.candidates] == [(ada.id, "Ada Lovelace", True)]
    assert vault.identify([stranger], fpir=0.01).candidates == ()
    assert vault.identify(stranger, below_threshold=True).candidates[0].accepted is False
    assert vault.verify(ada.id, second).accepted and not vault.verify(ada.id, stranger, fmr=1e-4).accepted
    faces = vault.identify_faces(second)
    assert faces[0].identification.candidates[0].person == ada.id and faces[0].refusal is None

    vector = vault.person(ada.id, encodings=True).images[0].encoding
    assert vault.verify_encoding(ada.id, vector).similarity == pytest.approx(1)
    assert vault.identify_encodings([vector, -vector])[0].candidates[0].person == ada.id
    matrix = vault.encoding_matrix()
    assert matrix.rows == ((ada.id, ada.images[0].id),) and np.array_equal(matrix.vectors, [vector])

    assert vault.remove_person(ada.id).erasure == "done"
    with pytest.raises(facevault.Error) as caught:
        vault.person(ada.id)
    assert caught.value.kind == "not_found"


def test_photos_are_replaced_added_and_removed(vault, people):
    first, second = people[0][0][:2]
    ada = vault.create_person("Ada", photos=first)
    both = vault.update_person(ada.id, add_photos=[second])
    assert both.image_count == 2 and both.images[0].id == ada.images[0].id
    one = vault.update_person(ada.id, remove_images=[ada.images[0].id], summary=True)
    assert (one.image_count, one.images) == (1, ())
    assert vault.update_person(ada.id, photos=[first, second]).image_count == 2
    none = vault.update_person(ada.id, photos=[])
    assert none.image_count == 0 and none.images == ()
    vector = vault.create_person("Bob", photos=people[0][1][0])
    vector = vault.person(vector.id, encodings=True).images[0].encoding
    given = vault.update_person(ada.id, encodings=[vector])
    assert [(image.has_photo, image.has_encoding) for image in given.images] == [(False, True)]
    assert vault.update_person(ada.id, add_encodings=[vector * 2]).image_count == 2


def test_nothing_in_the_place_of_all_photos_removes_them(vault, people):
    first, second = people[0][0][:2]
    ada = vault.create_person("Ada", photos=first)
    vector = vault.person(ada.id, encodings=True).images[0].encoding
    assert vault.update_person(ada.id, encodings=[]).image_count == 0
    assert vault.update_person(ada.id, photos=[], add_photos=[first, second]).image_count == 2
    given = vault.update_person(ada.id, encodings=[], add_encodings=[vector])
    assert [image.has_photo for image in given.images] == [False]
    assert vault.update_person(ada.id, add_photos=[], add_encodings=[]).images == given.images


def test_whole_numbers_of_numpy_are_taken(vault):
    vault.create_person("Ada")
    assert len(vault.persons(limit=np.int64(1)).persons) == 1
    assert vault.update_person(vault.persons().persons[0].id, notes="x", expected_version=np.uint8(1)).version == 2
    with pytest.raises(TypeError, match="not object"):
        vault.persons(limit=object())


def test_an_engine_is_an_engine():
    with pytest.raises(TypeError, match="must be a facevault.Engine, not str"):
        facevault.Vault(engine="standard")


def test_refusals_are_named_with_their_values(vault, people):
    with pytest.raises(facevault.Error) as caught:
        vault.create_person("Ada", photos=[people[0][0][0], b"no photo"])
    assert [(image.index, image.status, image.code) for image in caught.value.images] == [
        (0, "ok", None),
        (1, "refused", "undecodable_image"),
    ]
    with pytest.raises(facevault.Error) as caught:
        vault.create_person("Ada", gender="x", date_of_birth="tomorrow", collections=["nothing"])
    assert {broken.field for broken in caught.value.violations} == {"gender", "date_of_birth"}
    ada = vault.create_person("Ada", id="ada")
    with pytest.raises(facevault.Error) as caught:
        vault.update_person("ada", name=None)
    assert caught.value.violations[0].rule == "must not be null"
    with pytest.raises(facevault.Error) as caught:
        vault.update_person("ada", notes="x", expected_version=7)
    assert caught.value.kind == "conflict" and vault.person("ada").version == ada.version


def test_somebody_who_is_known_is_not_added_again(vault, people):
    first, second = people[0][0][:2]
    ada = vault.create_person("Ada", photos=first)
    with pytest.raises(facevault.Error) as caught:
        vault.create_person("Other", photos=second, unless_known={"face": {"fmr": 1e-3}})
    assert caught.value.kind == "already_exists"
    assert (caught.value.duplicate.person, caught.value.duplicate.reason) == (ada.id, "face")
    vault.create_person("Other", photos=second)
    pairs = vault.duplicates().pairs
    assert {side.person for side in pairs[0].people} >= {ada.id} and len(pairs) == 1


def test_many_are_created_at_once(vault, people):
    new = [facevault.NewPerson(f"Person {i}", photos=photos[:1]) for i, photos in enumerate(people[0])]
    new.insert(1, facevault.NewPerson("", photos=[b"no photo"]))
    seen = []
    outcomes = vault.create_persons(new, progress=lambda *step: seen.append(step))
    kinds = [type(one).__name__ for one in outcomes]
    assert kinds == ["Person", "Error"] + ["Person"] * (len(new) - 2)
    assert outcomes[1].kind == "invalid"
    assert seen and seen[-1][2] is not None and seen[-1][3] in ("items", "bytes")
    page = vault.persons(limit=3)
    following = vault.persons(after=page.next, limit=3)
    assert page.total == len(new) - 1 and len(page.persons) == 3
    assert not {one.id for one in page.persons} & {one.id for one in following.persons}
    assert [one.name for one in vault.persons(name_contains="son 2").persons] == ["Person 2"]


def test_collections_hold_people(vault):
    staff = vault.create_collection("Staff", description="who works here")
    ada, bob = vault.create_person("Ada", collections=[staff.id]), vault.create_person("Bob")
    assert [one.id for one in vault.persons(collection=staff.code).persons] == [ada.id]
    assert vault.update_collection(staff.id, name="All", people=[ada.id, bob.id]).name == "All"
    assert vault.persons(collection=staff.id).total == 2
    assert vault.remove_from_collection(bob.id, staff.id).status == "removed"
    vault.remove_collection(staff.id)
    assert vault.collections() == () and vault.person(ada.id).collections == ()


def test_a_vault_is_kept(vault, engine, tmp_path, people):
    ada = vault.create_person(
        "Ada", photos=people[0][0][0], expires_at=datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
    )
    assert ada.expires_at == datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)
    assert vault.check().clean and vault.describe().model.dimension == engine.describe().dimension
    vault.backup(tmp_path / "copy.vault")
    with facevault.Vault(tmp_path / "copy.vault", mode="read_only") as copy:
        assert copy.person(ada.id) == ada and copy.describe().read_only
        with pytest.raises(facevault.Error):
            copy.remove_person(ada.id)
    changes = vault.changes()
    assert changes.known and [(one.change, one.person) for one in changes.changes] == [("added", ada.id)]
    assert changes.changes[0].key == vault.person_key(ada.id)
    assert vault.audit_verify().clean and vault.audit().entries
    assert [one.id for one in vault.purge(expired=True, dry_run=True).persons] == [ada.id]
    assert vault.purge(expired=True).removed and vault.persons().total == 0
    other = vault.derived(client="other", add_client=True)
    other.create_person("Bob", id="bob")
    assert vault.persons().total == 0 and len(vault.clients()) == 2
    other.close()
    assert other.closed and not vault.closed


def test_tokens_are_made_shown_once_and_revoked(vault):
    in_a_year = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=365)
    made = vault.create_token(expires_at=in_a_year)
    secret = made.token.split(".")[1]
    assert made.token.startswith(f"{made.id}.") and secret not in repr(made)
    assert made.status == "active" and abs(made.expires_at - in_a_year).total_seconds() < 1
    assert vault.authenticate(made.token) == ("granted", vault.describe().client)
    with vault.derived(token=made.token) as holder:
        holder.create_person("Ada")
    assert vault.audit(newest_first=True, limit=1).entries[0].actor == f"token:{made.id}"
    vault.revoke_token(made.id)
    assert [(one.id, one.status) for one in vault.tokens()] == [(made.id, "revoked")]
    assert vault.authenticate(made.token) == ("unknown", None)
    with pytest.raises(facevault.Error) as caught:
        vault.derived(token=made.token)
    assert caught.value.violations[0].field == "token" and secret not in str(vars(caught.value))


def test_a_receipt_says_who_and_which_photos_were_removed(vault, people):
    (first, second, *_), stranger = people[0][0], people[1]
    ada = vault.create_person("Ada", photos=[first, second])
    receipt = vault.remove_person(ada.id).receipt
    checked = vault.check_receipt(receipt, id=ada.id, photos=[first, stranger, second])
    assert (checked.entry.kind, checked.person, checked.photos) == ("person_removed", True, (True, False, True))
    assert vault.check_receipt(receipt).person is None and not vault.check_receipt(receipt, id="bob").person
    vault.require_in_place()


def test_nothing_of_a_person_is_shown(vault, people):
    ada = vault.create_person("Zebedee", photos=people[0][0][0], notes="Zebedee", attributes={"k": "Zebedee"})
    staff = vault.create_collection("Zebedee")
    shown = [ada, staff, vault.persons(), vault.identify(people[0][0][1]), vault.person(ada.id, encodings=True), vault]
    shown += [facevault.NewPerson("Zebedee", notes="Zebedee"), vault.encoding_matrix(), vault.duplicates()]
    named = facevault.Vault(vault.describe().path, actor="Zebedee")
    named.create_person("Bob")
    assert named.audit(newest_first=True, limit=1).entries[0].actor == "host:Zebedee"
    shown.append(named.audit())
    for one in shown:
        assert "Zebedee" not in repr(one) and "array" not in repr(one), type(one)


def test_a_vault_in_memory_and_one_that_is_no_vault(tmp_path):
    with facevault.Vault() as vault:
        assert vault.create_person("Ada").name == "Ada" and vault.describe().path == ":memory:"
    with pytest.raises(facevault.Error, match="closed"):
        vault.persons()
    (tmp_path / "x").write_bytes(b"no vault" * 1000)
    for path, kind in ((tmp_path / "x", "unsupported"), (tmp_path / "nothing", "not_found")):
        with pytest.raises(facevault.Error) as caught:
            facevault.Vault(path)
        assert caught.value.kind == kind


def test_another_model_encodes_anew(vault, people):
    from conftest import opened

    ada = vault.create_person("Ada", photos=people[0][0][0])
    with opened("espdl") as other, facevault.Vault(vault.describe().path, engine=other) as same:
        seen = []
        done = same.reencode(progress=lambda *step: seen.append(step))
        assert done.is_active and done.encoded == 1 and seen
        assert same.identify(people[0][0][1]).candidates[0].person == ada.id
