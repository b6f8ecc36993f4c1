"""The tables of infrastructure: answers already given, and versions of what they came from."""

from django.db import models


class IdempotencyRecord(models.Model):
    """A 2xx answer, written in the transaction of its effect, and what it was an answer to."""

    principal = models.CharField(max_length=120)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    # Without secrets; those are derived again from `secrets` when the answer is replayed.
    body = models.JSONField(null=True)
    headers = models.JSONField(default=dict)
    secrets = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["principal", "method", "path", "key"], name="idempotency_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.key}"


class Version(models.Model):
    """How often something that answers are made from has changed; see `hmnp.core.versions`.

    Raised by triggers only, from one sequence, so that no number is ever given twice.
    """

    name = models.CharField(max_length=40, primary_key=True)
    number = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name} {self.number}"
