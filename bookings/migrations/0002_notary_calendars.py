"""Where each notary's calendar is, and a secret for the feed of their appointments."""

import secrets

from django.db import migrations, models

import bookings.models.notary


def give_secrets(apps, schema_editor):
    notary_model = apps.get_model("bookings", "Notary")
    for notary in notary_model.objects.all():
        notary_model.objects.filter(pk=notary.pk).update(feed_secret=secrets.token_urlsafe(32))


class Migration(migrations.Migration):
    dependencies = [("bookings", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="notary",
            name="calendar_kind",
            field=models.CharField(
                choices=[
                    ("google", "Google Calendar"),
                    ("caldav", "CalDAV (Apple, Fastmail, Nextcloud, …)"),
                    ("none", "None"),
                ],
                default="google",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="notary",
            name="calendar_id",
            field=models.CharField(blank=True, max_length=255, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="notary",
            name="calendar_user",
            field=models.CharField(blank=True, max_length=150, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="notary",
            name="calendar_password_sealed",
            field=models.TextField(blank=True, default="", editable=False),
            preserve_default=False,
        ),
        # One secret a row, so it cannot be the column's default.
        migrations.AddField(
            model_name="notary",
            name="feed_secret",
            field=models.CharField(editable=False, max_length=64, null=True),
        ),
        migrations.RunPython(give_secrets, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="notary",
            name="feed_secret",
            field=models.CharField(
                default=bookings.models.notary.new_feed_secret,
                editable=False,
                max_length=64,
                unique=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="notary",
            constraint=models.CheckConstraint(
                condition=models.Q(("calendar_kind", "caldav"), _negated=True)
                | models.Q(("calendar_id", ""), _negated=True),
                name="notary_caldav_has_address",
            ),
        ),
    ]
