-- Say for the first time what is asked for a feature; somebody else may be first.
insert into rollouts.rollout_proposals (
    feature_name, branch, attempt, epoch, tier, base, path, blob, proposed_at, message, commits, status, is_settled,
    refusals, note, waits_until
)
values (
    %(feature)s, %(branch)s, %(attempt)s, %(epoch)s, %(tier)s, %(base)s, %(path)s, %(blob)s, %(at)s, %(message)s,
    %(commits)s, %(status)s, %(is_settled)s, %(refusals)s, %(note)s, rollouts.clock() + %(pause)s
)
on conflict (feature_name) do nothing
returning version, waits_until
