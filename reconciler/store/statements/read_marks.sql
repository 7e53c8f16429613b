-- Every feature with the version of its last row: what a client compares with what it knows.
select rollout.feature_name, rollout.version, rollout.id
from rollouts.feature_rollouts rollout
