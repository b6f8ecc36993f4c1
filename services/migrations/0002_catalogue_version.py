"""Every change of the catalogue raises its version, whoever makes it."""

from django.db import migrations

_TABLES = (
    "service",
    "servicearea",
    "travelband",
    "servicehours",
    "pricerule",
    "statutoryrate",
    "cancellationtier",
    "serviceintegration",
)


def _watch(table: str) -> str:
    return f"""
    CREATE TRIGGER catalogue_version AFTER INSERT OR DELETE ON services_{table}
        FOR EACH ROW EXECUTE FUNCTION core_raise_version('catalogue');
    CREATE TRIGGER catalogue_version_changed AFTER UPDATE ON services_{table}
        FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
        EXECUTE FUNCTION core_raise_version('catalogue');
    """


def _leave(table: str) -> str:
    return f"""
    DROP TRIGGER catalogue_version ON services_{table};
    DROP TRIGGER catalogue_version_changed ON services_{table};
    """


class Migration(migrations.Migration):
    dependencies = [("services", "0001_initial"), ("core", "0003_versions")]

    operations = [migrations.RunSQL(_watch(table), _leave(table)) for table in _TABLES]
