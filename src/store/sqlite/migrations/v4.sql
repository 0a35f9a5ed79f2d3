-- Schema version 4. Once published this file never changes: later versions have files of their own.

-- 0 where an encoding was given without a photo: there is no row of `photos` then, and `sha256` is that
-- of the encoding and its model.
ALTER TABLE images ADD COLUMN has_photo INTEGER NOT NULL DEFAULT 1 CHECK (has_photo IN (0, 1));

-- What a host notes of a person by keys of its own. The index is for finding persons by a value.
CREATE TABLE attributes (
    person INTEGER NOT NULL REFERENCES persons ON DELETE CASCADE,
    key    TEXT    NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 64),
    value  TEXT    NOT NULL,
    PRIMARY KEY (person, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX attributes_by_value ON attributes (key, value, person);

-- Names are compared without regard to how accents are written from this version on: `folded_name` is
-- written anew for all persons after these statements (schema.rs).
