"""
The tables of a line's decisions. How older ones are brought up to them: hemline/database/schema.py.

Decisions and events share one number, the sequence, which only rises: it is the order in which things happened,
whatever the clock said. Times are kept twice, as text for people and as microseconds since 1970 to compare.
Each table and each index that a decision touches is a page of 4 KiB that its commit writes: there are as few as can be.
"""

from __future__ import annotations

from hemline.database.schema import Schema

APPLICATION_ID = 0x48_65_6D_4C  # "HemL", in the header of the file: whose database it is

MIGRATIONS = (
    # 1
    """
    CREATE TABLE about (
        key TEXT PRIMARY KEY,               -- line: its name; store: what makes the ids of messages its own
        value TEXT NOT NULL
    ) WITHOUT ROWID;

    -- what judged, once for the thousands of decisions that are by it; '' where a thing is not known
    CREATE TABLE origin (
        id INTEGER PRIMARY KEY,
        bundle TEXT NOT NULL,
        artifact TEXT NOT NULL,
        artifact_sha256 TEXT NOT NULL,
        decision_file_sha256 TEXT NOT NULL,
        UNIQUE (bundle, artifact, artifact_sha256, decision_file_sha256)
    );

    CREATE TABLE decision (
        sequence INTEGER PRIMARY KEY,
        decided_us INTEGER NOT NULL,
        decided_utc TEXT NOT NULL,
        part TEXT NOT NULL,
        verdict TEXT NOT NULL CHECK (verdict IN ('pass', 'review', 'reject')),
        reason TEXT,
        label TEXT,
        confidence REAL NOT NULL,
        quality TEXT NOT NULL CHECK (quality IN ('good', 'uncertain', 'bad')),
        score REAL,
        frames INTEGER NOT NULL,
        safe INTEGER NOT NULL,
        origin_id INTEGER NOT NULL REFERENCES origin (id),
        latency_ms REAL,
        budget_missed INTEGER NOT NULL,
        kept TEXT,                          -- by which rule its picture is kept; stays when the picture goes
        embedding BLOB                      -- float16, little-endian; last, so that who does not ask does not read it
    );
    -- all that counting a shift asks
    CREATE INDEX decision_time ON decision (decided_us, verdict, label);
    -- the few among the many
    CREATE INDEX decision_review ON decision (sequence) WHERE verdict = 'review';
    CREATE INDEX decision_reject ON decision (sequence) WHERE verdict = 'reject';

    -- apart from the decisions: a list of these need not read past it
    CREATE TABLE picture (
        sequence INTEGER PRIMARY KEY REFERENCES decision (sequence),
        strictness INTEGER NOT NULL,        -- of the verdict: 0 pass, 1 review, 2 reject
        bytes INTEGER NOT NULL,
        data BLOB NOT NULL
    );
    CREATE INDEX picture_given_up ON picture (strictness, sequence, bytes); -- in the order in which they go

    CREATE TABLE event (
        sequence INTEGER PRIMARY KEY,
        happened_us INTEGER NOT NULL,
        happened_utc TEXT NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL
    );

    -- a row goes when its publisher has delivered it
    CREATE TABLE outbox (
        publisher TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        topic TEXT NOT NULL,
        payload BLOB NOT NULL,
        PRIMARY KEY (publisher, sequence)
    ) WITHOUT ROWID;
    -- what a receiver will never take
    CREATE TABLE refused (
        publisher TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        topic TEXT NOT NULL,
        payload BLOB NOT NULL,
        reason TEXT NOT NULL,
        refused_utc TEXT NOT NULL,
        PRIMARY KEY (publisher, sequence)
    ) WITHOUT ROWID;
    """,
)
SCHEMA = Schema("record of decisions", APPLICATION_ID, MIGRATIONS)
