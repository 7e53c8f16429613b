-- What has to be looked at again: rollbacks that a feature stands under and git was told of, as history may be rewritten,
-- and those offered for a pull request, which may be merged. With `all_of_them` every rollback there ever was.
select
    write_back.rollback_id, write_back.evidence, write_back.feature_name, write_back.attempt, write_back.from_tier,
    write_back.rolled_back_at, write_back.in_force, write_back.status, write_back.revision, write_back.branch,
    write_back.refusals, write_back.note, cause.reason, cause.actor, cause.gates, cause.previous_epoch
from rollouts.rollout_write_backs write_back
join rollouts.rollout_transitions cause on cause.id = write_back.rollback_id
left join rollouts.feature_rollouts rollout
    on rollout.feature_name = write_back.feature_name
    and rollout.rollback_id = write_back.rollback_id
where %(all_of_them)s
    or write_back.status = 'offered'
    or (write_back.status = 'written' and rollout.id is not null)
order by write_back.rolled_back_at, write_back.rollback_id
