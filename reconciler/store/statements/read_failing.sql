-- Features with an error received in the last while: whoever reports by SQL wakes nobody.
select distinct event.feature_name
from rollouts.rollout_events event
where event.event = 'error'
    and event.is_enabled
    and event.received_at > rollouts.clock() - %(span)s::interval
