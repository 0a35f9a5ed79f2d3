"""What both commands share: the photos of a folder, and work in several processes."""

from __future__ import annotations

import multiprocessing
import os
import re
from typing import Any, Callable, Iterable, List, Tuple

try:
    import click as click
except ImportError as error:
    raise ImportError('this command needs click and Pillow: pip install "facevault[face-recognition]"') from error

PHOTO = re.compile(r".*\.(jpg|jpeg|png)", re.IGNORECASE)


def image_files_in_folder(folder: str) -> List[str]:
    """The photos of a folder, by their names."""
    return [os.path.join(folder, name) for name in os.listdir(folder) if PHOTO.match(name)]


def in_processes(work: Callable[..., None], calls: Iterable[Tuple[Any, ...]], cpus: int) -> None:
    """Does the work in so many processes, -1 for one a processor."""
    # A process that was forked while threads ran may hang.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    with multiprocessing.get_context(method).Pool(None if cpus == -1 else cpus) as pool:
        pool.starmap(work, list(calls))
