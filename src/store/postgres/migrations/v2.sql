-- Version 2 of a hub's schema: what a vault has beside its people, so that programs can use a hub without a vault. Once
-- published this file never changes: later versions have files of their own.
--
-- Users who follow the hub for a client have no right to the new tables: only the hub's owner uses a hub directly.

-- The model whose encodings are shown and searched; before one was chosen, the first that came.
ALTER TABLE facevault.hub ADD COLUMN active_model bigint REFERENCES facevault.models;

-- `version` counts the changes of a person. `folded_name` is for finding names without regard to case and to how accents
-- are written; it is written anew for all persons after these statements (schema.rs).
ALTER TABLE facevault.persons
    ADD COLUMN version bigint NOT NULL DEFAULT 1 CHECK (version >= 1),
    ADD COLUMN updated_at bigint,
    ADD COLUMN folded_name text,
    ADD COLUMN date_of_birth text GENERATED ALWAYS AS (items ->> 'date_of_birth') STORED,
    ADD COLUMN expires_at bigint GENERATED ALWAYS AS ((items ->> 'expires_at')::bigint) STORED;
UPDATE facevault.persons SET updated_at = created_at;
ALTER TABLE facevault.persons ALTER COLUMN updated_at SET NOT NULL;
CREATE INDEX persons_by_age ON facevault.persons (client, created_at, id COLLATE "C");
CREATE INDEX persons_by_birth ON facevault.persons (client, date_of_birth);
CREATE INDEX persons_by_expiry ON facevault.persons (client, expires_at) WHERE expires_at IS NOT NULL;

ALTER TABLE facevault.collections ADD COLUMN updated_at bigint;
UPDATE facevault.collections SET updated_at = created_at;
ALTER TABLE facevault.collections ALTER COLUMN updated_at SET NOT NULL;

-- Who has an encoding by a model is counted without reading a vector.
CREATE INDEX encodings_by_model ON facevault.encodings (model, client, person);

-- The number that a removed person had, and the change that the person came with; 0 where that is not known.
ALTER TABLE facevault.tombstones ADD COLUMN person bigint, ADD COLUMN added bigint;
UPDATE facevault.tombstones SET person = 0, added = 0 WHERE kind = 'person';
ALTER TABLE facevault.tombstones ADD CHECK (kind <> 'person' OR (person IS NOT NULL AND added IS NOT NULL));

-- A program of version 1 that was connected when these statements were carried out would go on writing: it is refused,
-- connects again and is told that it is too old.
CREATE FUNCTION facevault.require_version_2() RETURNS trigger LANGUAGE plpgsql SET search_path = facevault, pg_temp AS $$
BEGIN
    IF NEW.items IS DISTINCT FROM OLD.items AND NEW.changed <> OLD.changed AND NEW.version = OLD.version THEN
        RAISE EXCEPTION 'the hub has a later version' USING ERRCODE = 'admin_shutdown';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER version_is_raised BEFORE UPDATE ON facevault.persons
    FOR EACH ROW EXECUTE FUNCTION facevault.require_version_2();

-- A small JPEG of a photo.
CREATE TABLE facevault.thumbnails (
    image bigint PRIMARY KEY REFERENCES facevault.images ON DELETE CASCADE,
    bytes bytea  NOT NULL
);
ALTER TABLE facevault.thumbnails ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Tokens of the HTTP surface, as in a vault: what a holder shows is kept as its SHA-256 alone.
CREATE TABLE facevault.tokens (
    key        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client     bigint NOT NULL REFERENCES facevault.clients,
    id         text   NOT NULL UNIQUE CHECK (octet_length(id) BETWEEN 1 AND 64),
    sha256     bytea  NOT NULL CHECK (octet_length(sha256) = 32),
    created_at bigint NOT NULL,
    expires_at bigint CHECK (expires_at > created_at),
    revoked_at bigint CHECK (revoked_at >= created_at)
);

-- The audit trail of what programs do in the hub directly, as in a vault. Vaults that follow it have their own.
CREATE TABLE facevault.audit (
    sequence bigint PRIMARY KEY CHECK (sequence >= 1),
    at       bigint NOT NULL,
    kind     text   NOT NULL,
    client   text,
    actor    text,
    person   bigint,
    detail   text   NOT NULL,
    hash     bytea  NOT NULL CHECK (octet_length(hash) = 32)
);

-- One row, as in a vault: what the trail notes, and its ends.
CREATE TABLE facevault.audit_state (
    key            integer PRIMARY KEY CHECK (key = 1),
    scope          text    NOT NULL CHECK (scope IN ('off', 'changes', 'all')),
    keep_days      integer CHECK (keep_days BETWEEN 1 AND 36525),
    searches_at_once boolean NOT NULL,
    searches_since bigint,
    base           bigint  NOT NULL CHECK (base >= 0),
    anchor         bytea   NOT NULL CHECK (octet_length(anchor) = 32),
    last           bigint  NOT NULL CHECK (last >= base),
    head           bytea   NOT NULL CHECK (octet_length(head) = 32)
);

CREATE FUNCTION facevault.keep_the_trail() RETURNS trigger LANGUAGE plpgsql SET search_path = facevault, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.sequence <= (SELECT base FROM facevault.audit_state) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'entries of the audit trail are never changed, and only the oldest are removed';
END $$;
CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE ON facevault.audit
    FOR EACH ROW EXECUTE FUNCTION facevault.keep_the_trail();

-- When a person was recognised or verified last, as far as searches are noted.
CREATE TABLE facevault.seen (
    person bigint PRIMARY KEY REFERENCES facevault.persons ON DELETE CASCADE,
    at     bigint NOT NULL
);

-- One row: who is removed because of time.
CREATE TABLE facevault.retention (
    key         integer PRIMARY KEY CHECK (key = 1),
    expired     boolean NOT NULL,
    unseen_days integer CHECK (unseen_days BETWEEN 1 AND 36525)
);
INSERT INTO facevault.retention (key, expired) VALUES (1, false);
