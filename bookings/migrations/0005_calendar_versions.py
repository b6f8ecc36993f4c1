"""Whatever changes who is free raises a version: the roster's, or that of the days it touches.

A day's version is raised at the end of the transaction, all days of it in order: the row stays
locked until the commit, and nobody who books another day, or another notary's, waits longer.
"""

from django.db import migrations

_ROSTER_TABLES = ("notaryhours", "notarydayoff", "blackout", "notary_skills")

_ROSTER = "".join(
    f"""
    CREATE TRIGGER roster_version AFTER INSERT OR UPDATE OR DELETE ON bookings_{table}
        FOR EACH ROW EXECUTE FUNCTION core_raise_version('roster');
    """
    for table in _ROSTER_TABLES
)
_NOTARY = """
CREATE TRIGGER roster_version AFTER INSERT OR DELETE ON bookings_notary
    FOR EACH ROW EXECUTE FUNCTION core_raise_version('roster');
CREATE TRIGGER roster_version_changed AFTER UPDATE ON bookings_notary
    FOR EACH ROW WHEN (
        (OLD.is_active, OLD.home_zip, OLD.daily_capacity)
        IS DISTINCT FROM (NEW.is_active, NEW.home_zip, NEW.daily_capacity)
    )
    EXECUTE FUNCTION core_raise_version('roster');
"""

# The days are noted as rows change, in a setting that lives and is undone with the transaction,
# and raised once at its end. A stretch that never ends is cut where nobody books any more.
_DAYS = """
CREATE FUNCTION bookings_note_days(starts_at timestamptz, ends_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    noted text := coalesce(current_setting('hmnp.days', true), '');
    today date := (now() AT TIME ZONE 'America/Chicago')::date;
    day date := greatest((starts_at AT TIME ZONE 'America/Chicago')::date, today - 800);
    last date := least(
        ((ends_at - interval '1 microsecond') AT TIME ZONE 'America/Chicago')::date, today + 800
    );
BEGIN
    WHILE day <= last LOOP
        IF strpos(noted, 'day:' || day) = 0 THEN
            noted := noted || ' day:' || day;
        END IF;
        day := day + 1;
    END LOOP;
    PERFORM set_config('hmnp.days', noted, true);
END $$;

CREATE FUNCTION bookings_raise_days() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    noted text := coalesce(current_setting('hmnp.days', true), '');
BEGIN
    IF noted <> '' THEN
        INSERT INTO core_version (name, number)
        SELECT name, nextval('core_version_number')
        FROM (SELECT unnest(string_to_array(ltrim(noted), ' ')) AS name ORDER BY 1) AS sorted
        ON CONFLICT (name) DO UPDATE SET number = nextval('core_version_number');
        PERFORM set_config('hmnp.days', '', true);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION bookings_note_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM bookings_note_days(OLD.starts_at, OLD.ends_at);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM bookings_note_days(NEW.starts_at, NEW.ends_at);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION bookings_note_block() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM bookings_note_days(lower(OLD.period), upper(OLD.period));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM bookings_note_days(lower(NEW.period), upper(NEW.period));
    END IF;
    RETURN NULL;
END $$;
"""

# Of a claim that stays live only place and time matter to others, and a hold's end; a hold that
# was over already stood in nobody's way.
_CLAIM_CHANGED = """(
    (OLD.state IN ('HELD', 'PAYING', 'CLOSING', 'BOOKED'))
    <> (NEW.state IN ('HELD', 'PAYING', 'CLOSING', 'BOOKED'))
    OR (NEW.state = 'HELD' AND OLD.expires_at IS DISTINCT FROM NEW.expires_at)
    OR (OLD.notary_id, OLD.starts_at, OLD.ends_at, OLD.wrap_up_minutes, OLD.place_zip, OLD.period)
       IS DISTINCT FROM
       (NEW.notary_id, NEW.starts_at, NEW.ends_at, NEW.wrap_up_minutes, NEW.place_zip, NEW.period)
)"""


def _watch(table: str, note: str, when: str) -> str:
    return f"""
    CREATE TRIGGER days_noted AFTER INSERT OR DELETE ON bookings_{table}
        FOR EACH ROW EXECUTE FUNCTION {note}();
    CREATE TRIGGER days_noted_changed AFTER UPDATE ON bookings_{table}
        FOR EACH ROW WHEN {when} EXECUTE FUNCTION {note}();
    CREATE CONSTRAINT TRIGGER days_raised AFTER INSERT OR DELETE ON bookings_{table}
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION bookings_raise_days();
    CREATE CONSTRAINT TRIGGER days_raised_changed AFTER UPDATE ON bookings_{table}
        DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN {when} EXECUTE FUNCTION bookings_raise_days();
    """


def _leave(table: str) -> str:
    names = ("days_noted", "days_noted_changed", "days_raised", "days_raised_changed")
    return "".join(f"DROP TRIGGER {name} ON bookings_{table};" for name in names)


class Migration(migrations.Migration):
    dependencies = [("bookings", "0004_timeline_chain"), ("core", "0003_versions")]

    operations = [
        migrations.RunSQL(
            _ROSTER + _NOTARY,
            "".join(f"DROP TRIGGER roster_version ON bookings_{t};" for t in _ROSTER_TABLES)
            + "DROP TRIGGER roster_version ON bookings_notary;"
            + "DROP TRIGGER roster_version_changed ON bookings_notary;",
        ),
        migrations.RunSQL(
            _DAYS,
            "DROP FUNCTION bookings_note_claim; DROP FUNCTION bookings_note_block;"
            "DROP FUNCTION bookings_raise_days; DROP FUNCTION bookings_note_days;",
        ),
        migrations.RunSQL(
            _watch("slotclaim", "bookings_note_claim", _CLAIM_CHANGED),
            _leave("slotclaim"),
        ),
        migrations.RunSQL(
            _watch("busyblock", "bookings_note_block", "(OLD.period IS DISTINCT FROM NEW.period)"),
            _leave("busyblock"),
        ),
    ]
