-- Every transition of one feature, oldest first.
select
    transition.version, transition.kind, transition.tier, transition.percentage, transition.attempt, transition.epoch,
    transition.rolled_back, transition.retired, transition.at, transition.revision, transition.rollback_commit,
    transition.reason, transition.actor
from rollouts.rollout_transitions transition
where transition.feature_name = %(feature)s
order by transition.version
