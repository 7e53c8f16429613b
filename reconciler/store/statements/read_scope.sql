-- The root this database serves, the commit in force and the server's time.
select scope.number, scope.root, scope.revision, rollouts.clock() as now
from rollouts.rollout_scope scope
