-- Every transition of one feature, oldest first.
select
    transition.version, transition.kind, transition.tier, transition.percentage, transition.attempt, transition.epoch,
    transition.rolled_back, transition.retired, transition.at, transition.revision, transition.rollback_commit,
    transition.reason, transition.actor,
    (
        select revision.unsafe_reason
        from rollouts.rollout_revisions revision
        where revision.revision = transition.revision
            and revision.at <= transition.at
        order by revision.number desc
        limit 1
    ) as unsafe_reason
from rollouts.rollout_transitions transition
where transition.feature_name = %(feature)s
order by transition.version
