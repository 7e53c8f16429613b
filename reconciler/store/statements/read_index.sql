-- For every feature: is it retired, is it exposed, and which file is in force whole?
select
    rollout.feature_name, rollout.retired, source.source_key,
    rollout.tier > 0 and not rollout.retired as is_exposed
from rollouts.feature_rollouts rollout
left join rollouts.settled_sources source
    on source.feature_name = rollout.feature_name
    and source.version = rollout.version
