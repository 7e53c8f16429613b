-- What decides about the customers of each named feature (of every one for null).
select
    rollout.feature_name, rollout.id, rollout.version, rollout.tier, rollout.percentage, rollout.attempt, rollout.epoch,
    rollout.rolled_back, rollout.whitelisted_customers, rollout.blacklisted_customers, rollout.revision,
    (rollout.gates #>> '{thresholds,window}')::float8 as window_seconds
from rollouts.feature_rollouts rollout
where %(features)s::text[] is null
    or rollout.feature_name = any(%(features)s::text[])
