-- Take rollbacks that git has to be told of now, for so long: another worker may take them again after that. It only saves
-- work; what the branch holds decides whether anything is written. No pause is as long as an hour: whatever seems to wait
-- longer was said before the clock was set back.
with due as materialized (
    select waiting.rollback_id
    from rollouts.rollout_write_backs waiting
    where waiting.status <> 'written'
        and (
            waiting.next_try_at <= rollouts.clock()
            or waiting.next_try_at > rollouts.clock() + interval '1 hour'
        )
    order by waiting.rolled_back_at, waiting.rollback_id
    limit %(most)s
    for update skip locked
)
update rollouts.rollout_write_backs write_back
set next_try_at = rollouts.clock() + %(lease)s
from due
join rollouts.rollout_transitions cause on cause.id = due.rollback_id
where write_back.rollback_id = due.rollback_id
returning
    write_back.rollback_id, write_back.evidence, write_back.feature_name, write_back.attempt, write_back.from_tier,
    write_back.rolled_back_at, write_back.in_force, write_back.status, write_back.revision, write_back.branch,
    write_back.refusals, write_back.note, cause.reason, cause.actor, cause.gates, cause.previous_epoch
