-- Rows of one feature with all they say, newest first: those up to a moment, below a version, so many at most.
select
    transition.version, transition.kind, transition.tier, transition.target, transition.attempt, transition.epoch,
    transition.rolled_back, transition.retired, transition.paused, transition.description, transition.owner,
    transition.whitelisted_customers, transition.blacklisted_customers, transition.gates, transition.settled_gates,
    transition.at, transition.revision, transition.rollback_commit, transition.reason, transition.actor,
    null as unsafe_reason
from rollouts.rollout_transitions transition
where transition.feature_name = %(feature)s
    and transition.at <= coalesce(%(as_of)s::timestamptz, 'infinity')
    and transition.version < %(below)s
order by transition.version desc
limit %(most)s
