"""Runs face_recognition's own tests against the stand-in, unchanged but for what they import.

    python tests/face_recognition_tests.py

The tests come from face_recognition's source package, which pip fetches into a temporary folder. The landmark model of
68 points is used where FACEVAULT_LANDMARKS_68 names it. Prints each test with its outcome and, for those that fail,
what was found; the exit code is 1 if fewer than the number in --at-least pass.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import facevault.face_recognition
from facevault.face_recognition import api, face_detection_cli, face_recognition_cli

PACKAGE = "face_recognition==1.3.0"
FILE = "test_face_recognition.py"


def fetch(folder):
    """The folder of the package's tests and their photos."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", folder]
    # face_recognition's setup.py only needs setuptools; its dependencies are not wanted.
    subprocess.run([*pip, PACKAGE], check=True)
    archive = next(Path(folder).glob("face_recognition-*.tar.gz"))
    with tarfile.open(archive) as package:
        members = [member for member in package.getmembers() if "/tests/" in member.name and member.isfile()]
        for member in members:
            path = Path(folder, *Path(member.name).parts[1:])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(package.extractfile(member).read())
    return Path(folder, "tests")


class Outcomes(unittest.TestResult):
    """Prints a line for each test."""

    def __init__(self):
        super().__init__()
        self.passed = 0

    def addSuccess(self, test):
        self.passed += 1
        print(f"pass  {test._testMethodName}", flush=True)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        print(f"FAIL  {test._testMethodName}: {error[1]}", flush=True)

    def addError(self, test, error):
        super().addError(test, error)
        print(f"ERROR {test._testMethodName}: {error[0].__name__}: {error[1]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--at-least", type=int, default=0)
    parser.add_argument("--only", help="run the tests whose names contain this")
    given = parser.parse_args()
    # What `from face_recognition import ...` finds.
    sys.modules["face_recognition"] = facevault.face_recognition
    for module in (api, face_detection_cli, face_recognition_cli):
        sys.modules[module.__name__.replace("facevault.", "")] = module
    with tempfile.TemporaryDirectory() as folder:
        tests = fetch(folder)
        sys.path.insert(0, str(tests))
        suite = unittest.defaultTestLoader.loadTestsFromName(FILE[: -len(".py")])
        cases = [case for group in suite for case in group]
        chosen = [case for case in cases if not given.only or given.only in case._testMethodName]
        outcomes = Outcomes()
        unittest.TestSuite(chosen).run(outcomes)
    print(f"{outcomes.passed} of {len(chosen)} tests pass")
    return 0 if outcomes.passed >= given.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
