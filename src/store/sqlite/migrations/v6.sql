-- Schema version 6. Once published this file never changes: later versions have files of their own.

-- The hub that this vault has a share of, if it has: at most one row. Changes of the hub up to `place` were taken;
-- `mark` is what the hub noted beside that change, so that a hub that was restored from a backup is known by not
-- having it. `epoch` counts such restorations. `collections` is a list of ids as JSON, NULL for everybody.
CREATE TABLE hub (
    key         INTEGER PRIMARY KEY CHECK (key = 1),
    hub         TEXT    NOT NULL CHECK (octet_length(hub) = 36),
    kiosk       TEXT    NOT NULL CHECK (octet_length(kiosk) = 36),
    client      INTEGER NOT NULL REFERENCES clients,
    epoch       INTEGER NOT NULL CHECK (epoch >= 0),
    place       INTEGER NOT NULL CHECK (place >= 0),
    mark        TEXT,
    collections TEXT,
    photos      INTEGER NOT NULL CHECK (photos IN (0, 1)),
    crc32       INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295)
) STRICT;

-- Persons whom the hub has as well, and what names them there. `met` is the change of the hub up to which this vault
-- has seen the person. `is_own` is 1 for who came from this vault, and stays whatever its share is. `attempt` names
-- what was sent last as long as nobody knows whether it arrived.
CREATE TABLE shared (
    person  INTEGER PRIMARY KEY REFERENCES persons ON DELETE CASCADE,
    uid     TEXT    NOT NULL UNIQUE CHECK (octet_length(uid) = 36),
    met     INTEGER NOT NULL CHECK (met >= 0),
    is_own  INTEGER NOT NULL CHECK (is_own IN (0, 1)),
    attempt TEXT,
    crc32   INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295)
) STRICT;

-- The same of collections, whose codes name them.
CREATE TABLE shared_collections (
    collection INTEGER PRIMARY KEY REFERENCES collections ON DELETE CASCADE,
    met        INTEGER NOT NULL CHECK (met >= 0),
    attempt    TEXT,
    crc32      INTEGER NOT NULL CHECK (crc32 BETWEEN 0 AND 4294967295)
) STRICT;

-- What was changed here since this vault and the hub last met: the names of items, never their values. Triggers write
-- it, so that no write can forget to, without a clause for conflicts, which the clause of the statement that fires them
-- would replace; the index holds all columns once more, for SQLite's integrity check.
CREATE TABLE unsent (
    person INTEGER NOT NULL REFERENCES persons ON DELETE CASCADE,
    item   TEXT    NOT NULL,
    PRIMARY KEY (person, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX unsent_by_item ON unsent (item, person);

CREATE TABLE unsent_collections (
    collection INTEGER NOT NULL REFERENCES collections ON DELETE CASCADE,
    item       TEXT    NOT NULL,
    PRIMARY KEY (collection, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX unsent_collections_by_item ON unsent_collections (item, collection);

-- Shared persons and collections that were removed here: what named them in the hub, which says nothing about them.
-- They stay when the hub knows (`is_sent`), for a hub that forgets.
CREATE TABLE gone (
    uid     TEXT    PRIMARY KEY,
    kind    TEXT    NOT NULL CHECK (kind IN ('person', 'collection')),
    is_sent INTEGER NOT NULL CHECK (is_sent IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX gone_by_state ON gone (is_sent, kind, uid);

CREATE TRIGGER shared_person_is_changed AFTER UPDATE ON persons
    WHEN EXISTS (SELECT 1 FROM shared WHERE person = NEW.key) BEGIN
    INSERT INTO unsent SELECT NEW.key, 'name' WHERE (NEW.name IS NOT OLD.name)
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.key AND item = 'name');
    INSERT INTO unsent SELECT NEW.key, 'gender' WHERE (NEW.gender IS NOT OLD.gender)
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.key AND item = 'gender');
    INSERT INTO unsent SELECT NEW.key, 'date_of_birth' WHERE (NEW.date_of_birth IS NOT OLD.date_of_birth)
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.key AND item = 'date_of_birth');
    INSERT INTO unsent SELECT NEW.key, 'nationality' WHERE (NEW.nationality IS NOT OLD.nationality)
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.key AND item = 'nationality');
    INSERT INTO unsent SELECT NEW.key, 'notes' WHERE (NEW.notes IS NOT OLD.notes)
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.key AND item = 'notes');
    INSERT INTO unsent SELECT NEW.key, 'status' WHERE (NEW.status IS NOT OLD.status OR NEW.is_pending IS NOT OLD.is_pending)
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.key AND item = 'status');
    INSERT INTO unsent SELECT NEW.key, 'expires_at' WHERE (NEW.expires_at IS NOT OLD.expires_at)
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.key AND item = 'expires_at');
END;

CREATE TRIGGER shared_person_is_removed BEFORE DELETE ON persons
    WHEN EXISTS (SELECT 1 FROM shared WHERE person = OLD.key) BEGIN
    DELETE FROM gone WHERE uid = (SELECT uid FROM shared WHERE person = OLD.key);
    INSERT INTO gone SELECT uid, 'person', 0 FROM shared WHERE person = OLD.key;
END;

-- A person who goes takes all of this along: the join leaves out whose row is gone already.
CREATE TRIGGER attribute_of_shared_is_added AFTER INSERT ON attributes
    WHEN EXISTS (SELECT 1 FROM shared s JOIN persons p ON p.key = s.person WHERE s.person = NEW.person) BEGIN
    INSERT INTO unsent SELECT NEW.person, 'attribute:' || NEW.key
        WHERE NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.person AND item = 'attribute:' || NEW.key);
END;

CREATE TRIGGER attribute_of_shared_is_changed AFTER UPDATE OF value ON attributes
    WHEN NEW.value IS NOT OLD.value AND EXISTS (SELECT 1 FROM shared WHERE person = NEW.person) BEGIN
    INSERT INTO unsent SELECT NEW.person, 'attribute:' || NEW.key
        WHERE NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.person AND item = 'attribute:' || NEW.key);
END;

CREATE TRIGGER attribute_of_shared_is_removed AFTER DELETE ON attributes
    WHEN EXISTS (SELECT 1 FROM shared s JOIN persons p ON p.key = s.person WHERE s.person = OLD.person) BEGIN
    INSERT INTO unsent SELECT OLD.person, 'attribute:' || OLD.key
        WHERE NOT EXISTS (SELECT 1 FROM unsent WHERE person = OLD.person AND item = 'attribute:' || OLD.key);
END;

CREATE TRIGGER membership_of_shared_is_added AFTER INSERT ON memberships
    WHEN EXISTS (SELECT 1 FROM shared s JOIN persons p ON p.key = s.person WHERE s.person = NEW.person) BEGIN
    INSERT INTO unsent SELECT NEW.person, 'collection:' || c.id FROM collections c WHERE c.key = NEW.collection
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.person AND item = 'collection:' || c.id);
END;

-- A collection that goes itself takes its memberships along in the hub as well.
CREATE TRIGGER membership_of_shared_is_removed AFTER DELETE ON memberships
    WHEN EXISTS (SELECT 1 FROM shared s JOIN persons p ON p.key = s.person WHERE s.person = OLD.person) BEGIN
    INSERT INTO unsent SELECT OLD.person, 'collection:' || c.id FROM collections c WHERE c.key = OLD.collection
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = OLD.person AND item = 'collection:' || c.id);
END;

CREATE TRIGGER image_of_shared_is_added AFTER INSERT ON images
    WHEN EXISTS (SELECT 1 FROM shared s JOIN persons p ON p.key = s.person WHERE s.person = NEW.person) BEGIN
    INSERT INTO unsent SELECT NEW.person, 'image:' || NEW.id
        WHERE NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.person AND item = 'image:' || NEW.id);
END;

CREATE TRIGGER image_of_shared_is_moved AFTER UPDATE OF position ON images
    WHEN EXISTS (SELECT 1 FROM shared s JOIN persons p ON p.key = s.person WHERE s.person = NEW.person) BEGIN
    INSERT INTO unsent SELECT NEW.person, 'image:' || NEW.id
        WHERE NOT EXISTS (SELECT 1 FROM unsent WHERE person = NEW.person AND item = 'image:' || NEW.id);
END;

CREATE TRIGGER image_of_shared_is_removed AFTER DELETE ON images
    WHEN EXISTS (SELECT 1 FROM shared s JOIN persons p ON p.key = s.person WHERE s.person = OLD.person) BEGIN
    INSERT INTO unsent SELECT OLD.person, 'image:' || OLD.id
        WHERE NOT EXISTS (SELECT 1 FROM unsent WHERE person = OLD.person AND item = 'image:' || OLD.id);
END;

CREATE TRIGGER encoding_of_shared_is_added AFTER INSERT ON encodings
    WHEN EXISTS (SELECT 1 FROM images i JOIN shared s ON s.person = i.person WHERE i.key = NEW.image) BEGIN
    INSERT INTO unsent SELECT i.person, 'image:' || i.id FROM images i WHERE i.key = NEW.image
        AND NOT EXISTS (SELECT 1 FROM unsent WHERE person = i.person AND item = 'image:' || i.id);
END;

CREATE TRIGGER shared_collection_is_changed AFTER UPDATE ON collections
    WHEN EXISTS (SELECT 1 FROM shared_collections WHERE collection = NEW.key) BEGIN
    INSERT INTO unsent_collections SELECT NEW.key, 'name' WHERE (NEW.name IS NOT OLD.name)
        AND NOT EXISTS (SELECT 1 FROM unsent_collections WHERE collection = NEW.key AND item = 'name');
    INSERT INTO unsent_collections SELECT NEW.key, 'description' WHERE (NEW.description IS NOT OLD.description)
        AND NOT EXISTS (SELECT 1 FROM unsent_collections WHERE collection = NEW.key AND item = 'description');
END;

CREATE TRIGGER shared_collection_is_removed BEFORE DELETE ON collections
    WHEN EXISTS (SELECT 1 FROM shared_collections WHERE collection = OLD.key) BEGIN
    DELETE FROM gone WHERE uid = OLD.code;
    INSERT INTO gone VALUES (OLD.code, 'collection', 0);
END;
