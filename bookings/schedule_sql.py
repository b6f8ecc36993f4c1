"""The one statement that reads notaries' days; `schedules` fills in what is asked for."""

# The states are written out, so that the planner sees them to be those of the partial indexes. A
# dead hold still lies in the table until somebody needs its time; it hides nothing here.
SELECT = """
SELECT 'seen' AS kind, NULL::bigint AS notary_id, NULL::uuid AS claim_id,
       clock.now AS starts_at, NULL::timestamptz AS ends_at, NULL::timestamptz AS period_starts_at,
       NULL::timestamptz AS expires_at, {ended} AS number, NULL AS place,
       NULL::date AS first_day, NULL::date AS last_day,
       json_build_array(
           coalesce((SELECT number FROM core_version WHERE name = %(catalogue)s), 0), {holds})
FROM clock
UNION ALL
SELECT 'notary', n.id, NULL, NULL, NULL, NULL, NULL, n.daily_capacity, n.home_zip, NULL, NULL,
       json_build_array(
           n.name,
           (SELECT json_agg(json_build_array(h.weekday, h.opens_minute, h.closes_minute))
            FROM bookings_notaryhours h WHERE h.notary_id = n.id),
           (SELECT json_agg(json_build_array(d.first_day, d.last_day))
            FROM bookings_notarydayoff d
            WHERE d.notary_id = n.id AND d.last_day >= %(first)s AND d.first_day <= %(last)s))
FROM bookings_notary n
WHERE n.is_active AND {notary}
  AND EXISTS (SELECT 1 FROM bookings_notary_skills s
              WHERE s.notary_id = n.id AND s.service_id = (SELECT id FROM service))
UNION ALL
SELECT 'job', c.notary_id, c.id, c.starts_at, c.ends_at, lower(c.period),
       CASE c.state WHEN 'HELD' THEN c.expires_at END, c.wrap_up_minutes, c.place_zip,
       NULL, NULL, NULL
FROM bookings_slotclaim c
WHERE c.state IN ('HELD', 'PAYING', 'CLOSING', 'BOOKED')
  AND c.starts_at >= %(from)s AND c.starts_at < %(to)s AND {claim}
  AND NOT (c.state = 'HELD' AND c.expires_at <= (SELECT now FROM clock))
UNION ALL
SELECT 'block', b.notary_id, NULL, lower(b.period), upper(b.period), NULL, NULL, NULL, NULL,
       NULL, NULL, NULL
FROM bookings_busyblock b
WHERE b.period && tstzrange(%(from)s, %(to)s) AND {block}
UNION ALL
SELECT 'blackout', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, o.first_day, o.last_day, NULL
FROM bookings_blackout o
WHERE o.last_day >= %(first)s AND o.first_day <= %(last)s
  AND (o.service_id IS NULL OR o.service_id = (SELECT id FROM service))
"""
WITH = """
WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
     service AS MATERIALIZED (
         SELECT id FROM services_service WHERE id::text = %(service)s OR slug = %(service)s)
"""
# A constraint cannot read the clock, and a dead hold that overlaps nothing may still be the job a
# drive was counted from.
ENDED = """,
     ended AS (
         UPDATE bookings_slotclaim SET state = 'EXPIRED'
         WHERE notary_id = %(notary)s AND state = 'HELD'
           AND starts_at >= %(from)s AND starts_at < %(to)s
           AND expires_at <= (SELECT now FROM clock)
         RETURNING id)
"""
HOLDS = """(
    SELECT count(*) FROM bookings_slotclaim
    WHERE holder_key = %(holder)s AND state = 'HELD' AND expires_at > (SELECT now FROM clock))"""
