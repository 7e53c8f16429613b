-- These rollbacks are among the events now.
update rollouts.rollout_write_backs
set is_recorded = true
where rollback_id = any(%(ids)s)
