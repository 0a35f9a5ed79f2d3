"""The conformance cases of all bindings, as bindings/conformance/README.md says; each answer is read as its dataclass
too."""

import copy
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import facevault
from conftest import DATA, LIVENESS, missing
from facevault import _keeping_records as keeping
from facevault import _records as records
from facevault._reading import read, vector
from facevault._searching import identified

FILE = Path(os.environ.get("FACEVAULT_CASES", Path(__file__).parents[2] / "conformance" / "cases.json"))
SUITE = json.loads(FILE.read_text()) if FILE.is_file() else {"cases": [], "tolerance": 0}
engines = {}


def many(record):
    return lambda answer: [read(record, one) for one in answer]


def one(record):
    return lambda answer: read(record, answer)


def outcomes(answer):
    found = [read(records.EncodedFace if one["status"] == "ok" else records.Refusal, one) for one in answer]
    assert all(one.encoding.dtype == np.float32 for one in found if isinstance(one, records.EncodedFace))
    return found


# How the answer of a verb is read.
READ = {
    "audit": one(keeping.AuditPage),
    "audit_verify": one(keeping.AuditReport),
    "changes": one(keeping.Changes),
    "check": one(keeping.CheckReport),
    "check_receipt": one(keeping.ReceiptCheck),
    "collection": one(records.Collection),
    "collections": many(records.Collection),
    "compare": one(records.Decision),
    "compare_encodings": one(records.Decision),
    "create_collection": one(records.Collection),
    "create_person": one(records.Person),
    "create_person_unless_known": one(records.Person),
    "create_token": one(keeping.NewToken),
    "detect": one(records.Detection),
    "duplicates": one(records.Duplicates),
    "encode": outcomes,
    "encode_at": outcomes,
    "identify": one(records.Identification),
    "liveness": one(records.LivenessReport),
    "identify_encodings": many(records.Identification),
    "identify_faces": lambda answer: [identified(one) for one in answer],
    "person": one(records.Person),
    "persons": one(records.PersonPage),
    "purge": one(keeping.Purged),
    "reencode": one(keeping.Reencoded),
    "remove_from_collection": one(records.Departure),
    "remove_person": one(records.Removal),
    "tokens": many(keeping.Token),
    "update_collection": one(records.Collection),
    "update_person": one(records.Person),
    "verify": one(records.Verification),
    "verify_encoding": one(records.Verification),
}


def engine_of(options):
    text = json.dumps(options, sort_keys=True)
    if text not in engines:
        engines[text] = open_engine(options)
    return engines[text]


def open_engine(options):
    """Without the arguments of the class, which are typed: the options of a case may be wrong on purpose."""
    engine = facevault.Engine.__new__(facevault.Engine)
    engine._native = facevault._native.Engine(json.dumps(options))
    return engine


class Run:
    """A case at work."""

    def __init__(self, engine, vault, variables):
        self.engine, self.vault, self.variables = engine, vault, variables

    def filled(self, value):
        """A request with values for its variables."""
        if isinstance(value, dict):
            return {key: self.filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        if not isinstance(value, str) or not value.startswith("$"):
            return value
        name = value[1:]
        end = next(
            (i for i, c in enumerate(name) if not (c.isascii() and (c.islower() or c.isdigit() or c == "_"))), len(name)
        )
        found = self.variables[name[:end]]
        return found + name[end:] if name[end:] else found

    def photo(self, path):
        return path[5:].encode() if path.startswith("text:") else (DATA / path).read_bytes()

    def open_vault(self, options):
        options = dict(self.filled(options))
        path = options.pop("path", None)
        native = facevault._native.Vault(path, json.dumps(options), self.engine and self.engine._native)
        return facevault.Vault._of(native)

    def call(self, step):
        request = self.filled(step.get("request", {}))
        verb, on = step.get("verb"), step["on"]
        photos = [self.photo(path) for path in step.get("photos", ())]
        progress = (lambda *_: False) if step.get("cancel") else None
        if on in ("engine", "vault"):
            target = self.engine if on == "engine" else self.vault
            answer = target.call(verb, request if isinstance(request, str) else json.dumps(request), photos, progress)
            if verb in READ:
                READ[verb](answer)
            return answer
        if on == "bytes":
            found = self.vault._native.bytes(verb, json.dumps(request))
            if "same_as" in step:
                assert found == self.photo(step["same_as"])
            return {"size": len(found), "start": found[:3].hex()}
        if on == "open_engine":
            self.engine = open_engine(request)
        elif on == "open_vault":
            self.vault = None
            self.vault = self.open_vault(request)
        elif on == "vault_as":
            self.vault = facevault.Vault._of(self.vault._native.derived(json.dumps(request)))
        else:
            raise AssertionError(f"{on} is nothing that a step is on")
        return None

    def step(self, step):
        expect = step.get("expect", {})
        try:
            answer = self.call(step)
        except facevault.Error as error:
            assert "error" in expect, f"an error: {error}"
            found = {"error": error.kind, "message": error.message, "fields": [v.field for v in error.violations]}
            found["details"] = [vars(violation) for violation in error.violations]
            found["images"] = [_bare(image) for image in error.images]
            if error.duplicate is not None:
                found["duplicate"] = _bare(error.duplicate)
            self.compare(expect, found, "error")
        else:
            assert "error" not in expect, f"no error but {answer}"
            if "answer" in expect:
                self.compare(expect["answer"], answer, "answer")

    def compare(self, expected, found, place):
        """Compares what is expected with what was found, and binds variables."""
        if isinstance(expected, str):
            if expected == "*":
                return
            if expected.startswith("$"):
                if expected[1:] not in self.variables:
                    self.variables[expected[1:]] = found
                else:
                    self.compare(self.variables[expected[1:]], found, place)
                return
        if isinstance(expected, dict) and "components" in expected and isinstance(found, str):
            values = vector(found).astype(float)
            assert len(values) == expected["count"], place
            first = np.array(expected["components"])
            assert np.all(np.abs(values[: len(first)] - first) <= SUITE["tolerance"] * np.linalg.norm(values)), place
        elif isinstance(expected, dict):
            assert isinstance(found, dict), place
            for key, value in expected.items():
                assert key in found, f"{place}.{key} is not there"
                self.compare(value, found[key], f"{place}.{key}")
        elif isinstance(expected, list):
            assert isinstance(found, list) and len(found) == len(
                expected
            ), f"{place}: expected {expected}, found {found}"
            for index, (a, b) in enumerate(zip(expected, found)):
                self.compare(a, b, f"{place}[{index}]")
        elif isinstance(expected, (int, float)) and not isinstance(expected, bool):
            assert isinstance(found, (int, float)), f"{place}: expected {expected}, found {found}"
            allowed = SUITE["tolerance"] * max(abs(expected), abs(found), 0.01)
            assert abs(expected - found) <= allowed, f"{place}: expected {expected}, found {found}"
        else:
            assert expected == found and type(expected) is type(found), f"{place}: expected {expected}, found {found}"


def _bare(record):
    """What an error says, without what it does not say; a refusal always has its value and limit."""
    always = ("measured", "limit", "fmr") if getattr(record, "status", "refused") == "refused" else ()
    return {key: value for key, value in vars(record).items() if value is not None or key in always}


def needed(case):
    for need in case.get("needs", ()):
        if need == "photos":
            if not DATA.is_dir():
                missing(f"no test data in {DATA}")
            continue
        try:
            if need == "liveness":
                engine_of({"liveness_models": LIVENESS}).call("liveness_model")
            else:
                engine_of({"pack": need})
        except facevault.Error as error:
            missing(f"{need}: {error}")


@pytest.mark.parametrize("case", SUITE["cases"], ids=lambda case: case["name"])
def test_case(case, tmp_path):
    needed(case)
    variables = {"dir": str(tmp_path), "cases": str(FILE), "thread": "0", "liveness": LIVENESS}
    variables.update(case.get("variables", {}))
    run = Run(engine_of(case["engine"]) if "engine" in case else None, None, variables)
    if "vault" in case:
        run.vault = run.open_vault(case["vault"])
    failures = []

    def steps(run):
        for index, step in enumerate(case["steps"]):
            try:
                run.step(step)
            except Exception as error:  # noqa: BLE001
                failures.append(f"step {index} ({step.get('verb')}): {type(error).__name__}: {error}")
                return

    if case.get("threads", 1) == 1:
        steps(run)
    else:
        own = [Run(run.engine, run.vault, {**copy.copy(variables), "thread": str(i)}) for i in range(case["threads"])]
        threads = [threading.Thread(target=steps, args=(one,)) for one in own]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures, "\n".join(failures)


def test_there_are_cases():
    assert len(SUITE["cases"]) > 10
