-- The newest events of the named features within a stretch of time, perhaps of one customer or kind alone. Whoever asks
-- names the features, as then they are found along the key. A sender's time outside of what calendars hold is cut off.
select
    event.received_at, event.id, event.feature_name, event.customer_id, event.event, event.attempt, event.epoch,
    event.is_enabled, greatest(least(event."timestamp", '9999-01-01'), '0001-01-02') as sent_at,
    event.metadata::text as metadata
from rollouts.rollout_events event
where event.feature_name = any(%(features)s::text[])
    and event.received_at >= %(since)s
    and event.received_at < coalesce(%(until)s::timestamptz, 'infinity')
    and (%(customer)s::text is null or event.customer_id = %(customer)s::text)
    and (%(kind)s::text is null or event.event = %(kind)s::text)
order by event.received_at desc, event.feature_name, event.customer_id, event.id
limit %(limit)s
