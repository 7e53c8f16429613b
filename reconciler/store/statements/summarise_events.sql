-- Bring the summary of customers forward by an hour at most; null when another session is at it. The clock is read first:
-- a step that takes long may still have come up to the moment at which it began.
select rollouts.clock() as now, rollouts.summarise_events(%(overlap)s::interval) as until
