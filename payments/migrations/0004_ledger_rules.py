"""What the database itself refuses of the ledger: an unbalanced group, a changed or deleted row."""

from django.db import migrations

_BALANCE = """
CREATE FUNCTION payments_ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    off bigint;
BEGIN
    SELECT sum(amount_cents) INTO off FROM payments_ledgerentry WHERE group_id = NEW.group_id;
    IF off <> 0 THEN
        RAISE EXCEPTION 'ledger group % is off by % cents', NEW.group_id, off
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_balances
    AFTER INSERT ON payments_ledgerentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION payments_ledger_balances();
"""

_APPEND_ONLY = """
CREATE FUNCTION payments_ledger_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger rows are never changed or deleted'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_stays
    BEFORE UPDATE OR DELETE ON payments_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION payments_ledger_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_ledger")]

    operations = [
        migrations.RunSQL(
            _BALANCE,
            "DROP TRIGGER ledger_balances ON payments_ledgerentry;"
            "DROP FUNCTION payments_ledger_balances;",
        ),
        migrations.RunSQL(
            _APPEND_ONLY,
            "DROP TRIGGER ledger_stays ON payments_ledgerentry;"
            "DROP FUNCTION payments_ledger_stays;",
        ),
    ]
