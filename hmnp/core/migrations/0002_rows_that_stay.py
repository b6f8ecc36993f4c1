"""What a table's trigger calls so that its rows are only ever added."""

from django.db import migrations

_REFUSE = """
CREATE FUNCTION core_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [migrations.RunSQL(_REFUSE, "DROP FUNCTION core_rows_stay;")]
