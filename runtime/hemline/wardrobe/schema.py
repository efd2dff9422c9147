"""
The tables of a catalogue. How older ones are brought up to them: hemline/database/schema.py.

A script that takes a column away empties the journal (step, entry), whose images name columns.
Garment ids are never given twice (AUTOINCREMENT): a number written on a label means one garment for ever.
"""

from __future__ import annotations

from hemline.database.schema import Schema

APPLICATION_ID = 0x48_65_6D_57  # "HemW", in the header of the file: whose database it is

MIGRATIONS = (
    # 1
    """
    CREATE TABLE garment (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        label TEXT,
        status TEXT NOT NULL CHECK (status IN ('kept', 'review', 'removed')),
        quality TEXT NOT NULL CHECK (quality IN ('good', 'uncertain', 'bad')),
        confidence REAL NOT NULL,
        reason TEXT,
        bundle TEXT NOT NULL,
        artifact TEXT NOT NULL,
        class_lock TEXT NOT NULL,
        pattern TEXT CHECK (pattern IN ('plain', 'striped', 'checked', 'patterned')),
        caption TEXT NOT NULL,
        notes TEXT NOT NULL,
        tags TEXT NOT NULL,                 -- JSON, a list of text
        words TEXT NOT NULL,                -- what search looks at: ' navy longsleeve striped '
        skipped INTEGER NOT NULL DEFAULT 0, -- times in review; less often skipped comes first
        merged_into INTEGER REFERENCES garment (id),
        created_utc TEXT NOT NULL,
        updated_utc TEXT NOT NULL
    );
    -- all that a page of garments asks, in their order: to count, to skip and to search nothing else is read
    CREATE INDEX garment_words ON garment (id, status, words) WHERE status <> 'removed';
    CREATE INDEX garment_status ON garment (status, skipped); -- the review queue, in its order
    CREATE INDEX garment_label ON garment (label, status);
    CREATE INDEX garment_merged ON garment (merged_into) WHERE merged_into IS NOT NULL;

    CREATE TABLE colour (
        id INTEGER PRIMARY KEY,
        garment_id INTEGER NOT NULL REFERENCES garment (id),
        name TEXT NOT NULL,
        share REAL NOT NULL,
        l REAL NOT NULL,
        a REAL NOT NULL,
        b REAL NOT NULL
    );
    CREATE INDEX colour_garment ON colour (garment_id);
    CREATE INDEX colour_name ON colour (name, garment_id);

    CREATE TABLE picture (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        garment_id INTEGER NOT NULL REFERENCES garment (id),
        sha256 TEXT NOT NULL,
        format TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        source TEXT NOT NULL,
        added_utc TEXT NOT NULL
    );
    CREATE INDEX picture_garment ON picture (garment_id);
    CREATE INDEX picture_sha256 ON picture (sha256);

    -- apart from the pictures: a list of garments need not read past these
    CREATE TABLE embedding (
        id INTEGER PRIMARY KEY,
        picture_id INTEGER NOT NULL REFERENCES picture (id),
        model TEXT NOT NULL,
        vector BLOB NOT NULL,               -- float32, little-endian
        UNIQUE (picture_id, model)
    );
    CREATE INDEX embedding_model ON embedding (model);
    CREATE TABLE features (
        id INTEGER PRIMARY KEY,
        picture_id INTEGER NOT NULL REFERENCES picture (id),
        version INTEGER NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (picture_id, version)
    );

    CREATE TABLE prediction (
        id INTEGER PRIMARY KEY,
        garment_id INTEGER NOT NULL REFERENCES garment (id),
        picture_id INTEGER REFERENCES picture (id),
        label TEXT,
        confidence REAL NOT NULL,
        quality TEXT NOT NULL,
        reason TEXT,
        top TEXT NOT NULL,                  -- JSON, a list of [label, probability]
        artifact TEXT NOT NULL,
        bundle TEXT NOT NULL,
        class_lock TEXT NOT NULL,
        predicted_utc TEXT NOT NULL
    );
    CREATE INDEX prediction_garment ON prediction (garment_id);
    CREATE INDEX prediction_picture ON prediction (picture_id);

    CREATE TABLE correction (
        id INTEGER PRIMARY KEY,
        garment_id INTEGER NOT NULL REFERENCES garment (id),
        before TEXT,
        after TEXT NOT NULL,
        corrected_utc TEXT NOT NULL
    );
    CREATE INDEX correction_garment ON correction (garment_id);

    CREATE TABLE wear (
        id INTEGER PRIMARY KEY,
        garment_id INTEGER NOT NULL REFERENCES garment (id),
        day TEXT NOT NULL,
        UNIQUE (garment_id, day)
    );

    -- every garment with the number of its last change, those that are gone included: what keeps a copy in memory
    -- asks for changes above the last number it saw. One row a garment.
    CREATE TABLE touched (
        garment_id INTEGER PRIMARY KEY,
        change INTEGER NOT NULL
    );
    CREATE INDEX touched_change ON touched (change);

    -- undo.py
    CREATE TABLE step (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        what TEXT NOT NULL,
        done_utc TEXT NOT NULL,
        undone INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE entry (
        step_id INTEGER NOT NULL REFERENCES step (id),
        place INTEGER NOT NULL,
        garment_id INTEGER NOT NULL,
        kind TEXT NOT NULL,                 -- a table
        row_id INTEGER NOT NULL,
        image TEXT,                         -- JSON; the row as it is on the other side of the step, NULL for none
        PRIMARY KEY (step_id, place)
    ) WITHOUT ROWID;
    CREATE INDEX entry_garment ON entry (garment_id);
    """,
)
SCHEMA = Schema("catalogue", APPLICATION_ID, MIGRATIONS)
