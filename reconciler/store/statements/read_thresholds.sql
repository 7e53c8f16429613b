-- What judges each named feature (every one for null), for whom the chain is closed.
select rollout.feature_name, rollout.tier, rollout.attempt, rollout.status, rollout.gates
from rollouts.feature_rollouts rollout
where %(features)s::text[] is null
    or rollout.feature_name = any(%(features)s::text[])
order by rollout.feature_name
