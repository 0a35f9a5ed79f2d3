-- Schema version 3. Once published this file never changes: later versions have files of their own.

-- The mode in which the model's encodings are made. NULL where nobody noted it: in vaults of earlier
-- versions, which may hold encodings of both.
ALTER TABLE models ADD COLUMN mode TEXT CHECK (mode IN ('fast', 'accurate'));
