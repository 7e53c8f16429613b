-- Distinct customers of each named feature (of every one for null): over its window, and since its epoch began.
select 'window' as stretch, tally.*
from rollouts.window_tally(%(features)s::text[]) tally
union all
select 'epoch' as stretch, tally.*
from rollouts.epoch_tally(%(features)s::text[]) tally
