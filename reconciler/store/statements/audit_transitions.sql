-- Every row of the named chains (of all for null) with all it says, feature by feature, oldest first.
select
    transition.id, transition.feature_name, transition.version, transition.kind, transition.tier, transition.target,
    transition.attempt, transition.rolled_back, transition.retired, transition.paused, transition.description,
    transition.owner, transition.whitelisted_customers, transition.blacklisted_customers, transition.gates,
    transition.settled_gates, transition.is_settled, transition.gate_dwell_seconds, transition.verdict,
    transition.revision, transition.rollback_commit, transition.reason, transition.actor, transition.at,
    transition.clocked_at, transition.epoch, transition.epoch_started_at, transition.settled_revision,
    transition.rollout_id, transition.rollback_id, transition.started_at, transition.completed_at,
    transition.recorded_by, transition.previous_version, transition.previous_tier, transition.previous_target,
    transition.previous_attempt, transition.previous_rolled_back, transition.previous_retired, transition.previous_at,
    transition.previous_epoch, transition.previous_epoch_started_at, transition.previous_settled_revision,
    transition.previous_settled_dwell, transition.previous_settled_exposed, transition.percentage,
    transition.is_raise, transition.settled_dwell, transition.settled_exposed
from only rollouts.rollout_transitions transition
where %(features)s::text[] is null
    or transition.feature_name = any(%(features)s::text[])
order by transition.feature_name, transition.version
