-- Append a rollback that git has to be told of, and the row that says so: one statement, one transaction.
with rolled_back as (
    insert into rollouts.rollout_transitions (
        id, feature_name, version, kind, tier, target, attempt, rolled_back, retired, paused, description, owner,
        whitelisted_customers, blacklisted_customers, gates, settled_gates, is_settled, reason, actor
    ) values (
        %(id)s, %(feature)s, %(version)s, %(kind)s, %(tier)s, %(target)s, %(attempt)s, %(rolled_back)s, %(retired)s,
        %(paused)s, %(description)s, %(owner)s, %(whitelist)s, %(blacklist)s, %(gates)s::jsonb,
        %(settled_gates)s::jsonb, %(is_settled)s, %(reason)s, %(actor)s
    )
    returning id
)
insert into rollouts.rollout_write_backs (rollback_id, evidence)
select rolled_back.id, %(evidence)s::jsonb
from rolled_back
