-- End sessions that do nothing and are in the way of a rollback.
select rollouts.end_idle_blockers() as ended
