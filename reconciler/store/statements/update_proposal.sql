-- Say anew what is asked for a feature and how far that is, unless somebody else has said something since.
update rollouts.rollout_proposals
set version = version + 1, branch = %(branch)s, attempt = %(attempt)s, epoch = %(epoch)s, tier = %(tier)s,
    base = %(base)s, path = %(path)s, blob = %(blob)s, proposed_at = %(at)s, message = %(message)s,
    commits = %(commits)s, status = %(status)s, is_settled = %(is_settled)s, refusals = %(refusals)s, note = %(note)s,
    waits_until = rollouts.clock() + %(pause)s, changed_at = rollouts.clock()
where feature_name = %(feature)s
    and version = %(version)s
returning version, waits_until
