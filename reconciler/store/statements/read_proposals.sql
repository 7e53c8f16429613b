-- What was asked for the named features last, and whatever has to be looked at still.
select
    proposal.feature_name, proposal.version, proposal.branch, proposal.attempt, proposal.epoch, proposal.tier,
    proposal.base, proposal.path, proposal.blob, proposal.proposed_at, proposal.message, proposal.commits,
    proposal.status, proposal.is_settled, proposal.refusals, proposal.note, proposal.waits_until
from rollouts.rollout_proposals proposal
where not proposal.is_settled
    or proposal.feature_name = any(%(features)s::text[])
order by proposal.feature_name
