from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import pre_save


class AccountsConfig(AppConfig):
    name = "hmnp.accounts"
    label = "accounts"
    verbose_name = "Partners and access"

    def ready(self) -> None:
        """Have every row of the audit log say who did it; auditlog has no other way in."""
        audit = import_module("hmnp.accounts.audit")
        pre_save.connect(
            audit.stamp, sender=import_module("auditlog.models").LogEntry, dispatch_uid="audit"
        )
