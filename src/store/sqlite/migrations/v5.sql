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
