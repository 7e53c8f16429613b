-- What decides how far back events are needed: the clock, how far the summary is, and the longest window of a rollout.
select
    rollouts.clock() as now,
    (select nullif(progress.until, '-infinity') from rollouts.tally_progress progress) as summarised_until,
    (
        select coalesce(max((rollout.gates #>> '{thresholds,window}')::float8), 0)
        from rollouts.feature_rollouts rollout
    ) as window_seconds
