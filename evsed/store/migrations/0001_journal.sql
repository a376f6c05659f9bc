-- What is alive: one row a record. A row keeps its place when its record is replaced, so places tell the order
-- in which things were first written. `tx` names the transaction that a queued report is about.
CREATE TABLE record (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    tx TEXT,
    body TEXT NOT NULL,
    UNIQUE (kind, key)
) STRICT;

-- Ended transactions, in the order in which they ended: the history that people look at, never loaded at start.
CREATE TABLE ended (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- Rows that could not be read, as they were, with the reason.
CREATE TABLE quarantine (
    place INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;
