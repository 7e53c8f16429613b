-- Append one transition; the chain fills in time, epoch and predecessor, and refuses what breaks a rule.
insert into rollouts.rollout_transitions (
    id, feature_name, version, kind, tier, target, attempt, rolled_back, retired, paused, description, owner,
    whitelisted_customers, blacklisted_customers, gates, settled_gates, is_settled, gate_dwell_seconds, verdict,
    revision, rollback_commit, reason, actor
) values (
    %(id)s, %(feature)s, %(version)s, %(kind)s, %(tier)s, %(target)s, %(attempt)s, %(rolled_back)s, %(retired)s,
    %(paused)s, %(description)s, %(owner)s, %(whitelist)s, %(blacklist)s, %(gates)s::jsonb, %(settled_gates)s::jsonb,
    %(is_settled)s, %(gate_dwell_seconds)s, %(verdict)s, %(revision)s, %(rollback_commit)s, %(reason)s, %(actor)s
)
