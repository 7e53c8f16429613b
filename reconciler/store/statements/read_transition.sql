-- Did this very transition land?
select transition.version
from rollouts.rollout_transitions transition
where transition.id = %(id)s
