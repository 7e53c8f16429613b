-- The root this database serves, the commit in force, how it came into force, the server's time, how many rows the chains
-- have, and which database this is: another after a failover or a restore.
select
    scope.number, scope.root, scope.revision, rollouts.clock() as now,
    pg_postmaster_start_time()::text || ' ' || 'rollouts.rollout_transitions'::regclass::oid::text as place,
    coalesce(revision.looks_back or revision.kind = 'reanchor', false) as looks_back,
    (select coalesce(sum(rollout.version), 0) from rollouts.feature_rollouts rollout) as transitions
from rollouts.rollout_scope scope
left join rollouts.rollout_revisions revision
    on revision.number = scope.number
