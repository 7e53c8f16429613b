-- How long until a rollback has to be told to git, null when none waits. What seems to wait for longer than an hour was
-- said before the clock was set back, and is due.
select
    min(
        case when waiting.next_try_at > rollouts.clock() + interval '1 hour' then rollouts.clock()
        else waiting.next_try_at end
    ) - rollouts.clock() as pause
from rollouts.rollout_write_backs waiting
where waiting.status <> 'written'
