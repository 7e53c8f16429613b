-- What applications read of the named features, of all for null.
select
    rollout.id, rollout.feature_name, rollout.version, rollout.current_tier, rollout.target_tier, rollout.percentage,
    rollout.status, rollout.tier, rollout.target, rollout.attempt, rollout.rolled_back, rollout.retired,
    rollout.paused, rollout.description, rollout.owner, rollout.whitelisted_customers, rollout.blacklisted_customers,
    rollout.gates, rollout.settled_gates, rollout.rollback_threshold, rollout.rollback_id, rollout.epoch,
    rollout.epoch_started_at, rollout.settled_revision, rollout.revision, rollout.updated_at, rollout.started_at,
    rollout.completed_at
from only rollouts.feature_rollouts rollout
where %(features)s::text[] is null
    or rollout.feature_name = any(%(features)s::text[])
order by rollout.feature_name
