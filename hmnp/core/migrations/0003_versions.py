"""Versions: a number for what answers are made from, and the trigger function that raises one."""

from django.db import migrations, models

_RAISE = """
CREATE SEQUENCE core_version_number;
CREATE FUNCTION core_raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core_version (name, number)
    VALUES (TG_ARGV[0], nextval('core_version_number'))
    ON CONFLICT (name) DO UPDATE SET number = nextval('core_version_number');
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_rows_that_stay")]

    operations = [
        migrations.CreateModel(
            name="Version",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL(
            _RAISE,
            "DROP FUNCTION core_raise_version; DROP SEQUENCE core_version_number;",
        ),
    ]
