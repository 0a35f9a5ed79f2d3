"""The command ``face_recognition``: who of a folder of known people is in a photo?"""

from __future__ import annotations

import os
from typing import Any, List, Tuple

import numpy as np

from . import api
from ._folders import click, image_files_in_folder, in_processes

# Larger photos are reduced, so that they do not take too long.
LONGEST_SIDE = 1600


def scan_known_people(known_people_folder: str) -> Tuple[List[str], List[api.Encoding]]:
    """The names, which are those of the files, and encodings of known people."""
    names, encodings = [], []
    for file in image_files_in_folder(known_people_folder):
        found = api.face_encodings(api.load_image_file(file))
        if len(found) > 1:
            click.echo(f"WARNING: More than one face found in {file}. Only considering the first face.")
        if not found:
            click.echo(f"WARNING: No faces found in {file}. Ignoring file.")
            continue
        names.append(os.path.splitext(os.path.basename(file))[0])
        encodings.append(found[0])
    return names, encodings


def print_result(filename: str, name: str, distance: Any, show_distance: bool = False) -> None:
    """A line of the output."""
    print(f"{filename},{name},{distance}" if show_distance else f"{filename},{name}")


def test_image(
    image_to_check: str,
    known_names: List[str],
    known_face_encodings: List[api.Encoding],
    tolerance: float = 0.6,
    show_distance: bool = False,
) -> None:
    """Prints who is in a photo, a line for each face and person."""
    image = api.load_image_file(image_to_check)
    if max(image.shape) > LONGEST_SIDE:
        image = _reduced(image)
    encodings = api.face_encodings(image)
    for encoding in encodings:
        distances = api.face_distance(known_face_encodings, encoding)
        matches = [(name, distance) for name, distance in zip(known_names, distances) if distance <= tolerance]
        for name, distance in matches or [("unknown_person", None)]:
            print_result(image_to_check, name, distance, show_distance)
    if not encodings:
        print_result(image_to_check, "no_persons_found", None, show_distance)


# Not a test, whatever its name says to pytest.
test_image.__test__ = False  # type: ignore[attr-defined]


def _reduced(image: Any) -> Any:
    from PIL import Image

    reduced = Image.fromarray(image)
    reduced.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.LANCZOS)  # type: ignore[attr-defined]
    return np.array(reduced)


@click.command()
@click.argument("known_people_folder")
@click.argument("image_to_check")
@click.option("--cpus", default=1, help="how many processes work at once; -1 for one a processor")
@click.option("--tolerance", default=0.6, help="the largest distance of two encodings of one person")
@click.option("--show-distance", default=False, type=bool, help="print the distance too")
def main(known_people_folder: str, image_to_check: str, cpus: int, tolerance: float, show_distance: bool) -> None:
    """Prints who of the photos in KNOWN_PEOPLE_FOLDER is in IMAGE_TO_CHECK, a photo or a folder of photos."""
    names, encodings = scan_known_people(known_people_folder)
    if not os.path.isdir(image_to_check):
        test_image(image_to_check, names, encodings, tolerance, show_distance)
        return
    calls = [(file, names, encodings, tolerance, show_distance) for file in image_files_in_folder(image_to_check)]
    if cpus == 1:
        for call in calls:
            test_image(*call)
    else:
        in_processes(test_image, calls, cpus)


if __name__ == "__main__":
    main()
