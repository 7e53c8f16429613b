-- The last row of each named feature (of every one for null), with the rollback it stands under.
select
    rollout.feature_name, rollout.version, rollout.tier, rollout.target, rollout.attempt, rollout.rolled_back,
    rollout.retired, rollout.paused, rollout.description, rollout.owner, rollout.whitelisted_customers,
    rollout.blacklisted_customers, rollout.gates, rollout.settled_gates, rollout.settled_revision, rollout.epoch,
    rollout.epoch_started_at, rollout.updated_at,
    array(
        select raised.revision
        from rollouts.rollout_transitions raised
        where raised.feature_name = rollout.feature_name
            and raised.is_raise
    ) as raised_by,
    cause.id as rollback_id, cause.at as rollback_at, cause.reason as rollback_reason,
    coalesce(cause.rollback_commit, cause.revision, told.revision) as rollback_in_git
from rollouts.feature_rollouts rollout
left join rollouts.rollout_transitions cause
    on cause.id = rollout.rollback_id
left join rollouts.rollout_write_backs told
    on told.rollback_id = cause.id
    and told.status = 'written'
where %(features)s::text[] is null
    or rollout.feature_name = any(%(features)s::text[])
order by rollout.feature_name
