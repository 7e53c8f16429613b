-- The events of a day, a JSON text for each with every column, ordered by the key; in binary, so that each byte arrives
-- as it was hashed.
copy (
    select convert_to(
        json_build_object(
            'feature_name', event.feature_name,
            'received_at', event.received_at,
            'customer_id', event.customer_id,
            'id', event.id,
            'event', event.event,
            'attempt', event.attempt,
            'epoch', event.epoch,
            'is_enabled', event.is_enabled,
            'timestamp', event."timestamp",
            'metadata', event.metadata
        )::text,
        'UTF8'
    )
    from rollouts.rollout_events event
    where event.received_at >= %(begins)s
        and event.received_at < %(ends)s
    order by event.feature_name, event.received_at, event.customer_id, event.id
) to stdout (format binary)
