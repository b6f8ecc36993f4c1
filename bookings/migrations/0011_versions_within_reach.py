"""A claim or busy time raises the days within its reach, so that a day's version says all of it.

Six hours cover the longest drive we make and the work after it; `bookings/tests` hold the
catalogue to that. Before, each day's readers had to ask for its neighbours' versions.
"""

from django.db import migrations

_REACH = """
CREATE OR REPLACE FUNCTION bookings_note_claim() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reach interval := interval '6 hours';
    minute interval := interval '1 minute';
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM bookings_note_days(
            OLD.starts_at - reach, OLD.ends_at + OLD.wrap_up_minutes * minute + reach);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM bookings_note_days(
            NEW.starts_at - reach, NEW.ends_at + NEW.wrap_up_minutes * minute + reach);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION bookings_note_block() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reach interval := interval '6 hours';
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM bookings_note_days(lower(OLD.period) - reach, upper(OLD.period) + reach);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM bookings_note_days(lower(NEW.period) - reach, upper(NEW.period) + reach);
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("bookings", "0010_guards_hold")]

    operations = [migrations.RunSQL(_REACH, migrations.RunSQL.noop)]
