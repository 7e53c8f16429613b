-- Every rollout that somebody has (of the named ones, for a list), and what trips it. Watching never stops while anybody
-- is exposed: paused, held, completed, retired, or by its whitelist alone.
select rollout.feature_name, rollout.attempt, rollout.gates
from rollouts.feature_rollouts rollout
where not rollout.rolled_back
    and (rollout.tier > 0 or cardinality(rollout.whitelisted_customers) > 0)
    and (%(features)s::text[] is null or rollout.feature_name = any(%(features)s::text[]))
order by rollout.feature_name
