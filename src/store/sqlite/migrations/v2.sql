-- Schema version 2. Once published this file never changes: later versions have files of their own.

-- Tokens of the HTTP surface. What a token's holder shows is kept as its SHA-256 alone. Revoked ones
-- stay, so that a list can say when they were.
CREATE TABLE tokens (
    key        INTEGER PRIMARY KEY,
    client     INTEGER NOT NULL REFERENCES clients,
    id         TEXT    NOT NULL UNIQUE CHECK (octet_length(id) BETWEEN 1 AND 64),
    sha256     BLOB    NOT NULL CHECK (octet_length(sha256) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER CHECK (expires_at > created_at),
    revoked_at INTEGER CHECK (revoked_at >= created_at)
) STRICT;
CREATE INDEX tokens_by_client ON tokens (client, created_at);

-- Somebody of the same name and date of birth is looked for before a person is added; few share a date.
CREATE INDEX persons_by_birth ON persons (client, date_of_birth);
