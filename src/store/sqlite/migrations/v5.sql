-- Schema version 5. Once published this file never changes: later versions have files of their own.

-- `erasures` counts writes whose removed bytes the write-ahead log may still hold; it counts only while
-- the log has bytes. `unclean` is the first page that may hold rows of old in its unused bytes, as older
-- versions left them, or 0.
ALTER TABLE meta ADD COLUMN erasures INTEGER NOT NULL DEFAULT 0 CHECK (erasures >= 0);
ALTER TABLE meta ADD COLUMN unclean INTEGER NOT NULL DEFAULT 0 CHECK (unclean >= 0);
UPDATE meta SET unclean = 1;

-- 1 where somebody has still to decide on a person, whose status is then 'inactive'.
ALTER TABLE persons ADD COLUMN is_pending INTEGER NOT NULL DEFAULT 0
    CHECK (is_pending IN (0, 1) AND (is_pending = 0 OR status = 'inactive'));

-- The audit trail: what happened, who did it, and the SHA-256 of the entry before it and of this one. Nothing in
-- it is personal: `person` is a key, `detail` is JSON that holds neither values of fields nor hashes of what is
-- known elsewhere. Entries are never changed, and only the oldest ones are ever removed.
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY CHECK (sequence >= 1),
    at       INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    client   TEXT,
    actor    TEXT,
    person   INTEGER,
    detail   TEXT    NOT NULL,
    hash     BLOB    NOT NULL CHECK (octet_length(hash) = 32)
) STRICT;

-- One row: what the trail notes, and its ends. `base` and `anchor` are the number and the hash of the last entry
-- that was cut, `last` and `head` those of the newest one. `searches_since` is since when searches are noted.
-- `crc32` covers all of them.
CREATE TABLE audit_state (
    key              INTEGER PRIMARY KEY CHECK (key = 1),
    scope            TEXT    NOT NULL CHECK (scope IN ('off', 'changes', 'all')),
    keep_days        INTEGER CHECK (keep_days BETWEEN 1 AND 36525),
    searches_at_once INTEGER NOT NULL CHECK (searches_at_once IN (0, 1)),
    searches_since   INTEGER,
    base             INTEGER NOT NULL CHECK (base >= 0),
    anchor           BLOB    NOT NULL CHECK (octet_length(anchor) = 32),
    last             INTEGER NOT NULL CHECK (last >= base),
    head             BLOB    NOT NULL CHECK (octet_length(head) = 32),
    crc32            INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295)
) STRICT;

CREATE TRIGGER audit_is_appended_to BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE sequence >= NEW.sequence) BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit trail comes behind the last one');
END;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit trail is never changed');
END;

CREATE TRIGGER audit_is_cut_at_its_start BEFORE DELETE ON audit
    WHEN OLD.sequence > (SELECT base FROM audit_state) BEGIN
    SELECT RAISE(ABORT, 'only the oldest entries of the audit trail are removed');
END;

-- When a person was recognised or verified last, as far as searches are noted. `crc32` covers both columns.
CREATE TABLE seen (
    person INTEGER PRIMARY KEY REFERENCES persons ON DELETE CASCADE,
    at     INTEGER NOT NULL,
    crc32  INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295)
) STRICT;

-- When a person is to be removed. Few have such a time.
ALTER TABLE persons ADD COLUMN expires_at INTEGER;
CREATE INDEX persons_by_expiry ON persons (client, expires_at) WHERE expires_at IS NOT NULL;

-- One row: who is removed because of time. `crc32` covers the other columns but the key.
CREATE TABLE retention (
    key         INTEGER PRIMARY KEY CHECK (key = 1),
    expired     INTEGER NOT NULL CHECK (expired IN (0, 1)),
    unseen_days INTEGER CHECK (unseen_days BETWEEN 1 AND 36525),
    crc32       INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295)
) STRICT;

-- Each row has a checksum over all its columns (rows.rs), which all rows get after these statements
-- (schema.rs).
ALTER TABLE clients ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);
ALTER TABLE models ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);
ALTER TABLE meta ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);
ALTER TABLE persons ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);
ALTER TABLE images ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);
ALTER TABLE collections ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);
ALTER TABLE memberships ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);
ALTER TABLE attributes ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);
ALTER TABLE tokens ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);
ALTER TABLE removals ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0 CHECK (crc32 BETWEEN 0 AND 4294967295);

-- Triggers write `changes`, and no statement can compute a checksum. Instead the index holds every column
-- once more, and SQLite's integrity check compares both.
DROP INDEX changes_by_client;
CREATE INDEX changes_by_client ON changes (client, changed, added, removed);

-- Vaults that were made with an early version 2 have an index by name that nothing uses, and lack this one.
DROP INDEX IF EXISTS persons_by_name;
CREATE INDEX IF NOT EXISTS persons_by_birth ON persons (client, date_of_birth);

-- A small JPEG of each photo, made when the photo is encoded, or when somebody first asks for it.
CREATE TABLE thumbnails (
    image INTEGER PRIMARY KEY REFERENCES images ON DELETE CASCADE,
    crc32 INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295),
    bytes BLOB    NOT NULL
) STRICT;
