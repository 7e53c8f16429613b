-- How many events a day has, and the sum of the first half of the SHA-256 of each line that `copy_day` writes of it.
select
    count(*) as events,
    coalesce(sum(('x' || encode(substring(line.hash from 1 for 8), 'hex'))::bit(64)::bigint), 0) as total
from (
    select sha256(
        convert_to(
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
    ) as hash
    from rollouts.rollout_events event
    where event.received_at >= %(begins)s
        and event.received_at < %(ends)s
) line
