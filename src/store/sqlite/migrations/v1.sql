-- Schema version 1. Once published this file never changes: later versions have files of their own.
--
-- Keys are numbers of this file alone and never leave it, but for a person's key, which is never
-- given twice. Times are microseconds since 1970 in UTC. `crc32` covers the blob beside it and
-- what the blob belongs to (see checksum.rs).

CREATE TABLE clients (
    key        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE CHECK (octet_length(id) BETWEEN 1 AND 64),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE models (
    key       INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE CHECK (octet_length(id) = 16),
    name      TEXT    NOT NULL,
    dimension INTEGER NOT NULL CHECK (dimension BETWEEN 1 AND 65536),
    metric    TEXT    NOT NULL CHECK (metric IN ('cosine', 'euclidean'))
) STRICT;

-- One row. A gallery that has seen generation g finds what it missed in `persons.generation` and
-- `removals` if g is at least `complete_since`; otherwise it loads everything anew.
CREATE TABLE meta (
    key            INTEGER PRIMARY KEY CHECK (key = 1),
    vault          TEXT    NOT NULL CHECK (octet_length(vault) = 36),
    created_at     INTEGER NOT NULL,
    default_client INTEGER NOT NULL REFERENCES clients,
    active_model   INTEGER REFERENCES models,
    generation     INTEGER NOT NULL CHECK (generation >= 0),
    complete_since INTEGER NOT NULL CHECK (complete_since BETWEEN 0 AND generation)
) STRICT;

-- Notes come last: reading the columns before them never reads their overflow pages.
CREATE TABLE persons (
    key           INTEGER PRIMARY KEY AUTOINCREMENT,
    client        INTEGER NOT NULL REFERENCES clients,
    id            TEXT    NOT NULL CHECK (octet_length(id) BETWEEN 1 AND 64),
    status        TEXT    NOT NULL CHECK (status IN ('active', 'inactive')),
    version       INTEGER NOT NULL CHECK (version >= 1),
    generation    INTEGER NOT NULL CHECK (generation >= 0),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL CHECK (updated_at >= created_at),
    gender        TEXT    CHECK (gender IN ('M', 'F')),
    date_of_birth TEXT    CHECK (date_of_birth GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    name          TEXT    NOT NULL CHECK (octet_length(name) > 0),
    folded_name   TEXT    NOT NULL,
    nationality   TEXT    CHECK (octet_length(nationality) > 0),
    notes         TEXT    CHECK (octet_length(notes) > 0),
    UNIQUE (client, id)
) STRICT;
CREATE INDEX persons_by_age ON persons (client, created_at);
CREATE INDEX persons_by_generation ON persons (generation);

-- Persons who are gone, by the generation in which they went. The key says nothing about whom.
CREATE TABLE removals (
    generation INTEGER PRIMARY KEY,
    person     INTEGER NOT NULL
) STRICT;

-- `position` orders a person's images; it may have gaps.
CREATE TABLE images (
    key      INTEGER PRIMARY KEY AUTOINCREMENT,
    person   INTEGER NOT NULL REFERENCES persons ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position >= 0),
    id       TEXT    NOT NULL UNIQUE CHECK (octet_length(id) BETWEEN 1 AND 64),
    sha256   BLOB    NOT NULL CHECK (octet_length(sha256) = 32),
    UNIQUE (person, position)
) STRICT;

-- A table of their own, so that going through persons, images or encodings never reads a photo.
CREATE TABLE photos (
    image INTEGER PRIMARY KEY REFERENCES images ON DELETE CASCADE,
    crc32 INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295),
    bytes BLOB    NOT NULL
) STRICT;

-- Vectors as little-endian f32. Rows are appended, so that loading a gallery is one pass in order.
CREATE TABLE encodings (
    key    INTEGER PRIMARY KEY,
    image  INTEGER NOT NULL REFERENCES images ON DELETE CASCADE,
    model  INTEGER NOT NULL REFERENCES models,
    crc32  INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295),
    vector BLOB    NOT NULL CHECK (octet_length(vector) > 0 AND octet_length(vector) % 4 = 0),
    UNIQUE (image, model)
) STRICT;

CREATE TABLE collections (
    key         INTEGER PRIMARY KEY AUTOINCREMENT,
    client      INTEGER NOT NULL REFERENCES clients,
    id          TEXT    NOT NULL CHECK (octet_length(id) BETWEEN 1 AND 64),
    code        TEXT    NOT NULL UNIQUE CHECK (octet_length(code) = 36),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL CHECK (updated_at >= created_at),
    name        TEXT    NOT NULL CHECK (octet_length(name) > 0),
    description TEXT    CHECK (octet_length(description) > 0),
    UNIQUE (client, id)
) STRICT;

CREATE TABLE memberships (
    person     INTEGER NOT NULL REFERENCES persons ON DELETE CASCADE,
    collection INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,
    PRIMARY KEY (person, collection)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_by_collection ON memberships (collection, person);
