-- Say how far the telling of a rollback is.
update rollouts.rollout_write_backs
set status = %(status)s, revision = %(revision)s, branch = %(branch)s, refusals = %(refusals)s, note = %(note)s,
    next_try_at = rollouts.clock() + %(pause)s
where rollback_id = %(id)s
