-- Schema version 4. Once published this file never changes: later versions have files of their own.

-- 0 where an encoding was given without a photo: there is no row of `photos` then, and `sha256` is that
-- of the encoding and its model.
ALTER TABLE images ADD COLUMN has_photo INTEGER NOT NULL DEFAULT 1 CHECK (has_photo IN (0, 1));
