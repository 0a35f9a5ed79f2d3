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

-- The last change of each person, so that whoever copies persons elsewhere can follow. `revision` counts
-- them: one for each person who is added, gets another version, or is removed. Of somebody who was removed
-- nothing stays but the key, which is a number of this file. `forgotten` is the last removal that was
-- forgotten: only the removals of the latest 100,000 revisions are kept.
ALTER TABLE meta ADD COLUMN revision INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0);
ALTER TABLE meta ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0 CHECK (forgotten >= 0);

CREATE TABLE changes (
    person  INTEGER PRIMARY KEY,
    client  INTEGER NOT NULL REFERENCES clients,
    added   INTEGER NOT NULL CHECK (added >= 1),
    changed INTEGER NOT NULL CHECK (changed >= added),
    removed INTEGER NOT NULL CHECK (removed IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX changes_by_client ON changes (client, changed);
CREATE INDEX changes_by_removal ON changes (changed) WHERE removed = 1;

INSERT INTO changes (person, client, added, changed, removed) SELECT key, client, key, key, 0 FROM persons;
UPDATE meta SET revision = COALESCE((SELECT MAX(changed) FROM changes), 0);

CREATE TRIGGER person_is_added AFTER INSERT ON persons BEGIN
    UPDATE meta SET revision = revision + 1;
    INSERT INTO changes (person, client, added, changed, removed)
        SELECT NEW.key, NEW.client, revision, revision, 0 FROM meta;
END;

CREATE TRIGGER person_is_changed AFTER UPDATE OF version ON persons BEGIN
    UPDATE meta SET revision = revision + 1;
    UPDATE changes SET changed = (SELECT revision FROM meta) WHERE person = NEW.key;
END;

CREATE TRIGGER person_is_removed AFTER DELETE ON persons BEGIN
    UPDATE meta SET revision = revision + 1;
    UPDATE changes SET changed = (SELECT revision FROM meta), removed = 1 WHERE person = OLD.key;
    UPDATE meta SET forgotten = COALESCE(
        (SELECT MAX(changed) FROM changes WHERE removed = 1 AND changed <= meta.revision - 100000), forgotten);
    DELETE FROM changes WHERE removed = 1 AND changed <= (SELECT forgotten FROM meta);
END;
