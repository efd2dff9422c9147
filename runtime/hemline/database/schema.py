"""
The tables of a database as scripts, one a version, and bringing an older database up to them.

Version n is what the first n scripts make, one after another. A script that was released is never changed; what has to
differ is a script more. Forward only: an older hemline refuses what a newer one wrote.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from hemline.errors import DataError


@dataclass(frozen=True)
class Schema:
    """The tables of one kind of database.

    what: it is called in messages, such as "catalogue".
    application_id: in the header of the file: whose database it is.
    """

    what: str
    application_id: int
    migrations: tuple[str, ...]

    @property
    def version(self) -> int:
        """The newest version."""
        return len(self.migrations)

    def require_readable(self, found: int, where: str) -> None:
        """Refuse a version that this hemline does not know."""
        if found > self.version:
            raise DataError(
                f"{where}: a {self.what} of version {found}, this hemline reads up to {self.version}; "
                "it was left as it is: use the newer hemline that wrote it, or update this one"
            )

    def migrate(self, connection: sqlite3.Connection) -> int:
        """Bring a database to the newest version, all of the way or not at all, and return the version it had.

        connection: in autocommit (isolation_level None), with no transaction open.
        """
        before = version(connection)
        if before == self.version:
            return before
        connection.execute("BEGIN IMMEDIATE")
        try:
            for script in self.migrations[before:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self.application_id}")
            connection.execute(f"PRAGMA user_version = {self.version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return before

    def expected(self, of_version: int) -> dict[str, list[str]]:
        """Return what columns() of a whole database of this version gives."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            for script in self.migrations[:of_version]:
                for statement in _statements(script):
                    connection.execute(statement)
            return columns(connection)
        finally:
            connection.close()


def version(connection: sqlite3.Connection) -> int:
    """Return the version of an open database; 0 is a new one."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    return int(found)


def columns(connection: sqlite3.Connection) -> dict[str, list[str]]:
    """Return table: the names of its columns, of a database that is open."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {
        name: [row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))]
        for (name,) in names.fetchall()
    }


def _statements(script: str) -> list[str]:
    """Return the statements of a script: executescript would commit what is open."""
    statements, begun = [], ""
    for part in script.split(";")[:-1]:
        begun += f"{part};"
        if sqlite3.complete_statement(begun):  # not where the semicolon is in a text or a comment
            statements.append(begun)
            begun = ""
    return statements
