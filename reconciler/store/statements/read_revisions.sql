-- Every commit that was taken into force, oldest first.
select revision.number, revision.root, revision.revision, revision.kind, revision.reason, revision.at
from only rollouts.rollout_revisions revision
order by revision.number
