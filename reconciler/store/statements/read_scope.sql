-- The root this database serves, the commit in force, how it came into force, the server's time, and how many rows
-- the chains have.
select
    scope.number, scope.root, scope.revision, rollouts.clock() as now,
    coalesce(revision.looks_back or revision.kind = 'reanchor', false) as looks_back,
    (select coalesce(sum(rollout.version), 0) from rollouts.feature_rollouts rollout) as transitions
from rollouts.rollout_scope scope
left join rollouts.rollout_revisions revision
    on revision.number = scope.number
