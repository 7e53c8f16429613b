-- The root this database serves, the commit in force, how it came into force, and the server's time.
select
    scope.number, scope.root, scope.revision, rollouts.clock() as now,
    coalesce(revision.looks_back or revision.kind = 'reanchor', false) as looks_back
from rollouts.rollout_scope scope
left join rollouts.rollout_revisions revision
    on revision.number = scope.number
