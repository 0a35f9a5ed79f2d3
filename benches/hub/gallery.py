"""How fast and how exact a hub finds a person among many: exact scans and HNSW of pgvector, on made-up people.

    python3 -m venv venv && venv/bin/pip install numpy 'psycopg[binary]'
    facevault hub init ADDRESS
    venv/bin/python benches/hub/gallery.py ADDRESS fill exact hnsw filters rates --people 100000

ADDRESS is that of the hub's owner, who must be a superuser: a hub of its own, without people, which is thrown away
afterwards. Everything is printed as tables in Markdown. The steps:

    fill     N people with one photo and one encoding each, and the table of halfvec that `exact` scans
    probes   the file of --to, with the mated probes as 32-bit floats, for `cargo bench --bench hub`
    exact    exact scans, by vector and halfvec, with 0, 1 and 2 parallel workers
    hnsw     for each of --indexes (TYPE:M:EF_CONSTRUCTION): build it, then latency and recall for each of --ef
    search   latency and recall by the index that is there, for each of --ef
    filters  searches among people of a status and of collections of three sizes, by the index that is there
    rates    adding people and changing one, with the index that is there and, last, without it

Probes are other photos of enrolled people (mated) and photos of people who are not enrolled. What an index finds is
compared with the exact nearest neighbours, which NumPy computes once per gallery and keeps in --truth. A search by an
index takes as many candidates as --candidates says and scores them anew by the vector of 32-bit floats.

No face is in this file. What it knows of real encodings are a few numbers, in `STATISTICS`. Needs Python 3.11. The
memory of a build is read from /proc, so it is there only if the server runs on this machine under Linux.
"""

import argparse
import hashlib
import io
import re
import struct
import threading
import time
import uuid
from pathlib import Path

import numpy
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

# By dimension. `mean` is the mean cosine of different people. The variances of the principal components fall as
# exp(-(x / scale) ** shape), where x goes from 0 to 1. Each person belongs to one of `groups` of people who look alike:
# `alike` is the group's part of the variance of persons. A photo is its person's vector times `share`, plus another
# vector of the same variances times sqrt(1 - share ** 2); `share` is normally distributed among photos, so the cosine
# of two photos of a person is about the product of their shares. Fitted to the encodings of 1,450 people, and of 140
# pairs of photos of one person, of Labeled Faces in the Wild: 512 by the pack `espdl`, 192 by the pack `standard`.
STATISTICS = {
    512: {"mean": 0.020, "scale": 0.32, "shape": 0.95, "groups": 100, "alike": 0.22, "share": 0.755, "spread": 0.100},
    192: {"mean": 0.010, "scale": 0.20, "shape": 2.20, "groups": 200, "alike": 0.30, "share": 0.863, "spread": 0.055},
}
# The seed of all that is random, and people per block: a block can be made anew without the others.
SEED = 7
BLOCK = 10_000
# How many nearest neighbours a search returns.
TOP = 10
STATUSES = {"active": 0.90, "inactive": 0.08, "pending": 0.02}
COLLECTIONS = {"tenth": 0.1, "hundredth": 0.01, "thousandth": 0.001}
NOW = 1_800_000_000_000_000


def random(*place):
    return numpy.random.default_rng([SEED, *place])


class People:
    """Encodings with the statistics of real ones, the same in each run."""

    def __init__(self, count, dimension):
        known = min(STATISTICS, key=lambda there: abs(there - dimension))
        numbers = STATISTICS[known]
        self.count, self.dimension = count, dimension
        place = (numpy.arange(dimension) + 0.5) / dimension
        variances = numpy.exp(-((place / numbers["scale"]) ** numbers["shape"]))
        variances *= (1 - numbers["mean"]) / variances.sum()
        # Turned at random, so that no component differs from the others.
        turn, _ = numpy.linalg.qr(random(0).standard_normal((dimension, dimension)))
        self.form = (numpy.sqrt(variances)[:, None] * turn).astype("f4")
        middle = random(1).standard_normal(dimension)
        self.middle = (middle * numpy.sqrt(numbers["mean"]) / numpy.linalg.norm(middle)).astype("f4")
        self.share, self.spread = numbers["share"], numbers["spread"]
        self.groups = random(13).standard_normal((numbers["groups"], dimension), dtype="f4")
        self.alike = numbers["alike"]

    def photos(self, persons, generator):
        share = numpy.clip(generator.normal(self.share, self.spread, len(persons)), 0.3, 0.98)
        share = share.astype("f4")[:, None]
        other = generator.standard_normal(persons.shape, dtype="f4")
        vectors = (share * persons + numpy.sqrt(1 - share**2) * other) @ self.form + self.middle
        return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)

    def persons(self, block):
        size = min(BLOCK, self.count - block * BLOCK)
        return self.draw(size, random(2, block))

    def draw(self, size, generator):
        group = self.groups[generator.integers(len(self.groups), size=size)]
        own = generator.standard_normal((size, self.dimension), dtype="f4")
        return numpy.float32(self.alike**0.5) * group + numpy.float32((1 - self.alike) ** 0.5) * own

    def enrolled(self, block):
        return self.photos(self.persons(block), random(3, block))

    def blocks(self):
        return range(-(-self.count // BLOCK))

    def marks(self):
        """The status of each person, and for each collection whether he or she is in it."""
        generator = random(4)
        drawn = generator.random(self.count)
        bounds = numpy.cumsum(list(STATUSES.values()))
        status = numpy.minimum(numpy.searchsorted(bounds, drawn), len(STATUSES) - 1)
        return status, {name: generator.random(self.count) < part for name, part in COLLECTIONS.items()}

    def probes(self, mated, strangers):
        """Probe photos, and beside each the number of the enrolled person in it; -1 for a stranger."""
        chosen = [int(at) for at in numpy.linspace(0, len(self.blocks()) - 1, min(20, len(self.blocks())))]
        photos, numbers = [], []
        for at, block in enumerate(chosen):
            part = mated * (at + 1) // len(chosen) - mated * at // len(chosen)
            persons = self.persons(block)
            rows = random(5, block).choice(len(persons), min(part, len(persons)), replace=False)
            photos.append(self.photos(persons[rows], random(6, block)))
            numbers.append(block * BLOCK + rows)
        photos.append(self.photos(self.draw(strangers, random(7)), random(8)))
        numbers.append(numpy.full(strangers, -1))
        return numpy.concatenate(photos), numpy.concatenate(numbers)


def truth(people, probes):
    """The numbers of the exact nearest neighbours of each probe: ten of all, one of each selection."""
    status, collections = people.marks()
    selections = {"active": status == 0, **collections}
    numbers = numpy.zeros((len(probes), 0), "i8")
    scores = numpy.zeros((len(probes), 0), "f4")
    first = {name: (numpy.full(len(probes), -1), numpy.full(len(probes), -2, "f4")) for name in selections}
    for block in people.blocks():
        start = block * BLOCK
        found = probes @ people.enrolled(block).T
        for name, chosen in selections.items():
            columns = numpy.flatnonzero(chosen[start : start + found.shape[1]])
            if len(columns):
                part = found[:, columns]
                at = part.argmax(axis=1)
                best = part[numpy.arange(len(probes)), at]
                better = best > first[name][1]
                first[name][0][better] = start + columns[at[better]]
                first[name][1][better] = best[better]
        near = numpy.argpartition(-found, min(TOP, found.shape[1] - 1), axis=1)[:, :TOP]
        numbers = numpy.concatenate([numbers, near + start], axis=1)
        scores = numpy.concatenate([scores, numpy.take_along_axis(found, near, axis=1)], axis=1)
        order = numpy.argsort(-scores, axis=1)[:, :TOP]
        numbers = numpy.take_along_axis(numbers, order, axis=1)
        scores = numpy.take_along_axis(scores, order, axis=1)
    return {"near": numbers, "scores": scores, **{name: pair[0] for name, pair in first.items()}}


class Gallery:
    def __init__(self, options):
        self.options = options
        self.dimension = options.dimension
        self.people = People(options.people, options.dimension)
        self.owner = connect(options.address)
        self.reader = connect(options.reader or options.address)
        self.marker = hashlib.md5(f"gallery {self.dimension}".encode()).digest()
        self.client = self.one("SELECT key FROM facevault.clients WHERE id = 'default'")
        self.model = self.one("SELECT key FROM facevault.models WHERE id = %s", self.marker)
        self.photos, self.person_of = self.people.probes(options.probes, options.strangers)
        self.known = None

    def one(self, sql, *values):
        row = self.owner.execute(sql, values).fetchone()
        return row[0] if row else None

    def size(self, relation):
        return self.one("SELECT pg_total_relation_size(%s::regclass)", relation) / 2**20

    def index(self):
        """The definition of the index over encodings that is there, and its type."""
        sql = "SELECT indexdef FROM pg_indexes WHERE indexname = 'gallery_hnsw'"
        found = self.one(sql)
        return found and re.search(r"\)::(vector|halfvec)\(", found).group(1)

    def exact(self):
        """What is true, from the file of the option or computed."""
        if self.known is None:
            path = Path(self.options.truth)
            mark = f"{self.people.count} {self.dimension} {len(self.photos)} {STATISTICS}"
            if path.exists() and str(numpy.load(path)["mark"]) == mark:
                self.known = dict(numpy.load(path))
            else:
                start = time.perf_counter()
                self.known = truth(self.people, self.photos)
                numpy.savez(path, mark=mark, **self.known)
                print(f"Exact neighbours of {len(self.photos)} probes computed in {time.perf_counter() - start:.0f} s.")
            mated = self.person_of >= 0
            near, scores = self.known["near"], self.known["scores"]
            enrolled = self.of_probes()
            cosines = (enrolled * self.photos[mated]).sum(axis=1)
            print(
                f"Probes: {mated.sum()} mated with cosine {cosines.mean():.3f} ± {cosines.std():.3f} to their own"
                f" photo, of which the exact search finds {(near[mated, 0] == self.person_of[mated]).mean():.4f} at rank 1"
                f" and {(near[mated] == self.person_of[mated][:, None]).any(axis=1).mean():.4f} in the top {TOP};"
                f" {(~mated).sum()} strangers, whose nearest neighbour has cosine"
                f" {scores[~mated, 0].mean():.3f} ± {scores[~mated, 0].std():.3f}.\n"
            )
        return self.known

    def of_probes(self):
        """For each mated probe, the enrolled photo of the same person."""
        numbers = self.person_of[self.person_of >= 0]
        vectors = numpy.zeros((len(numbers), self.dimension), "f4")
        for block in numpy.unique(numbers // BLOCK):
            here = numbers // BLOCK == block
            vectors[here] = self.people.enrolled(int(block))[numbers[here] - block * BLOCK]
        return vectors

    # --- fill

    def fill(self):
        if self.one("SELECT count(*) FROM (SELECT 1 FROM facevault.persons LIMIT 1) p"):
            raise SystemExit("the hub holds people already: this fills only a hub without any")
        with self.owner.transaction():
            if self.options.storage:
                self.owner.execute(f"ALTER TABLE facevault.encodings ALTER vector SET STORAGE {self.options.storage}")
            self.model = self.one(
                "INSERT INTO facevault.models (id, name, dimension, metric) VALUES (%s, 'gallery', %s, 'cosine')"
                " RETURNING key",
                self.marker,
                self.dimension,
            )
        # Foreign keys are not checked while filling: what is filled in is right by construction.
        self.owner.execute("SET session_replication_role = replica")
        status, collections = self.people.marks()
        names = list(STATUSES)
        times = {"persons": 0.0, "images": 0.0, "encodings": 0.0}
        for block in self.people.blocks():
            vectors = self.people.enrolled(block)
            first = block * BLOCK
            numbers = range(first, first + len(vectors))
            persons, images = io.BytesIO(), io.BytesIO()
            for number in numbers:
                inside = "".join(f', "collection:{name}": true' for name in COLLECTIONS if collections[name][number])
                items = f'{{"name": "Person {number}", "status": "{names[status[number]]}"{inside},' \
                        f' "image:{image_id(number)}": true}}'
                persons.write(row(
                    whole(number + 1), whole(self.client), uid(number), b"person-%d" % number, whole(NOW),
                    whole(number + 1), whole(number + 1), b"\1" + items.encode(), b"\1{}", whole(NOW),
                    b"person %d" % number,
                ))
                images.write(row(
                    whole(number + 1), whole(self.client), whole(number + 1), struct.pack(">i", 0),
                    image_id(number).encode(), hashlib.sha256(b"%d" % number).digest(), b"\0",
                ))
            with self.owner.transaction():
                for table, columns, data in [
                    ("persons", "key, client, uid, id, created_at, added, changed, items, stamps, updated_at, folded_name",
                     persons.getvalue()),
                    ("images", "key, client, person, position, id, sha256, has_photo", images.getvalue()),
                    ("encodings", "image, model, client, person, vector", self.rows(first, vectors)),
                ]:
                    start = time.perf_counter()
                    command = f"COPY facevault.{table} ({columns}) FROM STDIN (FORMAT BINARY)"
                    with self.owner.cursor().copy(command) as copy:
                        copy.write(HEADER + data + b"\xff\xff")
                    times[table] += time.perf_counter() - start
        self.owner.execute("SET session_replication_role = origin")
        for table in ["persons", "images"]:
            self.owner.execute(
                f"SELECT setval(pg_get_serial_sequence('facevault.{table}', 'key'), max(key)) FROM facevault.{table}"
            )
        self.owner.execute("UPDATE facevault.hub SET sequence = %s", [self.people.count])
        start = time.perf_counter()
        # What an exact scan reads if the hub had a table of narrower vectors.
        self.owner.execute(
            f"CREATE TABLE facevault.gallery_halves AS SELECT image, model, client, person,"
            f" vector::halfvec({self.dimension}) AS half FROM facevault.encodings WHERE model = {self.model}"
        )
        halves = time.perf_counter() - start
        for table in ["persons", "images", "encodings", "gallery_halves"]:
            self.owner.execute(f"VACUUM (FREEZE, ANALYZE) facevault.{table}")
        what = f"{self.people.count:,} people, {self.dimension} components"
        print(f"| {what} | rows/s by COPY | MB with indexes and TOAST |")
        print("|---|---|---|")
        for table, seconds in {**times, "gallery_halves": halves}.items():
            print(f"| {table} | {self.people.count / seconds:,.0f} | {self.size('facevault.' + table):,.0f} |")
        print()

    def rows(self, first, vectors):
        wide = 4 + 4 * self.dimension
        form = [("fields", ">i2")]
        for name in ["image", "model", "client", "person"]:
            form += [(f"{name}_length", ">i4"), (name, ">i8")]
        form += [("length", ">i4"), ("dimension", ">i2"), ("zero", ">i2"), ("vector", ">f4", (self.dimension,))]
        rows = numpy.zeros(len(vectors), numpy.dtype(form))
        rows["fields"], rows["length"], rows["dimension"] = 5, wide, self.dimension
        for name in ["image", "model", "client", "person"]:
            rows[f"{name}_length"] = 8
        rows["image"] = rows["person"] = numpy.arange(first + 1, first + 1 + len(vectors))
        rows["model"], rows["client"], rows["vector"] = self.model, self.client, vectors
        return rows.tobytes()

    def write_probes(self):
        self.photos[self.person_of >= 0].astype("<f4").tofile(self.options.to)
        print(f"{(self.person_of >= 0).sum()} probes are in {self.options.to}.\n")

    # --- searching

    def statement(self, kind, where=""):
        """How a person is looked for. The model stands in the text: as a parameter it would keep the index unused."""
        cast = f"halfvec({self.dimension})" if kind == "halfvec" else f"vector({self.dimension})"
        join = "JOIN facevault.persons p ON p.key = e.person" if where else ""
        near = f"e.vector::{cast} <=> %(probe)s::{cast}"
        return (
            f"WITH near AS MATERIALIZED (SELECT e.person, e.vector FROM facevault.encodings e {join}"
            f" WHERE e.model = {self.model} AND e.client = %(client)s {where}"
            f" ORDER BY {near} LIMIT {self.options.candidates})"
            f" SELECT person, vector <=> %(probe)s AS distance FROM near ORDER BY distance LIMIT {TOP}"
        )

    def exact_statement(self, table, where=""):
        column = "vector" if table == "encodings" else "half"
        cast = "" if table == "encodings" else f"::halfvec({self.dimension})"
        join = "JOIN facevault.persons p ON p.key = e.person" if where else ""
        return (
            f"SELECT e.person, e.{column} <=> %(probe)s{cast} AS distance FROM facevault.{table} e {join}"
            f" WHERE e.model = {self.model} AND e.client = %(client)s {where} ORDER BY distance LIMIT {TOP}"
        )

    def search(self, sql, which, settings=(), enough=None):
        """Asks for each probe. Returns the numbers found and the seconds that each took."""
        found, seconds, process = numpy.full((len(which), TOP), -1), [], self.reader.info.backend_pid
        # A prepared statement may keep the plan that it was given under other settings: each has statements of its own.
        sql += f" /* {', '.join(settings)} */"
        # What was set ends with the transaction.
        with self.reader.transaction(), self.reader.cursor(binary=True) as cursor:
            for setting in settings:
                cursor.execute(f"SET LOCAL {setting}")
            begin, before = time.perf_counter(), busy(process)
            for at, probe in enumerate(which):
                values = {"probe": Vector(self.photos[probe]), "client": self.client}
                start = time.perf_counter()
                rows = cursor.execute(sql, values, prepare=True).fetchall()
                seconds.append(time.perf_counter() - start)
                found[at, : len(rows)] = [line[0] - 1 for line in rows]
                if enough and time.perf_counter() - begin > enough and at >= 4:
                    break
            used = busy(process) - before
        return found[: len(seconds)], Times(seconds, used)

    def plan(self, sql, settings=()):
        # As a prepared statement is planned, with the value in the plan.
        with self.reader.transaction(), psycopg.ClientCursor(self.reader) as cursor:
            for setting in settings:
                cursor.execute(f"SET LOCAL {setting}")
            text = "[" + ",".join(map(str, self.photos[0])) + "]"
            values = {"probe": text, "client": self.client}
            sql = sql.replace("%(probe)s", "%(probe)s::vector")
            lines = [line[0] for line in cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + sql, values)]
        return "\n".join(re.sub(r"'\[[^']*'", "'[...]'", line) for line in lines)

    def exact_scans(self):
        known = self.exact()
        # The processor's time is that of the leading process.
        print("| exact | workers | median ms | p95 ms | processor ms | queries | rank 1 as computed |")
        print("|---|---|---|---|---|---|---|")
        which = numpy.arange(len(self.photos))
        for table in ["encodings", "gallery_halves"]:
            for workers in [0, 1, 2]:
                settings = [
                    "enable_indexscan = off", "enable_bitmapscan = off",
                    f"max_parallel_workers_per_gather = {workers}", "parallel_setup_cost = 0",
                    "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0",
                ]
                found, seconds = self.search(self.exact_statement(table), which, settings, self.options.seconds)
                same = (found[:, 0] == known["near"][: len(found), 0]).mean()
                print(f"| {table} | {workers} | {seconds} | {len(found)} | {same:.4f} |", flush=True)
                if self.options.plans:
                    print(f"\n```\n{self.plan(self.exact_statement(table), settings)}\n```\n")
        print()

    def build(self, kind, m, construction):
        cast = f"{kind}({self.dimension})"
        self.owner.execute("DROP INDEX IF EXISTS facevault.gallery_hnsw")
        if self.options.workers is not None:
            self.owner.execute(f"SET max_parallel_maintenance_workers = {self.options.workers}")
        process = self.owner.info.backend_pid
        peak, used, done = [0], {process: 0.0}, threading.Event()

        def watch():
            # A builder without workers has the graph in memory of its own.
            sql = "SELECT pid FROM pg_stat_activity WHERE leader_pid = %s"
            while not done.wait(0.5):
                peak[0] = max(peak[0], own_memory(process))
                for worker, in self.reader.execute(sql, [process]):
                    used[worker] = max(used.get(worker, 0.0), busy(worker))

        before, own = len(self.owner.told), busy(process)
        start = time.perf_counter()
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            self.owner.execute(
                f"CREATE INDEX gallery_hnsw ON facevault.encodings USING hnsw ((vector::{cast}) {kind}_cosine_ops)"
                f" WITH (m = {m}, ef_construction = {construction}) WHERE model = {self.model}"
            )
        finally:
            done.set()
            watcher.join()
        seconds = time.perf_counter() - start
        # Without statistics of the expression and with a table that was just filled, plans are poor.
        self.owner.execute("ANALYZE facevault.encodings")
        notice = "; ".join(self.owner.told[before:])
        used[process] = busy(process) - own
        size = self.size("facevault.gallery_hnsw")
        workers = self.one("SHOW max_parallel_maintenance_workers")
        return (
            f"{kind}, m {m}, ef_construction {construction}: built in {seconds:.0f} s with {workers} parallel workers"
            f" ({sum(used.values()):.0f} s of processors), {size:,.0f} MB, peak of the builder's own memory"
            f" {peak[0]:,} MB, without what it shares with workers. {notice}"
        )

    def hnsw(self):
        self.exact()
        for index in self.options.indexes.split(","):
            kind, m, construction = index.split(":")
            print(self.build(kind, m, construction) + "\n", flush=True)
            self.searches()

    def searches(self):
        known, kind = self.exact(), self.index()
        if not kind:
            raise SystemExit("there is no index: take the step hnsw first")
        which = numpy.arange(len(self.photos))
        # Caches fill, so that the first of --ef is not slower for it.
        self.search(self.statement(kind), which[:: max(1, len(which) // 500)])
        print(f"| {kind}, ef_search | iterative | median ms | p95 ms | processor ms | nearest, mated |"
              f" the same, of cosine {self.options.similar} and more | rank 1, mated (exact) | top {TOP}, mated |"
              " nearest, strangers |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for scan in self.options.iterative.split(","):
            for ef in map(int, self.options.ef.split(",")):
                settings = [f"hnsw.ef_search = {ef}", f"hnsw.iterative_scan = {scan}"]
                found, seconds = self.search(self.statement(kind), which, settings, self.options.most)
                asked = len(found)
                mated = self.person_of[:asked] >= 0
                near = known["near"][:asked]
                nearest = found[:, 0] == near[:, 0]
                # A person who is less similar would not be told anyway.
                clear = mated & (known["scores"][:asked, 0] >= self.options.similar)
                own = found[mated, 0] == self.person_of[:asked][mated]
                exact = near[mated, 0] == self.person_of[:asked][mated]
                top = numpy.array([len(set(a) & set(b)) / TOP for a, b in zip(found[mated], near[mated])])
                others = f"{nearest[~mated].mean():.4f}" if (~mated).any() else "-"
                print(
                    f"| {ef} | {scan} | {seconds} | {nearest[mated].mean():.4f} ({(~nearest[mated]).sum()} of"
                    f" {mated.sum()} missed) | {nearest[clear].mean():.4f} ({(~nearest[clear]).sum()} of {clear.sum()})"
                    f" | {own.mean():.4f} ({exact.mean():.4f}) | {top.mean():.4f} | {others} |",
                    flush=True,
                )
        if self.options.plans:
            print(f"\n```\n{self.plan(self.statement(kind))}\n```")
        print()

    def filters(self):
        known, kind = self.exact(), self.index() or "halfvec"
        which = random(9).permutation(len(self.photos))[:500]
        print("| among | how | iterative | median ms | p95 ms | processor ms | nearest found | queries |")
        print("|---|---|---|---|---|---|---|---|")
        choices = {"active": "AND p.status = 'active'"}
        choices |= {name: f"""AND p.items @> '{{"collection:{name}": true}}'""" for name in COLLECTIONS}
        for name, where in choices.items():
            ways = [
                ("index", scan, self.statement(kind, where),
                 [f"hnsw.iterative_scan = {scan}", "hnsw.ef_search = 200", "hnsw.max_scan_tuples = 200000"])
                for scan in (["off", "relaxed_order"] if self.index() else [])
            ]
            ways.append(("exact", "", self.exact_statement("encodings", where), []))
            for how, scan, sql, settings in ways:
                found, seconds = self.search(sql, which, settings, self.options.seconds)
                right = (found[:, 0] == known[name][which[: len(found)]]).mean()
                print(f"| {name} | {how} | {scan} | {seconds} | {right:.4f} | {len(found)} |", flush=True)
                if self.options.plans:
                    print(f"\n```\n{self.plan(sql, settings)}\n```\n")
        print()

    # --- writing

    def rates(self):
        print("| with | people/s, each committed | people/s, 100 per commit | change of a name, ms | new photo, ms |")
        print("|---|---|---|---|---|")
        vectors = self.people.photos(self.people.draw(1200, random(10)), random(11))
        for with_index in [True, False]:
            if with_index and not self.index():
                continue
            if not with_index:
                self.owner.execute("DROP INDEX IF EXISTS facevault.gallery_hnsw")
            start = time.perf_counter()
            for number in range(200):
                with self.owner.transaction():
                    self.add(number, vectors[number])
            single = 200 / (time.perf_counter() - start)
            start = time.perf_counter()
            for batch in range(10):
                with self.owner.transaction():
                    for number in range(200 + batch * 100, 300 + batch * 100):
                        self.add(number, vectors[number])
            many = 1000 / (time.perf_counter() - start)
            name, photo = [], []
            for number in range(100):
                start = time.perf_counter()
                with self.owner.transaction():
                    self.owner.execute(
                        """UPDATE facevault.persons SET items = items || '{"name": "Changed"}', changed = changed + 1
                           WHERE client = %s AND id = %s""",
                        [self.client, f"added-{number}"],
                        prepare=True,
                    )
                name.append(time.perf_counter() - start)
                start = time.perf_counter()
                with self.owner.transaction():
                    person = self.one(
                        "DELETE FROM facevault.images WHERE id = %s RETURNING person", f"added-image-{number}"
                    )
                    self.add_photo(person, number, vectors[number + 100])
                photo.append(time.perf_counter() - start)
            what = "the index" if with_index else "no index"
            name, photo = (numpy.median(seconds) * 1e3 for seconds in (name, photo))
            print(f"| {what} | {single:,.0f} | {many:,.0f} | {name:.1f} | {photo:.1f} |")
            self.owner.execute("DELETE FROM facevault.persons WHERE id LIKE 'added-%'")
        print()

    def add(self, number, vector):
        person = self.owner.execute(
            "INSERT INTO facevault.persons (client, uid, id, created_at, added, changed, items, stamps)"
            " VALUES (%s, %s, %s, %s, 1, 1, %s, '{}') RETURNING key",
            [self.client, str(uuid.uuid4()), f"added-{number}", NOW, '{"name": "Added", "status": "active"}'],
            prepare=True,
        ).fetchone()[0]
        self.add_photo(person, number, vector)

    def add_photo(self, person, number, vector):
        image = self.owner.execute(
            "INSERT INTO facevault.images (client, person, position, id, sha256, has_photo)"
            " VALUES (%s, %s, 0, %s, %s, false) RETURNING key",
            [self.client, person, f"added-image-{number}", bytes(32)],
            prepare=True,
        ).fetchone()[0]
        self.owner.execute(
            "INSERT INTO facevault.encodings (image, model, client, person, vector) VALUES (%s, %s, %s, %s, %s)",
            [image, self.model, self.client, person, Vector(vector)],
            prepare=True,
        )


class Vector:
    """A vector as pgvector takes it in binary."""

    def __init__(self, components):
        self.data = struct.pack(">hh", len(components), 0) + components.astype(">f4").tobytes()


def connect(address):
    connection = psycopg.connect(address, autocommit=True)
    connection.told = []
    connection.add_notice_handler(lambda notice: connection.told.append(notice.message_primary))
    kind = connection.execute("SELECT 'vector'::regtype::oid").fetchone()[0]

    class VectorDumper(Dumper):
        oid, format = kind, Format.BINARY

        def dump(self, value):
            return value.data

    connection.adapters.register_dumper(Vector, VectorDumper)
    return connection


HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)


def row(*fields):
    return struct.pack(">h", len(fields)) + b"".join(struct.pack(">i", len(field)) + field for field in fields)


def whole(number):
    return struct.pack(">q", number)


def uid(number):
    return str(uuid.UUID(int=random(12).integers(2**62).item() * 2**64 + number)).encode()


def image_id(number):
    return f"image-{number}"


class Times:
    """Seconds that queries took, without the first one, and seconds of a processor that the server needed."""

    def __init__(self, seconds, used):
        self.seconds, self.used = numpy.array(seconds[1:]), used / len(seconds)

    def __str__(self):
        median, late = numpy.quantile(self.seconds, [0.5, 0.95]) * 1e3
        return f"{median:.1f} | {late:.1f} | {self.used * 1e3:.1f}"


def busy(process):
    """Seconds of a processor that a process of this machine has used, 0 where that is unknown."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


def own_memory(process):
    """Megabytes that a process of this machine shares with no other, 0 where that is unknown."""
    try:
        return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process}/status").read_text()).group(1)) // 1024
    except OSError:
        return 0


STEPS = {
    "fill": Gallery.fill, "probes": Gallery.write_probes, "exact": Gallery.exact_scans, "hnsw": Gallery.hnsw,
    "search": Gallery.searches, "filters": Gallery.filters, "rates": Gallery.rates,
}


def main():
    about = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about.add_argument("address")
    about.add_argument("steps", nargs="+", choices=STEPS)
    about.add_argument("--people", type=int, default=100_000)
    about.add_argument("--dimension", type=int, default=512)
    about.add_argument("--storage", help="of the column `vector`: plain keeps it in the row, external moves it out")
    about.add_argument("--reader", help="the address by which searches are made, as of a kiosk's user")
    about.add_argument("--probes", type=int, default=2000, help="mated probes")
    about.add_argument("--strangers", type=int, default=200)
    about.add_argument("--indexes", default="halfvec:16:64", help="TYPE:M:EF_CONSTRUCTION, by commas")
    about.add_argument("--workers", type=int, help="parallel workers of a build; by default the server's setting")
    about.add_argument("--ef", default="40,100,200,400")
    about.add_argument("--iterative", default="off", help="values of hnsw.iterative_scan, by commas")
    about.add_argument("--candidates", type=int, default=40, help="how many an index gives to be scored anew")
    about.add_argument("--similar", type=float, default=0.4, help="the similarity from which a match counts")
    about.add_argument("--seconds", type=float, default=10, help="when to stop asking the same exact question")
    about.add_argument("--most", type=float, default=1e9, help="when to stop asking by an index")
    about.add_argument("--plans", action="store_true", help="print plans too")
    about.add_argument("--truth", default="gallery-truth.npz")
    about.add_argument("--to", default="gallery-probes.f32", help="the file that the step probes writes")
    options = about.parse_args()
    gallery = Gallery(options)
    for step in options.steps:
        STEPS[step](gallery)


if __name__ == "__main__":
    main()
