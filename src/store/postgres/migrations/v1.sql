-- Version 1 of a hub's schema. Once published this file never changes: later versions have files of their own.
--
-- Times are microseconds since 1970 in UTC, as in a vault. Each change of a person or collection has a number, taken
-- from `hub.sequence` while its row is locked: so changes become visible in the order of their numbers, and whoever
-- has seen number n has missed nothing before it.

CREATE SCHEMA facevault;
REVOKE ALL ON SCHEMA facevault FROM PUBLIC;

-- One row.
CREATE TABLE facevault.hub (
    key        integer PRIMARY KEY CHECK (key = 1),
    id         text    NOT NULL CHECK (octet_length(id) = 36),
    version    integer NOT NULL CHECK (version >= 1),
    created_at bigint  NOT NULL,
    sequence   bigint  NOT NULL CHECK (sequence >= 0)
);

-- What stands beside a change, so that a vault can tell whether this is the hub that it followed or an older copy.
CREATE TABLE facevault.marks (
    sequence bigint PRIMARY KEY,
    mark     text   NOT NULL
);

-- Each time that the hub was found to be restored from a backup: the last change that it knew then.
CREATE TABLE facevault.epochs (
    number      bigint PRIMARY KEY CHECK (number >= 1),
    restored_at bigint NOT NULL,
    noticed_at  bigint NOT NULL
);

CREATE TABLE facevault.clients (
    key        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         text   NOT NULL UNIQUE CHECK (octet_length(id) BETWEEN 1 AND 64),
    created_at bigint NOT NULL
);

-- Which roles of the server belong to which client. The owner of the tables belongs to none and sees all.
CREATE TABLE facevault.members (
    role   name   PRIMARY KEY,
    client bigint NOT NULL REFERENCES facevault.clients
);

-- The client of whoever is connected.
CREATE FUNCTION facevault.client() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = facevault, pg_temp
    AS $$ SELECT client FROM facevault.members WHERE role = session_user $$;

-- Vaults that follow the hub.
CREATE TABLE facevault.kiosks (
    id         text   PRIMARY KEY CHECK (octet_length(id) = 36),
    client     bigint NOT NULL REFERENCES facevault.clients,
    role       name   NOT NULL,
    name       text   NOT NULL,
    place      bigint NOT NULL,
    unsent     bigint NOT NULL,
    first_at   bigint NOT NULL,
    last_at    bigint NOT NULL
);

CREATE TABLE facevault.models (
    key       bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id        bytea   NOT NULL UNIQUE CHECK (octet_length(id) = 16),
    name      text    NOT NULL,
    dimension integer NOT NULL CHECK (dimension BETWEEN 1 AND 16000),
    metric    text    NOT NULL CHECK (metric IN ('cosine', 'euclidean')),
    mode      text    CHECK (mode IN ('fast', 'accurate'))
);

-- `items` holds what describes a person, each by its name: fields, `attribute:KEY`, `collection:ID` and `image:ID`.
-- `stamps` is the number of the change that last touched an item, where that is not `added`.
CREATE TABLE facevault.persons (
    key        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client     bigint NOT NULL REFERENCES facevault.clients,
    uid        text   NOT NULL UNIQUE CHECK (octet_length(uid) = 36),
    id         text   NOT NULL CHECK (octet_length(id) BETWEEN 1 AND 64),
    created_at bigint NOT NULL,
    added      bigint NOT NULL,
    changed    bigint NOT NULL CHECK (changed >= added),
    items      jsonb  NOT NULL CHECK (jsonb_typeof(items) = 'object' AND octet_length(items ->> 'name') > 0),
    stamps     jsonb  NOT NULL CHECK (jsonb_typeof(stamps) = 'object'),
    name       text   GENERATED ALWAYS AS (items ->> 'name') STORED,
    status     text   GENERATED ALWAYS AS (items ->> 'status') STORED
        CHECK (status IN ('active', 'inactive', 'pending')),
    UNIQUE (client, id)
);
CREATE INDEX persons_by_change ON facevault.persons (client, changed);
-- Who is in a collection, or has an attribute of some value.
CREATE INDEX persons_by_item ON facevault.persons USING gin (items);

CREATE TABLE facevault.images (
    key       bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client    bigint  NOT NULL REFERENCES facevault.clients,
    person    bigint  NOT NULL REFERENCES facevault.persons ON DELETE CASCADE,
    position  integer NOT NULL CHECK (position >= 0),
    id        text    NOT NULL UNIQUE CHECK (octet_length(id) BETWEEN 1 AND 64),
    sha256    bytea   NOT NULL CHECK (octet_length(sha256) = 32),
    has_photo boolean NOT NULL
);
CREATE INDEX images_by_person ON facevault.images (person, position);

-- A table of their own, so that going through persons or encodings never reads a photo. They are compressed already.
CREATE TABLE facevault.photos (
    image  bigint PRIMARY KEY REFERENCES facevault.images ON DELETE CASCADE,
    client bigint NOT NULL REFERENCES facevault.clients,
    bytes  bytea  NOT NULL
);
ALTER TABLE facevault.photos ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Vectors of 32-bit floating-point numbers, exactly as their networks gave them.
CREATE TABLE facevault.encodings (
    image  bigint NOT NULL REFERENCES facevault.images ON DELETE CASCADE,
    model  bigint NOT NULL REFERENCES facevault.models,
    client bigint NOT NULL REFERENCES facevault.clients,
    person bigint NOT NULL REFERENCES facevault.persons ON DELETE CASCADE,
    vector public.vector NOT NULL,
    PRIMARY KEY (image, model)
);
-- A vector of 512 components is a little over the size at which PostgreSQL would move it out of its row, and a scan of
-- all would then look each of them up in another table.
ALTER TABLE facevault.encodings ALTER COLUMN vector SET STORAGE MAIN;
CREATE INDEX encodings_by_person ON facevault.encodings (person);

-- `items` and `stamps` as of persons: `name` and `description`. The code names a collection in every vault.
CREATE TABLE facevault.collections (
    key        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client     bigint NOT NULL REFERENCES facevault.clients,
    id         text   NOT NULL CHECK (octet_length(id) BETWEEN 1 AND 64),
    code       text   NOT NULL UNIQUE CHECK (octet_length(code) = 36),
    created_at bigint NOT NULL,
    added      bigint NOT NULL,
    changed    bigint NOT NULL CHECK (changed >= added),
    items      jsonb  NOT NULL CHECK (jsonb_typeof(items) = 'object' AND octet_length(items ->> 'name') > 0),
    stamps     jsonb  NOT NULL CHECK (jsonb_typeof(stamps) = 'object'),
    UNIQUE (client, id)
);

-- Who and what was removed: a UUID, which says nothing about the person, and when.
CREATE TABLE facevault.tombstones (
    uid      text   PRIMARY KEY CHECK (octet_length(uid) = 36),
    client   bigint NOT NULL REFERENCES facevault.clients,
    kind     text   NOT NULL CHECK (kind IN ('person', 'collection')),
    sequence bigint NOT NULL
);
CREATE INDEX tombstones_by_change ON facevault.tombstones (client, sequence);

-- Changes that were carried out, and whose sender has not confirmed yet that it heard so.
CREATE TABLE facevault.attempts (
    id       text   NOT NULL,
    sequence bigint NOT NULL,
    client   bigint NOT NULL REFERENCES facevault.clients,
    PRIMARY KEY (id, sequence)
);

-- Values that were not kept, because the item was changed on both sides since they last met.
CREATE TABLE facevault.history (
    key      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client   bigint NOT NULL REFERENCES facevault.clients,
    person   bigint NOT NULL REFERENCES facevault.persons ON DELETE CASCADE,
    sequence bigint NOT NULL,
    at       bigint NOT NULL,
    kiosk    text   NOT NULL,
    item     text   NOT NULL,
    kept     jsonb  NOT NULL,
    lost     jsonb  NOT NULL
);
CREATE INDEX history_by_person ON facevault.history (person, key);

-- Each role sees the rows of its client alone. The client is asked for once a statement, not once a row.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['kiosks', 'persons', 'images', 'photos', 'encodings', 'collections', 'tombstones',
                                'attempts', 'history'] LOOP
        EXECUTE format('ALTER TABLE facevault.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_client ON facevault.%I USING (client = (SELECT facevault.client()))
                        WITH CHECK (client = (SELECT facevault.client()))', name);
    END LOOP;
END $$;
ALTER TABLE facevault.clients ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_client ON facevault.clients USING (key = (SELECT facevault.client()));

INSERT INTO facevault.clients (id, created_at)
    VALUES ('default', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
