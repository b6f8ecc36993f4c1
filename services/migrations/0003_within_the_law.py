"""What the law lets be charged at most, and the database's own refusal of more."""

from django.db import migrations, models

# Once a statement, not a row. While there are no rates at all, as when all is being loaded, there
# is nothing to judge by; their arrival is judged.
_WITHIN = """
CREATE FUNCTION services_within_the_law() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fault text;
BEGIN
    SELECT format('%s of %s cents is more than the law allows (%s cents)',
                  r.code, r.amount_cents, m.amount_cents) INTO fault
    FROM services_statutoryrate r
    JOIN (SELECT code, amount_cents, valid_from,
                 lead(valid_from) OVER (PARTITION BY code ORDER BY valid_from) AS valid_until
          FROM services_legalmaximum) m
      ON m.code = r.code AND m.amount_cents < r.amount_cents
     AND (r.valid_until IS NULL OR m.valid_from < r.valid_until)
     AND (m.valid_until IS NULL OR m.valid_until > r.valid_from)
    LIMIT 1;
    IF fault IS NULL AND EXISTS (SELECT 1 FROM services_statutoryrate) THEN
        SELECT format('%s costs more online on %s than the law allows', s.name, d.day) INTO fault
        FROM services_service s,
        (SELECT current_date AS day
         UNION SELECT valid_from FROM services_statutoryrate WHERE valid_from > current_date
         UNION SELECT valid_until FROM services_statutoryrate WHERE valid_until > current_date) d,
        LATERAL (
            SELECT coalesce(max(amount_cents) FILTER (WHERE code = 'ACT_FIRST_SIGNER'), 0) AS act,
                   coalesce(max(amount_cents) FILTER (WHERE code = 'ACT_FURTHER_SIGNER'), 0)
                       AS further,
                   coalesce(max(amount_cents) FILTER (WHERE code = 'ONLINE_ACT'), 0) AS online
            FROM services_statutoryrate
            WHERE valid_from <= d.day AND (valid_until IS NULL OR valid_until > d.day)) law
        WHERE s.type = 'RON' AND s.is_active AND (
            s.base_price_cents > law.online + coalesce(nullif(s.included_documents, 0), 1)
                * (law.act + law.further * (s.included_signers - 1))
            OR EXISTS (
                SELECT 1 FROM services_pricerule p
                WHERE p.service_id = s.id AND p.is_active AND p.amount_cents > CASE p.code
                    WHEN 'EXTRA_DOCUMENT' THEN law.act
                    WHEN 'EXTRA_SIGNER' THEN law.further ELSE 0 END))
        LIMIT 1;
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault
            USING ERRCODE = 'check_violation', CONSTRAINT = 'services_within_the_law';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER within_the_law AFTER INSERT OR UPDATE ON services_service
    FOR EACH STATEMENT EXECUTE FUNCTION services_within_the_law();
CREATE TRIGGER within_the_law AFTER INSERT OR UPDATE ON services_pricerule
    FOR EACH STATEMENT EXECUTE FUNCTION services_within_the_law();
CREATE TRIGGER within_the_law AFTER INSERT OR UPDATE OR DELETE ON services_statutoryrate
    FOR EACH STATEMENT EXECUTE FUNCTION services_within_the_law();
"""
_WITHOUT = """
DROP TRIGGER within_the_law ON services_statutoryrate;
DROP TRIGGER within_the_law ON services_pricerule;
DROP TRIGGER within_the_law ON services_service;
DROP FUNCTION services_within_the_law;
"""


class Migration(migrations.Migration):
    dependencies = [("services", "0002_catalogue_version")]

    operations = [
        migrations.CreateModel(
            name="LegalMaximum",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=24)),
                ("amount_cents", models.PositiveIntegerField()),
                ("valid_from", models.DateField()),
                ("source", models.CharField(max_length=200)),
            ],
            options={
                "verbose_name_plural": "legal maxima",
                "ordering": ["code", "valid_from"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("code", "valid_from"), name="legal_maximum_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(_WITHIN, _WITHOUT),
    ]
