"""The command ``face_detection``: where are faces in a photo?"""

from __future__ import annotations

import os

from . import api
from ._folders import click, image_files_in_folder, in_processes


def print_result(filename: str, location: api.Css) -> None:
    """A line of the output: the file, then top, right, bottom and left."""
    print(",".join([filename, *map(str, location)]))


def test_image(image_to_check: str, model: str) -> None:
    """Prints a line for each face of a photo, which is not upsampled."""
    image = api.load_image_file(image_to_check)
    for location in api.face_locations(image, number_of_times_to_upsample=0, model=model):
        print_result(image_to_check, location)


# Not a test, whatever its name says to pytest.
test_image.__test__ = False  # type: ignore[attr-defined]


@click.command()
@click.argument("image_to_check")
@click.option("--cpus", default=1, help="how many processes work at once; -1 for one a processor")
@click.option("--model", default="hog", help='which detector finds the faces: "hog" or "cnn"')
def main(image_to_check: str, cpus: int, model: str) -> None:
    """Prints where faces are in IMAGE_TO_CHECK, a photo or a folder of photos: file, top, right, bottom, left."""
    if not os.path.isdir(image_to_check):
        test_image(image_to_check, model)
        return
    files = image_files_in_folder(image_to_check)
    if cpus == 1:
        for file in files:
            test_image(file, model)
    else:
        in_processes(test_image, [(file, model) for file in files], cpus)


if __name__ == "__main__":
    main()
