from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "hmnp.accounts"
    label = "accounts"
    verbose_name = "Partners and access"
