"""The bridge from V1: import, shim, switches. Only `hmnp.urls` knows it, so that it can go."""

from django.apps import AppConfig


class RolloutConfig(AppConfig):
    name = "hmnp.rollout"
    verbose_name = "V1 and V2"
