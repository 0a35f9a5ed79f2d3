#!/usr/bin/env python3
"""Fifty kiosks that follow one hub: how long changes take, what the hub has to do, and what an outage costs.

    benches/hub/kiosks.py FACEVAULT POSTGRES_BIN [--kiosks 50] [--people 1000] [--rounds 20]

FACEVAULT is the program, built with --release; POSTGRES_BIN is the folder of PostgreSQL's programs, with pgvector. The
server is that of tests/hub/postgres: on 127.0.0.1, without TLS, and it does not wait for its disk (fsync=off). People
are made up: a name, a note, an encoding of 512 components, and with --photo-bytes a photo of about that size. Each
kiosk has a user of the server, a vault, and a process of its own: `facevault sync VAULT ADDRESS --watch SECONDS`.

Printed as tables in Markdown are:

    1  the first fill of all vaults, when all kiosks come at the same moment
    2  the time from a change, in a kiosk's vault or directly in the hub, until the kiosks have it
    3  what server and kiosks do while nothing happens
    4  the hub away for --away seconds: whether every kiosk goes on, and when all have what was changed meanwhile
    5  the hub restored from a backup that lacks changes: when the kiosks know it, and whether all hold the same again

The clock of a change begins when the command that makes it has returned. What has arrived is read from the vaults,
SQLite files that are opened read-only, at the intervals that are printed. Processor seconds are those of
/proc/PID/stat, of all the server's processes and of all kiosks; this script's own are in neither.

Ctrl-C ends it cleanly: no process and no folder is left. It takes about 15 minutes, and ends with 1 if a kiosk ended by
itself or not all hold the same in the end. Needs Linux and Python 3.11, and no package.
"""

import argparse
import binascii
import contextlib
import hashlib
import json
import math
import os
import random
import shutil
import signal
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "tests/hub/postgres"
DATABASE = "kiosks"
DIMENSION = 512
# Seconds between two looks at all vaults: for changes, and for what takes longer.
FINE, COARSE = 0.02, 0.2
# Seconds after which something is given up. A kiosk waits up to 300 before it tries a hub again.
LONGEST = 900
TICK = os.sysconf("SC_CLK_TCK")
ABOUT = "SELECT current_setting('server_version'), pg_database_size(current_database())"
COUNT = "SELECT count(*) FROM persons"
NOTES = "SELECT notes FROM persons WHERE client IN (SELECT key FROM clients) AND id = ?"
# Who is there, in a vault and in the hub.
HERE = """SELECT id, name, coalesce(notes, ''), (SELECT count(*) FROM images WHERE person = p.key) FROM persons p"""
THERE = """SELECT id, name, coalesce(items ->> 'notes', ''),
    (SELECT count(*) FROM facevault.images WHERE person = p.key) FROM facevault.persons p"""
# Asked from another database, so that asking does not count. The log is that of the whole cluster.
COUNTS = f"""SELECT xact_commit + xact_rollback, pg_current_wal_lsn() - '0/0', numbackends
    FROM pg_stat_database WHERE datname = '{DATABASE}'"""


class Ended(Exception):
    """The measurement cannot go on; the message says why."""


def stat(pid):
    """What /proc/PID/stat says behind the name; nothing where the process is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def processor(pid, with_children=False):
    """Processor seconds of a process, with those of its children that have ended; 0 where it is gone."""
    return sum(map(int, (stat(pid) or [])[11 : 15 if with_children else 13])) / TICK


class Server:
    """The server of tests/hub/postgres."""

    def __init__(self, options, folder, environment):
        self.bin, self.folder, self.environment = Path(options.postgres), folder / "server", environment
        self.folder.mkdir(mode=0o711)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
        place = {**os.environ, "TMPDIR": str(self.folder)}
        self.process = subprocess.Popen([SCRIPT, options.postgres], env=place, **pipes)

    def begin(self):
        answer = self.process.stdout.readline().split()
        if answer[:1] != ["ready"]:
            raise Ended("the server did not start")
        self.port = answer[1]
        self.data = next(self.folder.glob("facevault-postgres.*")) / "data"

    def tell(self, what):
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != "done":
            raise Ended(f"the server did not {what}")

    def address(self, user="owner", database=DATABASE):
        return f"postgres://{user}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement, database=DATABASE):
        command = [self.bin / "psql", "-XqAt", "-F", "\t", "-c", statement, self.address(database=database)]
        done = subprocess.run(command, env=self.environment, text=True, capture_output=True)
        if done.returncode:
            raise Ended(f"psql: {done.stderr.strip()}")
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def processor(self):
        first = (self.data / "postmaster.pid").read_text().split()[0]
        there = [entry for entry in os.listdir("/proc") if entry.isdigit()]
        ours = [pid for pid in there if (fields := stat(pid)) and fields[1] == first]
        return sum(map(processor, ours)) + processor(first, with_children=True)


class Kiosk:
    def __init__(self, fleet, number):
        self.fleet, self.user = fleet, f"kiosk-{number:03}"
        self.vault, self.out, self.err = (fleet.folder / f"{self.user}.{end}" for end in ("vault", "out", "err"))
        self.process = None

    def start(self):
        # Whatever ends this script ends the kiosks.
        command = ["setpriv", "--pdeathsig", "TERM", self.fleet.options.facevault, "sync", self.vault]
        watch = [self.fleet.server.address(self.user), "--json", "--watch", str(self.fleet.options.watch)]
        with self.out.open("wb") as out, self.err.open("wb") as err:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err, "start_new_session": True}
            self.process = subprocess.Popen([*command, *watch], env=self.fleet.environment, **pipes)
        self.connection = sqlite3.connect(f"file:{self.vault}?mode=ro", uri=True, isolation_level=None, timeout=30)

    def rows(self, sql, *values):
        return self.connection.execute(sql, values).fetchall()

    def has(self, known):
        """Whether these people have these notes here; None is for somebody who is not here."""
        return all(self.rows(NOTES, person) == [(text,)] * (text is not None) for person, text in known)

    def said(self, after=0):
        """Its answers behind a place of its output, one for each time that something moved."""
        lines = self.out.read_bytes()[after:].splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith(b"\n")]


class Fleet:
    def __init__(self, options, folder):
        self.options, self.folder, self.passwords = options, folder, folder / "passwords"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "FACEVAULT_"))}
        self.environment = {**kept, "PGPASSFILE": str(self.passwords)}
        self.kiosks, self.server, self.number, self.random = [], None, 0, random.Random(7)

    def run(self, *arguments):
        """Runs facevault to its end. Returns what it answered."""
        command = [self.options.facevault, *map(str, arguments), "--json"]
        done = subprocess.run(command, env=self.environment, text=True, capture_output=True)
        if done.returncode:
            raise Ended(f"facevault {' '.join(map(str, arguments[:2]))} ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    def processor(self):
        return sum(processor(kiosk.process.pid) for kiosk in self.kiosks)

    def alive(self):
        """Every kiosk goes on by itself, whatever happens."""
        for kiosk in self.kiosks:
            if (code := kiosk.process.poll()) is not None:
                raise Ended(f"{kiosk.user} ended with {code}: {kiosk.err.read_text().strip()}")

    def until(self, has_it, among=None, every=FINE):
        """Waits until each kiosk has something. Returns when each had it, in the order in which they did."""
        missing, times, start = among or self.kiosks, [], time.perf_counter()
        while True:
            now, count = time.perf_counter(), len(missing)
            missing = [kiosk for kiosk in missing if not has_it(kiosk)]
            times += [time.perf_counter()] * (count - len(missing))
            self.alive()
            if not missing:
                return times
            if now - start > LONGEST:
                raise Ended(f"after {LONGEST} s {len(missing)} kiosks lack it, {missing[0].user} among them")
            time.sleep(max(0, every - (time.perf_counter() - now)))

    def change(self, kiosk=None):
        """Changes the notes of a person, in a kiosk's vault or in the hub. Returns whose, and what they are now."""
        self.number += 1
        # The last one will be removed.
        person, text = self.people[self.number % (len(self.people) - 1)], f"change {self.number}"
        self.run("person", "update", kiosk.vault if kiosk else self.server.address(), person, "--notes", text)
        return person, text

    def prepare(self):
        options = self.options
        self.passwords.touch(mode=0o600)
        self.passwords.write_text("127.0.0.1:*:*:owner:secret\n")
        self.server = Server(options, self.folder, self.environment)
        self.server.begin()
        self.server.sql(f"CREATE DATABASE {DATABASE}", database="postgres")
        address, people = self.server.address(), self.folder / "people.vault"
        self.run("hub", "init", address)
        self.run("init", people)
        self.run("import", people, made_up(options, self.folder / "people"))
        self.run("sync", people, address)
        self.people = sorted(row[0] for row in self.server.sql(THERE))
        for number in range(options.kiosks):
            kiosk = Kiosk(self, number + 1)
            self.run("init", kiosk.vault)
            password = self.run("hub", "add-kiosk", address, kiosk.user)["data"]["password"]
            with self.passwords.open("a") as file:
                file.write(f"127.0.0.1:*:*:{kiosk.user}:{password}\n")
            self.kiosks.append(kiosk)
        version = subprocess.check_output([options.facevault, "--version"], text=True).strip()
        server, size = self.server.sql(ABOUT)[0]
        print(f"{version}, PostgreSQL {server.split()[0]}, {os.cpu_count()} processors for all; {options.kiosks} kiosks"
              f" that look every {options.watch} s, {len(self.people)} people, hub of {int(size) / 2**20:.0f} MiB.\n")

    def fill(self):
        server, start = self.server.processor(), time.perf_counter()
        for kiosk in self.kiosks:
            kiosk.start()
        times = self.until(lambda kiosk: kiosk.rows(COUNT) == [(len(self.people),)], every=COARSE)
        # What a kiosk does after the last person belongs to it too.
        self.until(lambda kiosk: kiosk.said(), every=COARSE)
        server, kiosks, took = self.server.processor() - server, self.processor(), times[-1] - start
        moved = len(self.kiosks) * len(self.people)
        table(f"1. First fill, all at once (looked at every {COARSE * 1000:.0f} ms)", [{
            "half of the kiosks": seconds(statistics.median(times) - start), "all": seconds(took),
            "people/s": f"{moved / took:,.0f}", "server, CPU": seconds(server), "kiosks, CPU": seconds(kiosks),
            "CPU per person and kiosk": f"{(server + kiosks) / moved * 1000:.2f} ms",
        }])

    def changes(self):
        rows = []
        for where in ["a kiosk's vault", "the hub"]:
            halves, lasts, took = [], [], []
            for at in range(self.options.rounds):
                # Somewhere in the time between two looks of the kiosks.
                time.sleep(self.random.uniform(0, self.options.watch))
                own = self.kiosks[at % len(self.kiosks)] if where != "the hub" else None
                begun, known, start = time.perf_counter(), [self.change(own)], time.perf_counter()
                times = self.until(lambda kiosk: kiosk.has(known), [kiosk for kiosk in self.kiosks if kiosk is not own])
                took.append(start - begun)
                halves.append(statistics.median(times) - start)
                lasts.append(times[-1] - start)
            rows.append({
                "changed in": where, "the command": seconds(statistics.median(took)),
                "half of the kiosks, median": seconds(statistics.median(halves)), "worst": seconds(max(halves)),
                "all, median": seconds(statistics.median(lasts)), "all, worst": seconds(max(lasts)),
            })
        table(f"2. Until a change has arrived, {len(took)} rounds each (looked at every {FINE * 1000:.0f} ms)", rows)

    def idle(self):
        def now():
            counts = [float(cell) for cell in self.server.sql(COUNTS, database="postgres")[0]]
            return [*counts, self.server.processor(), self.processor(), time.perf_counter()]

        time.sleep(2 * self.options.watch)
        before = now()
        time.sleep(self.options.idle)
        after = now()
        self.alive()
        transactions, wal, _, server, kiosks, took = (b - a for a, b in zip(before, after))
        pages = statistics.median(int(stat(kiosk.process.pid)[21]) for kiosk in self.kiosks)
        table(f"3. While nothing happens, {took:.0f} s", [{
            "connections": f"{after[2]:.0f}", "transactions/s": f"{transactions / took:.1f}",
            "log per minute": f"{wal / took * 60 / 1024:,.0f} KiB",
            "server, CPU per minute": seconds(server / took * 60), "all kiosks, CPU": seconds(kiosks / took * 60),
            "memory of a kiosk": f"{pages * os.sysconf('SC_PAGE_SIZE') / 2**20:.0f} MiB",
        }])

    def outage(self, backup):
        own = self.random.choice(self.kiosks)
        others = [kiosk for kiosk in self.kiosks if kiosk is not own]
        cpu, begun, place = self.processor(), time.perf_counter(), own.out.stat().st_size
        self.server.tell("stop")
        subprocess.run(["cp", "-a", self.server.data, backup], check=True)
        known = [self.change(own)]
        while time.perf_counter() - begun < self.options.away:
            time.sleep(COARSE)
            self.alive()
        cpu, sent = self.processor() - cpu, []
        self.server.tell("start")
        start = time.perf_counter()

        def arrived(kiosk):
            if not sent and any(answer["sent"] for answer in own.said(place)):
                sent.append(time.perf_counter() - start)
            return kiosk.has(known)

        times = [t - start for t in self.until(arrived, others, COARSE)]
        table(f"4. The hub away (times from its start on, looked at every {COARSE * 1000:.0f} ms)", [{
            "away": seconds(start - begun), "kiosks that ended": "0", "kiosks meanwhile, CPU": seconds(cpu),
            "the change was sent": seconds((sent or times)[0]),
            "half of the kiosks have it": seconds(statistics.median(times)), "all": seconds(times[-1]),
            "server since, CPU": seconds(self.server.processor()),
        }])

    def restore(self, backup):
        # What the backup lacks: two changes, somebody new, somebody who was removed.
        known = [self.change(self.kiosks[0]), self.change(), ("new", "new"), (self.people[-1], None)]
        self.run("person", "add", self.kiosks[-1].vault, "--id", "new", "--name", "New", "--notes", "new")
        self.run("person", "remove", self.server.address(), self.people[-1], "--yes")
        self.until(lambda kiosk: kiosk.has(known), every=COARSE)
        # Also those who made the changes hear that they arrived.
        time.sleep(2 * self.options.watch)
        places = {kiosk: kiosk.out.stat().st_size for kiosk in self.kiosks}
        cpu, begun = self.processor(), time.perf_counter()
        self.server.tell("stop")
        shutil.rmtree(self.server.data)
        subprocess.run(["cp", "-a", backup, self.server.data], check=True)
        meanwhile = [self.change(self.random.choice(self.kiosks))]
        self.server.tell("start")
        start = time.perf_counter()
        complete, haves = [], {}

        def knows(kiosk):
            if kiosk not in haves and kiosk.has(meanwhile):
                haves[kiosk] = time.perf_counter() - start
            is_found = any(answer["restored"] for answer in kiosk.said(places[kiosk]))
            if is_found and not complete:
                there = {row[0]: row[2] for row in self.server.sql(THERE)}
                complete.append(all(there.get(person) == text for person, text in known))
            return is_found and kiosk in haves

        times = [t - start for t in self.until(knows, every=COARSE)]
        server, cpu = self.server.processor(), self.processor() - cpu
        # What is still under way ends, and brings nothing else.
        time.sleep(3 * self.options.watch)
        self.alive()
        hub = sorted(self.server.sql(THERE))
        equal = sum(sorted(tuple(map(str, row)) for row in kiosk.rows(HERE)) == hub for kiosk in self.kiosks)
        answers = [answer for kiosk in self.kiosks for answer in kiosk.said(places[kiosk])]
        table(f"5. The hub restored from a backup (times from its start on, looked at every {COARSE * 1000:.0f} ms)", [{
            "away": seconds(start - begun), "first kiosk has compared all": seconds(times[0]),
            "hub has everything then": "yes" if complete[0] else "no", "half": seconds(statistics.median(times)),
            "all kiosks": seconds(times[-1]), "all have what was changed meanwhile": seconds(max(haves.values())),
            "server, CPU": seconds(server), "kiosks, CPU": seconds(cpu),
            "people sent": str(sum(answer["sent"] for answer in answers)),
            "conflicts": str(sum(len(answer["conflicts"]) for answer in answers)),
            "kiosks equal to the hub": f"{equal} of {len(self.kiosks)}",
        }])
        if equal < len(self.kiosks):
            raise Ended("not all hold the same")

    def close(self):
        """Ends everybody, kiosks first, and returns their exit codes."""
        running = [kiosk.process for kiosk in self.kiosks if kiosk.process]
        for process in running:
            process.send_signal(signal.SIGINT)
        end = time.monotonic() + 20
        while any(process.poll() is None for process in running) and time.monotonic() < end:
            time.sleep(0.05)
        for process in running:
            process.kill()
            process.wait()
        if self.server:
            # The server goes, with its folder, when its input does.
            self.server.process.stdin.close()
            self.server.process.wait()
        return sorted({process.returncode for process in running})


def made_up(options, folder):
    """People as `facevault export` would write them, with encodings of a model that nobody has."""
    folder.mkdir()
    generator, side = random.Random(7), math.isqrt(options.photo_bytes // 3)
    model = {"id": "6b" * 16, "name": "made up", "dimension": DIMENSION, "metric": "cosine", "mode": "fast"}
    manifest = {"format": "facevault export", "version": 1, "model": model}
    (folder / "facevault-export.json").write_text(json.dumps(manifest))
    (folder / "collections.csv").write_text("_id,name,description\n")
    with (folder / "people.csv").open("w") as people, (folder / "encodings.bin").open("wb") as encodings:
        people.write("_id,name,notes,images,encodings\n")
        for number in range(options.people):
            name, digest = "none", bytes(32)
            if side:
                name, photo = f"{number}.png", noise(generator, side)
                (folder / name).write_bytes(photo)
                digest = hashlib.sha256(photo).digest()
            vector = [generator.gauss(0, 1) for _ in range(DIMENSION)]
            length = math.hypot(*vector)
            record = digest + struct.pack(f"<{DIMENSION}f", *(value / length for value in vector))
            encodings.write(record + struct.pack("<I", binascii.crc32(record)))
            people.write(f"person-{number:06},Person {number},made up,{name},{number}\n")
    return folder


def noise(generator, side):
    """A PNG of random colours, which no compression makes smaller."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + generator.randbytes(3 * side) for _ in range(side)), 0)
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", binascii.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def seconds(value):
    return f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def table(title, rows):
    lines = [" | ".join(cells) for cells in [rows[0], ["---:"] * len(rows[0]), *(row.values() for row in rows)]]
    print(f"{title}:\n", *(f"| {line} |" for line in lines), "", sep="\n", flush=True)


def main():
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("facevault")
    about.add_argument("postgres")
    about.add_argument("--kiosks", type=int, default=50, help="up to 150, since the server takes 200 connections")
    about.add_argument("--people", type=int, default=1000)
    about.add_argument("--photo-bytes", type=int, default=0, help="the size of each made-up photo; 0 is no photo")
    about.add_argument("--rounds", type=int, default=20, help="changes of each kind")
    about.add_argument("--watch", type=int, default=5, help="seconds between two looks of a kiosk")
    about.add_argument("--idle", type=float, default=120, help="seconds in which nothing happens")
    about.add_argument("--away", type=float, default=60, help="seconds without a hub")
    options = about.parse_args()
    if not (2 <= options.kiosks <= 150 and options.people >= 10 and options.rounds >= 1):
        about.error("from 2 to 150 kiosks, 10 people or more, one round or more")
    options.facevault = str(Path(options.facevault).resolve())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="facevault-kiosks."))
    folder.chmod(0o711)  # The server's own user has to pass.
    fleet, code, backup = Fleet(options, folder), 0, folder / "backup"
    try:
        for step in [fleet.prepare, fleet.fill, fleet.changes, fleet.idle]:
            step()
        fleet.outage(backup)
        fleet.restore(backup)
    except Ended as why:
        print(why, file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    finally:
        # A second Ctrl-C leaves nothing behind either.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        codes = fleet.close()
        shutil.rmtree(folder, ignore_errors=True)
    if code == 0:
        print(f"Exit codes of the kiosks after Ctrl-C: {', '.join(map(str, codes))}.")
    return code


if __name__ == "__main__":
    sys.exit(main())
