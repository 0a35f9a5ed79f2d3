"""The stand-in for face_recognition, against what dlib computed."""

import io
import json
import os
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import facevault
import facevault.face_recognition as face_recognition
from conftest import missing
from facevault.face_recognition import api

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="session")
def dlib():
    try:
        return api.vectors, facevault._native.Dlib()
    except facevault.Error as error:
        if error.kind not in ("model_unavailable", "runtime"):
            raise
        return missing(f"pack dlib: {error}")


@pytest.fixture(scope="session")
def golden(data, dlib):
    """dlib's own boxes, landmarks and encodings of each picture, without those that take very long here."""
    records = json.loads((data / "golden" / "dlib" / "golden.json").read_text())["records"]
    found = []
    for record in records:
        at_size = [face for face in record["faces"] if face["upsample"] == 0]
        if at_size and record["width"] * record["height"] < 400_000:
            found.append((face_recognition.load_image_file(data / record["image"]), record))
    assert len(found) >= 10
    return found


def sides(css):
    top, right, bottom, left = css
    return [left, top, right, bottom]


def test_boxes_are_those_of_dlib(golden):
    """Trimmed to the picture; at the picture's size and upsampled once."""
    compared = 0
    for image, record in golden:
        for upsample in (0, 1):
            expected = [face for face in record["faces"] if face["upsample"] == upsample]
            if not expected or image.shape[0] * image.shape[1] * 4**upsample > 500_000:
                continue
            found = api._raw_face_locations(image, upsample, "cnn")
            assert [[*face.rect.sides()] for face in found] == [face["rect"] for face in expected], record["image"]
            assert [face.confidence for face in found] == pytest.approx(
                [face["confidence"] for face in expected], abs=2e-4
            )
            compared += len(expected)
            height, width = image.shape[:2]
            for css in face_recognition.face_locations(image, upsample, model="cnn"):
                assert 0 <= css[0] < css[2] <= height and 0 <= css[3] < css[1] <= width
    assert compared >= 20


def test_landmarks_and_encodings_are_those_of_dlib(golden):
    for image, record in golden:
        for face in (face for face in record["faces"] if "landmarks5" in face):
            left, top, right, bottom = face["rect"]
            css = [(top, right, bottom, left)]
            (parts,) = face_recognition.face_landmarks(image, css, model="small")
            points = parts["right_eye"] + parts["left_eye"] + parts["nose_tip"]
            assert [list(point) for point in points] == face["landmarks5"]
            (encoding,) = face_recognition.face_encodings(image, css)
            assert encoding.dtype == np.float64 and encoding.shape == (128,)
            assert np.abs(encoding - face["descriptor"]).max() < 1e-4


def test_jitters_are_a_mean_that_goes_on(golden):
    image, record = golden[0]
    left, top, right, bottom = record["faces"][0]["rect"]
    css = [(top, right, bottom, left)]
    one = face_recognition.face_encodings(image, css)[0]
    many = [face_recognition.face_encodings(image, css, num_jitters=5)[0] for _ in range(2)]
    assert 0 < np.linalg.norm(many[0] - one) < 0.3 and np.any(many[0] != many[1])
    assert np.array_equal(face_recognition.face_encodings(image, css, num_jitters=0)[0], one)
    fresh = facevault._native.Dlib
    points = [(point.x, point.y) for point in api._raw_face_landmarks(image, css, "small")[0].parts()]
    again = [fresh().encodings(image, [points], 5)[0] for _ in range(2)]
    assert np.array_equal(again[0], again[1])


def test_a_picture_without_a_face_gives_nothing(dlib):
    gray = np.full((120, 160, 3), 128, np.uint8)
    assert face_recognition.face_locations(gray) == [] == face_recognition.face_locations(gray, 0, "cnn")
    assert face_recognition.face_encodings(gray) == [] == face_recognition.face_landmarks(gray, model="small")
    assert face_recognition.batch_face_locations([gray, gray], 0) == [[], []]
    assert face_recognition.batch_face_locations([]) == []
    assert face_recognition.face_encodings(gray, []) == []
    with pytest.raises(RuntimeError, match="same dimensions"):
        face_recognition.batch_face_locations([gray, gray[1:]])
    for wrong in (gray.astype(float), gray[:, :, :2], np.zeros((4, 4, 4), np.uint8)):
        with pytest.raises(RuntimeError, match="Unsupported image type"):
            face_recognition.face_locations(wrong)
    with pytest.raises(TypeError):
        face_recognition.face_encodings(gray, [(1.5, 9, 9, 1)])


def test_boxes_without_a_size_have_an_encoding(golden):
    image, record = golden[0]
    left, top, right, bottom = next(face["rect"] for face in record["faces"] if face["upsample"] == 0)
    ordinary, empty = (top, right, bottom, left), (5, 5, 5, 5)
    outside, inverted = (-9, -9, -9, -9), (bottom, left, top, right)
    found = face_recognition.face_encodings(image, [ordinary, empty, outside, inverted])
    assert len(found) == 4 and all(np.isfinite(one).all() for one in found)
    assert np.array_equal(found[0], face_recognition.face_encodings(image, [ordinary])[0])
    # Outside of the picture all is black, as it is in a black picture.
    assert np.array_equal(found[2], face_recognition.face_encodings(np.zeros_like(image), [empty])[0])


def test_an_empty_picture_has_no_faces(dlib):
    for shape in ((0, 0, 3), (10, 0, 3), (0, 5)):
        empty = np.zeros(shape, np.uint8)
        assert face_recognition.face_locations(empty) == [] == face_recognition.face_encodings(empty)
        assert face_recognition.face_landmarks(empty, model="small") == []


def test_pictures_beyond_memory_are_an_error(dlib):
    with pytest.raises(MemoryError, match="upsampled 20 times"):
        face_recognition.face_locations(np.zeros((2000, 2000, 3), np.uint8), 20)


def test_unknown_landmark_models_are_refused_first(monkeypatch):
    monkeypatch.delenv("FACEVAULT_LANDMARKS_68", raising=False)
    with pytest.raises(ValueError, match="medium"):
        face_recognition.face_landmarks(np.zeros((9, 9, 3), np.uint8), [(1, 5, 5, 1)], model="medium")


def test_pixels_are_not_copied(dlib):
    """Untouched pages of a picture of 2.7 GB take no memory, and a call that looks at no pixel no time."""
    picture = np.zeros((30_000, 30_000, 3), np.uint8)
    networks = facevault._native.Dlib()
    start = time.monotonic()
    assert networks.landmarks(picture, [], False) == []
    assert time.monotonic() - start < 0.2


def test_gray_pictures_are_searched_but_not_encoded(golden):
    image, record = golden[0]
    gray = image.mean(axis=2).astype(np.uint8)
    boxes = face_recognition.face_locations(gray, 0, "cnn")
    assert boxes and face_recognition.face_landmarks(gray, boxes, "small")
    with pytest.raises(RuntimeError, match="Unsupported image type"):
        face_recognition.face_encodings(gray, boxes)


def test_68_points_need_the_users_own_file(golden, monkeypatch):
    image, record = golden[0]
    left, top, right, bottom = record["faces"][0]["rect"]
    css = [(top, right, bottom, left)]
    named = os.environ.get("FACEVAULT_LANDMARKS_68")
    monkeypatch.delenv("FACEVAULT_LANDMARKS_68", raising=False)
    with pytest.raises(facevault.Error, match="FACEVAULT_LANDMARKS_68") as caught:
        face_recognition.face_landmarks(image, css)
    assert caught.value.kind == "model_unavailable"
    monkeypatch.setenv("FACEVAULT_LANDMARKS_68", __file__)
    with pytest.raises(facevault.Error, match="landmark model"):
        face_recognition.face_landmarks(image, css)
    if named:
        monkeypatch.setenv("FACEVAULT_LANDMARKS_68", named)
        (parts,) = face_recognition.face_landmarks(image, css)
        counts = {part: len(points) for part, points in parts.items()}
        assert counts == {
            "chin": 17, "left_eyebrow": 5, "right_eyebrow": 5, "nose_bridge": 4, "nose_tip": 5,
            "left_eye": 6, "right_eye": 6, "top_lip": 12, "bottom_lip": 12,
        }  # fmt: skip
        small = face_recognition.face_encodings(image, css)[0]
        large = face_recognition.face_encodings(image, css, model="large")[0]
        assert 0 < np.linalg.norm(small - large) < 0.3
        with pytest.raises(ValueError, match="medium"):
            face_recognition.face_landmarks(image, css, model="medium")


@pytest.mark.parametrize("width", [0, 1, 7, 8, 9, 15, 16, 127, 128, 129, 192])
def test_distances_have_the_bits_of_numpy(width):
    source = np.random.default_rng(width)
    rows, one = source.normal(size=(50, width)), source.normal(size=width)
    expected = np.linalg.norm(rows - one, axis=1)
    for form in (rows, list(rows), rows.tolist(), np.repeat(rows, 2, axis=0)[::2]):
        found = face_recognition.face_distance(form, one)
        assert found.dtype == np.float64 and np.array_equal(found, expected)
    single = rows.astype(np.float32)
    assert np.array_equal(
        face_recognition.face_distance(single, one.astype(np.float32)),
        np.linalg.norm(single - one.astype(np.float32), axis=1),
    )


def test_numbers_at_odd_places_are_compared():
    raw = np.zeros(5 * 128 * 8 + 1, np.uint8)
    rows = raw[1:].view(np.float64).reshape(5, 128)
    rows[:] = np.random.default_rng(1).normal(size=rows.shape)
    assert not rows.flags.aligned
    expected = np.linalg.norm(rows - rows[0], axis=1)
    assert np.array_equal(face_recognition.face_distance(rows, rows[0]), expected)


def test_nothing_to_compare_gives_nothing():
    for empty in ([], np.array([]), ()):
        distances = face_recognition.face_distance(empty, np.zeros(128))
        assert isinstance(distances, np.ndarray) and distances.shape == (0,)
        assert face_recognition.compare_faces(empty, np.zeros(128)) == []
    with pytest.raises(ValueError):
        face_recognition.face_distance([np.zeros(128)], np.zeros(127))


def test_the_tolerance_itself_is_a_match():
    known = np.zeros((3, 128))
    known[:, 0] = [0.6, np.nextafter(0.6, 1), 0.5]
    found = face_recognition.compare_faces(known, np.zeros(128))
    assert isinstance(found, list) and [bool(one) for one in found] == [True, False, True]
    assert [bool(one) for one in face_recognition.compare_faces(known, np.zeros(128), tolerance=0.5)] == [
        False,
        False,
        True,
    ]


def test_photos_are_read_as_they_are(tmp_path):
    source = np.random.default_rng(5).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.fromarray(source).save(path, exif=exif, quality=95)
    loaded = face_recognition.load_image_file(str(path))
    assert loaded.shape == (40, 60, 3) and loaded.dtype == np.uint8
    with open(path, "rb") as file:
        assert np.array_equal(face_recognition.load_image_file(file), loaded)
    assert face_recognition.load_image_file(path, mode="L").shape == (40, 60)
    cut = path.read_bytes()[:-300]
    assert face_recognition.load_image_file(io.BytesIO(cut)).shape == (40, 60, 3)
    with pytest.raises(OSError):
        Image.open(io.BytesIO(cut)).load()
    Image.fromarray(np.dstack([source, source[:, :, :1]]), "RGBA").save(tmp_path / "x.png")
    assert face_recognition.load_image_file(tmp_path / "x.png").shape == (40, 60, 3)
    assert face_recognition.load_image_file(tmp_path / "x.png", mode=None).shape == (40, 60, 4)


def test_photos_are_read_side_by_side(tmp_path):
    from PIL import ImageFile

    class Meets(io.BytesIO):
        def read(self, *size):
            if not self.met:
                self.met = True
                barrier.wait(timeout=10)
            return super().read(*size)

    barrier = threading.Barrier(2)
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / "x.png")
    shapes = []

    def load():
        file = Meets((tmp_path / "x.png").read_bytes())
        file.met = False
        shapes.append(face_recognition.load_image_file(file).shape)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(4, 5, 3)] * 2 and ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_shapes_have_the_names_of_dlib():
    box = api.Rectangle(1, 2, 10, 5)
    assert (box.left(), box.top(), box.right(), box.bottom()) == (1, 2, 10, 5)
    assert (box.width(), box.height(), box.area()) == (10, 4, 40)
    assert box == pickle.loads(pickle.dumps(box)) and box != api.Rectangle(1, 2, 10, 6)
    assert api._trimmed(api.Rectangle(-3, -2, 500, 400), (300, 400, 3)) == (0, 400, 300, 0)


def test_the_commands_print_what_they_find(golden, data, tmp_path, monkeypatch):
    pytest.importorskip("click")
    from click.testing import CliRunner

    from facevault.face_recognition import face_detection_cli, face_recognition_cli

    known, photos = tmp_path / "known", tmp_path / "photos"
    known.mkdir(), photos.mkdir()
    image, record = golden[0]
    Image.fromarray(image).save(known / "Ada.png")
    Image.fromarray(image).save(photos / "same.PNG")
    Image.fromarray(np.full_like(image, 90)).save(photos / "empty.png")
    Image.fromarray(golden[1][0]).save(photos / "other.png")
    (photos / "notes.txt").write_text("none")
    found = CliRunner().invoke(face_recognition_cli.main, [str(known), str(photos), "--show-distance", "1"])
    assert found.exit_code == 0, found.output
    lines = sorted(line.replace(str(photos) + os.sep, "") for line in found.output.splitlines())
    assert "empty.png,no_persons_found,None" in lines and "same.PNG,Ada,0.0" in lines
    assert "other.png,unknown_person,None" in lines
    where = CliRunner().invoke(face_detection_cli.main, [str(photos / "same.PNG"), "--model", "cnn"])
    expected = [face["rect"] for face in record["faces"] if face["upsample"] == 0]
    assert [line.split(",")[1:] for line in where.output.splitlines()] == [
        [str(top), str(right), str(bottom), str(left)] for left, top, right, bottom in expected
    ]
    assert "Show this message and exit." in CliRunner().invoke(face_detection_cli.main, ["--help"]).output


def test_the_commands_are_installed():
    for name in ("face_recognition", "face_detection"):
        found = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), name), "--help"], capture_output=True, text=True
        )
        assert found.returncode == 0 and "IMAGE_TO_CHECK" in found.stdout
