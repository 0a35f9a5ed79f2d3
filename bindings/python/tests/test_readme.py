"""The code in README.md is run, and what mypy says of the package."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import facevault
from conftest import opened

ROOT = Path(__file__).parents[1]


def test_the_tour_runs(data, people, tmp_path, monkeypatch):
    for pack in ("standard", "dlib"):
        opened(pack).close()
    pytest.importorskip("PIL")
    several, stranger = people
    ada = next(photos for photos in several if len(photos) >= 2)
    photos = {
        "ada-1.jpg": ada[0],
        "ada-2.jpg": ada[0],
        "door.jpg": ada[1],
        "stranger.jpg": stranger,
        "group.jpg": data / "faces" / "group" / "insightface" / "t1.jpg",
    }
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, source in photos.items():
        # A byte behind the end of the picture makes another photo of the same one.
        (folder / name).write_bytes(source.read_bytes() + (b"\0" if name == "ada-2.jpg" else b""))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEVAULT_PHOTOS", str(folder))
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 7
    shared = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"README.md, block {number}", "exec"), shared)
    assert (tmp_path / "faces.png").stat().st_size > 10_000


def test_the_package_is_typed():
    pytest.importorskip("mypy")
    package = Path(facevault.__file__).parent
    assert (package / "py.typed").is_file()
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(package)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stdout


def test_the_stubs_are_those_of_the_native_part():
    pytest.importorskip("mypy")
    options = ["--ignore-missing-stub", "--ignore-disjoint-bases"]
    command = [sys.executable, "-m", "mypy.stubtest", "facevault._native", *options]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_module_is_a_command(tmp_path):
    def run(*arguments):
        return subprocess.run([sys.executable, "-m", "facevault", *arguments], capture_output=True, text=True)

    assert run("--version").stdout.strip() == facevault.__version__
    nothing = run("info", "--data-dir", str(tmp_path))
    assert nothing.returncode == 3 and "setup" in nothing.stderr
    wrong = run("setup", "--pack", "nothing")
    assert wrong.returncode == 2 and "standard" in wrong.stderr
    offline = run("setup", "--data-dir", str(tmp_path), "--from", str(tmp_path))
    assert offline.returncode == 3 and "not installed" in offline.stderr


def test_setup_finds_what_is_there():
    opened("standard").close()
    seen = []
    assert facevault.setup(progress=lambda *step: seen.append(step)) == []
    with pytest.raises(facevault.Error) as caught:
        facevault.setup("nothing")
    assert caught.value.violations[0].field == "pack"


def test_the_licence_is_that_of_the_project():
    folder = Path(__file__).parents[1]
    assert (folder / "LICENSE").read_bytes() == (folder / ".." / ".." / "LICENSE-MIT").read_bytes()
