-- Rollbacks that are not among the events yet.
select
    write_back.rollback_id, write_back.feature_name, write_back.attempt, write_back.rolled_back_at,
    cause.previous_epoch, cause.reason
from rollouts.rollout_write_backs write_back
join rollouts.rollout_transitions cause on cause.id = write_back.rollback_id
where not write_back.is_recorded
order by write_back.rolled_back_at
limit 1000
