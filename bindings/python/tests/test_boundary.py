"""Threads, Ctrl-C, memory, and what no caller should hand over."""

import ctypes
import gc
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import facevault
from facevault import _native


def test_two_threads_work_side_by_side(engine, people):
    """While one thread is inside a long call, another one runs Python and a call of its own."""
    photos = [photo.read_bytes() for pair in people[0] for photo in pair[:2]] * 3
    spans, counted = [], 0
    begun = threading.Event()

    def work():
        begun.set()
        start = time.monotonic()
        engine.encode_all(photos)
        spans.append((start, time.monotonic()))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait()
    while any(thread.is_alive() for thread in threads):
        counted += 1
        time.sleep(0.001)
    overlap = min(end for _, end in spans) - max(start for start, _ in spans)
    longest = max(end - start for start, end in spans)
    assert overlap > 0.5 * longest
    # A call that held the interpreter would have let this thread run a handful of times.
    assert counted > 0.1 * longest / 0.001


def test_a_vault_is_closed_while_others_use_it(engine, tmp_path, people):
    vault = facevault.Vault(tmp_path / "people.vault", engine=engine, mode="create")
    photo = people[0][0][0].read_bytes()
    outcomes = []

    def use():
        try:
            while True:
                vault.create_person("Ada", photos=photo)
                outcomes.append("made")
        except facevault.Error as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    while outcomes.count("made") < 6:
        time.sleep(0.01)
    vault.close()
    for thread in threads:
        thread.join()
    assert [one for one in outcomes if one != "made"] == ["the vault is closed; open another one"] * 3
    with facevault.Vault(tmp_path / "people.vault") as again:
        assert again.persons().total == outcomes.count("made") and again.check().clean


@pytest.fixture
def ctrl_c():
    """What Python does on Ctrl-C, also where the tests were started with the signal ignored, as in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_stops_long_work(engine, people, ctrl_c):
    photos = [photo.read_bytes() for pair in people[0] for photo in pair[:2]] * 20
    seen = []

    def press(what, done, total, unit):
        seen.append(done)
        if done >= 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        engine.encode_all(photos, progress=press)
    assert seen[-1] < len(photos) / 2
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        engine.encode_all(photos)
    timer.join()


def test_a_progress_function_stops_or_raises(vault, engine, people):
    new = [facevault.NewPerson(f"Person {i}", photos=photos[:1]) for i, photos in enumerate(people[0])]
    outcomes = vault.create_persons(new, progress=lambda *step: False)
    assert {one.kind for one in outcomes if isinstance(one, facevault.Error)} == {"cancelled"}
    with pytest.raises(facevault.Error) as caught:
        engine.encode_all([photos[0] for photos in people[0]], progress=lambda *step: False)
    assert caught.value.kind == "cancelled"

    def fails(*step):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine") as raised:
        vault.create_persons(new, progress=fails)
    assert [one["status"] for one in raised.value.outcome["outcomes"]].count("failed") > 0
    assert len(raised.value.outcome["outcomes"]) == len(new)


DAEMONS = """
import sys, threading, time
import facevault
engine = facevault.Engine(threads=1)
photo = open(sys.argv[1], "rb").read()
begun = threading.Event()
def work():
    while True:
        begun.set()
        try:
            engine.encode(photo)
        except facevault.Error as error:
            assert error.kind == "cancelled", error
            time.sleep(60)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
time.sleep(float(sys.argv[2]))
"""


def test_the_interpreter_ends_while_daemon_threads_work(engine, people):
    for i in range(8):
        ended = subprocess.run(
            [sys.executable, "-c", DAEMONS, str(people[0][0][0]), str(i / 100)], capture_output=True, text=True
        )
        assert (ended.returncode, ended.stderr) == (0, "")


def test_after_the_end_other_threads_call_nothing(engine):
    code = """
import threading
import facevault
from facevault import _native
vault = facevault.Vault()
_native.end()
print(vault.persons().total)
def call():
    try:
        vault.persons()
    except facevault.Error as error:
        print(error.kind)
thread = threading.Thread(target=call)
thread.start()
thread.join()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "0\ncancelled\n"), ended.stderr


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def settle():
    """Gives free memory back to the system, so that what is counted is held by somebody."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def lowest(work, times, looks=15):
    """The least memory held at several looks while `work` runs. One look says little: how much of what was freed lies in
    pages that something else still needs varies by tens of MiB."""
    least = math.inf
    for _ in range(looks):
        for _ in range(times // looks):
            work()
        settle()
        least = min(least, resident())
    return least


def grown_by(work, times):
    """How much memory a second half of calls takes."""
    before = lowest(work, times // 2)
    return lowest(work, times // 2) - before


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_a_thousand_vaults_leave_nothing(engine, tmp_path, people):
    photo = people[0][0][0].read_bytes()
    with facevault.Vault(tmp_path / "people.vault", engine=engine, mode="create") as vault:
        vault.create_person("Ada", photos=photo)
        vector = vault.encoding_matrix().vectors[0]

    def work():
        with facevault.Vault(tmp_path / "people.vault", engine=engine) as vault:
            assert vault.identify_encodings([vector])[0].candidates
        with facevault.Vault(engine=engine) as vault:
            vault.create_person("Bob")

    assert grown_by(work, 1000) < 8 << 20


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_engines_leave_nothing(engine, people):
    photo = people[0][0][0].read_bytes()
    times = int(os.environ.get("FACEVAULT_ENGINE_OPENS", 120))

    def work():
        with facevault.Engine(threads=1) as engine:
            engine.encode(photo)

    # An engine that was kept would add the 12 MB of its networks each time.
    assert grown_by(work, times) < 64 << 20


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_pictures_and_answers_leave_nothing(engine, people):
    photo = people[0][0][0].read_bytes()

    def work():
        picture = engine.decode(photo)
        engine.detect(picture)
        with pytest.raises(facevault.Error):
            engine.encode(b"no photo")

    assert grown_by(work, 400) < 8 << 20


def test_nonsense_is_an_error(vault, engine):
    """Random verbs, requests and bytes: facevault.Error or TypeError, never a crash."""
    source = random.Random(7)
    verbs = ["identify", "create_person", "update_person", "persons", "audit", "encode", "detect", "compare", "x", ""]
    parts = [
        '{"id":',
        '"x"',
        "null",
        "{}",
        "[",
        "]",
        "}",
        "1e999",
        "-1",
        '"operating_point"',
        ":",
        ",",
        "\x00",
        "\ud7ff",
    ]
    for _ in range(2000):
        body = "".join(source.choice(parts) for _ in range(source.randrange(6)))
        photos = [source.randbytes(source.randrange(200)) for _ in range(source.randrange(3))]
        target = source.choice([vault, engine])
        try:
            target._native.call(source.choice(verbs), body, photos)
        except facevault.Error as error:
            assert error.kind in ("invalid", "not_found", "refused", "conflict"), error
    for arguments in ((None, "{}", []), ("detect", None, []), ("detect", "{}", None), ("detect", "{}", [7])):
        with pytest.raises(TypeError):
            engine._native.call(*arguments)
    with pytest.raises(TypeError):
        engine._native.picture_call("detect", "{}", np.zeros((4, 4, 3)))
    with pytest.raises(TypeError):
        _native.Vault(7, "{}", None)
    with pytest.raises(facevault.Error):
        engine.call("detect", "[" * 100_000)


def test_random_pictures_are_searched(engine):
    source = np.random.default_rng(3)
    for _ in range(20):
        shape = (*source.integers(1, 60, 2), 3)
        detection = engine.detect(source.integers(0, 256, shape, dtype=np.uint8))
        assert (detection.height, detection.width) == shape[:2] or detection.turned
