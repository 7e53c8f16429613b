-- Distinct customers of each named feature over its window.
select tally.*
from rollouts.window_tally(%(features)s::text[]) tally
