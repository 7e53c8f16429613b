-- Drop a day of events, if it has as many as its archive (null: whatever it has).
select rollouts.drop_events(%(day)s::date, %(expected)s::bigint) as dropped
