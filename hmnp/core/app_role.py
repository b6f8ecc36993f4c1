"""What the application's own database role may do, if it has one beside the tables' owner.

It may do everything with rows but change or remove those that are kept for good, and nothing to
the tables themselves. Needs the owner's session; says the same however often it is said.
"""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.db import ProgrammingError, connection, transaction

_GRANT = """
    GRANT USAGE ON SCHEMA {schema} TO {role};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role};
"""
# Whether it could take rights back, as the owner itself or one of its members.
_IS_OWNER = """
    SELECT r.rolsuper OR EXISTS (
        SELECT 1 FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
           AND c.relkind = 'r' AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
    FROM pg_roles r WHERE r.rolname = %s
"""


class NoSuchRole(Exception):
    """The database has no role of this name."""


class RoleOwnsTables(Exception):
    """The role could take back any right that is kept from it."""


def append_only_tables() -> list[str]:
    """Name the tables whose rows are kept for good."""
    return _tables(settings.APPEND_ONLY_MODELS)


def read_only_tables() -> list[str]:
    """Name the tables that only the database itself writes."""
    return _tables(settings.READ_ONLY_MODELS)


def grant(*, role: str) -> bool:
    """Give the role what the application needs, and nothing that lets it rewrite what was.

    Gives False when only the right to see other roles' sessions could not be given: the figures of
    the database's health then count the site's own. Raises `NoSuchRole` and `RoleOwnsTables`.
    """
    quote = connection.ops.quote_name
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_IS_OWNER, [role])
        if (found := cursor.fetchone()) is None:
            raise NoSuchRole(role)
        if found[0]:
            raise RoleOwnsTables(role)
        cursor.execute("SELECT current_schema()")
        schema = quote(cursor.fetchone()[0])
        cursor.execute(_GRANT.format(schema=schema, role=quote(role)))
        kept = ", ".join(map(quote, append_only_tables()))
        cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {kept} FROM {quote(role)}")
        read = ", ".join(map(quote, read_only_tables()))
        cursor.execute(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {read} FROM {quote(role)}")
        try:
            with transaction.atomic():
                cursor.execute(f"GRANT pg_read_all_stats TO {quote(role)}")
        except ProgrammingError:
            return False
    return True


def _tables(labels: list[str]) -> list[str]:
    return [apps.get_model(label)._meta.db_table for label in labels]
