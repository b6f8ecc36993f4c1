"""The record of who changed what is only ever added to; who erases by law turns this off first."""

from django.db import migrations

_STAY = """
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON auditlog_logentry
    FOR EACH ROW EXECUTE FUNCTION core_rows_stay();
CREATE TRIGGER audit_stays_whole BEFORE TRUNCATE ON auditlog_logentry
    FOR EACH STATEMENT EXECUTE FUNCTION core_rows_stay();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_partner_limits"),
        ("auditlog", "0017_add_actor_email"),
        ("core", "0002_rows_that_stay"),
    ]

    operations = [
        migrations.RunSQL(
            _STAY,
            "DROP TRIGGER audit_stays ON auditlog_logentry;"
            "DROP TRIGGER audit_stays_whole ON auditlog_logentry;",
        )
    ]
