"""The engine: photos and pictures in, dataclasses and float32 out."""

import io
import os
import pickle

import numpy as np
import pytest

import facevault
from conftest import LIVENESS, missing, opened
from facevault._photos import packed


def test_a_photo_is_taken_in_every_form(engine, people):
    path = people[0][0][0]
    data = path.read_bytes()
    found = [
        engine.encode(photo) for photo in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data))
    ]
    with open(path, "rb") as file:
        found.append(engine.encode(file))
    for one in found:
        assert one.encoding.dtype == np.float32 and one.encoding.shape == (engine.describe().dimension,)
        assert np.array_equal(one.encoding, found[0].encoding)
    assert found[0].model == engine.describe().model
    assert found[0].quality["size"] > 40


def test_one_photo_is_no_list_of_photos(engine, vault, people):
    path = people[0][0][0]
    for one in (str(path), path, path.read_bytes(), io.BytesIO(b""), np.zeros((4, 4, 3), np.uint8)):
        for call in (engine.encode_all, engine.probe, lambda photo: vault.call("identify", None, photo)):
            with pytest.raises(TypeError, match="a list of photos is expected"):
                call(one)
    assert len(engine.encode_all(photo for photo in [path])) == 1


def test_files_are_read_up_to_the_limit(engine, vault, people, tmp_path):
    large = tmp_path / "large.jpg"
    with open(large, "wb") as file:
        file.truncate(1 << 36)
    found, refused = engine.encode_all([people[0][0][0], large])
    assert isinstance(found, facevault.EncodedFace) and refused.code == "image_too_large"
    assert refused.limit == 20 << 20
    outcomes = vault.create_persons([facevault.NewPerson("Ada", photos=[large]), facevault.NewPerson("Bob")])
    assert [type(one).__name__ for one in outcomes] == ["Error", "Person"]
    size = people[0][0][0].stat().st_size
    with facevault.Engine(threads=1, rules={"decode": {"max_bytes": size}}) as small:
        assert small.encode(people[0][0][0]).encoding.shape == found.encoding.shape
    with facevault.Engine(threads=1, rules={"decode": {"max_bytes": size - 1}}) as small:
        assert [one.code for one in small.encode_all([people[0][0][0]])] == ["image_too_large"]
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(facevault.Error, match="not a regular file") as caught:
            engine.encode(path)
        assert caught.value.kind == "invalid"


def test_a_decoded_picture_gives_the_same_encoding(engine, people):
    path = people[0][0][0]
    picture = engine.decode(path)
    assert picture.dtype == np.uint8 and picture.shape == (250, 250, 3)
    expected = engine.encode(path)
    for form in (
        picture,
        np.asfortranarray(picture),
        np.ascontiguousarray(np.pad(picture, ((0, 0), (3, 5), (0, 0))))[:, 3:-5],
    ):
        found = engine.encode(form)
        assert np.array_equal(found.encoding, expected.encoding)
        assert found.face == expected.face
    read_only = picture.copy()
    read_only.flags.writeable = False
    assert engine.detect(read_only) == engine.detect(path)


def test_rows_one_behind_the_other_are_taken_as_they_are():
    picture = np.zeros((4, 5, 3), np.uint8)
    assert packed(picture) is picture
    assert packed(picture[:, ::-1]).base is not picture


def test_pictures_that_are_none_are_refused(engine):
    for picture in (
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 70_000, 3), np.uint8),
    ):
        with pytest.raises(facevault.Error) as caught:
            engine.detect(picture)
        assert (caught.value.kind, caught.value.violations[0].field) == ("invalid", "picture")


def test_a_detection_has_boxes_and_points(engine, people):
    detection = engine.detect(people[0][0][0])
    assert (detection.width, detection.height, detection.turned) == (250, 250, 0)
    face = detection.faces[0]
    assert face.box.left < face.landmarks.left_eye[0] < face.landmarks.right_eye[0] < face.box.right
    assert face.box.top < face.landmarks.left_eye[1] < face.landmarks.nose[1] < face.box.bottom
    assert 0 < face.score <= 1


def test_given_boxes_give_an_outcome_each(engine, people):
    path = people[0][0][0]
    box = engine.detect(path).faces[0].box
    for photo in (path, engine.decode(path)):
        found, refused = engine.encode_at(photo, [box, facevault.Box(top=-90, left=-90, right=-50, bottom=-50)])
        assert isinstance(found, facevault.EncodedFace) and isinstance(refused, facevault.Refusal)
        assert refused.code == "no_face_detected"
        assert np.allclose(found.encoding / np.linalg.norm(found.encoding), _unit(engine, path), atol=0.1)
    with pytest.raises(facevault.Error) as caught:
        engine.encode_at(path, [facevault.Box(0, 0, 0, float("nan"))])
    assert caught.value.kind == "invalid"


def _unit(engine, path):
    vector = engine.encode(path).encoding
    return vector / np.linalg.norm(vector)


def test_many_photos_have_an_outcome_each(engine, people):
    photos = [pair[0] for pair in people[0][:3]]
    found = engine.encode_all([photos[0], b"no photo", photos[1], photos[2]])
    kinds = [type(one).__name__ for one in found]
    assert kinds == ["EncodedFace", "Refusal", "EncodedFace", "EncodedFace"]
    assert found[1].code == "undecodable_image" and "photo" not in repr(found[0].encoding.base)
    assert np.array_equal(found[2].encoding, engine.encode(photos[1]).encoding)


def test_all_faces_of_a_photo_have_an_outcome(engine, people):
    for photo in (people[1], engine.decode(people[1])):
        faces = engine.encode_faces(photo)
        assert faces and all((face.encoded is None) != (face.refusal is None) for face in faces)
        assert faces[0].encoded is not None


def test_two_photos_are_compared(engine, people):
    (a, b, *_), (c, *_) = people[0][0], people[0][1]
    same, other = engine.compare(a, b), engine.compare([a, b], c, fmr=1e-4)
    assert same.accepted and not other.accepted
    assert other.threshold.asked == {"fmr": 1e-4} and other.similarity < other.threshold.similarity
    encodings = engine.compare_encodings(engine.encode(a).encoding, engine.probe([b]))
    assert encodings.similarity == pytest.approx(same.similarity, abs=1e-6)
    with pytest.raises(facevault.Error) as caught:
        engine.compare(a, b, fmr=1e-4, similarity=0.5)
    assert caught.value.violations[0].field == "operating_point"


def test_an_error_says_all_that_the_library_says(engine):
    with pytest.raises(facevault.Error) as caught:
        engine.encode(b"no photo")
    error = caught.value
    assert error.kind == "refused" and error.images[0].code == "undecodable_image"
    assert str(error) == error.message and "undecodable_image" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (again.kind, again.message, again.images) == (error.kind, error.message, error.images)
    with pytest.raises(facevault.Error) as caught:
        engine.encode("/nowhere/photo.jpg")
    assert caught.value.kind == "not_found"
    for wrong in (7, None, object(), io.StringIO("text")):
        with pytest.raises(TypeError):
            engine.encode(wrong)
    with pytest.raises(facevault.Error) as caught:
        facevault.Engine("nothing")
    assert caught.value.kind == "not_found"
    with pytest.raises(facevault.Error) as caught:
        facevault.Engine("standard", mode="slow", rules={"seek": {"x": 1}})
    assert {broken.field for broken in caught.value.violations} == {"mode", "rules.seek"}


def test_rules_are_those_that_were_given(people):
    from conftest import opened

    with opened("standard"):
        pass
    with facevault.Engine(rules={"decode": {"max_side": 100}}) as engine:
        with pytest.raises(facevault.Error) as caught:
            engine.encode(people[0][0][0])
        assert caught.value.images[0].limit == 100


def test_a_closed_engine_says_so():
    from conftest import opened

    engine = opened("standard")
    with facevault.Vault(engine=engine) as vault, engine:
        engine.close()
        assert engine.closed and "closed" in repr(engine)
        with pytest.raises(facevault.Error, match="closed"):
            engine.describe()
        # The vault keeps what it shares.
        assert vault.describe().engine.pack == "standard"


def test_whether_faces_are_live(data):
    folder = data / "faces" / "liveness"
    live, screen = folder / "image_T1.jpg", folder / "rgb_fake.jpg"
    # They are small.
    rules = {"quality": {"min_acuity": 0, "min_resolution": 0, "recognizable": False}}
    with opened("standard", liveness_models=LIVENESS, rules=rules) as engine, facevault.Vault(engine=engine) as vault:
        try:
            engine.liveness_model()
        except facevault.Error as error:
            missing(f"the liveness networks: {error}")
        report = engine.liveness(live)
        assert report.live and report.score > report.min_score and len(report.networks) == 2
        assert report.shots[0].face.box.left < report.shots[0].face.box.right
        picture = engine.liveness(engine.decode(live), min_score=0.5)
        assert picture.score == pytest.approx(report.score) and picture.min_score == 0.5
        both = engine.liveness([live, screen])
        assert both.score == pytest.approx(sum(shot.score for shot in both.shots) / 2)
        assert engine.compare(live, screen, similarity=0.5, liveness="report").liveness == pytest.approx(report.score)
        with pytest.raises(facevault.Error) as caught:
            engine.compare(screen, live, similarity=0.5, liveness="require", liveness_min_score=0.7)
        assert [(one.code, one.limit) for one in caught.value.images] == [("liveness_failed", 0.7), (None, None)]

        ada = vault.create_person("Ada", photos=live)
        found = vault.identify(live, similarity=0.5, liveness="require")
        assert found.candidates[0].person == ada.id and found.liveness == pytest.approx(report.score)
        assert vault.verify(ada.id, live, liveness="report").liveness == pytest.approx(report.score)
        assert vault.identify_faces(screen, similarity=0.5, liveness="require")[0].refusal.code == "liveness_failed"
        with pytest.raises(facevault.Error, match="liveness_failed"):
            vault.derived(min_liveness=0.6).create_person("Eve", photos=screen)
        assert vault.describe().min_liveness is None and vault.identify(live, similarity=0.5).liveness is None
