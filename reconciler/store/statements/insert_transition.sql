-- Append one transition; the chain fills in time, epoch and predecessor, and refuses what breaks a rule. A raise appends
-- nothing from raises_end on, as a freeze began after it was decided, nor in another database than it was decided on, which
-- may lack what the other knew.
insert into rollouts.rollout_transitions (
    id, feature_name, version, kind, tier, target, attempt, rolled_back, retired, paused, description, owner,
    whitelisted_customers, blacklisted_customers, gates, settled_gates, is_settled, gate_dwell_seconds, verdict,
    revision, rollback_commit, reason, actor
) select
    %(id)s, %(feature)s, %(version)s, %(kind)s, %(tier)s, %(target)s, %(attempt)s, %(rolled_back)s, %(retired)s,
    %(paused)s, %(description)s, %(owner)s, %(whitelist)s, %(blacklist)s, %(gates)s::jsonb, %(settled_gates)s::jsonb,
    %(is_settled)s, %(gate_dwell_seconds)s, %(verdict)s, %(revision)s, %(rollback_commit)s, %(reason)s, %(actor)s
where (%(raises_end)s::timestamptz is null or rollouts.clock() < %(raises_end)s::timestamptz)
    and (
        %(place)s::text is null
        or %(place)s::text = pg_postmaster_start_time()::text || ' ' || 'rollouts.rollout_transitions'::regclass::oid::text
    )
