-- Features that have served the dwell that is in force and might climb: not those whose proposal is over for this stay at
-- the tier. Rules and evidence say more.
select rollout.feature_name
from rollouts.feature_rollouts rollout
left join rollouts.rollout_proposals proposal
    on proposal.feature_name = rollout.feature_name
    and proposal.attempt = rollout.attempt
    and proposal.epoch = rollout.epoch
where rollout.status = 'in_progress'
    and rollout.epoch_started_at
        + make_interval(secs => (rollout.settled_gates #>> array['dwell', rollout.tier::text])::double precision)
        <= rollouts.clock()
    and coalesce(proposal.status not in ('declined', 'touched', 'merged'), true)
order by rollout.feature_name
