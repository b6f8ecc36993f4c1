from importlib import import_module

from django.apps import AppConfig, apps
from django.db.models.signals import pre_save


class AccountsConfig(AppConfig):
    name = "hmnp.accounts"
    label = "accounts"
    verbose_name = "Partners and access"

    def ready(self) -> None:
        """Have every row of the audit log say who did it; auditlog has no other way in.

        Also bring the check that no demo account is among real ones.
        """
        import_module("hmnp.accounts.demo_staff")
        # As the desk's pages name where one is.
        apps.get_app_config("auth").verbose_name = "People"
        audit = import_module("hmnp.accounts.audit")
        pre_save.connect(
            audit.stamp, sender=import_module("auditlog.models").LogEntry, dispatch_uid="audit"
        )
