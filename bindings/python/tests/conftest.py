"""Where photos and models are. What is missing skips a test, or fails it with FACEVAULT_REQUIRE_DATA=1."""

import os
from pathlib import Path

import pytest

import facevault

DATA = Path(os.environ.get("FACEVAULT_TEST_DATA", Path(__file__).parents[4] / "shared"))

# The liveness networks: a folder, or the installed ones.
LIVENESS = os.environ.get("FACEVAULT_LIVENESS_MODELS", "liveness")


def missing(what):
    if os.environ.get("FACEVAULT_REQUIRE_DATA") == "1":
        pytest.fail(f"{what}, and FACEVAULT_REQUIRE_DATA=1")
    pytest.skip(what)


@pytest.fixture(scope="session")
def data():
    if not DATA.is_dir():
        missing(f"no test data in {DATA}")
    return DATA


@pytest.fixture(scope="session")
def people(data):
    """Two photos each of some people, and a photo of one person more."""
    folder = data / "faces" / "lfw-dev"
    pairs = {}
    for photo in sorted(folder.rglob("*.jpg")):
        pairs.setdefault(photo.stem.rsplit("_", 1)[0], []).append(photo)
    several = [photos for photos in pairs.values() if len(photos) >= 2]
    single = next(photos[0] for photos in pairs.values() if len(photos) == 1)
    return several[:8], single


def opened(pack, **options):
    try:
        return facevault.Engine(pack, **options)
    except facevault.Error as error:
        if error.kind not in ("model_unavailable", "runtime"):
            raise
        return missing(f"pack {pack}: {error}")


@pytest.fixture(scope="session")
def engine():
    with opened("standard") as engine:
        yield engine


@pytest.fixture()
def vault(engine, tmp_path):
    with facevault.Vault(tmp_path / "people.vault", engine=engine, mode="create") as vault:
        yield vault
