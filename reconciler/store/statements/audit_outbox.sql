-- Every rollback that git has to be told of, as the outbox says it, whatever the transitions say.
select
    write_back.rollback_id, write_back.evidence, write_back.feature_name, write_back.attempt, write_back.from_tier,
    write_back.rolled_back_at, write_back.in_force, write_back.status, write_back.revision
from only rollouts.rollout_write_backs write_back
where %(features)s::text[] is null
    or write_back.feature_name = any(%(features)s::text[])
order by write_back.rolled_back_at, write_back.rollback_id
